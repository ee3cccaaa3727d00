"""What a steward reads and fills in: plain frozen values. Exact numbers and names are for the provider's own staff."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from connector.services.contracting.views import QuestionRow
from connector.services.exchange.linking import MadeCode as LinkCode
from connector.services.rooms.views import NegotiationRow

__all__ = [
    "DatasetDraft",
    "DatasetRow",
    "LinkCode",
    "ParticipantRow",
    "PatientRow",
    "SourceRow",
    "StewardHome",
    "StudyForDecision",
]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where data comes in. `kind` is fhir or openmhealth; `problems` are sentences about the present state."""

    id: str
    name: str
    kind: str
    people: int
    records: int
    last_import: datetime | None
    problems: list[str]


@dataclass(frozen=True, slots=True)
class PatientRow:
    """One of our people at the desk; `number` is the source's own."""

    id: str
    number: str
    name: str
    born: date | None
    linked: bool
    signs_in: bool = False


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset with its offer in sentences. `state` is published or withdrawn."""

    id: str
    title: str
    kind: str
    state: str
    source: str
    sentences: list[str]
    people: int
    yield_text: str | None
    published_at: datetime | None
    offer: str = ""
    profile: str = ""
    later: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DatasetDraft:
    """What a steward fills in. `until` is the last day of the offer; `profile` one of those here, empty for the kind's.

    `duo` are codes of the GA4GH Data Use Ontology that narrow the standard offer (``HMB``, ``GS:EU``).
    `times` are durations of a withdrawal by name: stop, erase, backups, freshness; what is not named is our setting.
    `risk` is what an assessment of risk must at least find, by name: min_k, min_l, max_t, max_unique.
    `offer` is an offer of the steward's own in wire form, in place of the standard one (then `purposes` and `until` say
    nothing); `duties` are rules (wire form) owed in addition.

    What is empty from `contact_email` on is derived from the participant (`connector.services.steward.drafts`).
    """

    title: str
    description: str
    keywords: list[str]
    categories: list[str]
    source: str
    kind: str
    purposes: list[str]
    until: date
    profile: str = ""
    contact_name: str = ""
    contact_email: str = ""
    licence: str = ""
    provenance: str = ""
    health_category: str = ""
    period_start: date | None = None
    period_end: date | None = None
    duties: list[dict[str, Any]] = field(default_factory=list)
    offer: dict[str, Any] | None = None
    duo: list[str] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)
    risk: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyForDecision:
    """A study request as a steward reads it. `state` is waiting, approved or refused."""

    id: str
    title: str
    organisation_name: str
    summary: str
    words: dict[str, str]
    purposes: list[str]
    datasets: list[str]
    state: str
    received_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str = ""
    broad_consent: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """An active member of the data space other than us. `proves`: it can be told to erase, and sign that it did."""

    id: str
    name: str
    role: str
    proves: bool


@dataclass(frozen=True, slots=True)
class StewardHome:
    """The first page: what waits, then what there is. `approvals` are requests that wait for a person's verdict."""

    studies_waiting: list[StudyForDecision]
    negotiations: list[NegotiationRow]
    datasets: list[DatasetRow]
    sources: list[SourceRow]
    approvals: list[QuestionRow] = field(default_factory=list)
