"""Contract negotiation, both roles (DSP 2025-1, contract.negotiation.protocol).

Receiving never decides what we want: a message is checked, saved and answered; whether the contract is wanted is
decided afterwards by the course (`connector.services.processes.courses`) and ends in a message of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused
from connector.ports import Transaction
from connector.problems import missing
from connector.records import Agreement, Dataset, Negotiation
from connector.services.context import Context
from connector.services.deadlines import LOOK, usual
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.processes.answers import Refusal
from connector.services.processes.conduct import Letter, Protocol
from connector.services.processes.courses import NegotiationCourse
from connector.services.processes.guided import Guided
from connector.services.processes.keeping import kept_agreement, offers_with, standing_of_new
from connector.services.processes.moves import NegotiationMove, Terminate
from connector.services.processes.wording import composed, negotiation_letter
from contracts import negotiation as table
from contracts.agreement import same_terms, wrong_party
from contracts.messages import (
    MODELS,
    ContractAgreementMessage,
    ContractNegotiation,
    ContractNegotiationError,
    ContractOfferMessage,
    ContractRequestMessage,
    MessageError,
    Posted,
    type_of,
)
from contracts.names import MessageType, NegotiationState, Role
from contracts.terms import bound_terms, requested_purposes

KIND = "dsp.negotiation"
MOST_UNANSWERED = 50
"""Offers nobody asked for that one provider may have standing here without an answer."""
MOST_REQUESTED = 2000
"""Requests of one consumer that may wait here for an answer."""
MOST_ROUNDS = 100
"""Offers and counter-offers of one negotiation."""
_RECEIVERS: dict[MessageType, Role] = {
    MessageType.CONTRACT_REQUEST: Role.PROVIDER,
    MessageType.CONTRACT_VERIFICATION: Role.PROVIDER,
    MessageType.CONTRACT_OFFER: Role.CONSUMER,
    MessageType.CONTRACT_AGREEMENT: Role.CONSUMER,
}
"""Which role receives a message; events and terminations reach either."""


def read_posted(body: Mapping[str, Any]) -> Posted:
    """Any negotiation message, by its `@type`. Raises MessageError."""
    kind = type_of(body)
    message = MODELS[kind].read(body) if kind is not None else None
    if not isinstance(message, Posted):
        raise MessageError("/@type", "is not a message of a negotiation", "a DSP 2025-1 message type")
    return message


class Negotiations(Guided[Negotiation, NegotiationMove]):
    """Starts, receives and advances negotiations."""

    def __init__(self, context: Context, course: NegotiationCourse) -> None:
        protocol = Protocol(
            Negotiation, KIND, NegotiationState, table.step, table.step_of, table.FINAL, ContractNegotiation,
            ContractNegotiationError, read_posted, _RECEIVERS,
        )  # fmt: skip
        super().__init__(context, protocol, course)

    # --- what we start -----------------------------------------------------------------------------------------------

    async def ask(
        self,
        provider: Member,
        dataset: str,
        offer: Mapping[str, Any],
        *,
        study: str | None = None,
        purposes: tuple[str, ...] = (),
        selection: Mapping[str, Any] | None = None,
        callback: str | None = None,
        by: Mapping[str, Any] | None = None,
    ) -> str:
        """Consumer: ask for a contract under this offer, which names its dataset as target; returns our pid.

        Raises Problem 400 for an offer that is no message.
        """
        new = self._new(Role.CONSUMER, provider, callback or provider.dsp, dataset, study=study, offer=dict(offer),
                        selection=_copied(selection), purposes={"purposes": list(purposes)})  # fmt: skip
        message = composed(
            ContractRequestMessage, consumer_pid=new.pid, callback_address=self._context.me.dsp, offer=dict(offer),
            selection=selection,
        )  # fmt: skip
        return await self._begin(new, message, "/negotiations/request", "negotiation.asked", by)

    async def offer(
        self,
        consumer: Member,
        dataset: str,
        policy: Mapping[str, Any],
        *,
        selection: Mapping[str, Any] | None = None,
        callback: str | None = None,
        by: Mapping[str, Any] | None = None,
    ) -> str:
        """Provider: make the first offer; returns our pid. Raises Problem 400 for an offer that is no message."""
        new = self._new(Role.PROVIDER, consumer, callback or consumer.dsp, dataset, offer=dict(policy),
                        selection=_copied(selection), study=_study(policy),
                        purposes={"purposes": list(requested_purposes(dict(policy)))})  # fmt: skip
        message = composed(
            ContractOfferMessage, provider_pid=new.pid, callback_address=self._context.me.dsp, offer=dict(policy),
            selection=selection,
        )  # fmt: skip
        return await self._begin(new, message, "/negotiations/offers", "negotiation.offered", by)

    def _new(self, role: Role, other: Member, callback: str, dataset: str, **facts: Any) -> Negotiation:
        now = self._context.clock()
        return Negotiation(
            pid=new_id(), role=str(role), counterparty=other.id, their_pid=None, callback=callback, state="",
            dataset=dataset, initiator=str(role), offered_by=str(role), created_at=now, updated_at=now, **facts,
        )  # fmt: skip

    async def _begin(
        self, new: Negotiation, message: Posted, path: str, kind: str, by: Mapping[str, Any] | None
    ) -> str:
        self.machine.said.keep(message)

        def command(tx: Transaction) -> None:
            tx.add(new)
            self._context.deliveries.send(
                tx, recipient=new.counterparty, url=new.callback.rstrip("/") + path, kind=KIND, body=message.wire(),
                about=new.pid, id=message.id,
            )  # fmt: skip
            facts = {"counterparty": new.counterparty, "study": new.study, "by": dict(by or {})}
            self._context.log(tx, kind, new.pid, facts)

        await self._context.store.write(command)
        return new.pid

    async def move(
        self,
        pid: str,
        move: NegotiationMove,
        by: Mapping[str, Any] | None = None,
        *,
        first: Callable[[Transaction, Negotiation], None] | None = None,
    ) -> None:
        """Somebody's decision for us. Raises Problem 404, or 409 when it is not our turn for it.

        `first` runs in the same transaction: what must still hold there (it raises), and what is kept with the move.
        """

        def command(tx: Transaction) -> None:
            process = tx.get(Negotiation, pid)
            if process is None:
                raise missing("There is no such negotiation here")
            if first is not None:
                first(tx, process)
            if isinstance(move, Terminate) and not process.state:
                self.machine.wish(tx, process, move, 3, move.code, move.reasons)
            else:
                self.machine.queue(tx, process, move)
            kind = f"negotiation.{type(move).__name__.lower()}-decided"
            self._context.log(tx, kind, pid, {"by": dict(by or {}), "counterparty": process.counterparty})

        await self._context.store.write(command)

    # --- conduct -----------------------------------------------------------------------------------------------------

    def end(self, code: str, reasons: tuple[str, ...]) -> NegotiationMove:
        """The move that ends a negotiation."""
        return Terminate(code, reasons)

    def letter(self, tx: Transaction, process: Negotiation, move: NegotiationMove) -> Letter:  # noqa: ARG002
        """A move as a message."""
        return negotiation_letter(self._context, process, move)

    def opened(self, tx: Transaction, sender: Member, message: Posted) -> tuple[Negotiation, int]:
        """The initial request, whose offer must be one of ours, or a provider's initial offer."""
        if not isinstance(message, ContractRequestMessage | ContractOfferMessage) or message.callback_address is None:
            raise Refusal(400, "unknown-process", "a message with the pid of ours belongs at the address of that pid")
        try:
            self._context.members.check_callback(sender, message.callback_address)
        except OutboundRefused as refused:
            raise Refusal(400, "callback-refused", f"callbackAddress cannot be called: {refused}") from None
        provider = isinstance(message, ContractRequestMessage)
        role = Role.PROVIDER if provider else Role.CONSUMER
        theirs = message.consumer_pid if provider else message.provider_pid
        if tx.find(Negotiation, counterparty=sender.id, their_pid=theirs, limit=1):
            raise Refusal(400, "pid-reused", f"this {role.other}Pid belongs to another negotiation")
        if provider and tx.count(Negotiation, state="REQUESTED", counterparty=sender.id) >= MOST_REQUESTED:
            raise Refusal(400, "too-many-requests", "too many requests of yours wait here for an answer already")
        dataset = self._offered(tx, message).id if provider else self._not_too_many(tx, sender, message)
        other = str(role.other)
        new = self._new(role, sender, message.callback_address, dataset)
        new = replace(new, initiator=other, offered_by=other)
        tx.add(new)
        return new, 201

    @staticmethod
    def _offered(tx: Transaction, message: Posted) -> Dataset:
        assert isinstance(message, ContractRequestMessage)  # noqa: S101 - the caller has looked
        offered = tx.find(Dataset, offer_id=str(message.offer.get("@id")), standing="published", limit=1)
        if not offered or offered[0].id != message.dataset:
            raise Refusal(
                400, "unknown-offer", "this offer was not made; accepted: an offer of our catalogue, with its target"
            )
        return offered[0]

    @staticmethod
    def _not_too_many(tx: Transaction, sender: Member, message: Posted) -> str:
        assert isinstance(message, ContractOfferMessage)  # noqa: S101
        standing = tx.count(Negotiation, counterparty=sender.id, role="consumer", state="OFFERED", initiator="provider")
        if standing >= MOST_UNANSWERED:
            raise Refusal(400, "too-many-offers", f"{standing} offers of yours wait here for an answer already")
        return message.dataset

    def checked(self, tx: Transaction, process: Negotiation, message: Posted) -> dict[str, Any]:
        """What a message says must fit what went before. Raises Refusal 400."""
        if isinstance(message, ContractAgreementMessage):
            self._check_agreement(tx, process, message)
        if isinstance(message, ContractRequestMessage | ContractOfferMessage):
            return self._standing_now(tx, process, message)
        return {}

    def _standing_now(
        self, tx: Transaction, process: Negotiation, message: ContractRequestMessage | ContractOfferMessage
    ) -> dict[str, Any]:
        """The offer that stands from now on: about the same dataset, between the same two parties."""
        offer, me = message.offer, self._context.me.id
        provider, consumer = (me, process.counterparty) if process.role == "provider" else (process.counterparty, me)
        if len((process.offers or {}).get("offers", ())) >= MOST_ROUNDS:
            raise Refusal(400, "too-many-rounds", f"this negotiation has had {MOST_ROUNDS} offers already")
        if message.dataset != process.dataset:
            raise Refusal(400, "other-target", "/offer/target is not the dataset of this negotiation")
        for key, value in (("assigner", provider), ("assignee", consumer)):
            if offer.get(key, value) != value:
                raise Refusal(400, "other-party", f"/offer/{key} is not the {key} of this negotiation")
        if process.role == "provider" and offer["@id"] not in _made_here(tx, process):
            raise Refusal(400, "unknown-offer", "/offer/@id is not that of an offer made in this negotiation")
        by = Role(process.role).other
        return offers_with(process, by, dict(offer), message.selection, self._context.clock()) | {
            "study": _study(offer) if process.role == "provider" else process.study or _study(offer),
            "purposes": {"purposes": list(requested_purposes(dict(offer)))},
        }

    def _check_agreement(self, tx: Transaction, process: Negotiation, message: ContractAgreementMessage) -> None:
        """An agreement that is not what was asked is a protocol error (design 3.3)."""
        agreement = message.agreement
        difference = wrong_party(
            agreement, target=process.dataset, assigner=process.counterparty, assignee=self._context.me.id
        ) or same_terms(process.offer or {}, agreement)
        if difference is not None:
            raise Refusal(400, "agreement-differs", f"the agreement is not what was asked: {difference}")
        if tx.get(Agreement, str(agreement["@id"])) is not None:
            raise Refusal(400, "agreement-differs", "the agreement has the @id of another one")

    def refreshed(self, tx: Transaction, process: Negotiation, message: Posted) -> Negotiation | None:  # noqa: ARG002
        """Nothing is taken outside the table."""
        return None

    def answered(self, tx: Transaction, process: Negotiation, message: Posted, *, taken: bool) -> Negotiation:  # noqa: ARG002
        """Nothing beside the state."""
        return process

    def wished(self, parting: Mapping[str, Any]) -> NegotiationMove:
        """Only an end can be wished for in advance."""
        return Terminate(str(parting.get("code", "")), tuple(parting.get("reason", ())))

    def finalized(self, tx: Transaction, pid: str) -> bool:
        """Whether a contract counts, now that its consumer asks for data: only one who received FINALIZED can."""
        process = tx.get(Negotiation, pid)
        if process is None or process.parting is not None or process.state != NegotiationState.VERIFIED:
            return False
        return self.machine.proved(tx, process, table.NegotiationStep.FINALIZE) is not None

    def unsettled(self, process: Negotiation) -> bool:  # noqa: ARG002
        """Every message of a negotiation is a step."""
        return False

    def entered(self, tx: Transaction, process: Negotiation, message: Posted | None, by: Role) -> Negotiation:
        """What follows from a state: an agreement is kept from AGREED on and counts from FINALIZED on."""
        if isinstance(message, ContractRequestMessage | ContractOfferMessage) and str(by) == process.role:
            now = self._context.clock()
            return tx.change(process, **offers_with(process, by, dict(message.offer), message.selection, now))
        if isinstance(message, ContractAgreementMessage):
            policy, times = dict(message.agreement), usual(self._context.settings)
            agreement = kept_agreement(tx, process, policy, self._context.clock(), times)
            tx.add(agreement)
            return tx.change(process, agreement=agreement.id, answer_by=None)
        if process.state == NegotiationState.FINALIZED and process.agreement:
            if (agreement_now := tx.get(Agreement, process.agreement)) is not None:
                occasions.agreed(tx, self._context, tx.change(agreement_now, **standing_of_new(tx, agreement_now)))
                if agreement_now.until is not None and agreement_now.until - self._context.clock() < LOOK:
                    tx.ring("endings")  # its own end is nearer than the next look at them
            tx.ring("agreements")
        if process.state == NegotiationState.TERMINATED and process.agreement:
            pending = tx.get(Agreement, process.agreement)
            if pending is not None and pending.standing == "pending":
                tx.change(pending, standing="ended", ended_at=self._context.clock())
                for bell in ("endings", "transfers", "agreements"):
                    tx.ring(bell)
        return tx.change(process, answer_by=None) if process.answer_by is not None else process


_OVER = frozenset(str(state) for state in table.FINAL)


def _study(offer: Mapping[str, Any]) -> str | None:
    try:
        return bound_terms(dict(offer)).study
    except MessageError as fault:
        raise Refusal(400, "message-not-accepted", str(fault)) from None


def _copied(selection: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if selection is None else dict(selection)


def _made_here(tx: Transaction, process: Negotiation) -> set[str]:
    """The ids of the offers a consumer may answer: the catalogue's, and every one that was on this table."""
    dataset = tx.get(Dataset, process.dataset)
    said = (process.offers or {}).get("offers", [])
    present = [process.offer] if process.offer else []
    return {
        dataset.offer_id if dataset else "",
        *(one["policy"]["@id"] for one in said),
        *(one["@id"] for one in present),
    }
