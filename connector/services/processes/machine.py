"""What negotiations and transfers share: receiving a message in the one order of design 3.3, and settling our own.

A state is reached when the counter-party has acknowledged it. When their next message overtakes the acknowledgement
of ours, that message is proof enough: the step we are waiting for is taken first, then theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Generic, TypeVar

import orjson

from connector.ports import Transaction
from connector.records import InboxMessage, Negotiation, OutboxMessage, Transfer
from connector.services.context import Context
from connector.services.delivery import wake_recipient
from contracts.messages import Json, Message, Posted
from contracts.names import NIL_PID, Role
from contracts.steps import StepRefused

P = TypeVar("P", Negotiation, Transfer)
_IDENTIFIER = re.compile(r"[^\x00-\x1f\x7f]{1,2048}")
WAITING = ""
"""The state of a process whose first message of ours has not been acknowledged yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door answers: an HTTP status and a JSON body."""

    status: int
    body: Json


class Refusal(Exception):
    """A protocol error: answered with an error body, and nothing changes."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Protocol(Generic[P]):
    """How one kind of process differs: its record, its table, its acknowledgement and its error."""

    record: type[P]
    kind: str
    states: type[StrEnum]
    step: Callable[[Any, Any, Role], StrEnum]
    step_of: Callable[[Any], StrEnum]
    final: frozenset[Any]
    ack: Callable[..., Message]
    error: Callable[..., Message]


