"""Contract negotiation, both roles (DSP 2025-1, contract.negotiation.protocol).

Receiving never decides what we want: a message is checked, saved and answered; whether the contract is wanted is
decided afterwards by `policy.decide` and ends in a message of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused
from connector.ports import Stale, Transaction
from connector.problems import conflict, invalid
from connector.records import Agreement, Dataset, Negotiation, Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.processes.machine import Answer, Machine, Protocol, Refusal
from connector.services.processes.willingness import Willingness
from contracts import negotiation as table
from contracts.agreement import make_agreement, same_terms, wrong_party
from contracts.messages import (
    MODELS,
    ContractAgreementMessage,
    ContractAgreementVerificationMessage,
    ContractNegotiation,
    ContractNegotiationError,
    ContractNegotiationEventMessage,
    ContractNegotiationTerminationMessage,
    ContractOfferMessage,
    ContractRequestMessage,
    MessageError,
    NegotiationMessage,
    Posted,
    type_of,
)
from contracts.names import MessageType, NegotiationEvent, NegotiationState, Role, negotiation_path
from contracts.study import StudyRequest
from contracts.terms import bound_terms, requested_purposes, terms_digest

KIND = "dsp.negotiation"
_ROLE_OF: dict[MessageType, Role] = {
    MessageType.CONTRACT_REQUEST: Role.PROVIDER,
    MessageType.CONTRACT_VERIFICATION: Role.PROVIDER,
    MessageType.CONTRACT_OFFER: Role.CONSUMER,
    MessageType.CONTRACT_AGREEMENT: Role.CONSUMER,
}
"""Which role receives a message; events and terminations reach either."""


def read_posted(body: Mapping[str, Any]) -> Posted:
    """Any negotiation message, by its `@type`. Raises MessageError."""
    kind = type_of(body)
    if kind is None:
        raise MessageError("/@type", "is not a message of a negotiation", "a DSP 2025-1 message type")
    message = MODELS[kind].read(body)
    if not isinstance(message, Posted):
        raise MessageError("/@type", "is not a message of a negotiation", "a DSP 2025-1 message type")
    return message


class Negotiations:
    """Starts, receives and advances negotiations."""

    def __init__(self, context: Context, willingness: Willingness) -> None:
        self._context = context
        self._willingness = willingness
        protocol = Protocol(
            Negotiation, KIND, NegotiationState, table.step, table.step_of, table.FINAL, ContractNegotiation,
            ContractNegotiationError,
        )  # fmt: skip
        self.machine: Machine[Negotiation] = Machine(context, protocol)
        self.machine.read_sent = read_posted
        self.machine.entered = self._entered

    async def receive(self, sender: Member, kind: MessageType, pid: str | None, body: dict[str, Any]) -> Answer:
        """One message from the counter-party. Always answers; protocol errors become error bodies."""
        process: Negotiation | None = None
        try:
            if pid is not None:
                process = await self.machine.own(pid, sender.id)
                if _ROLE_OF.get(kind, process.role) != process.role:
                    raise Refusal(400, "wrong-role", f"{kind} is not for the {process.role}")
            message = _read(kind, body)
            answer = await self.machine.once(sender.id, message, body, lambda tx: self._apply(tx, sender, pid, message))
        except Refusal as refusal:
            return self.machine.error(refusal, process, body)
        ours = pid or _own_pid(answer)
        if ours and answer.status < 300:
            self._context.tasks.spawn(self.act(ours))
        return answer

    async def state_of(self, sender: Member, pid: str) -> Answer:
        """`GET /negotiations/:pid`."""
        try:
            return self.machine.answer(await self.machine.own(pid, sender.id))
        except Refusal as refusal:
            return self.machine.error(refusal)

    def _apply(self, tx: Transaction, sender: Member, pid: str | None, message: Posted) -> Answer:
        if pid is not None:
            changes: dict[str, Any] = {}
            if isinstance(message, ContractAgreementMessage):
                changes = self._check_agreement(tx, pid, message)
            if isinstance(message, ContractRequestMessage | ContractOfferMessage):
                changes = {"offer": dict(message.offer)}
            if isinstance(message, ContractNegotiationTerminationMessage):
                changes = {"reason": {"code": message.code, "reason": list(message.reason or ())}}
            return self.machine.answer(self.machine.take(tx, pid, message, **changes))
        if not isinstance(message, ContractRequestMessage):
            raise Refusal(400, "not-offered", "offers made without a request are not taken by this participant")
        return self.machine.answer(self._opened(tx, sender, message), 201)

    def _opened(self, tx: Transaction, sender: Member, message: ContractRequestMessage) -> Negotiation:
        """The initial request: the offer must be one of ours, the callback one we may call."""
        if message.provider_pid is not None or message.callback_address is None:
            raise Refusal(
                400, "unknown-process", "providerPid names a negotiation, so the message belongs at its address"
            )
        try:
            self._context.members.check_callback(sender, message.callback_address)
        except OutboundRefused as refused:
            raise Refusal(400, "callback-refused", f"callbackAddress cannot be called: {refused}") from None
        if tx.find(Negotiation, counterparty=sender.id, their_pid=message.consumer_pid, limit=1):
            raise Refusal(400, "pid-reused", "this consumerPid belongs to another negotiation")
        dataset = self._offered(tx, message)
        now = self._context.clock()
        new = Negotiation(
            pid=new_id(), role=str(Role.PROVIDER), counterparty=sender.id, their_pid=None,
            callback=message.callback_address, state="", dataset=dataset.id, offer=dict(message.offer),
            study=_study(message.offer), purposes={"purposes": list(requested_purposes(message.offer))}, created_at=now,
            updated_at=now,
        )  # fmt: skip
        tx.add(new)
        return self.machine.take(tx, new.pid, message)

    @staticmethod
    def _offered(tx: Transaction, message: ContractRequestMessage) -> Dataset:
        offered = tx.find(Dataset, offer_id=str(message.offer.get("@id")), standing="published", limit=1)
        if not offered or offered[0].id != message.dataset:
            raise Refusal(
                400, "unknown-offer", "this offer was not made; accepted: an offer of our catalogue, with its target"
            )
        return offered[0]

    def _check_agreement(self, tx: Transaction, pid: str, message: ContractAgreementMessage) -> dict[str, Any]:
        """An agreement that is not what was asked is a protocol error (design 3.3)."""
        process = tx.get(Negotiation, pid)
        if process is None or process.offer is None:
            raise Refusal(404, "unknown-process", "there is no such process for you")
        agreement = message.agreement
        difference = wrong_party(
            agreement, target=process.dataset, assigner=process.counterparty, assignee=self._context.me.id
        ) or same_terms(process.offer, agreement)
        if difference is not None:
            raise Refusal(400, "agreement-differs", f"the agreement is not what was asked: {difference}")
        if not isinstance(agreement.get("timestamp"), str):
            raise Refusal(400, "agreement-differs", "the agreement has no timestamp")
        if tx.get(Agreement, str(agreement["@id"])) is not None:
            raise Refusal(400, "agreement-differs", "the agreement has the @id of another one")
        return {}

    def _entered(self, tx: Transaction, process: Negotiation, message: Posted | None) -> Negotiation:
        """What follows from a state: an agreement is kept from AGREED on and counts from FINALIZED on."""
        if isinstance(message, ContractAgreementMessage):
            policy = dict(message.agreement)
            tx.add(
                Agreement(
                    id=str(policy["@id"]), role=process.role, counterparty=process.counterparty,
                    negotiation=process.pid, dataset=process.dataset, policy=policy, digest=terms_digest(policy),
                    study=process.study, purposes={"purposes": list(requested_purposes(policy))},
                    profile_digest=_profile_digest(tx, process.dataset), standing="pending",
                    made_at=self._context.clock(), until=self._willingness.ends(policy),
                    study_digest=_study_digest(tx, process.study), profile=_profile(tx, process.dataset),
                )
            )  # fmt: skip
            return tx.change(process, agreement=str(policy["@id"]))
        if process.state == NegotiationState.FINALIZED and process.agreement:
            if (agreement := tx.get(Agreement, process.agreement)) is not None:
                tx.change(agreement, standing="active")
            tx.ring("agreements")
        if process.state == NegotiationState.TERMINATED and process.agreement:
            agreement = tx.get(Agreement, process.agreement)
            if agreement is not None and agreement.standing == "pending":
                tx.change(agreement, standing="ended", ended_at=self._context.clock())
        return process

    async def act(self, pid: str) -> None:
        """If the next step is ours, decide it and queue the message; safe to call at any time, any number of times."""
        process = await self._context.store.read(lambda tx: tx.get(Negotiation, pid))
        if process is None or self.machine.is_final(process):
            return
        made = await self._next(process)
        if made is None:
            return
        message, tail = made

        def command(tx: Transaction) -> None:
            if self.machine.waiting(tx, pid):
                return
            fresh = tx.change(process, updated_at=self._context.clock())
            self.machine.send(tx, fresh, message, negotiation_path(fresh.their_pid or "", tail))

        try:
            await self._context.store.write(command)
        except Stale:
            self._context.tasks.spawn(self.act(pid))  # something arrived meanwhile: look again

    async def _next(self, process: Negotiation) -> tuple[NegotiationMessage, str] | None:
        ours, theirs = process.pid, process.their_pid or ""
        provider = process.role == Role.PROVIDER
        pids = {"provider_pid": ours if provider else theirs, "consumer_pid": theirs if provider else ours}
        state = process.state
        if provider and state in (NegotiationState.REQUESTED, NegotiationState.ACCEPTED):
            return await self._answer_request(process, pids)
        if provider and state == NegotiationState.VERIFIED:
            event = NegotiationEvent.FINALIZED
            return ContractNegotiationEventMessage(id=new_id(), event_type=event, **pids), "/events"
        if not provider and state == NegotiationState.AGREED:
            return ContractAgreementVerificationMessage(id=new_id(), **pids), "/agreement/verification"
        if not provider and state == NegotiationState.OFFERED:
            reason = ("what was offered is not what was asked for",)
            return ContractNegotiationTerminationMessage(
                id=new_id(), code="not-asked-for", reason=reason, **pids
            ), "/termination"
        return None

    async def _answer_request(self, process: Negotiation, pids: dict[str, str]) -> tuple[NegotiationMessage, str]:
        decision = await self._willingness.decide(process)
        if not decision.permits:
            reasons = tuple(reason.text for reason in decision.because) or ("the request is not understood",)
            code = decision.because[0].code if decision.because else "not-understood"
            return ContractNegotiationTerminationMessage(id=new_id(), code=code, reason=reasons, **pids), "/termination"
        agreement = make_agreement(
            new_id(),
            process.offer or {},
            process.dataset,
            self._context.me.id,
            process.counterparty,
            self._context.clock(),
        )
        return ContractAgreementMessage(id=new_id(), agreement=agreement, **pids), "/agreement"

    async def start(
        self, actor: Actor, provider: str, dataset: str, offer: Mapping[str, Any], study: str, purpose: str
    ) -> str:
        """Ask for a contract as consumer; returns our pid. `offer` is the provider's offer as its catalogue says it."""
        require(actor, "researcher", "operator")
        member = self._context.members.active(provider)
        published = await self._context.store.read(lambda tx: tx.get(Study, study))
        if published is None or published.document is None or published.standing != "published":
            raise invalid("There is no such study request here", "study", "the id of a study request you published")
        request = StudyRequest.read(published.document)
        asked = self._willingness.narrowed(offer, dataset, provider, request, purpose)
        now, pid = self._context.clock(), new_id()
        message = ContractRequestMessage(
            id=new_id(), consumer_pid=pid, callback_address=self._context.me.dsp, offer=asked
        )
        new = Negotiation(
            pid=pid, role=str(Role.CONSUMER), counterparty=provider, their_pid=None, callback=member.dsp, state="",
            dataset=dataset, offer=asked, study=study, purposes={"purposes": [purpose]}, created_at=now, updated_at=now,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            tx.add(new)
            self.machine.send(tx, new, message, "/negotiations/request")
            self._context.log(
                tx, "negotiation.asked", pid, {"counterparty": provider, "study": study, "by": actor.entry}
            )

        await self._context.store.write(command)
        return pid

    async def terminate(self, actor: Actor, pid: str, code: str, reason: str) -> None:
        """End a negotiation that is not final. Raises Problem 400, or 409 while the other side has no pid yet."""
        require(actor, "researcher", "steward", "operator")

        def command(tx: Transaction) -> None:
            process = tx.get(Negotiation, pid)
            if process is None or self.machine.is_final(process):
                raise invalid("This negotiation has ended or does not exist")
            if process.their_pid is None:
                raise conflict("The other side has not answered yet", accepted="to terminate after its first answer")
            provider = process.role == Role.PROVIDER
            message = ContractNegotiationTerminationMessage(
                id=new_id(), code=code, reason=(reason,), provider_pid=pid if provider else process.their_pid,
                consumer_pid=process.their_pid if provider else pid,
            )  # fmt: skip
            fresh = tx.change(process, reason={"code": code, "reason": [reason]})
            self.machine.send(tx, fresh, message, negotiation_path(process.their_pid, "/termination"))

        await self._context.store.write(command)

    async def resume(self) -> None:
        """After a start: take up every negotiation whose next step is ours."""
        final = [str(state) for state in table.FINAL]
        for process in await self._context.store.read(lambda tx: tx.find(Negotiation)):
            if process.state not in final:
                self._context.tasks.spawn(self.act(process.pid))


def _read(kind: MessageType, body: Mapping[str, Any]) -> Posted:
    try:
        message = MODELS[kind].read(body)
    except MessageError as fault:
        raise Refusal(400, "message-not-accepted", str(fault)) from None
    if not isinstance(message, Posted):
        raise Refusal(400, "message-not-accepted", "this is not a message of a negotiation")
    return message


def _own_pid(answer: Answer) -> str | None:
    pid = answer.body.get("providerPid")
    return pid if isinstance(pid, str) else None


def _study(offer: Mapping[str, Any]) -> str | None:
    try:
        return bound_terms(dict(offer)).study
    except MessageError as fault:
        raise Refusal(400, "message-not-accepted", str(fault)) from None


def _study_digest(tx: Transaction, study: str | None) -> str | None:
    found = tx.get(Study, study) if study else None
    return found.digest if found else None


def _profile(tx: Transaction, dataset: str) -> str:
    found = tx.get(Dataset, dataset)
    return found.profile if found else ""


def _profile_digest(tx: Transaction, dataset: str) -> str:
    """A profile is named `name:digest`, so that the agreement pins its exact rules."""
    return _profile(tx, dataset).partition(":")[2]
