"""Changed terms as the other side speaks of them: a proposal, an answer to ours, or that it takes its own back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.identity.members import Member
from connector.identity.tokens import SKEW
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Agreement, Amendment, OutboxMessage
from connector.services.context import Context
from connector.services.exchange import speech, votes
from connector.services.exchange.ledger import OPEN, SEND_ANSWER, SEND_PROPOSAL, AmendmentLedger, record_of
from contracts import amending as wire
from contracts.agreement import same_terms, wrong_party
from contracts.amending import Verdict
from contracts.names import Role

_CROSSED = "amendment-crossed"


class AmendmentDesk:
    """Receives what is said about changed terms, and settles what became of our own messages."""

    def __init__(self, context: Context, ledger: AmendmentLedger) -> None:
        self._context = context
        self._ledger = ledger
        context.deliveries.on(SEND_PROPOSAL, refused=self._proposal_refused)
        context.deliveries.on(SEND_ANSWER, self._answered, self._answer_refused, stubborn=_is_yes)

    async def proposed(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/amendments`: the other side proposes other terms."""
        jws = speech.read_body(wire.AmendmentProposal, body).proposal
        claims = speech.hear(jws, speech.PROPOSED_TERMS, sender, wire.ProposedTerms)
        if claims.by != sender.id:
            raise forbidden("A proposal is sent by the one who makes it")

        def command(tx: Transaction) -> None:
            agreement = self._between(tx, sender, claims.agreement)
            known = tx.get(Amendment, claims.amendment)
            if known is not None:
                if known.proposal != jws:
                    raise invalid("This id belongs to another proposal", "amendment")
                return
            self._ledger.check_active(agreement, 400)
            self._ledger.check_proposal(agreement, claims)
            self._cross(tx, agreement)
            tx.add(record_of(claims, jws))
            self._ledger.note(tx, "amendment.received", claims.amendment, agreement.id, {"participant": sender.id}, jws)
            tx.ring("agreements")

        await self._context.store.write(command)
        return {}

    async def answered(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/answers`: what the other side says to a proposal, or that it takes its own back."""
        jws = speech.read_body(wire.AmendmentAnswer, body).answer
        claims = self._heard(jws, sender)
        amendment, agreement = await self._context.store.read(lambda tx: self._known(tx, sender, claims))
        refusal = None
        if agreement.role == Role.PROVIDER and amendment.standing == "open" and claims.answer is Verdict.ACCEPTED:
            refusal = await self._ledger.refusal(agreement, amendment.policy or {}, amendment.selection)

        def command(tx: Transaction) -> str | None:
            amendment, agreement = self._known(tx, sender, claims)
            if agreement.role == Role.PROVIDER:
                return self._decided_here(tx, agreement, amendment, claims, jws, refusal)
            self._decided_there(tx, agreement, amendment, claims, jws)
            return None

        return {"outcome": await self._context.store.write(command)}

    def _decided_here(
        self,
        tx: Transaction,
        agreement: Agreement,
        amendment: Amendment,
        claims: wire.AnswerToTerms,
        jws: str,
        refusal: str | None,
    ) -> str | None:
        """The consumer answered, or takes its own back; returns our signed word about it where there is one.

        A yes that comes before enough persons here have said theirs is kept; our word follows with the last of them.
        """
        ours = amendment.by == self._context.me.id
        if ours == (claims.answer is Verdict.WITHDRAWN):
            raise forbidden("Only the proposer withdraws, and only the other side answers")
        if amendment.standing != "open":
            return self._word_given(tx, amendment, claims)
        late = amendment.answer_by is not None and amendment.answer_by <= self._context.clock()
        refusal = refusal or votes.refused_by_rule(tx, agreement)
        if claims.answer is not Verdict.ACCEPTED:
            standing = "withdrawn" if claims.answer is Verdict.WITHDRAWN else "declined"
            self._ledger.settled(tx, amendment, standing, answer=jws, answer_reason=claims.reason or "")
            outcome = None
        elif agreement.standing != "active" or late or refusal is not None:
            why = refusal or ("The proposal was answered too late." if late else "The contract is over.")
            outcome = self._ledger.say(amendment, Verdict.DECLINED, why)
            self._ledger.settled(tx, amendment, "lapsed", answer=jws, outcome=outcome, answer_reason=why)
        elif not votes.enough(tx, agreement, amendment):
            if amendment.answer:
                return None
            tx.change(amendment, answer=jws)
            tx.ring("agreements")
            outcome = None
        else:
            made = self._ledger.made(agreement, amendment)
            outcome = self._ledger.say(amendment, Verdict.ACCEPTED, contract=made)
            amendment = self._ledger.settled(tx, amendment, "accepted", answer=jws, outcome=outcome)
            self._ledger.replace(tx, agreement, amendment, made)
        by = {"participant": agreement.counterparty}
        self._ledger.note(tx, f"amendment.{claims.answer}", amendment.id, agreement.id, by, jws)
        return outcome

    def _word_given(self, tx: Transaction, amendment: Amendment, claims: wire.AnswerToTerms) -> str | None:
        """It was decided before: the same word again, or that a yes comes too late."""
        if claims.answer is Verdict.DECLINED:
            return None
        given = amendment.outcome or (amendment.answer if amendment.by != self._context.me.id else "")
        if given and (claims.answer is Verdict.ACCEPTED or amendment.standing == "accepted"):
            return given
        if claims.answer is Verdict.WITHDRAWN:
            return None
        outcome = self._ledger.say(
            amendment, Verdict.DECLINED, amendment.answer_reason or "The proposal is no longer open."
        )
        tx.change(amendment, outcome=outcome)
        return outcome

    def _decided_there(
        self, tx: Transaction, agreement: Agreement, amendment: Amendment, claims: wire.AnswerToTerms, jws: str
    ) -> None:
        """The provider's word: about our proposal, about our yes, or that it takes its own proposal back.

        It says nothing twice, and it never agrees for us. Raises Problem 400, 403, 409.
        """
        if amendment.standing == "accepted":
            return
        ours = amendment.by == self._context.me.id
        if ours and claims.answer is Verdict.WITHDRAWN:
            raise forbidden("Only the proposer withdraws, and only the other side answers")
        by = {"participant": agreement.counterparty}
        if claims.answer is Verdict.ACCEPTED:
            self._check_willing(tx, agreement, amendment, claims)
            contract = self._checked_contract(tx, agreement, amendment, claims)
            amendment = self._ledger.settled(tx, amendment, "accepted", outcome=jws)
            self._ledger.replace(tx, agreement, amendment, contract)
        elif amendment.standing in OPEN:
            standing = "withdrawn" if claims.answer is Verdict.WITHDRAWN else "declined"
            self._ledger.settled(tx, amendment, standing, outcome=jws, answer_reason=claims.reason or "")
        elif not amendment.outcome:
            tx.change(amendment, outcome=jws)
        else:
            return
        self._ledger.note(tx, f"amendment.{claims.answer}", amendment.id, agreement.id, by, jws)

    @staticmethod
    def _check_willing(tx: Transaction, agreement: Agreement, amendment: Amendment, claims: wire.AnswerToTerms) -> None:
        """Both sides said yes, in time, and the provider has not said no before. Raises Problem 409."""
        if agreement.standing == "replaced":
            raise conflict("This contract was replaced already")
        if amendment.outcome:
            raise conflict("You have said before that this is not accepted")
        if amendment.answer_by is not None and claims.at > amendment.answer_by + SKEW:
            raise conflict("The proposal was accepted too late")
        if amendment.by == agreement.counterparty:
            if speech.unverified_claim(amendment.answer, "answer") != Verdict.ACCEPTED:
                raise conflict("We have not accepted this proposal", accepted="an answer of ours that says so")
            return
        refused = tx.find(OutboxMessage, about=amendment.id, kind=SEND_PROPOSAL, reason="refused", limit=1)
        if refused or amendment.standing == "declined" or (amendment.standing == "withdrawn" and amendment.answer):
            raise conflict("This proposal is over: you refused it, or took our word that we withdraw it")

    def _checked_contract(
        self, tx: Transaction, agreement: Agreement, amendment: Amendment, claims: wire.AnswerToTerms
    ) -> dict[str, Any]:
        """The new agreement, if it says what was proposed and nothing else. Raises Problem 400."""
        contract = claims.contract or {}
        assigner, assignee = self._ledger.parties(agreement)
        difference = same_terms(amendment.policy or {}, contract) or wrong_party(
            contract, target=agreement.dataset, assigner=assigner, assignee=assignee
        )
        if difference is not None:
            raise invalid(f"The new contract is not what was proposed: {difference}", "contract")
        if tx.get(Agreement, str(contract["@id"])) is not None:
            raise invalid("The new contract has the id of another", "contract")
        return contract

    def _proposal_refused(self, tx: Transaction, sent: OutboxMessage, status: int, answer: dict[str, Any]) -> None:
        amendment = tx.get(Amendment, sent.about)
        if amendment is None or amendment.standing not in OPEN:
            return
        crossed = str(answer.get("type")).endswith(f":{_CROSSED}")
        why = "They had proposed something themselves." if crossed else f"The other side does not take it ({status})."
        self._ledger.settled(tx, amendment, "superseded" if crossed else "declined", answer_reason=why)

    def _answered(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """Our answer arrived. At a consumer the provider's word about it comes back.

        A yes without one waits for the provider's people; their word comes as a message of its own.
        """
        amendment = tx.get(Amendment, sent.about)
        agreement = tx.get(Agreement, amendment.agreement) if amendment is not None else None
        if amendment is None or agreement is None or agreement.role == Role.PROVIDER:
            return
        outcome = answer.get("outcome")
        if isinstance(outcome, str):
            claims = self._heard(outcome, self._context.members.reachable(sent.recipient))
            self._fits(amendment, claims)
            self._decided_there(tx, agreement, amendment, claims, outcome)
        elif amendment.standing == "withdrawing":
            self._ledger.settled(tx, amendment, "withdrawn")

    def _answer_refused(self, tx: Transaction, sent: OutboxMessage, _status: int, _answer: dict[str, Any]) -> None:
        """They will not hear that we take it back: to them it is not open, and what they decided is on its way."""
        amendment = tx.get(Amendment, sent.about)
        if amendment is not None and amendment.standing == "withdrawing":
            # What was not heard is no answer: a yes of theirs that was on its way still counts.
            self._ledger.settled(tx, amendment, "withdrawn", answer="")

    def _cross(self, tx: Transaction, agreement: Agreement) -> None:
        """At most one is open: the provider's wins. Raises Problem 400, which the other side takes for that."""
        for known in self._ledger.open(tx, agreement.id):
            ours = known.by == self._context.me.id
            if not ours:
                raise Problem(400, "amendment-open", "A proposal of yours is open", accepted="once it is withdrawn")
            if agreement.role == Role.PROVIDER:
                raise Problem(400, _CROSSED, "Our own proposal crossed yours", accepted="an answer to ours")
            self._ledger.settled(
                tx, known, "superseded", answer_reason="The provider proposed something at the same time."
            )

    def _known(self, tx: Transaction, sender: Member, claims: wire.AnswerToTerms) -> tuple[Amendment, Agreement]:
        """The amendment an answer is about. Raises Problem 400, 404."""
        amendment = tx.get(Amendment, claims.amendment)
        if amendment is None:
            raise missing("There is no such proposal between us")
        agreement = self._between(tx, sender, amendment.agreement)
        self._fits(amendment, claims)
        return amendment, agreement

    @staticmethod
    def _fits(amendment: Amendment, claims: wire.AnswerToTerms) -> None:
        about = (claims.amendment, claims.agreement, claims.proposal_digest)
        if about != (amendment.id, amendment.agreement, amendment.digest):
            raise invalid("The answer is about another proposal", "answer")

    @staticmethod
    def _between(tx: Transaction, sender: Member, agreement_id: str) -> Agreement:
        found = tx.get(Agreement, agreement_id)
        if found is None or found.counterparty != sender.id or found.standing == "pending":
            raise missing("There is no such agreement between us")
        return found

    @staticmethod
    def _heard(jws: str, member: Member) -> wire.AnswerToTerms:
        claims = speech.hear(jws, speech.ANSWER_TO_TERMS, member, wire.AnswerToTerms)
        if claims.by != member.id:
            raise forbidden("An answer is sent by the one who gives it")
        return claims


def _is_yes(message: OutboxMessage) -> bool:
    """A contract made is told for as long as it takes, and so is a yes that waits for one."""
    return speech.unverified_claim(str((message.body or {}).get("answer")), "answer") == Verdict.ACCEPTED
