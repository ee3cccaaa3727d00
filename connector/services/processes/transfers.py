"""Transfer processes, both roles (DSP 2025-1, transfer.process.protocol), pull and push.

The provider opens a pull with an opaque token of which it keeps the hash; the token travels in the start message and is
worth nothing from the moment we decide to pause or end the transfer, or its agreement ends. A push carries no token of
ours: the provider goes where the request told it to.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connector.identity import access
from connector.identity.members import Member, Standing
from connector.outbound.faults import OutboundRefused
from connector.ports import Transaction
from connector.problems import Problem, conflict, missing
from connector.records import Agreement, Dataset, Transfer
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.processes.answers import Refusal
from connector.services.processes.bearing import pids
from connector.services.processes.conduct import Letter, Protocol
from connector.services.processes.courses import DataPlane, TransferCourse
from connector.services.processes.guided import Guided
from connector.services.processes.moves import Complete, Start, Suspend, Terminate, TransferMove
from connector.services.processes.object_store import sealed_store
from connector.services.processes.wording import ending_letter
from contracts import transfer as table
from contracts.messages import (
    MODELS,
    DataAddress,
    MessageError,
    Posted,
    TransferError,
    TransferProcess,
    TransferRequestMessage,
    TransferStartMessage,
    TransferSuspensionMessage,
    type_of,
)
from contracts.names import MessageType, Role, TransferState, transfer_path

KIND = "dsp.transfer"
PULL = "HttpData-PULL"
PUSH = "HttpData-PUSH"
STORE_PUSH = "AmazonS3-PUSH"
"""A push into an object store: EDC's name for it."""
PUSHES = (PUSH, STORE_PUSH)
MOST_AT_ONCE = 200
"""Transfers of one agreement that may be going on at once."""
MOST_STEPS = 400
_GOING_ON = tuple(str(state) for state in TransferState if state not in table.FINAL)
_OVER = frozenset(str(state) for state in table.FINAL)


def read_posted(body: Mapping[str, Any]) -> Posted:
    """Any transfer message, by its `@type`. Raises MessageError."""
    kind = type_of(body)
    message = MODELS[kind].read(body) if kind is not None else None
    if not isinstance(message, Posted):
        raise MessageError("/@type", "is not a message of a transfer", "a DSP 2025-1 message type")
    return message


