"""Transfer processes, both roles (DSP 2025-1, transfer.process.protocol); pull only in this edition.

The provider opens the data with an opaque token of which it keeps the hash; the token travels in the start message and
is worth nothing once the transfer is suspended, completed, terminated, or its agreement has ended.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from connector.identity import access
from connector.identity.members import Member, Standing
from connector.outbound.faults import OutboundRefused
from connector.ports import Stale, Transaction
from connector.problems import Problem, conflict, invalid, missing
from connector.records import Agreement, Dataset, Negotiation, OutboxMessage, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.processes.machine import Answer, Machine, Protocol, Refusal
from contracts import transfer as table
from contracts.messages import (
    MODELS,
    DataAddress,
    EndpointProperty,
    MessageError,
    Posted,
    TransferCompletionMessage,
    TransferError,
    TransferMessage,
    TransferProcess,
    TransferRequestMessage,
    TransferStartMessage,
    TransferSuspensionMessage,
    TransferTerminationMessage,
    type_of,
)
from contracts.names import MessageType, Role, TransferState, transfer_path

KIND = "dsp.transfer"
PULL = "HttpData-PULL"
ENDPOINT_TYPE = "https://w3id.org/idsa/v4.1/HTTP"
_LAST = (MessageType.TRANSFER_COMPLETION, MessageType.TRANSFER_TERMINATION)


def read_posted(body: Mapping[str, Any]) -> Posted:
    """Any transfer message, by its `@type`. Raises MessageError."""
    kind = type_of(body)
    message = MODELS[kind].read(body) if kind is not None else None
    if not isinstance(message, Posted):
        raise MessageError("/@type", "is not a message of a transfer", "a DSP 2025-1 message type")
    return message


class Transfers:
    """Starts, receives and advances transfers. What flows through them is the data plane's matter."""

    def __init__(self, context: Context) -> None:
        self._context = context
        protocol = Protocol(
            Transfer, KIND, TransferState, table.step, table.step_of, table.FINAL, TransferProcess, TransferError
        )
        self.machine: Machine[Transfer] = Machine(context, protocol)
        self.machine.read_sent = read_posted
        self.machine.entered = self._entered

    async def receive(self, sender: Member, kind: MessageType, pid: str | None, body: dict[str, Any]) -> Answer:
        """One message from the counter-party. Always answers; protocol errors become error bodies."""
        process: Transfer | None = None
        try:
            if pid is not None:
                process = await self.machine.own(pid, sender.id)
            try:
                message = read_posted(body) if type_of(body) == kind else _wrong(kind, body)
            except MessageError as fault:
                raise Refusal(400, "message-not-accepted", str(fault)) from None
            answer = await self.machine.once(sender.id, message, body, lambda tx: self._apply(tx, sender, pid, message))
        except Refusal as refusal:
            return self.machine.error(refusal, process, body)
        if kind == MessageType.TRANSFER_REQUEST and isinstance(ours := answer.body.get("providerPid"), str):
            self._context.tasks.spawn(self.act(ours))
        return answer

    async def state_of(self, sender: Member, pid: str) -> Answer:
        """`GET /transfers/:pid`."""
        try:
            return self.machine.answer(await self.machine.own(pid, sender.id))
        except Refusal as refusal:
            return self.machine.error(refusal)

    def _apply(self, tx: Transaction, sender: Member, pid: str | None, message: Posted) -> Answer:
        if isinstance(message, TransferRequestMessage):
            return self._requested(tx, sender, message)
        if pid is None:
            raise Refusal(404, "unknown-process", "there is no such process for you")
        changes: dict[str, Any] = {}
        if isinstance(message, TransferStartMessage):
            changes = self._started(tx, pid, message)
        if isinstance(message, TransferTerminationMessage | TransferSuspensionMessage):
            changes = {"reason": {"code": message.code, "reason": list(message.reason or ())}}
        return self.machine.answer(self.machine.take(tx, pid, message, **changes))

    def _requested(self, tx: Transaction, sender: Member, message: TransferRequestMessage) -> Answer:
        """The first message of a transfer. A repeat (same consumerPid) gets the present state (DSP: idempotent)."""
        again = tx.find(Transfer, counterparty=sender.id, their_pid=message.consumer_pid, role="provider", limit=1)
        if again:
            return self.machine.answer(again[0])
        agreement = self._agreed(tx, sender, message.agreement_id)
        if message.format != PULL:
            raise Refusal(400, "format-not-offered", f"this format is not offered; accepted: {PULL}")
        if message.data_address is not None:
            raise Refusal(400, "message-not-accepted", "/dataAddress belongs to push formats only")
        try:
            self._context.members.check_callback(sender, message.callback_address)
        except OutboundRefused as refused:
            raise Refusal(400, "callback-refused", f"callbackAddress cannot be called: {refused}") from None
        dataset = tx.get(Dataset, agreement.dataset)
        now = self._context.clock()
        new = Transfer(
            pid=new_id(), role=str(Role.PROVIDER), counterparty=sender.id, their_pid=None,
            callback=message.callback_address, agreement=agreement.id, dataset=agreement.dataset,
            kind=dataset.kind if dataset else "records", state="", created_at=now, updated_at=now,
        )  # fmt: skip
        tx.add(new)
        return self.machine.answer(self.machine.take(tx, new.pid, message), 201)

    def _agreed(self, tx: Transaction, sender: Member, agreement_id: str) -> Agreement:
        agreement = tx.get(Agreement, agreement_id)
        if agreement is None or agreement.counterparty != sender.id or agreement.role != Role.PROVIDER:
            raise Refusal(404, "unknown-agreement", "there is no such agreement between us")
        if agreement.standing == "pending" and self._finalized_on_their_side(tx, agreement):
            return agreement
        if agreement.standing != "active":
            raise Refusal(400, "agreement-not-active", f"the agreement is {agreement.standing}")
        if agreement.until is not None and agreement.until <= self._context.clock():
            raise Refusal(400, "agreement-not-active", "the agreement has run out")
        return agreement

    @staticmethod
    def _finalized_on_their_side(tx: Transaction, agreement: Agreement) -> bool:
        """Our FINALIZED went out and only its answer is missing: a consumer that asks for data has received it."""
        negotiation = tx.get(Negotiation, agreement.negotiation)
        sent = tx.find(OutboxMessage, about=agreement.negotiation, standing="waiting", limit=1)
        return negotiation is not None and negotiation.state == "VERIFIED" and bool(sent)

    def _started(self, tx: Transaction, pid: str, message: TransferStartMessage) -> dict[str, Any]:
        process = tx.get(Transfer, pid)
        if process is None or process.role == Role.PROVIDER:
            return {}
        address = message.data_address
        if address is None:
            if process.data_address is None:
                raise Refusal(400, "message-not-accepted", "/dataAddress is missing; a pull needs one")
            return {}
        return {"data_address": address.wire()}

    def _entered(self, tx: Transaction, process: Transfer, message: Posted | None) -> Transfer:  # noqa: ARG002
        """Wake whoever pulls or serves; a transfer that is over opens nothing any more."""
        tx.ring("transfers")
        if self.machine.is_final(process) and process.token_hash is not None:
            return tx.change(process, token_hash=None)
        if self.machine.is_final(process) and process.data_address is not None:
            return tx.change(process, data_address=None)
        return process

    async def act(self, pid: str) -> None:
        """Provider: start what was requested; safe to call again."""
        process = await self._context.store.read(lambda tx: tx.get(Transfer, pid))
        if process is None or process.role != Role.PROVIDER or process.state != TransferState.REQUESTED:
            return
        token = access.new_token()
        message = TransferStartMessage(
            id=new_id(),
            provider_pid=pid,
            consumer_pid=process.their_pid or "",
            data_address=self._address(process, token),
        )

        def command(tx: Transaction) -> None:
            if self.machine.waiting(tx, pid):
                return
            fresh = tx.change(process, token_hash=access.token_hash(token))
            self.machine.send(tx, fresh, message, transfer_path(fresh.their_pid or "", "/start"))

        try:
            await self._context.store.write(command)
        except Stale:
            self._context.tasks.spawn(self.act(pid))

    def _address(self, process: Transfer, token: str) -> DataAddress:
        place = "streams" if process.kind == "stream" else "releases"
        return DataAddress(
            endpoint_type=ENDPOINT_TYPE,
            endpoint=f"{self._context.me.origin}/data/{place}/{process.pid}",
            endpoint_properties=(
                EndpointProperty(name="authorization", value=token),
                EndpointProperty(name="authType", value="bearer"),
            ),
        )

    async def request(self, actor: Actor, agreement_id: str) -> str:
        """Consumer: ask for the data of an agreement; returns our pid."""
        require(actor, "researcher", "operator")
        now, pid = self._context.clock(), new_id()

        def command(tx: Transaction) -> None:
            agreement = tx.get(Agreement, agreement_id)
            if agreement is None or agreement.role != Role.CONSUMER:
                raise missing("There is no such agreement here")
            if agreement.standing != "active":
                raise conflict(f"The agreement is {agreement.standing}")
            member = self._context.members.active(agreement.counterparty)
            new = Transfer(
                pid=pid, role=str(Role.CONSUMER), counterparty=member.id, their_pid=None, callback=member.dsp,
                agreement=agreement_id, dataset=agreement.dataset, state="", created_at=now, updated_at=now,
            )  # fmt: skip
            tx.add(new)
            message = TransferRequestMessage(
                id=new_id(), consumer_pid=pid, agreement_id=agreement_id, format=PULL,
                callback_address=self._context.me.dsp,
            )  # fmt: skip
            self.machine.send(tx, new, message, "/transfers/request")
            self._context.log(tx, "transfer.asked", pid, {"agreement": agreement_id, "by": actor.entry})

        await self._context.store.write(command)
        return pid

    async def end(self, pid: str, step: str, code: str = "", reason: str = "") -> None:
        """Send completion, suspension or termination for a transfer of ours; nothing when it is over or ending already.

        Raises Problem 404, or 409 while the other side has not answered our request.
        """

        def command(tx: Transaction) -> None:
            process = tx.get(Transfer, pid)
            if process is None:
                raise missing("There is no such transfer here")
            if self.machine.is_final(process):
                return
            if process.their_pid is None:
                raise conflict("The other side has not answered yet", accepted="to end it after its first answer")
            provider, theirs = process.role == Role.PROVIDER, process.their_pid
            pids = {"provider_pid": pid if provider else theirs, "consumer_pid": theirs if provider else pid}
            message, tail = _ending(step, pids, code, reason)
            under_way = {(sent.body or {}).get("@type") for sent in self.machine.waiting(tx, pid)}
            if not under_way & {message.TYPE, *_LAST}:
                self.machine.send(tx, process, message, transfer_path(theirs, tail))

        await self._context.store.write(command)

    def open_to(self, tx: Transaction, pid: str, token: str) -> tuple[Transfer, Agreement]:
        """The transfer and agreement a token opens now. Raises Problem 401 or 410; called for every pull."""
        process = tx.get(Transfer, pid)
        if (
            process is None
            or process.role != Role.PROVIDER
            or not hmac.compare_digest(access.token_hash(token), process.token_hash or "")
        ):
            raise Problem(401, "bad-token", "This token opens nothing here")
        agreement = tx.get(Agreement, process.agreement)
        member = self._context.members.known(process.counterparty)
        if agreement is None or member is None or member.standing is not Standing.ACTIVE:
            raise Problem(401, "bad-token", "This token opens nothing here")
        over = agreement.until is not None and agreement.until <= self._context.clock()
        begun = process.state == TransferState.STARTED or (
            process.state == TransferState.REQUESTED and bool(self.machine.waiting(tx, pid))
        )
        if agreement.standing not in ("active", "pending") or over or not begun:
            raise Problem(410, "not-open", "This transfer is not open", f"it is {process.state.lower()}")
        return process, agreement

    async def resume(self) -> None:
        """After a start: take up what was requested of us."""
        for process in await self._context.store.read(lambda tx: tx.find(Transfer, role="provider", state="REQUESTED")):
            self._context.tasks.spawn(self.act(process.pid))


def _wrong(kind: MessageType, body: Mapping[str, Any]) -> Posted:
    MODELS[kind].read(body)
    raise MessageError("/@type", "is not the type expected here", str(kind))


def _ending(step: str, pids: dict[str, str], code: str, reason: str) -> tuple[TransferMessage, str]:
    reasons = (reason,) if reason else None
    if step == "completion":
        return TransferCompletionMessage(id=new_id(), **pids), "/completion"
    if step == "suspension":
        return TransferSuspensionMessage(id=new_id(), code=code or None, reason=reasons, **pids), "/suspension"
    if step == "termination":
        return TransferTerminationMessage(id=new_id(), code=code or None, reason=reasons, **pids), "/termination"
    raise invalid("This is not a way to end a transfer", "step", "completion, suspension or termination")
