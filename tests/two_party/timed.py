"""Parties that share one clock, which a test may put forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector.wiring import Plugs
from tests.two_party.conftest import Trio

if TYPE_CHECKING:
    from tests.two_party.space import Party, Space


class Clock:
    """The time of everybody in a test."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, *parties: Party, **span: Any) -> None:
        """So much later: whoever runs looks again at what is due."""
        self.ahead += timedelta(**span)
        for party in parties:
            if party.app is not None:
                for bell in ("overdue", "outbox", "endings", "transfers"):
                    party.context.bells.ring(bell)


async def timed_trio(space: Space) -> tuple[Trio, Clock]:
    """A hospital, a research group and a wallet that know each other and share a clock."""
    clock = Clock()

    def plugs(_founded: Any) -> Plugs:
        return Plugs(clock=clock)

    made = [
        await space.add(name, role, plugs=plugs)
        for name, role in (("hospital", "hospital"), ("research", "research"), ("wallet", "wallet"))
    ]
    await space.introduce()
    return Trio(*made, space), clock
