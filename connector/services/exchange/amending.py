"""An agreement's terms are changed: one side proposes a whole policy, somebody on the other side accepts or declines.

The provider's store is where it is decided. What the consumer says (yes, or that it takes its own proposal back) counts
once the provider has confirmed it; so messages that cross, repeat or lose their answers end alike at both sides. On
acceptance the provider decides as it would about a negotiation: policy, the standing rule, and as many persons as that
wants (`votes`). The new agreement goes on where the old one stood: same
parties, same dataset, same pseudonyms; every transfer under the old one is terminated (`Endings`).

What people here do is in this file, what the other side says in `answering`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, Amendment
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.contracting.views import NarrowingDraft
from connector.services.contracting.wording import narrowed_by, study_of
from connector.services.delivery import new_id
from connector.services.exchange import speech, votes
from connector.services.exchange.ending import checked_reason, own_agreement
from connector.services.exchange.ledger import SEND_ANSWER, SEND_PROPOSAL, AmendmentLedger, record_of
from contracts import amending as wire
from contracts.amending import Verdict, proposed_policy
from contracts.messages import MessageError
from contracts.names import Role
from contracts.narrowing import Narrowed, agreed_selection

ANSWER_DAYS = 30


class Amendments:
    """What people at this side do about changed terms."""

    def __init__(self, context: Context, ledger: AmendmentLedger) -> None:
        self._context = context
        self._ledger = ledger

    async def propose(
        self,
        actor: Actor,
        agreement_id: str,
        policy: Mapping[str, Any],
        selection: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> str:
        """Propose a whole policy (target and parties are put in) in place of an agreement's; returns the proposal's id.

        `selection` is what the policy's selection digest stands for, where that changes. Raises Problem 400, 403, 404,
        409: one proposal at a time, and a provider proposes nothing it could not agree to. Its proposer has said yes to
        it; where the rule wants two persons, another one must still (`accept`).
        """
        agreement = await self._context.store.read(lambda tx: own_agreement(tx, actor, agreement_id))
        claims = self._worded(agreement, policy, selection, reason)
        if agreement.role == Role.PROVIDER:
            await self._ledger.must_permit(agreement, claims.policy, record_of(claims, "").selection)

        def command(tx: Transaction) -> None:
            current = own_agreement(tx, actor, agreement_id)
            self._ledger.check_active(current)
            if self._ledger.open(tx, agreement_id):
                raise conflict("A proposal about this contract is open", accepted="once it was answered or withdrawn")
            votes.check_rule(tx, current)
            jws = speech.say(self._context, speech.PROPOSED_TERMS, claims.wire())
            tx.add(made := record_of(claims, jws))
            if current.role == Role.PROVIDER:
                votes.vote(tx, self._context, current, made, actor)
            self._ledger.send(tx, current, SEND_PROPOSAL, "/amendments", {"proposal": jws}, claims.amendment)
            self._ledger.note(tx, "amendment.proposed", claims.amendment, agreement_id, actor.entry, jws)

        await self._context.store.write(command)
        return claims.amendment

    async def narrow(self, actor: Actor, agreement_id: str, draft: NarrowingDraft, reason: str = "") -> str:
        """Propose the present terms, narrowed as somebody filled in; returns the proposal's id. Raises as `propose`."""

        def query(tx: Transaction) -> Narrowed:
            agreement = own_agreement(tx, actor, agreement_id)
            study = study_of(tx, agreement.study)
            selection = agreed_selection(study, agreement.dataset, agreement.policy or {}, agreement.selection)
            return narrowed_by(agreement.policy or {}, draft, self._context.clock(), selection, study)

        made = await self._context.store.read(query)
        selection = made.selection.wire() if made.selection is not None else None
        return await self.propose(actor, agreement_id, made.policy, selection, reason)

    async def accept(self, actor: Actor, amendment_id: str) -> None:
        """Say yes to changed terms: those of the other side, or as provider another person's for our own proposal.

        At a provider whose rule wants two persons it stays open until both have. Raises Problem 403, 404, 409; 409 also
        where policy or the rule does not allow it, and for the same person twice.
        """
        amendment, agreement = await self._context.store.read(lambda tx: self._to_answer(tx, actor, amendment_id))
        if agreement.role == Role.PROVIDER:
            await self._ledger.must_permit(agreement, amendment.policy or {}, amendment.selection)

        def command(tx: Transaction) -> None:
            amendment, agreement = self._to_answer(tx, actor, amendment_id)
            if agreement.role == Role.PROVIDER:
                self._approve(tx, actor, agreement, amendment)
                return
            jws = self._ledger.say(amendment, Verdict.ACCEPTED)
            self._ledger.settled(tx, amendment, "answering", answer=jws)
            self._ledger.send(tx, agreement, SEND_ANSWER, "/answers", {"answer": jws}, amendment_id)
            self._ledger.note(tx, "amendment.accepted", amendment_id, agreement.id, actor.entry, jws)

        await self._context.store.write(command)

    def _approve(self, tx: Transaction, actor: Actor, agreement: Agreement, amendment: Amendment) -> None:
        """Provider: one person's yes. Carried out once there are enough, and for our own proposal the consumer's."""
        votes.check_rule(tx, agreement)
        ours = amendment.by == self._context.me.id
        if ours and not amendment.answer and votes.enough(tx, agreement, amendment):
            raise conflict("This proposal waits for the other side", accepted="nobody else here has to say yes")
        if not votes.vote(tx, self._context, agreement, amendment, actor) or (ours and not amendment.answer):
            return
        made = self._ledger.made(agreement, amendment)
        jws = self._ledger.say(amendment, Verdict.ACCEPTED, contract=made)
        said = {"outcome": jws} if ours else {"answer": jws}
        self._ledger.replace(tx, agreement, self._ledger.settled(tx, amendment, "accepted", **said), made)
        self._ledger.send(tx, agreement, SEND_ANSWER, "/answers", {"answer": jws}, amendment.id)
        self._ledger.note(tx, "amendment.accepted", amendment.id, agreement.id, actor.entry, jws)

    async def decline(self, actor: Actor, amendment_id: str, reason: str) -> None:
        """Decline what the other side proposed, for a reason in words. Raises Problem 400, 403, 404, 409."""
        words = checked_reason(reason)

        def command(tx: Transaction) -> None:
            amendment, agreement = self._theirs(tx, actor, amendment_id)
            jws = self._ledger.say(amendment, Verdict.DECLINED, words)
            self._ledger.settled(tx, amendment, "declined", answer=jws, answer_reason=words)
            self._ledger.send(tx, agreement, SEND_ANSWER, "/answers", {"answer": jws}, amendment_id)
            self._ledger.note(tx, "amendment.declined", amendment_id, agreement.id, actor.entry, jws)

        await self._context.store.write(command)

    async def withdraw(self, actor: Actor, amendment_id: str, reason: str = "") -> None:
        """Take our own proposal back; at a consumer that counts once the provider confirms it. Raises Problem."""
        words = checked_reason(reason) if reason.strip() else None

        def command(tx: Transaction) -> None:
            amendment = tx.get(Amendment, amendment_id)
            if amendment is None or amendment.by != self._context.me.id:
                raise missing("There is no such proposal of ours")
            agreement = own_agreement(tx, actor, amendment.agreement)
            if amendment.standing != "open":
                raise conflict(f"This proposal is {amendment.standing}", accepted="an open proposal")
            jws = self._ledger.say(amendment, Verdict.WITHDRAWN, words)
            standing = "withdrawn" if agreement.role == Role.PROVIDER else "withdrawing"
            self._ledger.settled(tx, amendment, standing, answer=jws, answer_reason=words or "")
            self._ledger.send(tx, agreement, SEND_ANSWER, "/answers", {"answer": jws}, amendment_id)
            self._ledger.note(tx, "amendment.withdrawn", amendment_id, agreement.id, actor.entry, jws)

        await self._context.store.write(command)

    def _worded(
        self, agreement: Agreement, policy: Mapping[str, Any], selection: Mapping[str, Any] | None, reason: str
    ) -> wire.ProposedTerms:
        """Our proposal. Raises Problem 400, 409."""
        self._ledger.check_active(agreement)
        now, id = self._context.clock(), new_id()
        try:
            claims = wire.ProposedTerms.read(
                {
                    "amendment": id, "agreement": agreement.id, "by": self._context.me.id,
                    "policy": proposed_policy(dict(policy), id, agreement.dataset, *self._ledger.parties(agreement)),
                    "selection": dict(selection) if selection is not None else agreement.selection,
                    "reason": checked_reason(reason) if reason.strip() else None,
                    "proposed_at": now, "answer_by": now + timedelta(days=ANSWER_DAYS),
                }
            )  # fmt: skip
        except MessageError as fault:
            raise invalid(str(fault), "policy") from None
        if not self._context.members.speaks_exchange(agreement.counterparty):
            name = self._context.members.name_of(agreement.counterparty)
            raise conflict(f"{name} does not speak the consent exchange", accepted="a new negotiation with them")
        self._ledger.check_proposal(agreement, claims)
        return claims

    def _theirs(self, tx: Transaction, actor: Actor, amendment_id: str) -> tuple[Amendment, Agreement]:
        """An open proposal of the other side, for somebody here who may answer it. Raises Problem 403, 404, 409."""
        amendment, agreement = self._to_answer(tx, actor, amendment_id)
        if amendment.by == self._context.me.id:
            raise missing("There is no such proposal of the other side")
        return amendment, agreement

    def _to_answer(self, tx: Transaction, actor: Actor, amendment_id: str) -> tuple[Amendment, Agreement]:
        """The same; at a provider also one of our own, which may need another person. Raises Problem 403, 404, 409."""
        amendment = tx.get(Amendment, amendment_id)
        found = tx.get(Agreement, amendment.agreement) if amendment is not None else None
        ours = amendment is not None and amendment.by == self._context.me.id
        if amendment is None or (ours and (found is None or found.role != Role.PROVIDER)):
            raise missing("There is no such proposal of the other side")
        agreement = own_agreement(tx, actor, amendment.agreement)
        late = amendment.answer_by is not None and amendment.answer_by <= self._context.clock()
        if amendment.standing != "open" or late:
            raise conflict(f"This proposal is {'too old' if late else amendment.standing}", accepted="an open proposal")
        self._ledger.check_active(agreement)
        return amendment, agreement
