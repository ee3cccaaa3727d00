"""What is measured of a system under comparison, whichever it is: two connectors, one asking the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass
class Flood:
    """What came of many negotiations at once."""

    seconds: float = 0.0
    within: int = 0
    """Finalized while it lasted, by which the rate is reckoned."""
    finalized: int = 0
    lost: int = 0
    """Begun and not finalized on both sides: ended, or nothing heard of it any more."""
    why: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Finalized per second."""
        return self.within / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Idle:
    """A process tree that has nothing to do."""

    memory: int
    """Bytes, shared ones divided among those who share them (PSS)."""
    cpu: float
    """Share of a core."""


class Side(Protocol):
    """A provider and a consumer of one make, running."""

    name: str

    async def start(self) -> float:
        """Start both; seconds until the provider's catalogue was answered for the first time."""
        ...

    async def stop(self) -> None:
        """Stop both."""
        ...

    async def negotiate(self) -> tuple[str | None, float]:
        """One negotiation: the agreement (None: it was lost), and seconds until finalized on both sides."""
        ...

    async def flood(self, width: int, seconds: float) -> Flood:
        """As many as go, `width` at a time."""
        ...

    async def transfer(self, agreement: str) -> tuple[float, Json]:
        """One transfer: seconds from the request to the first byte of its data, and what `revoke` needs."""
        ...

    async def revoke(self, transfer: Json) -> float:
        """Seconds from telling the provider to end a transfer to the first pull that is refused.

        Pulls are tried from the moment the provider's management has taken the order.
        """
        ...

    async def idle(self, seconds: float) -> Idle:
        """The provider, doing nothing for so long."""
        ...


class Catalogued(Protocol):
    """A provider with many datasets."""

    async def whole(self) -> tuple[int, float]:
        """The whole catalogue: datasets, seconds."""
        ...

    async def page(self) -> tuple[int, float]:
        """One page."""
        ...

    async def filtered(self) -> tuple[int, float]:
        """What a filter leaves."""
        ...
