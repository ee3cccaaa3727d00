"""Messages to other participants: written in the transaction that decides them, delivered at least once afterwards.

A *lane* keeps order: the next message of a lane waits for the one before. What an answer means is decided by the
handlers registered for the message's kind, in the same transaction that marks the message delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from connector.ports import Clock, Transaction
from connector.records import OutboxMessage
from connector.services import tracing
from connector.services.departures import BELL, QUIET, Departures
from connector.services.leases import LEASE

Body = dict[str, Any]
PROBE = timedelta(days=1)
"""How often a letter dead of the peer's silence is still tried: two sides that gave each other up must meet again."""


LONGEST_WAIT = timedelta(minutes=5)
"""No message is put off for longer (`connector.services.patience`), and no lease lasts longer; dead letters apart."""


TROUBLED = "troubled"
"""Names, after a colon, a peer that did not take something, where several processes deliver."""


class Handler(Protocol):
    """Decides what an answer means; runs inside the transaction that settles the message."""

    def __call__(self, tx: Transaction, message: OutboxMessage, status: int, answer: Body, /) -> None:
        """`answer` is the parsed JSON object of the answer's body, {} when there is none."""
        ...


def _nothing(tx: Transaction, message: OutboxMessage, status: int, answer: Body) -> None:
    """Nothing follows from this answer."""


def _gives_way(message: OutboxMessage) -> bool:  # noqa: ARG001 - the port's form
    """Most messages may be refused."""
    return False


@dataclass(frozen=True, slots=True)
class Handlers:
    """What to do when a message of one kind was taken (2xx) or finally refused.

    `delivered` raises Problem for an answer that is not the one asked for: then it was not delivered. A message that
    is `stubborn` (a stop, a notice of one) is never given up: no status, no silence and no garbage ends it. `then` is
    started once it has been settled, whichever way.
    """

    delivered: Handler = _nothing
    refused: Handler = _nothing
    stubborn: Callable[[OutboxMessage], bool] = _gives_way
    then: Callable[[OutboxMessage], Coroutine[Any, Any, None]] | None = None


class Deliveries:
    """The outbox as services see it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, Handlers] = {}
        self._last = 0
        self.departures = Departures()
        self.lease = ""
        """The token of this process where several deliver: what it hands over to itself it has taken already."""
        self._troubled: set[str] | None = None

    def on(
        self,
        kind: str,
        delivered: Handler = _nothing,
        refused: Handler = _nothing,
        stubborn: Callable[[OutboxMessage], bool] = _gives_way,
        then: Callable[[OutboxMessage], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Register what follows from the answers to messages of this kind."""
        self._handlers[kind] = Handlers(delivered, refused, stubborn, then)

    def handlers(self, kind: str) -> Handlers:
        """The handlers of a kind; none registered means nothing follows."""
        return self._handlers.get(kind, Handlers())

    def send(
        self,
        tx: Transaction,
        *,
        recipient: str,
        url: str,
        kind: str,
        body: Body,
        about: str,
        lane: str = "",
        id: str | None = None,
        quiet: bool = False,
        pause: float = 0.0,
    ) -> OutboxMessage:
        """Put one message into the outbox; delivered after this transaction has committed.

        A `quiet` one, queued while somebody's message is being received, leaves once `wake` is called, so that our
        answer goes out first. Nothing rests on that: without a call it leaves a quarter of a second later. A `pause`
        (seconds) is for peers that need a moment before they can take the next message.
        """
        now = self._clock()
        alone = not pause and self.departures.free(lane or about)
        later = timedelta(seconds=pause) if pause else QUIET if quiet and alone else timedelta()
        message = OutboxMessage(
            id=id or new_id(), lane=lane or about, sequence=self._next(now), recipient=recipient,
            origin=urlsplit(url).netloc, url=url, kind=kind, about=about, body=body, due_at=now + later, created_at=now,
            lease=self.lease if alone else "", leased_until=now + LEASE if alone and self.lease else None,
            trace=tracing.kept_with(kind),
        )  # fmt: skip
        queued, first = tx.queue(message, "sequence", lane=message.lane, standing="waiting")
        self._last = max(self._last, queued.sequence)
        if queued.lease and not first:  # another process has one waiting in this lane
            tx.alter(OutboxMessage, {"lease": "", "leased_until": None}, id=queued.id)
        tx.ring(self.departures.queued(queued, alone=alone and first))
        return queued

    def wake(self) -> None:
        """Our answer is out: what was queued quietly leaves now. Call on the event loop."""
        self.departures.wake(self._last)

    def waits_for(self, participant: str) -> bool:
        """Whether something may be waiting for this peer to come back; only then `wake_recipient` has work to do."""
        return self._troubled is None or participant in self._troubled

    def troubled(self, *participants: str) -> None:
        """These peers did not take something. First called by the courier of this process: before, nobody knows."""
        self._troubled = (self._troubled or set()).union(participants)

    def back(self, participant: str) -> None:
        """This peer answers; the caller wakes what waits for it."""
        if self._troubled is not None:
            self._troubled.discard(participant)

    def _next(self, now: datetime) -> int:
        """Grows with time and never repeats within a process. That a lane keeps its order across restarts and
        processes, whatever their clocks say, is seen to where it is inserted."""
        self._last = max(self._last + 1, int(now.timestamp() * 1_000_000))
        return self._last


def new_id() -> str:
    """A fresh identifier in URI form (DSP 2025-1: all identifiers are IRIs)."""
    return f"urn:uuid:{uuid4()}"


def stranded(tx: Transaction, now: datetime) -> bool:
    """Whether the clock was set back since something was put off: it would wait for longer than anything waits."""
    beyond = now + LONGEST_WAIT
    return bool(
        tx.find(OutboxMessage, standing="waiting", due_at__gt=beyond, dead_at=None, limit=1)
        or tx.find(OutboxMessage, standing="waiting", due_at__gt=beyond + PROBE, limit=1)
        or tx.find(OutboxMessage, standing="waiting", leased_until__gt=beyond, limit=1)
    )


def bring_back(tx: Transaction, now: datetime) -> None:
    """What is stranded falls due, and nobody holds it: who does deliver it just now settles it no less once."""
    beyond = now + LONGEST_WAIT
    tx.alter(OutboxMessage, {"due_at": now}, standing="waiting", due_at__gt=beyond, dead_at=None)
    tx.alter(OutboxMessage, {"due_at": now}, standing="waiting", due_at__gt=beyond + PROBE)
    tx.alter(OutboxMessage, {"lease": "", "leased_until": None}, standing="waiting", leased_until__gt=beyond)
    tx.ring(BELL)


def wake_recipient(tx: Transaction, clock: Clock, participant: str) -> None:
    """A peer has shown itself alive: what waits for it falls due now, and letters dead of its silence live again."""
    now = clock()
    if tx.alter(OutboxMessage, {"due_at": now}, recipient=participant, standing="waiting", due_at__gt=now):
        tx.alter(
            OutboxMessage, {"dead_at": None, "reason": "", "failing_since": now, "attempts": 0},
            recipient=participant, standing="waiting", dead_at__ne=None,
        )  # fmt: skip
        tx.ring(BELL)
