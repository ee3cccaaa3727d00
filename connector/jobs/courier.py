"""The courier delivers what stands in the outbox: in order within a lane, at least once, woken and never polling.

A 2xx answer settles a message, and what follows from it, in one transaction. A 4xx is the peer's final no (apart from
those that say "later"). Everything else is tried again with jittered backoff; a peer that shows itself alive wakes
what waits for it. What has failed for days becomes a dead letter, which that event wakes too.

A message queued in this process arrives here as it commits (`connector.services.departures`); everything else, and
everything in doubt, is found in the table. Where several processes deliver, each takes a message with a lease before it
sends it, looks every few seconds for what somebody died with, and settles only what it still holds.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson

from connector.jobs.leases import Leases
from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import OutboxMessage
from connector.services import tracing
from connector.services.context import Context
from connector.services.delivery import PROBE, TROUBLED, bring_back, stranded, wake_recipient
from connector.services.departures import BELL, HANDED
from connector.services.leases import is_free
from connector.services.patience import TRIES, asked_for, clocks_apart, later, retry_after
from connector.services.tasks import trace_of

_IN_FLIGHT = 32
_PER_PEER = 20
"""A peer that takes messages and never answers leaves room for the others."""
_PORTION = 500
_DOWN = frozenset({Why.CONNECT, Why.NAME})
"""What befalls every message to a peer alike, so that one attempt speaks for all."""
_REST = 1.0
"""Seconds of rest after a fault of our own, such as a full disk."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,59}")

