"""Messages to other participants: written in the transaction that decides them, delivered at least once afterwards.

A *lane* keeps order: the next message of a lane waits for the one before. What an answer means is decided by the
handlers registered for the message's kind, in the same transaction that marks the message delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from connector.ports import Clock, Transaction
from connector.records import OutboxMessage

Body = dict[str, Any]


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
    is `stubborn` (a stop, a notice of one) is never given up: no status, no silence and no garbage ends it.
    """

    delivered: Handler = _nothing
    refused: Handler = _nothing
    stubborn: Callable[[OutboxMessage], bool] = _gives_way


class Deliveries:
    """The outbox as services see it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, Handlers] = {}
        self._last = 0

    def on(
        self,
        kind: str,
        delivered: Handler = _nothing,
        refused: Handler = _nothing,
        stubborn: Callable[[OutboxMessage], bool] = _gives_way,
    ) -> None:
        """Register what follows from the answers to messages of this kind."""
        self._handlers[kind] = Handlers(delivered, refused, stubborn)

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
    ) -> OutboxMessage:
        """Put one message into the outbox; delivered after this transaction has committed."""
        now = self._clock()
        message = OutboxMessage(
            id=id or new_id(), lane=lane or about, sequence=self._next(now), recipient=recipient, url=url, kind=kind,
            about=about, body=body, due_at=now, created_at=now,
        )  # fmt: skip
        tx.add(message)
        tx.ring("outbox")
        return message

    def _next(self, now: datetime) -> int:
        """Grows with time and never repeats within a process, so that lanes keep their order across restarts."""
        self._last = max(self._last + 1, int(now.timestamp() * 1_000_000))
        return self._last


def new_id() -> str:
    """A fresh identifier in URI form (DSP 2025-1: all identifiers are IRIs)."""
    return f"urn:uuid:{uuid4()}"


def retry_after(attempts: int, jitter: float) -> timedelta:
    """Exponential backoff from 200 ms to 60 s; `jitter` in 0..1 spreads peers that failed together."""
    return timedelta(seconds=min(60.0, 0.2 * 2 ** min(attempts, 9)) * (0.5 + jitter / 2))


def wake_recipient(tx: Transaction, clock: Clock, participant: str) -> None:
    """A peer has shown itself alive: what waits for it falls due now."""
    now = clock()
    if tx.alter(OutboxMessage, {"due_at": now}, recipient=participant, standing="waiting", due_at__gt=now):
        tx.ring("outbox")
