"""The courier delivers what stands in the outbox: in order within a lane, at least once, woken and never polling.

A 2xx answer settles a message, and what follows from it, in one transaction. A 4xx is the peer's final no (apart from
those that say "later"). Everything else is tried again with jittered backoff; a peer that shows itself alive wakes
what waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import orjson

from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.delivery import retry_after
from connector.services.tasks import trace_of

_LATER = frozenset({401, 404, 408, 409, 425, 429})
_PATIENCE = 12
"""How often a "later" status is tried before it counts as a no; unreachable peers are tried for as long as it takes."""
_IN_FLIGHT = 16

log = logging.getLogger("concord.courier")


class Courier:
    """One per process. `run` ends when cancelled; what was in flight is delivered again after the next start."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._busy: dict[str, asyncio.Task[None]] = {}

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
        waiting = await self._context.store.read(
            lambda tx: tx.find(OutboxMessage, standing="waiting", order="sequence", limit=2000)
        )
        now, pauses, looked = self._context.clock(), [], set(self._busy)
        for message in waiting:
            if message.lane in looked:
                continue
            looked.add(message.lane)
            wait = ((message.due_at or now) - now).total_seconds()
            if wait > 0:
                pauses.append(wait)
            elif len(self._busy) < _IN_FLIGHT:
                self._busy[message.lane] = asyncio.create_task(self._deliver(message))
        return min(pauses) if pauses else None

    async def _deliver(self, message: OutboxMessage) -> None:
        try:
            await self._attempt(message)
        except Exception as error:
            # A fault of our own (store closed, handler error): the message stays and is tried again.
            log.error("delivery of %s failed: %s\n%s", message.kind, type(error).__name__, trace_of(error))
            await self._postpone(message, "our own fault")
        finally:
            self._busy.pop(message.lane, None)
            self._context.bells.ring("outbox")

    async def _attempt(self, message: OutboxMessage) -> None:
        context = self._context
        try:
            answer = await context.members.post(message.recipient, message.url, message.body or {})
        except Unreachable as fault:
            await self._postpone(message, str(fault))
            return
        except (OutboundRefused, Problem) as refusal:
            await self._settle(message, 0, {"detail": str(refusal)}, refused=True)
            return
        body = _json_object(answer.body)
        if answer.ok:
            await self._settle(message, answer.status, body, refused=False)
        elif answer.status >= 500 or (answer.status in _LATER and message.attempts < _PATIENCE):
            await self._postpone(message, f"status {answer.status}")
        else:
            await self._settle(message, answer.status, body, refused=True)

    async def _postpone(self, message: OutboxMessage, error: str) -> None:
        now = self._context.clock()
        due = now + retry_after(message.attempts, random.random())  # noqa: S311 - jitter, not a secret

        def command(tx: Transaction) -> None:
            tx.alter(
                OutboxMessage, {"attempts": message.attempts + 1, "due_at": due, "error": error[:200]},
                id=message.id, standing="waiting",
            )  # fmt: skip

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
                },
                id=message.id, standing="waiting",
            )  # fmt: skip
            if changed:
                (handlers.refused if refused else handlers.delivered)(tx, message, status, answer)
                tx.ring(f"about:{message.about}")

        await self._context.store.write(command)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
