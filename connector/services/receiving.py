"""Our inbox for what providers push, as the doors call it; `connector.jobs.inbox` implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a push or its manifest: `verified` is None until a manifest was compared, or when none comes."""

    bytes: int
    sha256: str
    verified: bool | None
    finding: str


class Inbox(Protocol):
    """Takes what the provider of one transfer pushes, under the token we named in our request."""

    async def open(self, pid: str, token: str) -> None:
        """Whether this token may push into this transfer now. Raises Problem 401, 410."""
        ...

    async def take(self, pid: str, token: str, media_type: str, parts: AsyncIterator[bytes]) -> Receipt:
        """Take one push to its proper end; a newer one ends an older one. Raises Problem 400, 401, 408, 410, 413."""
        ...

    async def check(self, pid: str, token: str, manifest: str) -> Receipt:
        """Compare what was pushed last with its signed manifest. Raises Problem 401, 409, 410."""
        ...
