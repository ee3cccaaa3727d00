"""What one exchange may cost, and what it brings back: plain values, for whoever asks for an exchange."""

from collections.abc import Mapping
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of one exchange: seconds to connect, seconds in all, seconds of silence, bytes of body, header fields."""

    connect: float = 3.0
    total: float = 30.0
    idle: float = 30.0
    body: int = MIB
    headers: int = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, header fields (looked up in any case), body. What it means is the caller's to say."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; a redirect is not."""
        return 200 <= self.status < 300
