"""Secret bytes that do not show themselves: not in a repr, not in a log, not in a traceback with local variables."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Hidden:
    """Whatever holds a key: its repr says nothing, and it does not travel to another process."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Only what kind of thing this is."""
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled. Raises TypeError."""
        raise TypeError(f"{type(self).__name__} stays in the process that opened the vault")


class Secret(Hidden):
    """Bytes that are read by asking for them, and in no other way."""

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        self._bytes = value

    def reveal(self) -> bytes:
        """The bytes themselves; pass them on at once, keep them in no variable."""
        return self._bytes

    def __eq__(self, other: object) -> bool:
        """Compared in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._bytes, other._bytes)

    __hash__ = None  # type: ignore[assignment]
