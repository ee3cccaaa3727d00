"""What two parties say about an agreement they have: that it ends early, or that its terms should change.

The Dataspace Protocol ends with the agreement; these messages are ours (`contracts.exchange.EXCHANGES`). An end counts
from the moment the one who ends it commits it. Changed terms count when the provider commits the new agreement: the
provider is the one place where crossing messages about one agreement are put in order.
"""

from __future__ import annotations

from copy import deepcopy
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from contracts.faults import shape_fault
from contracts.fields import Count, Digest, Instant, Jws, Paragraph, Participant, Reference, UrnUuid
from contracts.messages.policies import AgreementPolicy, MessageOffer
from contracts.shape import Json, Strict
from contracts.terms import Selection, terms_of


class Verdict(StrEnum):
    """What became of proposed terms. Only the proposer withdraws; only the other side accepts or declines."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class EndingNotice(Strict):
    """Either side to the other: the agreement has ended."""

    ending: Jws


class ContractEnd(Strict):
    """Claims signed by whoever ends it. The recipient erases what it received under the agreement by `erase_by`."""

    ending: UrnUuid
    agreement: Reference
    by: Participant
    reason: Paragraph
    ended_at: Instant
    erase_by: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.erase_by < self.ended_at:
            raise shape_fault(("erase_by",), "is before ended_at", "a later time")
        return self


class EndingTaken(Strict):
    """The answer: a signed receipt."""

    receipt: Jws


class EndReceived(Strict):
    """Claims signed by the one who was told: it knows, and takes and gives no more."""

    ending: UrnUuid
    agreement: Reference
    at: Instant


class ErasureNotice(Strict):
    """Recipient to provider: what was received is gone."""

    erasure: Jws


class ContractErased(Strict):
    """Claims signed by the recipient: everything received under the agreement was deleted, and how much that was."""

    ending: UrnUuid
    agreement: Reference
    at: Instant
    objects: Count
    lines: Count
    bytes: Count


class AmendmentProposal(Strict):
    """Either side to the other: these terms in place of the present ones."""

    proposal: Jws


class ProposedTerms(Strict):
    """Claims signed by the proposer. `policy` is a whole Offer; `selection` what its digest stands for, if it has one.

    After `answer_by` it counts no more.
    """

    amendment: UrnUuid
    agreement: Reference
    by: Participant
    policy: MessageOffer
    selection: Selection | None
    reason: Paragraph | None
    proposed_at: Instant
    answer_by: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.answer_by <= self.proposed_at:
            raise shape_fault(("answer_by",), "is not after proposed_at", "a later time")
        return self


class AmendmentAnswer(Strict):
    """Either side to the other: what became of a proposal."""

    answer: Jws


class AnswerToTerms(Strict):
    """Claims signed by the one who answers. `proposal_digest` is over the canonical claims of the proposal.

    `contract` is the new agreement: there exactly where the provider accepts, or confirms that the consumer did.
    """

    amendment: UrnUuid
    agreement: Reference
    proposal_digest: Digest
    by: Participant
    answer: Verdict
    reason: Paragraph | None
    contract: AgreementPolicy | None
    at: Instant

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.contract is not None and self.answer is not Verdict.ACCEPTED:
            raise shape_fault(("contract",), "is there although nothing was accepted", "null")
        return self


class AnswerTaken(Strict):
    """The answer to an answer: the provider's own signed word where a consumer accepted, else null."""

    outcome: Jws | None


def proposed_policy(policy: Json, amendment: str, target: str, assigner: str, assignee: str) -> Json:
    """The Offer by which terms are proposed: those of `policy`, between these two, about this dataset."""
    head: Json = {"@id": amendment, "@type": "Offer", "target": target, "assigner": assigner, "assignee": assignee}
    return head | deepcopy(terms_of(policy))
