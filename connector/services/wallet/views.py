"""What the person's pages show: plain frozen values, nothing to decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class HolderChoice:
    """A holder one may link to."""

    id: str
    name: str
    linked: bool


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A link of this person."""

    link: str
    holder: str
    holder_name: str
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class StudyCard:
    """A study that waits for an answer."""

    id: str
    title: str
    organisation_name: str
    summary: str
    answer_until: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a choice got to a holder: waiting, acknowledged or refused."""

    holder_name: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PermissionCard:
    """A person's answer to one study, over all holders."""

    study: str
    title: str
    organisation_name: str
    state: str
    since: datetime
    until: datetime
    datasets: list[str]
    consent_ids: list[str]
    holders: list[Delivery]


@dataclass(frozen=True, slots=True)
class PersonHome:
    """The person's first page."""

    name: str
    waiting: list[StudyCard]
    active: list[PermissionCard]
    ended: list[PermissionCard]
    links: list[LinkCard]
    studies_using: int
    last_use: datetime | None


@dataclass(frozen=True, slots=True)
class DatasetChoice:
    """One dataset a study asks for, with the kinds of data in words."""

    dataset: str
    holder: str
    holder_name: str
    title: str
    categories: list[tuple[str, str]]
    linked: bool


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Everything a person is told before answering."""

    id: str
    title: str
    summary: str
    organisation_name: str
    words: dict[str, str]
    purposes: list[str]
    datasets: list[DatasetChoice]
    window: tuple[date | None, date | None] | None
    answer_until: datetime
    valid_until: datetime
    contact_name: str
    contact_email: str
    recipients: list[str]
    approved_by: list[tuple[str, datetime]]
    answered: str | None
    text_version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer. `datasets` maps each agreed dataset to its categories, None meaning all of them."""

    decision: str
    datasets: dict[str, list[str] | None] = field(default_factory=dict)
    window_start: date | None = None
    window_end: date | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the person keeps."""

    number: str
    study_title: str
    organisation_name: str
    decision: str
    given_at: datetime
    valid_until: datetime
    datasets: list[tuple[str, str, list[str]]]
    window: tuple[date | None, date | None] | None
    words_digest: str
    text_version: str
    signature_kid: str
    deliveries: list[Delivery]
    record: dict[str, Any]
    jws: str
    study: str = ""
    fhir: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecipientProgress:
    """What one recipient did about a withdrawal."""

    name: str
    told_at: datetime | None
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    exception: str | None
    objects: int
    lines: int
    verified: bool
    deadline: datetime | None
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class HolderProgress:
    """How far a withdrawal got at one holder and its recipients."""

    holder_name: str
    state: str
    sent_at: datetime | None
    reached_at: datetime | None
    recipients: list[RecipientProgress]


@dataclass(frozen=True, slots=True)
class Progress:
    """A withdrawal as the person watches it take effect."""

    study: str
    title: str
    kind: str
    asked_at: datetime
    finished: bool
    holders: list[HolderProgress]


@dataclass(frozen=True, slots=True)
class Use:
    """One line of the timeline."""

    at: datetime
    kind: str
    holder_name: str
    recipient_name: str
    study_title: str
    resources: int | None
    reason: str | None
