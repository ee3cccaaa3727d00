"""What amendments rest on, at both sides: the rules a proposal keeps, our signed words, and the new agreement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid
from connector.records import Agreement, Amendment, Dataset, Negotiation
from connector.services.chains import domain_of
from connector.services.context import Context
from connector.services.contracting.questions import is_understood
from connector.services.deadlines import usual
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.exchange.ending import stop_fetching
from connector.services.processes.keeping import ends
from contracts import amending as wire
from contracts.agreement import make_agreement, wrong_party
from contracts.amending import Verdict
from contracts.deadlines import deadlines_of
from contracts.messages import MessageError
from contracts.names import Role
from contracts.terms import bound_terms, requested_purposes, terms_digest
from policy.canonical import digest
from policy.decision import Decision

SEND_PROPOSAL = "exchange.amendment"
SEND_ANSWER = "exchange.amendment-answer"
OPEN = ("open", "answering", "withdrawing")

Decide = Callable[[Negotiation], Awaitable[Decision]]
"""Whether we, as provider, may agree to what a negotiation asks for (`Willingness.decide`)."""


class AmendmentLedger:
    """Reads and writes amendments inside a transaction of the caller's."""

    def __init__(self, context: Context, decide: Decide) -> None:
        self._context = context
        self._decide = decide

    def made(self, agreement: Agreement, amendment: Amendment) -> dict[str, Any]:
        """Provider: the new agreement (wire form) from proposed terms, with an id of its own."""
        policy, (assigner, assignee) = amendment.policy or {}, self.parties(agreement)
        return make_agreement(new_id(), policy, agreement.dataset, assigner, assignee, self._context.clock())

    async def must_permit(
        self, agreement: Agreement, policy: Mapping[str, Any], selection: Mapping[str, Any] | None
    ) -> None:
        """Raises Problem 409 when we as provider may not agree to these terms."""
        if (refusal := await self.refusal(agreement, policy, selection)) is not None:
            raise conflict(refusal, "not-permitted", "terms within what the dataset offers and the study asks for")

    async def refusal(
        self, agreement: Agreement, policy: Mapping[str, Any], selection: Mapping[str, Any] | None
    ) -> str | None:
        """Why we as provider may not agree to these terms, in words; the same decision as about a negotiation."""
        process = await self._context.store.read(lambda tx: tx.get(Negotiation, agreement.negotiation))
        if process is None:
            return "The negotiation of this contract is not known any more."
        carried = dict(selection) if selection is not None else None
        decision = await self._decide(replace(process, offer=dict(policy), study=agreement.study, selection=carried))
        return (
            None if decision.permits else " ".join(cause.text for cause in decision.because) or "It is not permitted."
        )

    def check_proposal(self, agreement: Agreement, claims: wire.ProposedTerms) -> None:
        """What is proposed is about this agreement, and changes it. Raises Problem 400."""
        assigner, assignee = self.parties(agreement)
        wrong = wrong_party(claims.policy, target=agreement.dataset, assigner=assigner, assignee=assignee)
        if wrong is not None:
            raise invalid(f"The proposal is not about this contract: {wrong}", "policy")
        if not is_understood(claims.policy):
            raise invalid("The proposal holds a term that is not understood here", "policy", "terms that can be kept")
        if terms_digest(claims.policy) == agreement.digest:
            raise invalid("The proposal changes nothing", "policy", "a policy with other terms")
        try:
            bound, before = bound_terms(claims.policy), bound_terms(dict(agreement.policy or {}))
        except MessageError as fault:
            raise invalid(str(fault), "policy") from None
        if bound.study != before.study:
            raise invalid("A contract for another study is another contract", "policy", "the study of this contract")
        carried = claims.selection.digest if claims.selection is not None else None
        if carried != bound.selection and (carried is not None or bound.selection != before.selection):
            raise invalid("The selection is not the one its digest in the policy names", "selection")

    def open(self, tx: Transaction, agreement: str) -> list[Amendment]:
        """The proposals about an agreement that somebody may still answer; one nobody answered in time lapses here."""
        found = tx.find(Amendment, agreement=agreement, standing=list(OPEN))
        now, still = self._context.clock(), []
        for one in found:
            # A yes that waits for the provider's people waits no longer than the proposal stands.
            if one.standing in ("open", "answering") and one.answer_by is not None and one.answer_by <= now:
                self.settled(tx, one, "lapsed", answer_reason="Nobody answered in time.")
            else:
                still.append(one)
        return still

    def replace(self, tx: Transaction, agreement: Agreement, amendment: Amendment, contract: dict[str, Any]) -> None:
        """The new agreement stands in the place of the old one; of one that ended meanwhile, it is over at once."""
        now, over = self._context.clock(), agreement.standing == "ended"
        made = _amended(tx, agreement, contract, amendment.selection, now)
        made = replace(made, deadlines=deadlines_of(contract, usual(self._context.settings)).wire())
        if over:
            made = replace(
                made, standing="ended", ended_at=agreement.ended_at, ended_by=agreement.ended_by,
                end_reason=agreement.end_reason,
            )  # fmt: skip
        else:
            tx.change(agreement, standing="replaced", ended_at=now)
        tx.add(made)
        if not over:
            occasions.replaced(tx, self._context, agreement, made)
        tx.change(amendment, made=made.id)
        stop_fetching(tx, [agreement.id])
        self._context.log(
            tx, "agreement.amended", made.id,
            {"replaces": agreement.id, "amendment": amendment.id, "digest": made.digest, "with": made.counterparty},
        )  # fmt: skip
        tx.ring("agreements")

    @staticmethod
    def check_active(agreement: Agreement, status: int = 409) -> None:
        """Raises Problem unless the agreement is active."""
        if agreement.standing != "active":
            raise Problem(status, "agreement-not-active", "This contract is not active", f"it is {agreement.standing}")

    def parties(self, agreement: Agreement) -> tuple[str, str]:
        """(assigner, assignee): the provider assigns."""
        ours, theirs = self._context.me.id, agreement.counterparty
        return (ours, theirs) if agreement.role == Role.PROVIDER else (theirs, ours)

    def say(
        self, amendment: Amendment, verdict: Verdict, reason: str | None = None, contract: dict[str, Any] | None = None
    ) -> str:
        """Our signed word about a proposal."""
        claims = wire.AnswerToTerms(
            amendment=amendment.id, agreement=amendment.agreement, proposal_digest=amendment.digest,
            by=self._context.me.id, answer=verdict, reason=reason, contract=contract, at=self._context.clock(),
        )  # fmt: skip
        return speech.say(self._context, speech.ANSWER_TO_TERMS, claims.wire())

    def settled(self, tx: Transaction, amendment: Amendment, standing: str, **changes: Any) -> Amendment:
        """Note what became of a proposal."""
        tx.ring("agreements")
        return tx.change(amendment, standing=standing, answered_at=self._context.clock(), **changes)

    def send(
        self, tx: Transaction, agreement: Agreement, kind: str, path: str, body: dict[str, Any], about: str
    ) -> None:
        """Queue a message to the other side; the path is below `/consent`."""
        other = agreement.counterparty
        # One lane per agreement: a proposal is settled at the other side before anything we say afterwards arrives.
        self._context.deliveries.send(
            tx, recipient=other, url=f"{self._context.members.exchange(other)}{path}", kind=kind, body=body,
            about=about, lane=f"amend:{agreement.id}",
        )  # fmt: skip

    def note(
        self, tx: Transaction, kind: str, amendment: str, agreement: str, by: Mapping[str, Any], statement: str
    ) -> None:
        """Take it up into the evidence log."""
        self._context.log(tx, kind, amendment, {"agreement": agreement, "by": dict(by), "statement": statement})


