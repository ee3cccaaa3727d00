"""Messages queued by this process, handed to the courier in memory as they commit: most need no look at the table.

Only a short cut. The table is the truth: what is not handed over here (an occupied lane, a full courier, a process that
died) is found there. Nothing is handed over that has not committed, and nothing past an older message of its lane.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from connector.ports import NEAR
from connector.records import OutboxMessage
from connector.services.leases import LEASE

BELL = "outbox"
HANDED = f"{NEAR}{BELL}"
"""Names, after a colon, the message that has just committed here."""
QUIET = timedelta(milliseconds=250)
"""How long a quiet message waits for `wake`, should nobody call it."""
_MOST = 10_000

Start = Callable[[OutboxMessage], None]
"""Takes one message that is the oldest of its lane."""


class Departures:
    """Which lanes are occupied, what has been queued and not committed, what is held until our answer is out.

    `queued` is called in the store's writer thread, everything else on the event loop. `shared`: other processes put
    messages into the same table and deliver from it, so that only what this process has leased to itself is known to
    wait, and only while its first lease stands. `posted`: workers deliver, and nothing is handed over in this process.
    """

    def __init__(self) -> None:
        self.shared = False
        self.posted = False
        self._lock = threading.Lock()
        self._newest: dict[str, str] = {}
        """The newest message of each lane that may still wait; a lane that is not here is free. Only a guess when
        `shared`: others deliver too, and say nothing of it here."""
        self._leased: dict[str, tuple[str, float]] = {}
        """When `shared`: by lane, the message handed over here, and until when its first lease stands."""
        self._queued: dict[str, OutboxMessage] = {}
        self._held: dict[str, OutboxMessage] = {}
        self._awake = 0
        self._start: Start | None = None
        self._look: Callable[[], None] = lambda: None

    def attend(self, start: Start, look: Callable[[], None], occupied: Iterable[str]) -> None:
        """The courier is there. `look` has it look at the table; `occupied` are lanes left by an earlier process."""
        with self._lock:
            for lane in occupied:
                self._newest.setdefault(lane, "")
            self._start, self._look = start, look

    def free(self, lane: str) -> bool:
        """Whether a message of this lane would be the only one, so that it can be handed over."""
        with self._lock:
            if self.shared:  # the table says so as it is inserted
                return self._start is not None and not self._holds(lane)
            return self._start is not None and lane not in self._newest and len(self._newest) < _MOST

    def empty(self, lane: str) -> bool:
        """Whether a lane surely holds nothing; False may also mean that nobody here knows."""
        return not self.shared and self.free(lane)

    def waits(self, lane: str) -> bool:
        """Whether a message of this lane, queued by this process, is known to wait."""
        with self._lock:
            return self._holds(lane) if self.shared else bool(self._newest.get(lane))

    def queued(self, message: OutboxMessage, *, alone: bool) -> str:
        """A message was put into the table; returns the bell to ring when it commits."""
        if self.posted:
            return f"{HANDED}:{message.id}"
        with self._lock:
            self._newest[message.lane] = message.id
            if self.shared:
                _bound(self._newest)
            if not alone:
                return BELL
            if self.shared:
                self._leased[message.lane] = message.id, time.monotonic() + LEASE.total_seconds()
                _bound(self._leased)
            if len(self._queued) >= _MOST:  # rolled back, all of them
                self._queued.clear()
            self._queued[message.id] = message
        return f"{HANDED}:{message.id}"

    def committed(self, id: str) -> None:
        """A message has committed: hand it over now, or when its receipt has been answered."""
        message = self._queued.pop(id, None)
        if message is None or self._start is None:
            self._look()
        elif _quiet(message) and message.sequence > self._awake:
            self._held[id] = message
            asyncio.get_running_loop().call_later(QUIET.total_seconds(), self._release, id)
        else:
            self._start(message)

    def wake(self, until: int) -> None:
        """Hold nothing back that was queued up to this sequence number."""
        self._awake = until
        for id in list(self._held):
            self._release(id)

    def taken(self, message: OutboxMessage) -> None:
        """The courier found it in the table itself."""
        self._held.pop(message.id, None)

    def tried(self, message: OutboxMessage) -> None:
        """An attempt has ended: whether it waits on or not, its lease is not ours any more."""
        with self._lock:
            if self._leased.get(message.lane, ("", 0.0))[0] == message.id:
                del self._leased[message.lane]

    def settled(self, message: OutboxMessage) -> bool:
        """A message waits no more; returns whether its lane may hold another."""
        with self._lock:
            if self._newest.get(message.lane) != message.id:
                return message.lane in self._newest
            del self._newest[message.lane]
            return False

    def _holds(self, lane: str) -> bool:
        return time.monotonic() < self._leased.get(lane, ("", 0.0))[1]

    def _release(self, id: str) -> None:
        message = self._held.pop(id, None)
        if message is not None and self._start is not None:
            self._start(message)


def _bound(words: dict[str, Any]) -> None:
    """Let go of the oldest, which somebody else has delivered, or the table will show."""
    while len(words) > _MOST:
        del words[next(iter(words))]


def _quiet(message: OutboxMessage) -> bool:
    return message.due_at is not None and message.created_at is not None and message.due_at > message.created_at
