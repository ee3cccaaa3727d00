"""What a contract's pages show: plain frozen values, nothing to decide. States are lower-case words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policy.odrl.differences import TermDifference

__all__ = [
    "AgreementRow", "ContractRoom", "NegotiationRow", "NegotiationView", "Round", "Step", "TermDifference",
    "TransferRow", "WithdrawalRow",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a negotiation: done `at`, `waiting` (the next one), or still to come."""

    state: str
    at: datetime | None
    by: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class NegotiationRow:
    """One negotiation in a list. `provider_name` is the other side when we are the provider ourselves."""

    pid: str
    provider_name: str
    dataset: str
    study_title: str
    state: str
    at: datetime
    role: str = "consumer"
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One offer or request of a negotiation. `by` is provider or consumer, `ours` whether that was us.

    `differences` is how it differs from the round before; from the published offer for the first, where that is known.
    """

    by: str
    by_name: str
    ours: bool
    at: datetime
    sentences: list[str]
    differences: list[TermDifference]


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether an offer and a request can both be kept. `verdict` is conflict, compatible or unknown.

    In words: `clashes` are terms that cannot hold together (the narrowest first), `unknowns` what nobody can tell,
    `witness` values that both allow, `beyond` what the request asks for beyond the offer.
    """

    verdict: str
    clashes: list[str] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    witness: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NegotiationView:
    """One negotiation, step by step and round by round.

    `can` holds what a person here may do now (approve, counter, refuse; accept, counter, decline), `answer_by` until
    when; both are empty while nobody here is asked. `from_catalogue` is None where the published offer is not known.
    `terms_digest` goes back with an answer, which is to exactly the terms shown. `fit` is whether the newest offer and
    the newest request can both be kept; None while nobody here is asked.
    """

    pid: str
    provider_name: str
    dataset: str
    state: str
    steps: list[Step]
    sentences: list[str]
    agreement: str | None
    reason: str | None
    study_title: str
    role: str = "consumer"
    dataset_id: str = ""
    study: str | None = None
    initiator: str = "consumer"
    rounds: list[Round] = field(default_factory=list)
    from_catalogue: list[TermDifference] | None = None
    can: list[str] = field(default_factory=list)
    answer_by: datetime | None = None
    urgent: bool = False
    terms_digest: str = ""
    fit: Fit | None = None


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One contract in a list."""

    id: str
    counterparty_name: str
    dataset: str
    study_title: str
    made_at: datetime
    until: datetime | None
    state: str
    role: str = "consumer"
    dataset_id: str = ""


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One transfer. Counts of people are exact only for the provider's own staff; else text where they are small."""

    pid: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    people: int | str
    resources: int
    bytes: int | None
    withheld: list[tuple[str, str]]
    withheld_resources: list[tuple[str, int | str]]
    manifest_verified: bool | None
    path: str
    agreement: str = ""
    finding: str = ""
    role: str = "consumer"
    way: str = "pull"
    """pull or push"""
    suspended_by: str = ""
    """provider, consumer, or nobody"""
    deciding: str = ""
    """What we have decided and the other side has not acknowledged yet: pausing, completing, ending."""
    reason: str = ""
    """Why it was paused or ended, in the words of whoever did."""
    media_type: str = ""
    digest: str = ""
    """Of what a foreign connector sent, as it came (SHA-256, hex)."""
    segments: int = 0
    """Of how many pieces the release consists; 0 where it is one body, or that is not known yet."""
    segments_here: int = 0
    coming: int = 0
    """Bytes that are here of the segment under way, as it is sent (it may be compressed); not among `bytes` yet."""
    coming_of: int | None = None
    """How long that segment is, where that is known."""
    waits_for: str = ""
    """What keeps it from going on just now, in words."""
    continues: bool = False
    """Whether it holds only what changed since an earlier release."""
    use_ends: datetime | None = None
    """At the recipient: when the contract ends, and its use of the data with it."""
    erase_by: datetime | None = None
    """At the recipient: by when what came has to be deleted, where that is known."""


@dataclass(frozen=True, slots=True)
class WithdrawalRow:
    """One person who stopped, by the number of the notice only.

    `answer` at a recipient: waiting (people here have to act, until `deadline`), erased or exception, once it is known.
    """

    notice: str
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    objects: int
    lines: int
    agreement: str = ""
    kind: str = "erase"
    answer: str = ""
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContractRoom:
    """One contract: who agreed what, what was sent, what was held back and why, who stopped."""

    id: str
    role: str
    counterparty_name: str
    dataset: str
    study_title: str
    state: str
    steps: list[Step]
    sentences: list[str]
    made_at: datetime
    until: datetime | None
    digest: str
    policy: dict[str, Any]
    transfers: list[TransferRow]
    withdrawals: list[WithdrawalRow]
    negotiation: str = ""
    dataset_id: str = ""
    study: str | None = None
