"""What people read and fill in when they decide about terms: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from connector.services.rooms.views import Fit, Round, TermDifference

__all__ = [
    "NarrowingDraft", "OfferDraft", "QuestionRow", "QuestionView", "Round", "RuleRow", "RuleWeakened", "Standing",
    "TermDifference", "Verdict",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NarrowingDraft:
    """A counter-offer as somebody fills it in; what is empty stays as it stands (`contracts.narrowing.Narrowing`).

    `until` is the last day of the contract; `records_from` and `records_until` are days of the records themselves.
    `times` are durations of a withdrawal by name: stop, erase, backups, freshness. `risk` is what an assessment of risk
    must at least find, by name: min_k, min_l, max_t, max_unique.
    """

    purposes: list[str] = field(default_factory=list)
    until: date | None = None
    categories: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    records_from: date | None = None
    records_until: date | None = None
    times: dict[str, str] = field(default_factory=dict)
    risk: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """A first offer to a participant: a dataset of ours, for a study of theirs that was approved, or as published."""

    consumer: str
    dataset: str
    study: str = ""
    purpose: str = ""
    narrowing: NarrowingDraft = field(default_factory=NarrowingDraft)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person said about the terms that stand. `verdict` is approve, refuse or offer (they made the offer)."""

    name: str
    verdict: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A negotiation that waits for people here. `kind` is request (we provide) or offer (we were offered data).

    `answer_by` is when it ends without an answer; `urgent` from half of that time on. `approved` of `needed` persons
    have said yes.
    """

    pid: str
    kind: str
    counterparty: str
    counterparty_name: str
    dataset: str
    dataset_id: str
    study_title: str
    state: str
    asked_at: datetime
    answer_by: datetime
    urgent: bool
    approved: int = 0
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What the terms that stand allow at most: the choices of a form for a narrower offer.

    `purposes`, `recipients` and `categories` are (value, words); `until` the last day allowed by the contract.
    """

    purposes: list[tuple[str, str]]
    until: date | None
    recipients: list[tuple[str, str]]
    categories: list[tuple[str, str]]
    records_from: date | None
    records_until: date | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One of them, whole. `can` holds what the reader may do now, of approve, counter, refuse, accept and decline.

    `terms` are the terms that stand, in sentences; `from_catalogue` how they differ from the published offer (None: it
    is not known here); `rounds` every offer so far, each with how it differs from the one before. `terms_digest` goes
    back with the answer, which is to exactly these terms; `spoken`: the reader's account has said its word on them;
    `fit`: whether the newest offer and the newest request can both be kept.
    """

    row: QuestionRow
    terms: list[str]
    from_catalogue: list[TermDifference] | None
    rounds: list[Round]
    verdicts: list[Verdict]
    can: list[str]
    standing: Standing
    understood: bool = True
    terms_digest: str = ""
    spoken: bool = False
    fit: Fit | None = None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A standing rule. `answer` is accept, refuse, person or quorum; an empty dataset or counterparty means any."""

    dataset: str
    dataset_title: str
    counterparty: str
    counterparty_name: str
    answer: str
    days: int
    reason: str
    set_by: str
    set_at: datetime | None
    set_by_name: str = ""


@dataclass(frozen=True, slots=True)
class RuleWeakened:
    """A request that is answered less strictly than before, since somebody alone set or removed a rule."""

    at: datetime
    by_name: str
    dataset_title: str
    counterparty_name: str
    before: str
    after: str
