"""The courier delivers what stands in the outbox: in order within a lane, at least once, woken and never polling.

A 2xx answer settles a message, and what follows from it, in one transaction. A 4xx is the peer's final no (apart from
those that say "later"). Everything else is tried again with jittered backoff; a peer that shows itself alive wakes
what waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from datetime import datetime
from typing import Any

import orjson

from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.delivery import retry_after
from connector.services.tasks import trace_of

_LATER = frozenset({401, 404, 408, 409, 425, 429})
_PATIENCE = 12
"""How often a "later" status is tried before it counts as a no; unreachable peers are tried for as long as it takes."""
_IN_FLIGHT = 32
_PER_PEER = 8
"""A peer that takes messages and never answers leaves room for the others."""
_PORTION = 500
_DOWN = frozenset({Why.CONNECT, Why.NAME})
"""What befalls every message to a peer alike, so that one attempt speaks for all."""
_REST = 1.0
"""Seconds of rest after a fault of our own, such as a full disk."""

log = logging.getLogger("concord.courier")


class Courier:
    """One per process. `run` ends when cancelled; what was in flight is delivered again after the next start."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._peers: Counter[str] = Counter()

    async def run(self) -> None:
        """Deliver until cancelled."""
        bells = self._context.bells
        try:
            while True:
                seen = bells.count("outbox")
                pause = await self._start_what_is_due()
                await bells.wait("outbox", timeout=pause, seen=seen)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _start_what_is_due(self) -> float | None:
        """Start one delivery per idle lane; returns the seconds until the next message falls due, if there is one."""
        now, busy, peers = self._context.clock(), set(self._busy), self._peers.copy()
        try:
            due, next_at = await self._context.store.read(lambda tx: _look(tx, now, busy, peers))
        except Exception as error:
            log.error("the outbox cannot be read: %s\n%s", type(error).__name__, trace_of(error))
            return _REST
        for message in due:
            self._peers[message.recipient] += 1
            self._busy[message.lane] = asyncio.create_task(self._deliver(message))
        return (next_at - now).total_seconds() if next_at else None

    async def _deliver(self, message: OutboxMessage) -> None:
        try:
            await self._attempt(message)
        except Exception as error:
            # A fault of our own (full disk, handler error): the message stays and is tried again.
            log.error("delivery of %s failed: %s\n%s", message.kind, type(error).__name__, trace_of(error))
            await self._rest(message)
        finally:
            self._busy.pop(message.lane, None)
            self._peers[message.recipient] -= 1
            self._peers += Counter()
            self._context.bells.ring("outbox")

    async def _rest(self, message: OutboxMessage) -> None:
        try:
            await self._postpone(message, "our own fault")
        except Exception:  # nothing can be written: the message is still due, and must not be sent in a tight circle
            await asyncio.sleep(_REST)

    async def _attempt(self, message: OutboxMessage) -> None:
        context = self._context
        try:
            answer = await context.members.post(message.recipient, message.url, message.body or {})
        except Unreachable as fault:
            await self._postpone(message, str(fault), all_to_peer=fault.reason in _DOWN)
            return
        except (OutboundRefused, Problem) as refusal:
            await self._refused(message, 0, {"detail": str(refusal)})
            return
        body = _json_object(answer.body)
        if answer.ok:
            await self._taken(message, answer.status, body)
        elif answer.status >= 500 or (answer.status in _LATER and message.attempts < _PATIENCE):
            await self._postpone(message, f"status {answer.status}")
        elif not _meant(message, body):
            await self._postpone(message, f"status {answer.status}, not by a connector")
        else:
            await self._refused(message, answer.status, body)

    async def _refused(self, message: OutboxMessage, status: int, body: dict[str, Any]) -> None:
        """A final no; but a stop takes no for an answer from nobody, and is tried for as long as it takes."""
        if self._context.deliveries.handlers(message.kind).stubborn(message):
            await self._postpone(message, f"refused with status {status}, tried again all the same")
        else:
            await self._settle(message, status, body, refused=True)

    async def _taken(self, message: OutboxMessage, status: int, body: dict[str, Any]) -> None:
        """A 2xx whose content is not usable (an acknowledgement that does not verify) must not block its lane."""
        try:
            await self._settle(message, status, body, refused=False)
        except Problem as fault:
            if message.attempts < _PATIENCE:
                await self._postpone(message, f"the answer is not usable: {fault.code}")
            else:
                await self._refused(message, status, {"detail": "the answer is not usable"})

    async def _postpone(self, message: OutboxMessage, error: str, *, all_to_peer: bool = False) -> None:
        now = self._context.clock()
        due = now + retry_after(message.attempts, random.random())  # noqa: S311 - jitter, not a secret

        def command(tx: Transaction) -> None:
            tx.alter(
                OutboxMessage, {"attempts": message.attempts + 1, "due_at": due, "error": error[:200]},
                id=message.id, standing="waiting",
            )  # fmt: skip
            if all_to_peer:
                tx.alter(
                    OutboxMessage, {"due_at": due}, recipient=message.recipient, standing="waiting", due_at__lt=due
                )

        await self._context.store.write(command)

    async def _settle(self, message: OutboxMessage, status: int, answer: dict[str, Any], *, refused: bool) -> None:
        handlers = self._context.deliveries.handlers(message.kind)
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            changed = tx.alter(
                OutboxMessage,
                {
                    "standing": "dead" if refused else "delivered", "delivered_at": now,
                    "error": f"refused with status {status}" if refused else None, "attempts": message.attempts + 1,
                    "body": None,  # it may hold a token, and whoever needs what it said keeps that
                },
                id=message.id, standing="waiting",
            )  # fmt: skip
            if changed:
                (handlers.refused if refused else handlers.delivered)(tx, message, status, answer)
                tx.ring(f"about:{message.about}")

        await self._context.store.write(command)


def _look(
    tx: Transaction, now: datetime, busy: set[str], peers: Counter[str]
) -> tuple[list[OutboxMessage], datetime | None]:
    """What to send now, the oldest first and never past an older one of its lane; and when the next falls due."""
    due: list[OutboxMessage] = []
    looked, after, full = set(busy), -1, True
    while full and len(busy) + len(due) < _IN_FLIGHT:
        portion = tx.find(
            OutboxMessage, standing="waiting", due_at__le=now, sequence__gt=after, order="sequence", limit=_PORTION
        )
        full = len(portion) == _PORTION
        for message in portion:
            after = message.sequence
            if message.lane in looked or peers[message.recipient] >= _PER_PEER or len(busy) + len(due) >= _IN_FLIGHT:
                continue
            looked.add(message.lane)
            if tx.find(OutboxMessage, lane=message.lane, standing="waiting", order="sequence", limit=1) == [message]:
                peers[message.recipient] += 1
                due.append(message)
    later = tx.find(OutboxMessage, standing="waiting", due_at__gt=now, order="due_at", limit=1)
    return due, later[0].due_at if later else None


def _meant(message: OutboxMessage, body: dict[str, Any]) -> bool:
    """Whether a 4xx is the peer's own word. A firewall or a maintenance page in front of it decides nothing of ours."""
    ours = message.kind.startswith("exchange.")
    return not ours or str(body.get("type", "")).startswith("urn:concord:problem:")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
