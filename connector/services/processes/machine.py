"""What negotiations and transfers share: receiving a message in the one order of design 3.3, and settling our own.

A state is reached when the counter-party has acknowledged it. When their next message overtakes the acknowledgement
of ours, that message is proof enough: the step we are waiting for is taken first, then theirs. Messages that cross are
settled by rank, alike on both sides: an end beats a completion beats a pause beats a start (`RANKS`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Any, Generic

from connector.identity.members import Member
from connector.ports import Stale, Transaction
from connector.problems import Problem, conflict
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.delivery import wake_recipient
from connector.services.processes.answers import Answer, Refusal, claimed_pids, text
from connector.services.processes.bearing import (
    bury,
    check_pids,
    check_rank,
    listed,
    overtaken,
    pids,
    pointless,
    rank_of,
    reason_in,
    settled_by,
)
from connector.services.processes.conduct import ON_ITS_WAY, RANKS, Conduct, Letter, M, P, Protocol
from connector.services.processes.repeats import Said, once
from connector.services.tasks import trace_of
from connector.services.used_tokens import unspent
from contracts import edc
from contracts.messages import Json, MessageError, Posted, type_of
from contracts.names import MessageType, Role
from contracts.steps import StepRefused

log = logging.getLogger("concord.processes")
_REST = 1.0
"""Seconds of rest after a fault of our own."""


class Machine(Generic[P, M]):
    """Moves processes of one kind."""

    def __init__(self, context: Context, protocol: Protocol[P], conduct: Conduct[P, M]) -> None:
        self.context = context
        self.protocol: Protocol[P] = protocol
        self._conduct: Conduct[P, M] = conduct
        self._final = frozenset(str(state) for state in protocol.final)
        self.said = Said(protocol.read)
        context.deliveries.on(
            protocol.kind, self._delivered, self._refused, then=lambda sent: conduct.settled(sent.about)
        )

    # --- receiving ---------------------------------------------------------------------------------------------------

    async def receive(
        self,
        sender: Member,
        kind: MessageType,
        pid: str | None,
        body: Mapping[str, Any],
        then: Callable[[str, P | None], Awaitable[None]],
    ) -> Answer:
        """One message from the counter-party. Always answers; protocol errors become error bodies.

        `then` gets our pid, and the process as the message left it, once the HTTP answer has gone out.
        """
        known: list[P] = []
        reached: list[P] = []
        message, token = self._read(kind, body), unspent()  # what is wrong is said only to a party of the process

        def command(tx: Transaction) -> tuple[Answer, str]:
            token.note(tx)
            if self.context.deliveries.waits_for(sender.id):
                wake_recipient(tx, self.context.clock, sender.id)
            process = self._own(tx, pid, sender) if pid is not None else None
            known[:] = [process] if process is not None else []
            reached.clear()
            if isinstance(message, Refusal):
                raise message
            return once(
                tx, self.context.clock(), sender.id, message, body,
                lambda: self._judged(process, body, lambda: self._taken(tx, sender, process, message), reached),
            )  # fmt: skip

        try:
            answer, ours = await self.context.store.write(command)
        except Refusal as refusal:
            await token.alone(self.context.store)
            self.context.tally.add("refusal", refusal.code)
            return self.error(refusal, known[0] if known else None, body)
        return Answer(answer.status, answer.body, partial(then, ours, reached[0] if reached else None))

    async def state_of(self, sender: Member, pid: str) -> Answer:
        """`GET` of one process: where it stands, for its counter-party."""
        try:
            return self.answer(await self.context.store.look(lambda tx: self._own(tx, pid, sender)))
        except Refusal as refusal:
            return self.error(refusal)

    def answer(self, process: P, status: int = 200) -> Answer:
        """The acknowledgement: both pids and the state."""
        state = self.protocol.states(process.state or next(iter(self.protocol.states)))
        provider, consumer = pids(process)
        return Answer(status, self.protocol.ack(provider_pid=provider, consumer_pid=consumer, state=state).wire())

    def error(self, refusal: Refusal, process: P | None = None, body: Mapping[str, Any] | None = None) -> Answer:
        """The error body; a pid that does not exist or cannot be read is the nil pid."""
        provider, consumer = pids(process) if process is not None else claimed_pids(body or {})
        made = self.protocol.error(
            provider_pid=provider, consumer_pid=consumer, code=refusal.code, reason=(refusal.reason,)
        )
        return Answer(refusal.status, made.wire())

    def _own(self, tx: Transaction, pid: str, sender: Member) -> P:
        """The process with our `pid`, if the sender is a party to it. Raises Refusal 404."""
        found: P | None = tx.get(self.protocol.record, pid)
        if found is None or found.counterparty != sender.id:
            raise Refusal(404, "unknown-process", "there is no such process for you")
        return found

    def _read(self, kind: MessageType, body: Mapping[str, Any]) -> Posted | Refusal:
        if type_of(body) != kind:
            return Refusal(400, "message-not-accepted", f"/@type is not the type expected here; accepted: {kind}")
        try:
            return self.protocol.read(body)
        except MessageError as fault:
            return Refusal(400, "message-not-accepted", str(fault))

    def _judged(
        self, known: P | None, body: Mapping[str, Any], command: Callable[[], tuple[P, int]], reached: list[P]
    ) -> tuple[Answer, str]:
        """The answer to keep. A no to a message for a known process is kept too: what was refused once stays refused,
        even if a late copy of it arrives when the state would allow it. What it proved about our own messages holds."""
        try:
            process, status = command()
        except Refusal as refusal:
            if known is None or refusal.status != 400 or self._is_final(known):
                raise  # what is final refuses it again by itself
            return self.error(refusal, known, body), known.pid
        reached.append(process)
        return self.answer(process, status), process.pid

    def _taken(self, tx: Transaction, sender: Member, process: P | None, message: Posted) -> tuple[P, int]:
        if process is not None:
            return self.take(tx, process, message), 200
        opened, status = self._conduct.opened(tx, sender, message)
        return (self.take(tx, opened, message), status) if status == 201 else (opened, status)

    def take(self, tx: Transaction, process: P, message: Posted) -> P:
        """Apply a message from the counter-party: its pids, its rank, the step, then what it says. Raises Refusal."""
        if self.protocol.receivers.get(MessageType(message.TYPE), process.role) != process.role:
            raise Refusal(400, "wrong-role", f"{message.TYPE} is not for the {process.role}")
        check_pids(process, message)
        if self._is_final(process):  # before anything is said about what the message holds
            raise Refusal(400, "step-refused", f"nothing is accepted in the final state {process.state}")
        check_rank(process, message)
        sender = Role(process.role).other
        step = self.protocol.step_of(message)
        try:
            process, following = self._followed(tx, process, step, sender)
        except StepRefused as refused:
            if (fresh := self._conduct.refreshed(tx, process, message)) is not None:
                return fresh
            raise Refusal(400, "step-refused", str(refused)) from None
        self._settles(tx, process, message)
        changes = self._conduct.checked(tx, process, message) | reason_in(message)
        if process.their_pid is None:
            changes["their_pid"] = getattr(message, f"{sender}_pid")
        if process.parting is not None and RANKS.get(message.TYPE, 0) >= rank_of(process):
            changes["parting"] = None  # theirs counts for more, or says the same
        self._overtake(tx, process.pid)
        return self._enter(tx, process, following, sender, message, changes)

    def proved(self, tx: Transaction, process: P, step: StrEnum) -> P | None:
        """Somebody acts as only one can who has received this message of ours: it is taken as acknowledged."""
        for sent in self._under_way(tx, process.pid):
            mine = self.said.take(sent)
            if self.protocol.step_of(mine) == step:
                reached = self.protocol.step(self.protocol.state(process), step, Role(process.role))
                return self._acknowledged(tx, process, sent, mine, reached)
        return None

    def _acknowledged(self, tx: Transaction, process: P, sent: OutboxMessage, mine: Posted, reached: StrEnum) -> P:
        settled = {"standing": "delivered", "delivered_at": self.context.clock(), "body": None}
        tx.alter(OutboxMessage, settled, id=sent.id)
        process = self._conduct.answered(tx, process, mine, taken=True)
        return self._enter(tx, process, reached, Role(process.role), mine, settled_by(mine))

    def _settles(self, tx: Transaction, process: P, message: Posted) -> None:
        """While an overtaken message of ours, or a fresh address, may still arrive, theirs has to wait for that: to the
        other side ours would else look like our answer. Not kept: the same message is taken when it comes again."""
        if RANKS.get(message.TYPE, 0) >= 2:
            return
        if any(one.overtaken for one in self._under_way(tx, process.pid)) or self._conduct.unsettled(process):
            raise Refusal(503, "settling", "an earlier message of ours is still on its way to you")

    def _overtake(self, tx: Transaction, pid: str) -> None:
        """What of ours is still under way has been overtaken by theirs. It may have arrived, so it is not taken back:
        its answer changes nothing any more, and what we send next waits behind it."""
        if self._under_way(tx, pid):
            tx.alter(OutboxMessage, {"overtaken": True}, about=pid, kind=self.protocol.kind, standing="waiting")

    def _followed(self, tx: Transaction, process: P, step: StrEnum, sender: Role) -> tuple[P, StrEnum]:
        """The state after their step. What of ours they must have received to send it is taken as acknowledged."""
        if process.state:  # else: whatever names our pid proves that our first message has arrived
            try:
                return process, self.protocol.step(self.protocol.state(process), step, sender)
            except StepRefused as refused:
                return self._implied(tx, process, step, sender, refused)
        fresh = StepRefused(None, step, sender, ())
        if self._under_way(tx, process.pid):
            return self._implied(tx, process, step, sender, fresh)
        return process, self.protocol.step(None, step, sender)

    def _implied(
        self, tx: Transaction, process: P, step: StrEnum, sender: Role, refused: StepRefused
    ) -> tuple[P, StrEnum]:
        for sent in self._under_way(tx, process.pid):
            mine = self.said.take(sent)
            if (mine.TYPE, str(step)) == (MessageType.TRANSFER_SUSPENSION, MessageType.TRANSFER_START):
                continue  # they may have said so long before our pause
            try:
                reached = self.protocol.after(process, mine)
                following = self.protocol.step(reached, step, sender)
            except StepRefused:
                continue
            return self._acknowledged(tx, process, sent, mine, reached), following
        raise refused

    # --- moving ------------------------------------------------------------------------------------------------------

    def queue(self, tx: Transaction, process: P, move: M, *, quiet: bool = False) -> P:
        """Write a move into the outbox; the state follows when the counter-party acknowledges it.

        Raises Problem 409 when it is not our turn for it, or another message of ours is still under way.
        """
        letter = self._conduct.letter(tx, process, move)
        self._check_turn(tx, process, letter)
        changes = dict(letter.changes)
        if rank := RANKS.get(letter.message.TYPE, 0):
            changes["parting"] = {"step": str(letter.message.TYPE), "rank": rank}
        changed = tx.change(process, updated_at=self.context.clock(), **changes)
        self.said.keep(letter.message)
        self.context.deliveries.send(
            tx, recipient=changed.counterparty, url=changed.callback.rstrip("/") + letter.path,
            kind=self.protocol.kind, body=letter.message.wire(), about=changed.pid, id=letter.message.id, quiet=quiet,
            pause=0.0 if self.context.members.speaks_exchange(changed.counterparty) else edc.SETTLING,
        )  # fmt: skip
        return changed

    def _check_turn(self, tx: Transaction, process: P, letter: Letter) -> None:
        under_way = self._under_way(tx, process.pid)
        ends = RANKS.get(letter.message.TYPE, 0) == 3
        if under_way and (not ends or rank_of(process) == 3):
            raise conflict("A message of ours is still on its way", accepted="once the other side has answered it")
        if letter.beyond:
            return
        try:
            self.protocol.after(process, letter.message)
        except StepRefused as refused:
            raise conflict("This is not possible now", str(refused)) from None

    async def act(self, pid: str, ask: Callable[[P], Awaitable[M | None]], known: P | None = None) -> None:
        """Ask the course and do what it says, at any time, any number of times. `known` saves a look: what was decided
        about it counts only while nothing has happened since."""
        try:
            process = known or await self.context.store.look(lambda tx: tx.get(self.protocol.record, pid))
            if process is None or process.parting is not None or self._is_final(process):
                return
            move = await ask(process)
            if move is not None and not self._on_its_way(process, move):
                await self.context.store.write(lambda tx: self._decided(tx, process, move))
        except Stale:
            self.context.tasks.spawn(self.act(pid, ask))  # something happened meanwhile: look again
        except Problem as problem:
            if problem.status != 409:  # 409: a message of ours is under way already
                raise
        except Exception as fault:
            # A full disk, say. Nobody else would ask again before their next message.
            log.error("a decision could not be carried out: %s\n%s", type(fault).__name__, trace_of(fault))
            await asyncio.sleep(_REST)
            self.context.tasks.spawn(self.act(pid, ask))

    def _on_its_way(self, process: P, move: M) -> bool:
        """Whether this is the move that was queued at once with the step before, and waits for its answer."""
        return self.context.deliveries.departures.waits(process.pid) and move == self._conduct.at_once(process)

    def _decided(self, tx: Transaction, process: P, move: M) -> None:
        """Carry out what was decided about exactly this revision. Raises Stale, Problem 409."""
        self.queue(tx, tx.change(process, updated_at=self.context.clock()), move)

    def waiting(self, tx: Transaction, pid: str) -> list[OutboxMessage]:
        """Our messages of this process that have not been acknowledged."""
        return tx.find(OutboxMessage, about=pid, kind=self.protocol.kind, standing="waiting", order="sequence")

    def _under_way(self, tx: Transaction, pid: str) -> list[OutboxMessage]:
        """The same inside the writer, which knows most lanes to be empty without a look."""
        return [] if self.context.deliveries.departures.empty(pid) else self.waiting(tx, pid)

    def _is_final(self, process: P) -> bool:
        """Whether nothing follows any more."""
        return process.state in self._final

    def _enter(
        self, tx: Transaction, process: P, state: StrEnum, by: Role, message: Posted | None, changes: dict[str, Any]
    ) -> P:
        now = self.context.clock()
        steps = [*(process.steps or {}).get("steps", []), [str(state), now.isoformat(), str(by)]]
        moved = tx.change(process, state=str(state), updated_at=now, steps={"steps": steps}, **changes)
        moved = self._conduct.entered(tx, moved, message, by)
        self.context.log(
            tx, f"{self.protocol.kind.rpartition('.')[2]}.{str(state).lower()}", process.pid,
            {"by": str(by), "counterparty": process.counterparty, "role": process.role},
        )  # fmt: skip
        tx.ring(f"about:{process.pid}")
        if self._is_final(moved):
            bury(tx, self.protocol.kind, process.pid)
            return tx.change(moved, parting=None) if moved.parting is not None else moved
        if moved.parting is None and moved.their_pid and (move := self._conduct.at_once(moved)) is not None:
            with suppress(Problem):  # somebody was faster: the course is asked again afterwards
                moved = self.queue(tx, moved, move, quiet=by != moved.role)
        return moved

    # --- settling ----------------------------------------------------------------------------------------------------

    def _delivered(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: Json) -> None:
        process = tx.get(self.protocol.record, sent.about)
        if process is None:
            return
        theirs = text(answer.get(f"{Role(process.role).other}Pid"))
        changes: dict[str, Any] = {"their_pid": theirs} if process.their_pid is None and theirs else {}
        message = self.said.take(sent)
        process = self._conduct.answered(tx, process, message, taken=True)
        if overtaken(tx, sent):
            return
        try:
            following = self.protocol.after(process, message)
        except StepRefused:  # their next message was the proof already
            self._wished(tx, process)
            return
        moved = self._enter(tx, process, following, Role(process.role), message, changes | settled_by(message))
        self._wished(tx, moved)

    def wish(self, tx: Transaction, process: P, move: M, rank: int, code: str, reasons: tuple[str, ...]) -> P:
        """Decide on an end or a pause whose message cannot leave yet; it goes out when the other side has answered."""
        step = type(move).__name__
        parting = {"step": step, "rank": rank, "code": code, "reason": list(reasons), "pending": True}
        return tx.change(process, parting=parting, updated_at=self.context.clock())

    def _wished(self, tx: Transaction, process: P) -> None:
        """Send what was decided meanwhile, if it still makes sense."""
        if not (process.parting or {}).get("pending") or process.their_pid is None or self._is_final(process):
            return
        with suppress(Problem):
            self.queue(tx, process, self._conduct.wished(process.parting or {}))

    def _refused(self, tx: Transaction, sent: OutboxMessage, status: int, answer: Json) -> None:
        """The counter-party will not have our message. Where the two views would differ, the process ends (DSP 1.5)."""
        process = tx.get(self.protocol.record, sent.about)
        if process is None or self._is_final(process):
            return
        message = self.said.take(sent)
        process = self._conduct.answered(tx, process, message, taken=False)
        if overtaken(tx, sent):
            return
        code = f"refused-{status}"
        reasons = tuple(str(one) for one in listed(answer.get("reason") or answer.get("detail")))
        if RANKS.get(message.TYPE) == 3 or process.their_pid is None:
            ended = self.protocol.states("TERMINATED")
            why = {"code": code, "reason": list(reasons)}
            self._enter(tx, process, ended, Role(process.role), None, {"reason": why})
        elif (
            answer.get("code") not in ON_ITS_WAY
            and not pointless(tx, self.protocol, process, message)
            and rank_of(process) < 3
        ):
            self.queue(tx, tx.change(process, parting=None), self._conduct.end(code, reasons))
