"""Lines into chunks of at most 256 KiB, each saying which bytes are whose, so that a person can still be taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LARGEST_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """Whole lines of one person."""

    person: str
    lines: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(len, self.lines))


@dataclass(slots=True)
class Framer:
    """Collects lines and gives chunks; a line longer than a chunk is the caller's fault (ValueError)."""

    _parts: list[Part] = field(default_factory=list)
    _person: str = ""
    _lines: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(self, person: str, lines: Iterable[bytes]) -> Iterator[tuple[Part, ...]]:
        """Take lines of one person; yields every chunk that is full."""
        self._close()
        self._person = person
        for line in lines:
            if len(line) > LARGEST_CHUNK:
                raise ValueError("a line does not fit into a chunk")
            if self._size + len(line) > LARGEST_CHUNK:
                yield self._cut()
            self._lines.append(line)
            self._size += len(line)

    def rest(self) -> tuple[Part, ...]:
        """What is left; empty when nothing is."""
        return self._cut()

    def _close(self) -> None:
        if self._lines:
            self._parts.append(Part(self._person, tuple(self._lines)))
            self._lines = []

    def _cut(self) -> tuple[Part, ...]:
        self._close()
        parts, self._parts, self._size = tuple(self._parts), [], 0
        return parts


def joined(parts: Iterable[Part]) -> bytes:
    """The bytes of a chunk."""
    return b"".join(line for part in parts for line in part.lines)