def record_of(claims: wire.ProposedTerms, jws: str) -> Amendment:
    """A proposal as it is kept, whoever made it."""
    selection = claims.selection.wire() if claims.selection is not None else None
    return Amendment(
        id=claims.amendment, agreement=claims.agreement, by=claims.by, policy=claims.policy, selection=selection,
        reason=claims.reason or "", proposal=jws, digest=digest(claims.wire()), proposed_at=claims.proposed_at,  # type: ignore[arg-type]
        answer_by=claims.answer_by,
    )  # fmt: skip


def _amended(
    tx: Transaction, before: Agreement, contract: dict[str, Any], selection: dict[str, Any] | None, now: datetime
) -> Agreement:
    """The agreement that takes another's place, as its record."""
    dataset = tx.get(Dataset, before.dataset) if before.role == Role.PROVIDER else None
    profile = dataset.profile if dataset is not None else before.profile
    return replace(
        before, id=str(contract["@id"]), policy=contract, digest=terms_digest(contract),
        purposes={"purposes": list(requested_purposes(contract))}, selection=selection,
        study_digest=bound_terms(contract).study_digest, profile=profile, profile_digest=profile.partition(":")[2],
        standing="suspended" if before.standing == "suspended" else "active", revision=0, replaces=before.id,
        root=domain_of(before), made_at=now, until=ends(contract), ended_at=None, ended_by="", end_reason="",
    )  # fmt: skip