class Transfers(Guided[Transfer, TransferMove]):
    """Starts, receives and advances transfers. What flows through them is the data plane's matter."""

    def __init__(
        self,
        context: Context,
        course: TransferCourse,
        plane: DataPlane,
        finalized: Callable[[Transaction, str], bool],
    ) -> None:
        self._finalized = finalized
        self._plane = plane
        protocol = Protocol(
            Transfer, KIND, TransferState, table.step, table.step_of, table.FINAL, TransferProcess, TransferError,
            read_posted, {MessageType.TRANSFER_REQUEST: Role.PROVIDER},
        )  # fmt: skip
        super().__init__(context, protocol, course)

    # --- what we start -----------------------------------------------------------------------------------------------

    async def ask(
        self,
        agreement: Agreement,
        *,
        format: str = PULL,
        push_to: DataAddress | None = None,
        pid: str | None = None,
        token_hash: str | None = None,
        callback: str | None = None,
        by: Mapping[str, Any] | None = None,
    ) -> str:
        """Consumer: ask for the data of an agreement; returns our pid.

        `push_to` tells the provider where a push shall go; it holds a token in clear, of which only `token_hash` stays.
        """
        now = self._context.clock()
        member = self._context.members.active(agreement.counterparty)
        new = Transfer(
            pid=pid or new_id(), role=str(Role.CONSUMER), counterparty=member.id, their_pid=None,
            callback=callback or member.dsp, agreement=agreement.id, dataset=agreement.dataset, format=format, state="",
            token_hash=token_hash, created_at=now, updated_at=now,
        )  # fmt: skip
        message = TransferRequestMessage(
            id=new_id(), consumer_pid=new.pid, agreement_id=agreement.id, format=format, data_address=push_to,
            callback_address=self._context.me.dsp,
        )  # fmt: skip

        self.machine.said.keep(message)

        def command(tx: Transaction) -> None:
            tx.add(new)
            self._context.deliveries.send(
                tx, recipient=new.counterparty, url=new.callback.rstrip("/") + "/transfers/request", kind=KIND,
                body=message.wire(), about=new.pid, id=message.id,
            )  # fmt: skip
            self._context.log(tx, "transfer.asked", new.pid, {"agreement": agreement.id, "by": dict(by or {})})

        await self._context.store.write(command)
        return new.pid

    async def move(self, pid: str, move: TransferMove, by: Mapping[str, Any] | None = None) -> None:
        """Somebody's decision for us. Raises Problem 404, or 409 when it is not our turn for it."""

        def command(tx: Transaction) -> None:
            process = tx.get(Transfer, pid)
            if process is None:
                raise missing("There is no such transfer here")
            self._carry_out(tx, process, move)
            tx.ring("transfers")
            kind = f"transfer.{type(move).__name__.lower()}-decided"
            self._context.log(tx, kind, pid, {"by": dict(by or {}), "counterparty": process.counterparty})

        await self._context.store.write(command)

    def _carry_out(self, tx: Transaction, process: Transfer, move: TransferMove) -> None:
        """A provider's pause holds from this moment, whatever is under way and whatever the consumer has answered."""
        if isinstance(move, Terminate) and not process.state:
            self.machine.wish(tx, process, move, 3, move.code, move.reasons)
        elif isinstance(move, Start) and process.state == TransferState.STARTED:
            raise conflict("This transfer is running")
        elif isinstance(move, Suspend) and process.role == Role.PROVIDER and process.parting is None:
            under_way = self.machine.waiting(tx, process.pid)
            if process.state == TransferState.SUSPENDED and process.suspended_by == Role.PROVIDER and not under_way:
                raise conflict("This transfer is paused already")
            if process.state == TransferState.SUSPENDED or under_way:
                ours = tx.change(process, suspended_by=str(Role.PROVIDER), token_hash=None, next_token_hash=None)
                if under_way:
                    self.machine.wish(tx, ours, move, 1, move.code, move.reasons)
            else:
                self.machine.queue(tx, process, move)
        else:
            self.machine.queue(tx, process, move)

    async def close(self, pid: str, move: Complete | Terminate, by: Mapping[str, Any] | None = None) -> None:
        """The same for an end that may have come about already: then nothing happens. Raises Problem 404, 409."""
        process = await self._context.store.look(lambda tx: tx.get(Transfer, pid))
        if process is not None and (process.state in _OVER or (process.parting or {}).get("rank", 0) >= 2):
            return
        try:
            await self.move(pid, move, by)
        except Problem:
            now = await self._context.store.look(lambda tx: tx.get(Transfer, pid))
            if now is None or now.state not in _OVER:
                raise

    # --- what is open ------------------------------------------------------------------------------------------------

    def open_to(self, tx: Transaction, pid: str, token: str) -> tuple[Transfer, Agreement]:
        """The transfer and agreement a token opens now. Raises Problem 401 or 410; called for every pull."""
        process = tx.get(Transfer, pid)
        if process is None or process.role != Role.PROVIDER or not _fits(process, token):
            raise Problem(401, "bad-token", "This token opens nothing here")
        return process, self.open_agreement(tx, process)

    def open_agreement(self, tx: Transaction, process: Transfer) -> Agreement:
        """The agreement under which a provider's transfer may hand over data now. Raises Problem 401 or 410."""
        agreement = tx.get(Agreement, process.agreement)
        member = self._context.members.known(process.counterparty)
        if agreement is None or member is None or member.standing is not Standing.ACTIVE:
            raise Problem(401, "bad-token", "This token opens nothing here")
        over = agreement.until is not None and agreement.until <= self._context.clock()
        begun = process.state == TransferState.STARTED or self._starting(tx, process)
        if agreement.standing != "active" or over or not begun or process.held:
            raise Problem(410, "not-open", "This transfer is not open", f"it is {process.state.lower()}")
        return agreement

    def _starting(self, tx: Transaction, process: Transfer) -> bool:
        """Our start is on its way: whoever has its token has received it. Nothing else that waits opens anything."""
        return process.state in (TransferState.REQUESTED, TransferState.SUSPENDED) and any(
            not sent.overtaken and type_of(sent.body) == MessageType.TRANSFER_START
            for sent in self.machine.waiting(tx, process.pid)
        )

    # --- conduct -----------------------------------------------------------------------------------------------------

    def at_once(self, process: Transfer) -> TransferMove | None:
        """The course's immediate move; after a consumer resumed, a fresh address for one who waits for it."""
        if process.role == Role.PROVIDER and _resumed_by_them(process):
            return Start() if not self._context.members.speaks_exchange(process.counterparty) else None
        return super().at_once(process)

    def end(self, code: str, reasons: tuple[str, ...]) -> TransferMove:
        """The move that ends a transfer."""
        return Terminate(code, reasons)

    def letter(self, tx: Transaction, process: Transfer, move: TransferMove) -> Letter:  # noqa: ARG002
        """A move as a message; a provider's start makes a new token."""
        if isinstance(move, Suspend) and process.role == Role.PROVIDER:
            said = ending_letter(process, move)
            return Letter(said.message, said.path, {"token_hash": None, "next_token_hash": None})
        if not isinstance(move, Start):
            return ending_letter(process, move)
        if process.their_pid is None:
            raise conflict("The other side has not answered yet", accepted="once it has answered for the first time")
        provider, consumer = pids(process)
        token, address = None, None
        if process.role == Role.PROVIDER and (address := self._plane.address(process, new := access.new_token())):
            token = access.token_hash(new)
        message = TransferStartMessage(id=new_id(), provider_pid=provider, consumer_pid=consumer, data_address=address)
        changes = {"next_token_hash" if process.token_hash else "token_hash": token} if token else {}
        beyond = process.state == TransferState.STARTED
        return Letter(message, transfer_path(process.their_pid, "/start"), changes, beyond=beyond)

    def opened(self, tx: Transaction, sender: Member, message: Posted) -> tuple[Transfer, int]:
        """The first message of a transfer. A repeat (same consumerPid) gets the present state (DSP: idempotent)."""
        if not isinstance(message, TransferRequestMessage):
            raise Refusal(404, "unknown-process", "there is no such process for you")
        again = tx.find(Transfer, counterparty=sender.id, their_pid=message.consumer_pid, role="provider", limit=1)
        if again:
            return again[0], 200
        agreement = self._agreed(tx, sender, message.agreement_id)
        try:
            self._context.members.check_callback(sender, message.callback_address)
        except OutboundRefused as refused:
            raise Refusal(400, "callback-refused", f"callbackAddress cannot be called: {refused}") from None
        if tx.count(Transfer, agreement=agreement.id, state=_GOING_ON) >= MOST_AT_ONCE:
            raise Refusal(400, "too-many-transfers", f"{MOST_AT_ONCE} transfers of this agreement are going on already")
        dataset = tx.get(Dataset, agreement.dataset)
        if (why := self._plane.refusal(dataset, message.format, message.data_address)) is not None:
            raise Refusal(400, "format-not-offered", why)
        now, push_to = self._context.clock(), message.data_address
        new = Transfer(
            pid=new_id(), role=str(Role.PROVIDER), counterparty=sender.id, their_pid=None,
            callback=message.callback_address, agreement=agreement.id, dataset=agreement.dataset,
            kind=dataset.kind if dataset else "records", format=message.format, state="",
            created_at=now, updated_at=now,
        )  # fmt: skip
        new = replace(new, push_to=self._push_to(new, push_to))
        tx.add(new)
        return new, 201

    def _push_to(self, new: Transfer, address: DataAddress | None) -> dict[str, Any] | None:
        """Where a push goes, as it is kept: the keys of an object store only sealed. Raises Refusal."""
        if address is None or new.format not in PUSHES:
            return None
        return sealed_store(self._context, new.pid, address) if new.format == STORE_PUSH else address.wire()

    def _agreed(self, tx: Transaction, sender: Member, agreement_id: str) -> Agreement:
        agreement = tx.get(Agreement, agreement_id)
        if agreement is None or agreement.counterparty != sender.id or agreement.role != Role.PROVIDER:
            raise Refusal(404, "unknown-agreement", "there is no such agreement between us")
        if agreement.standing == "pending" and self._finalized(tx, agreement.negotiation):
            agreement = tx.get(Agreement, agreement_id) or agreement
        if agreement.standing != "active":
            raise Refusal(400, "agreement-not-active", f"the agreement is {agreement.standing}")
        if agreement.until is not None and agreement.until <= self._context.clock():
            raise Refusal(400, "agreement-not-active", "the agreement has run out")
        return agreement

    def checked(self, tx: Transaction, process: Transfer, message: Posted) -> dict[str, Any]:  # noqa: ARG002
        """What a message says must fit the process. Raises Refusal 400."""
        if isinstance(message, TransferStartMessage):
            return self._started(process, message)
        if isinstance(message, TransferSuspensionMessage):
            # A pause of ours that crossed theirs stays ours: whoever resumes must be the one who decided it.
            ours = process.parting is not None and process.parting.get("step") == MessageType.TRANSFER_SUSPENSION
            by = Role.PROVIDER if ours or process.role == Role.CONSUMER else Role.CONSUMER
            return {"suspended_by": str(by)}
        return {}

    def _started(self, process: Transfer, message: TransferStartMessage) -> dict[str, Any]:
        if process.role == Role.PROVIDER:
            if len((process.steps or {}).get("steps", ())) >= MOST_STEPS:
                raise Refusal(400, "too-many-pauses", "this transfer was paused and resumed too often")
            if process.suspended_by != Role.CONSUMER:
                raise Refusal(400, "suspended-by-provider", "the provider paused this transfer, so only it may resume")
            return {"suspended_by": None}
        return {"suspended_by": None} | self._address(process, message)

    @staticmethod
    def _address(process: Transfer, message: TransferStartMessage) -> dict[str, Any]:
        address = message.data_address
        if address is not None:
            return {"data_address": address.wire()}
        if process.data_address is None and process.format not in PUSHES:
            raise Refusal(400, "message-not-accepted", "/dataAddress is missing; a pull needs one")
        return {}

    def refreshed(self, tx: Transaction, process: Transfer, message: Posted) -> Transfer | None:
        """After we resumed, the provider may say once where the data is now (docs/divergences)."""
        if not isinstance(message, TransferStartMessage) or process.role != Role.CONSUMER:
            return None
        steps = (process.steps or {}).get("steps", [])
        if process.state != TransferState.STARTED or not steps or steps[-1][2] != Role.CONSUMER:
            return None
        now = self._context.clock()
        noted = {"steps": [*steps, [process.state, now.isoformat(), str(Role.PROVIDER)]]}
        tx.ring("transfers")
        return tx.change(process, updated_at=now, steps=noted, **self._address(process, message))

    def answered(self, tx: Transaction, process: Transfer, message: Posted, *, taken: bool) -> Transfer:
        """A start of ours with a fresh token: once taken, only that one opens the data; refused, only the old one."""
        if not isinstance(message, TransferStartMessage) or process.next_token_hash is None:
            return process
        kept = process.next_token_hash if taken else process.token_hash
        return tx.change(process, token_hash=kept, next_token_hash=None)

    def wished(self, parting: Mapping[str, Any]) -> TransferMove:
        """An end, or a provider's pause."""
        kind = Suspend if parting.get("rank") == 1 else Terminate
        return kind(str(parting.get("code", "")), tuple(parting.get("reason", ())))

    def unsettled(self, process: Transfer) -> bool:
        """A fresh address after they resumed may still be on its way."""
        return process.state == TransferState.STARTED and process.next_token_hash is not None

    def entered(self, tx: Transaction, process: Transfer, message: Posted | None, by: Role) -> Transfer:
        """Wake whoever pulls, pushes or serves; a transfer that is over opens nothing any more."""
        tx.ring("transfers")
        if process.state in _OVER:
            return tx.change(process, token_hash=None, next_token_hash=None, data_address=None, push_to=None)
        if isinstance(message, TransferSuspensionMessage) and str(by) == process.role:
            return tx.change(process, suspended_by=str(by))
        if process.state == TransferState.STARTED and process.suspended_by is not None:
            return tx.change(process, suspended_by=None)
        return process


def _fits(process: Transfer, token: str) -> bool:
    """Compared in the same time whatever differs."""
    given = access.token_hash(token)
    known = [given if process.token_hash is None else process.token_hash, process.next_token_hash or ""]
    same = [hmac.compare_digest(given, one) for one in known]
    return process.token_hash is not None and any(same)


def _resumed_by_them(process: Transfer) -> bool:
    steps = (process.steps or {}).get("steps", [])
    return process.state == TransferState.STARTED and bool(steps) and steps[-1][2] == Role.CONSUMER
