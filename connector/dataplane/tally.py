"""Counts of what a recipient takes in and takes out, by code."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Barred:
    """A code that may not be stored: bytes that end beyond `limit` came after the cut, none when it is None."""

    limit: int | None

    def after(self, size: int, offset: int) -> int:
        """How many of these bytes came after the cut."""
        return size if self.limit is not None and offset > self.limit else 0


@dataclass(slots=True)
class Tally:
    """What arrived of one code: lines, bytes, and where the last line ended in the sender's count."""

    lines: int = 0
    bytes: int = 0
    end: int = 0

    def add(self, size: int, offset: int) -> None:
        """One more line."""
        self.lines += 1
        self.bytes += size
        self.end = max(self.end, offset)


@dataclass(slots=True)
class Taken:
    """What became of some lines: tallies by code, bytes after the cut by barred code, lines that name nobody."""

    people: dict[str, Tally] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    nameless: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """A file as it is now: its lines, its bytes and their SHA-256 (hex)."""

    lines: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What erasing took out of one file, or would take; and what it holds then, None when there is no file."""

    lines: int
    bytes: int
    bytes_after: int
    left: Contents | None = None


class Dropped(Exception):
    """What had come of a segment was dropped meanwhile: it is fetched again."""


class NotByRow(ValueError):
    """A file whose people cannot be told apart line by line, so that we can neither take one out nor find them."""
