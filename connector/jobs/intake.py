"""What arrives in one pull or push, taken apart: lines with the sender's count at their end, a digest, a tally by code.

Works on bytes and one file; it blocks, so it is called from a thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from connector.dataplane.sse import NotAStream, Reader
from connector.dataplane.tally import Taken

if TYPE_CHECKING:
    from connector.dataplane.opaque import OpaqueFile
    from connector.dataplane.received import ReceivedFile
    from connector.dataplane.tally import Tally

LONGEST_LINE = 1024 * 1024


class NotOurs(ValueError):
    """What arrives is not what a release looks like."""


class Intake(Protocol):
    """One pull or push: fed with bytes until the sender ends."""

    ledger: Ledger

    def feed(self, data: bytes) -> Taken:
        """Take some bytes; returns what became of the lines they completed. Raises NotOurs, NotAStream."""
        ...


@dataclass(slots=True)
class Ledger:
    """What arrived so far. `people` counts barred codes too; `waiting` is stored in the file and not yet noted."""

    people: dict[str, Tally] = field(default_factory=dict)
    waiting: dict[str, Tally] = field(default_factory=dict)
    bytes: int = 0
    lines: int = 0
    nameless: int = 0
    last: int = 0

    def count(self, taken: Taken) -> None:
        """Add what was taken."""
        self.nameless += taken.nameless
        for code, tally in taken.people.items():
            self.lines += tally.lines
            for book in (self.people, *(() if code in taken.late else (self.waiting,))):
                known = book.get(code)
                if known is None:
                    book[code] = type(tally)(tally.lines, tally.bytes, tally.end)
                else:
                    known.lines, known.bytes = known.lines + tally.lines, known.bytes + tally.bytes
                    known.end = max(known.end, tally.end)


class RecordsIntake:
    """A release of records, or a segment of one that begins at `place`: NDJSON, counted in bytes."""

    def __init__(self, file: ReceivedFile, place: int = 0) -> None:
        self._file = file
        self._place = place
        self._rest = b""
        self._digest: Any = sha256()
        self.ledger = Ledger()

    def feed(self, data: bytes) -> Taken:
        """See `Intake`."""
        self._digest.update(data)
        start = self._place + self.ledger.bytes - len(self._rest)
        self.ledger.bytes += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise NotOurs("a line is too long")
        taken = self._file.append(self._placed(whole, start))
        self.ledger.count(taken)
        return taken

    @staticmethod
    def _placed(lines: Iterable[bytes], start: int) -> Iterable[tuple[bytes, int]]:
        for line in lines:
            start += len(line) + 1
            yield line + b"\n", start

    @property
    def whole(self) -> bool:
        """Whether it ended with a line."""
        return not self._rest

    @property
    def rest(self) -> int:
        """Bytes after the last line's end."""
        return len(self._rest)

    def digest(self) -> str:
        """SHA-256 (hex) of everything that arrived."""
        digest: str = self._digest.hexdigest()
        return digest


class StreamIntake:
    """A stream: server-sent events, counted by their numbers."""

    def __init__(self, file: ReceivedFile, last: int) -> None:
        self._file = file
        self._reader = Reader()
        self.ledger = Ledger(last=last)

    def feed(self, data: bytes) -> Taken:
        """See `Intake`. An event that was received before is not stored again."""
        self.ledger.bytes += len(data)
        lines = []
        for event in self._reader.feed(data):
            if event.id > self.ledger.last:
                self.ledger.last = event.id
                lines.append((event.data + b"\n", event.id))
        taken = self._file.append(lines)
        self.ledger.count(taken)
        return taken


class OpaqueIntake:
    """What a foreign connector sends: kept as it is, counted and digested, and nothing more known of it."""

    def __init__(self, file: OpaqueFile) -> None:
        self._file = file
        self._digest: Any = sha256()
        self.ledger = Ledger()

    def feed(self, data: bytes) -> Taken:
        """See `Intake`."""
        self._digest.update(data)
        self.ledger.bytes += len(data)
        self._file.append(data)
        return Taken()

    def digest(self) -> str:
        """SHA-256 (hex) of everything that arrived."""
        digest: str = self._digest.hexdigest()
        return digest


__all__ = ["Intake", "Ledger", "NotAStream", "NotOurs", "OpaqueIntake", "RecordsIntake", "StreamIntake"]
