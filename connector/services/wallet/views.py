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
    """A link of this person. `standing`: active, disputed (somebody says it is wrong) or ended."""

    link: str
    holder: str
    holder_name: str
    linked_at: datetime
    standing: str = "active"


@dataclass(frozen=True, slots=True)
class BroughtCode:
    """A code that a browser brought from a holder's page, before the person has said yes to it."""

    holder: str
    holder_name: str


@dataclass(frozen=True, slots=True)
class StudyCard:
    """A study that waits for an answer, and why.

    asked: it is new. deferred: the person wanted to be asked now. put-off: not yet. authority-ended: who said yes for
    them may not any more. link-ended: a place had mixed up people. resting: guardians do not agree, or an authority was
    ended. renewal: a yes ends soon. `until` is when it ends, or when a question that is put off comes back.
    """

    id: str
    title: str
    organisation_name: str
    summary: str
    answer_until: datetime
    why: str = "asked"
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a choice got to a holder: waiting, acknowledged or refused."""

    holder_name: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PermissionCard:
    """A person's answer to one study, over all holders. `state` is what it means now, `by` who gave it for them."""

    study: str
    title: str
    organisation_name: str
    state: str
    since: datetime
    until: datetime
    datasets: list[str]
    consent_ids: list[str]
    holders: list[Delivery]
    by: str = ""
    renew: bool = False


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
    put_off: list[StudyCard] = field(default_factory=list)
    unread: list[tuple[str, str, str]] = field(default_factory=list)


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
    """Everything a person is told before answering.

    `broad_consent` names the holders that let the study rest on a consent they have from the person in general.
    """

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
    broad_consent: list[str] = field(default_factory=list)
    linking: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer: yes, no or later. `datasets` maps each agreed dataset to its categories, None meaning all.

    `until` is the last day of a yes that is to end before the study does, `again` the day from which a question that
    was put off waits again. `linkage`: in this study the places may use one code for them.
    """

    decision: str
    datasets: dict[str, list[str] | None] = field(default_factory=dict)
    window_start: date | None = None
    window_end: date | None = None
    until: date | None = None
    again: date | None = None
    linkage: bool = False


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
    """What one recipient did about a withdrawal.

    `due`: until when the next thing is to be stated, None when nothing is open; `overdue`: that is over. `signed`: its
    statements bear its own signature; `verified`: and where it says that all is erased, the holder has looked itself
    (`check`: gone, nothing to look at, here, unknown, unreachable). `by_hand`: it is told by people, and what it
    answers is noted by the holder's data protection officer.
    """

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
    kind: str = "erase"
    due: datetime | None = None
    backups_by: datetime | None = None
    overdue: bool = False
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    suspended_at: datetime | None = None
    check: str = ""
    checked_at: datetime | None = None
    by_hand: bool = False
    signed: bool = False


@dataclass(frozen=True, slots=True)
class HolderProgress:
    """How far a withdrawal got at one holder and its recipients."""

    holder_name: str
    state: str
    sent_at: datetime | None
    reached_at: datetime | None
    recipients: list[RecipientProgress]


@dataclass(frozen=True, slots=True)
class SharedData:
    """One dataset that is shared with a study now, with the kinds of data in words."""

    dataset: str
    holder_name: str
    title: str
    categories: list[tuple[str, str]]
    window: tuple[date | None, date | None] | None
    until: datetime


@dataclass(frozen=True, slots=True)
class EndedByHolder:
    """A holder ended the permission itself (terminated), or had to strike it out (invalidated), for this reason."""

    holder_name: str
    state: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """A withdrawal as the person watches it take effect."""

    study: str
    title: str
    kind: str
    asked_at: datetime
    finished: bool
    holders: list[HolderProgress]
    by_holder: list[EndedByHolder] = field(default_factory=list)


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
