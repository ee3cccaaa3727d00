"""Server-sent events (HTML Living Standard, 9.2): the few lines of it that a stream of data points needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

HEARTBEAT = b": still here\n\n"
LONGEST_EVENT = 1024 * 1024


class NotAStream(ValueError):
    """What arrives is not the event stream we read."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its number and its data."""

    id: int
    data: bytes


def event(id: int, data: bytes) -> bytes:
    """One event as it is sent; `data` is one line."""
    return b"id: %d\ndata: %s\n\n" % (id, data.rstrip(b"\n"))


@dataclass(slots=True)
class Reader:
    """Takes bytes as they arrive and gives whole events. Raises NotAStream for what we never send."""

    _rest: bytes = b""
    _id: int | None = None
    _data: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events completed by these bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_EVENT:
            raise NotAStream("an event is too long")
        for line in lines:
            found = self._line(line.removesuffix(b"\r"))
            if found is not None:
                yield found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._finish()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            if not value.isdigit():
                raise NotAStream("an event has no number")
            self._id = int(value)
        elif name == b"data":
            self._data.append(value)
        return None

    def _finish(self) -> Event | None:
        data, self._data = self._data, []
        if not data:
            return None
        if self._id is None:
            raise NotAStream("an event has no number")
        return Event(self._id, b"\n".join(data))