log = logging.getLogger("concord.courier")


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt did not settle its message, and how long to wait; `status` 0: there was no answer."""

    error: str
    wait: timedelta
    status: int = 0
    all_to_peer: bool = False


class Courier:
    """One per process. `run` ends when cancelled; what was in flight is delivered again after the next start."""

    def __init__(self, context: Context, bell: str = BELL) -> None:
        self._context = context
        self._bell = bell
        """Has it look at the table."""
        self._leases = Leases(context, lambda: [one.id for one in self._sent.values()])
        self._sent: dict[str, OutboxMessage] = {}
        """By lane, what is under way."""
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._peers: Counter[str] = Counter()
        self._begun: set[str] = set()
        """What was started since the present look at the table began: its result may name it again."""
        self._left_behind = False
        """Something is due for which there was no room; the next that ends looks again."""

    async def run(self) -> None:
        """Deliver until cancelled."""
        bells = self._context.bells
        try:
            await self._attend()
            self._leases.start()
            while True:
                seen = bells.count(self._bell)
                pause = await self._start_what_is_due()
                await bells.wait(self._bell, timeout=self._leases.until_next_look(pause), seen=seen)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await self._leases.close()

    async def deliver(self, id: str) -> None:
        """Deliver what is due in the lane of this message, one after another; returns when nothing of it can be sent.

        Without an id it has the whole table looked at. A hint costs nobody a turn to write unless there is work in it.
        """
        store, clock = self._context.store, self._context.clock
        if not id:
            self._context.bells.ring(self._bell)
            return
        lane = await store.read(partial(self._leases.lane_of, id, clock()))
        while lane:
            if (task := self._busy.get(lane)) is None:
                found = await store.write(partial(self._leases.taken, lane, clock()))
                if found is None or lane in self._busy:
                    return
                self._begin(found)
                task = self._busy[lane]
            await asyncio.wait({task})
            if await store.read(partial(self._leases.oldest, lane, clock())) is None:
                return

    async def _attend(self) -> None:
        """Take messages from memory from now on; what an earlier process left is in the table."""
        deliveries, bells = self._context.deliveries, self._context.bells
        while True:
            try:
                left = await self._context.store.read(lambda tx: tx.find(OutboxMessage, standing="waiting"))
                break
            except Exception as error:
                log.error("the outbox cannot be read: %s\n%s", type(error).__name__, trace_of(error))
                await asyncio.sleep(_REST)
        deliveries.troubled(*(message.recipient for message in left))
        bells.listen(TROUBLED, deliveries.troubled)
        bells.listen(HANDED, deliveries.departures.committed)
        deliveries.departures.attend(self._take, lambda: bells.ring(self._bell), {message.lane for message in left})

    def _take(self, message: OutboxMessage) -> None:
        """A message that has just committed and is the oldest of its lane."""
        full = len(self._busy) >= _IN_FLIGHT or self._peers[message.recipient] >= _PER_PEER
        if full or message.lane in self._busy:
            self._left_behind = True
        else:
            self._begin(message)

    def _begin(self, message: OutboxMessage) -> None:
        self._begun.add(message.id)
        self._peers[message.recipient] += 1
        self._sent[message.lane] = message
        self._busy[message.lane] = asyncio.create_task(self._deliver(message))

    async def _start_what_is_due(self) -> float | None:
        """Start one delivery per idle lane; returns the seconds until the next message falls due, if there is one."""
        now, busy, peers = self._context.clock(), set(self._busy), self._peers.copy()
        self._begun.clear()
        self._left_behind = False
        store, mine = self._context.store, self._context.deliveries.lease
        try:
            due, next_at, left, lost = await store.read(
                lambda tx: (*_look(tx, now, busy, peers, mine), stranded(tx, now))
            )
            if lost:
                await store.write(lambda tx: bring_back(tx, now))
                return 0.0
            due = await self._leases.take_all(due, now)
        except Exception as error:
            log.error("the outbox cannot be read: %s\n%s", type(error).__name__, trace_of(error))
            return _REST
        self._left_behind |= left
        for message in due:
            self._context.deliveries.departures.taken(message)
            if message.id not in self._begun and message.lane not in self._busy:
                self._begin(message)
        if self._left_behind and busy - self._busy.keys():
            return 0.0  # a delivery ended during this look, before it could know that something was left behind
        return (next_at - now).total_seconds() if next_at else None

    async def _deliver(self, message: OutboxMessage) -> None:
        settled = False
        try:
            traces = self._context.traces
            with tracing.within(message.trace), traces.span("deliver", begins=True, kind=message.kind):
                settled = await self._attempt(message)
        except Exception as error:
            # A fault of our own (full disk, handler error): the message stays and is tried again.
            log.error("delivery of %s failed: %s\n%s", message.kind, type(error).__name__, trace_of(error))
            await self._rest(message)
        finally:
            self._busy.pop(message.lane, None)
            self._sent.pop(message.lane, None)
            self._peers[message.recipient] -= 1
            self._peers += Counter()
            departures = self._context.deliveries.departures
            departures.tried(message)
            more = settled and departures.settled(message)
            if more or not settled or self._left_behind:
                self._context.bells.ring(self._bell)

    async def _rest(self, message: OutboxMessage) -> None:
        try:
            await self._postpone(message, _Failure("our own fault", self._backoff(message)))
        except Exception:  # nothing can be written: the message is still due, and must not be sent in a tight circle
            await asyncio.sleep(_REST)

    async def _attempt(self, message: OutboxMessage) -> bool:
        """Send it once; True when it waits no more."""
        try:
            answer = await self._context.members.post(
                message.recipient, message.url, message.body or {}, traced=tracing.is_shared(message.kind)
            )
        except Unreachable as fault:
            down = fault.reason in _DOWN
            return await self._postpone(message, _Failure(str(fault), self._backoff(message), all_to_peer=down))
        except (OutboundRefused, Problem) as refusal:
            return await self._refused(message, 0, {"detail": str(refusal)})
        body = _json_object(answer.body)
        if answer.ok:
            return await self._taken(message, answer.status, body)
        if (failure := self._try_again(message, answer, body)) is not None:
            return await self._postpone(message, failure)
        return await self._refused(message, answer.status, body)

    def _try_again(self, message: OutboxMessage, answer: Answer, body: dict[str, Any]) -> _Failure | None:
        """Whether this answer means later; None: it is a no."""
        status, asked = answer.status, asked_for(answer.headers.get("retry-after"))
        if status == 401 and clocks_apart(answer.headers.get("date"), self._context.clock()):
            return _Failure("status 401 (clocks-apart)", self._backoff(message), status)
        if status >= 500:
            return _Failure(f"status {status}{_named(body)}", max(self._backoff(message), asked), status)
        repeats = message.repeats if message.status == status else 0
        wait = later(status, repeats, _jitter(), first=self._opens_at_stranger(message))
        if wait is not None:
            waits = max(wait, asked) if status == 429 else wait
            return _Failure(f"status {status}{_named(body)}", waits, status)
        if not _meant(message, body):
            return _Failure(f"status {status}, not by a connector", self._backoff(message), status)
        return None

    async def _refused(self, message: OutboxMessage, status: int, body: dict[str, Any]) -> bool:
        """A final no; but a stop takes no for an answer from nobody, and is tried for as long as it takes."""
        if self._stubborn(message):
            error = f"refused with status {status}{_named(body)}, tried again all the same"
            return await self._postpone(message, _Failure(error, self._backoff(message), status))
        return await self._settle(message, status, body, refused=True)

    async def _taken(self, message: OutboxMessage, status: int, body: dict[str, Any]) -> bool:
        """A 2xx whose content is not usable (an acknowledgement that does not verify) must not block its lane."""
        try:
            return await self._settle(message, status, body, refused=False)
        except Problem as fault:
            await self._context.members.learn(message.recipient)  # it may have signed with a key we do not know yet
            repeats = message.repeats if message.status == status else 0
            if repeats >= TRIES:
                return await self._refused(message, status, {"detail": "the answer is not usable"})
            error = f"the answer is not usable: {fault.code}"
            return await self._postpone(message, _Failure(error, retry_after(repeats, _jitter()), status))

    async def _postpone(self, message: OutboxMessage, failure: _Failure) -> bool:
        """It waits on; always False."""
        context, now = self._context, self._context.clock()
        due = now + failure.wait
        changes: dict[str, object] = {
            "attempts": message.attempts + 1, "due_at": due, "error": failure.error[:200], "status": failure.status,
            "repeats": message.repeats + 1 if message.status == failure.status else 1,
        } | self._leases.none()  # fmt: skip
        if message.failing_since is None:
            changes |= {"failing_since": now, "first_error": failure.error[:200]}
        patience = timedelta(days=context.settings.delivery_days)
        exhausted = message.failing_since is not None and now - message.failing_since >= patience

        def command(tx: Transaction) -> None:
            lane = tx.find(OutboxMessage, lane=message.lane, standing="waiting") if exhausted else []
            if exhausted and not any(self._stubborn(one) for one in lane):
                changes.update({"due_at": now + PROBE, "dead_at": now, "reason": "unreachable"})
                log.warning("a letter is dead: its recipient could not be reached", extra={"kind": message.kind})
            if not tx.alter(OutboxMessage, changes, id=message.id, standing="waiting", lease=message.lease):
                return
            if context.deliveries.lease:
                tx.ring(f"{TROUBLED}:{message.recipient}")
            if failure.all_to_peer:
                tx.alter(
                    OutboxMessage, {"due_at": due}, recipient=message.recipient, origin=message.origin,
                    standing="waiting", due_at__lt=due,
                )  # fmt: skip

        await context.store.write(command)
        context.deliveries.troubled(message.recipient)
        return False

    async def _settle(self, message: OutboxMessage, status: int, answer: dict[str, Any], *, refused: bool) -> bool:
        """Settle it with what follows from the answer; always True. Raises whatever a handler raises."""
        context, now = self._context, self._context.clock()
        handlers = context.deliveries.handlers(message.kind)
        changes: dict[str, object] = {
            "standing": "delivered", "delivered_at": now, "error": None, "attempts": message.attempts + 1,
            "status": status, "body": None,  # it may hold a token, and whoever needs what it said keeps that
        }  # fmt: skip
        if refused:
            error = f"refused with status {status}" if status else "refused by ourselves"
            error += _named(answer if status else {"code": answer.get("detail", "")})
            changes |= {"standing": "dead", "delivered_at": None, "dead_at": now, "reason": "refused", "error": error}
            changes |= {} if message.first_error else {"first_error": error, "failing_since": now}
        back = status != 0 and context.deliveries.waits_for(message.recipient)
        if back:
            context.deliveries.back(message.recipient)

        def command(tx: Transaction) -> None:
            if tx.alter(OutboxMessage, changes, id=message.id, standing="waiting", lease=message.lease):
                (handlers.refused if refused else handlers.delivered)(tx, message, status, answer)
                tx.ring(f"about:{message.about}")
            if back:
                wake_recipient(tx, context.clock, message.recipient)

        await context.store.write(command)
        context.tally.add("message", message.kind, "refused" if refused else "delivered")
        if handlers.then is not None:
            context.tasks.spawn(handlers.then(message))
        return True

    def _stubborn(self, message: OutboxMessage) -> bool:
        return self._context.deliveries.handlers(message.kind).stubborn(message)

    def _opens_at_stranger(self, message: OutboxMessage) -> bool:
        """Whether it is the first message of a process (it cannot name theirs) to a connector that is none of ours."""
        named = {"providerPid", "consumerPid"} <= (message.body or {}).keys()
        return (
            message.kind.startswith("dsp.")
            and not named
            and not self._context.members.speaks_exchange(message.recipient)
        )

    @staticmethod
    def _backoff(message: OutboxMessage) -> timedelta:
        return retry_after(message.attempts, _jitter())


def _jitter() -> float:
    return random.random()  # noqa: S311 - jitter, not a secret


def _look(
    tx: Transaction, now: datetime, busy: set[str], peers: Counter[str], mine: str = ""
) -> tuple[list[OutboxMessage], datetime | None, bool]:
    """What to send now, the oldest first and never past an older one of its lane; when the next falls due; and whether
    anything due was left behind for want of room."""
    due: list[OutboxMessage] = []
    looked, after, full, left = set(busy), -1, True, False
    while full and len(busy) + len(due) < _IN_FLIGHT:
        portion = tx.find(
            OutboxMessage, standing="waiting", due_at__le=now, sequence__gt=after, order="sequence", limit=_PORTION
        )
        full = len(portion) == _PORTION
        for message in portion:
            after = message.sequence
            if message.lane in looked or not is_free(message, now, mine):
                continue
            if peers[message.recipient] >= _PER_PEER or len(busy) + len(due) >= _IN_FLIGHT:
                left = True
                continue
            looked.add(message.lane)
            if tx.find(OutboxMessage, lane=message.lane, standing="waiting", order="sequence", limit=1) == [message]:
                peers[message.recipient] += 1
                due.append(message)
    next_at = tx.find(OutboxMessage, standing="waiting", due_at__gt=now, order="due_at", limit=1)
    return due, next_at[0].due_at if next_at else None, left or full


def _meant(message: OutboxMessage, body: dict[str, Any]) -> bool:
    """Whether a 4xx is the peer's own word. A firewall or a maintenance page in front of it decides nothing of ours."""
    ours = message.kind.startswith("exchange.")
    return not ours or str(body.get("type", "")).startswith("urn:concord:problem:")


def _named(body: Mapping[str, Any]) -> str:
    """The code that came with a no (DSP `code`, or the type of a problem document), in a form that can be shown."""
    told = str(body.get("code") or str(body.get("type", "")).rpartition(":")[2])
    return f" ({told})" if _CODE.fullmatch(told) else ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
