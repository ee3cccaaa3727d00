"""Remembering which tokens have been used, so that each is used once."""

from datetime import datetime
from typing import Protocol


class ReplayStore(Protocol):
    """Remembers (issuer, jti) pairs at least until a token with them could no longer be accepted."""

    async def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Note the pair as used; False when it was noted before. One act: of two at once, one gets False."""
        ...


class MemoryReplayStore:
    """The twin in memory; `forget` is called now and then with the time."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], datetime] = {}

    async def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Note the pair as used; False when it was noted before."""
        if (issuer, jti) in self._until:
            return False
        self._until[issuer, jti] = until
        return True

    def forget(self, now: datetime) -> int:
        """Drop what ended before `now`; returns how many pairs are left."""
        self._until = {pair: until for pair, until in self._until.items() if until >= now}
        return len(self._until)

    def shorten(self, most: int, now: datetime) -> int:
        """Keep those that ended before `now` only as far as `most` pairs bear it; returns how many pairs are left."""
        if len(self._until) > most:
            ended = sorted((until, pair) for pair, until in self._until.items() if until < now)
            for _, pair in ended[: len(self._until) - most]:
                del self._until[pair]
        return len(self._until)