class Machine(Generic[P]):
    """Moves processes of one kind. Effects of a step are hooks the services fill in."""

    def __init__(self, context: Context, protocol: Protocol[P]) -> None:
        self.context = context
        self.protocol: Protocol[P] = protocol
        self.read_sent: Callable[[Mapping[str, Any]], Posted] = _no_reader
        self.entered: Callable[[Transaction, P, Posted | None], P] = lambda _tx, process, _message: process
        context.deliveries.on(protocol.kind, self._delivered, self._refused)

    async def own(self, pid: str, sender: str) -> P:
        """The process with our `pid`, if the sender is a party to it; raises Refusal 404 otherwise."""
        found: P | None = await self.context.store.read(lambda tx: tx.get(self.protocol.record, pid))
        if found is None or found.counterparty != sender:
            raise Refusal(404, "unknown-process", "there is no such process for you")
        return found

    def answer(self, process: P, status: int = 200) -> Answer:
        """The acknowledgement: both pids and the state."""
        ours, theirs = process.pid, process.their_pid or NIL_PID
        provider, consumer = (ours, theirs) if process.role == Role.PROVIDER else (theirs, ours)
        state = self.protocol.states(process.state or next(iter(self.protocol.states)))
        return Answer(status, self.protocol.ack(provider_pid=provider, consumer_pid=consumer, state=state).wire())

    def error(self, refusal: Refusal, process: P | None = None, body: Mapping[str, Any] | None = None) -> Answer:
        """The error body; a pid that does not exist or cannot be read is the nil pid."""
        claimed = body or {}
        provider, consumer = (_text(claimed.get(key)) or NIL_PID for key in ("providerPid", "consumerPid"))
        if process is not None:
            theirs = process.their_pid or NIL_PID
            provider, consumer = (process.pid, theirs) if process.role == Role.PROVIDER else (theirs, process.pid)
        made = self.protocol.error(
            provider_pid=provider, consumer_pid=consumer, code=refusal.code, reason=(refusal.reason,)
        )
        return Answer(refusal.status, made.wire())

    async def once(
        self, sender: str, message: Posted, body: Mapping[str, Any], command: Callable[[Transaction], Answer]
    ) -> Answer:
        """Run a command for a message, exactly once: the same message gets the same answer again."""
        digest = sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()

        def guarded(tx: Transaction) -> Answer:
            wake_recipient(tx, self.context.clock, sender)
            if message.id is None:
                return command(tx)
            seen = tx.get(InboxMessage, sender, message.id)
            if seen is not None:
                if seen.digest != digest:
                    raise Refusal(400, "id-reused", "this @id belongs to another message")
                return Answer(seen.status, seen.answer or {})
            answer = command(tx)
            tx.add(
                InboxMessage(
                    sender=sender, message_id=message.id, digest=digest, status=answer.status, answer=answer.body,
                    received_at=self.context.clock(),
                )
            )  # fmt: skip
            return answer

        return await self.context.store.write(guarded)

    def take(self, tx: Transaction, pid: str, message: Posted, **changes: Any) -> P:
        """Apply a message from the counter-party: check its pids, take the step, save. Raises Refusal 400."""
        process = tx.get(self.protocol.record, pid)
        if process is None:
            raise Refusal(404, "unknown-process", "there is no such process for you")
        self._check_pids(process, message)
        sender = Role(process.role).other
        step = self.protocol.step_of(message)
        process = self._imply(tx, process, step, sender)
        try:
            following = self.protocol.step(self._state(process), step, sender)
        except StepRefused as refused:
            raise Refusal(400, "step-refused", str(refused)) from None
        if process.their_pid is None:
            changes["their_pid"] = getattr(message, f"{sender}_pid")
        return self._enter(tx, process, following, str(sender), message, changes)

    def send(self, tx: Transaction, process: P, message: Posted, path: str) -> None:
        """Queue a message of ours; the state follows when the counter-party acknowledges it."""
        self.context.deliveries.send(
            tx, recipient=process.counterparty, url=process.callback.rstrip("/") + path, kind=self.protocol.kind,
            body=message.wire(), about=process.pid, id=message.id,
        )  # fmt: skip

    def waiting(self, tx: Transaction, pid: str) -> list[OutboxMessage]:
        """Our messages of this process that have not been acknowledged."""
        return tx.find(OutboxMessage, about=pid, kind=self.protocol.kind, standing="waiting", order="sequence")

    def is_final(self, process: P) -> bool:
        """Whether nothing follows any more."""
        return process.state in {str(state) for state in self.protocol.final}

    def _state(self, process: P) -> StrEnum | None:
        return self.protocol.states(process.state) if process.state else None

    def _check_pids(self, process: P, message: Posted) -> None:
        theirs = f"{Role(process.role).other}_pid"
        if (claimed := getattr(message, f"{process.role}_pid", None)) is not None and claimed != process.pid:
            raise Refusal(400, "pid-mismatch", f"{process.role}Pid is not the one in the address")
        if process.their_pid is not None and getattr(message, theirs, None) not in (None, process.their_pid):
            raise Refusal(400, "pid-mismatch", "this process has another pid on your side")

    def _imply(self, tx: Transaction, process: P, step: StrEnum, sender: Role) -> P:
        """Where our unacknowledged message is the only thing that makes theirs legal, it must have arrived."""
        for sent in self.waiting(tx, process.pid):
            mine = self.read_sent(sent.body or {})
            try:
                reached = self.protocol.step(self._state(process), self.protocol.step_of(mine), Role(process.role))
                self.protocol.step(reached, step, sender)
            except StepRefused:
                continue
            settled = {"standing": "delivered", "delivered_at": self.context.clock(), "body": None}
            tx.alter(OutboxMessage, settled, id=sent.id)
            return self._enter(tx, process, reached, process.role, mine, _why(mine))
        return process

    def _enter(
        self, tx: Transaction, process: P, state: StrEnum, by: str, message: Posted | None, changes: dict[str, Any]
    ) -> P:
        now = self.context.clock()
        steps = [*(process.steps or {}).get("steps", []), [str(state), now.isoformat(), by]]
        moved = tx.change(process, state=str(state), updated_at=now, steps={"steps": steps}, **changes)
        moved = self.entered(tx, moved, message)
        self.context.log(
            tx, f"{self.protocol.kind.rpartition('.')[2]}.{str(state).lower()}", process.pid,
            {"by": by, "counterparty": process.counterparty, "role": process.role},
        )  # fmt: skip
        if self.is_final(moved):
            tx.alter(OutboxMessage, {"standing": "dead", "error": "the process has ended", "body": None},
                     about=process.pid, kind=self.protocol.kind, standing="waiting")  # fmt: skip
        tx.ring(f"about:{process.pid}")
        return moved

    def _delivered(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: Json) -> None:
        process = tx.get(self.protocol.record, sent.about)
        if process is None:
            return
        theirs = _text(answer.get(f"{Role(process.role).other}Pid"))
        changes: dict[str, Any] = {"their_pid": theirs} if process.their_pid is None and theirs else {}
        message = self.read_sent(sent.body or {})
        changes |= _why(message)
        try:
            following = self.protocol.step(self._state(process), self.protocol.step_of(message), Role(process.role))
        except StepRefused:
            return  # overtaken: their next message was the proof, or a termination crossed ours
        self._enter(tx, process, following, process.role, message, changes)

    def _refused(self, tx: Transaction, sent: OutboxMessage, status: int, answer: Json) -> None:
        """The counter-party will not have our message: the two views differ, so the process ends (DSP 1.5)."""
        process = tx.get(self.protocol.record, sent.about)
        if process is None or self.is_final(process):
            return
        ended = self.protocol.states("TERMINATED")
        reason = {"code": f"refused-{status}", "reason": answer.get("reason") or answer.get("detail") or []}
        self._enter(tx, process, ended, process.role, None, {"reason": reason})


def _why(message: Posted) -> dict[str, Any]:
    """What a suspension or termination gave as its reason, as the process keeps it."""
    code, reason = getattr(message, "code", None), getattr(message, "reason", None)
    return {"reason": {"code": code, "reason": list(reason or ())}} if code or reason else {}


def _text(value: object) -> str | None:
    """An identifier somebody else claims, if it is one (`contracts.shape.Identifier`)."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def _no_reader(_body: Mapping[str, Any]) -> Posted:
    raise LookupError("no reader for our own messages was set")
