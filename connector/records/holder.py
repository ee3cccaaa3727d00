"""What a holder keeps: sources, records, people, links, consents, datasets, withdrawal notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place data comes from: a folder of FHIR bundles, a FHIR server, a device ingest.

    `labeller` names the one (with its version) that has labelled every record there was when it came into use.
    `release` is the FHIR release of its records (R4, R4B, R5); `sequence` counts the changes of its records, each of
    which carries the number of its last one; `reach` says where a server is and how it is read; `watermark` up to when.
    """

    key_width: ClassVar[int] = 1
    id: str
    name: str
    kind: str  # fhir | openmhealth
    steward: str = ""
    watermark: str = ""
    imported_at: datetime | None = None
    labeller: str = ""
    release: str = "R4"
    sequence: int = 0
    reach: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One imported resource. `person` is our `Person.id`, None when it is about nobody in care.

    `number` counts its versions from 1, `changed` is the number of its last change among those of its source; one that
    is `deleted` stays as a row without a body, so that whoever received it can be told.

    `labels` is what `policy.labelling.Labels` writes: {"labels": [[system, code], ...], "rules": [rule ids]}, why, what
    was possible but not sure enough, and the same for contained resources; given by the labeller that `labeller` names
    with its version; empty: none has run on it, or it failed, and nobody knows how sensitive the record is.
    """

    key_width: ClassVar[int] = 3
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("person", "resource_type"),)
    source: str
    resource_type: str
    id: str
    person: Indexed[str | None]
    subject_kind: str = "person"
    category: str = "other"
    start: date | None = None
    end: date | None = None
    version: str = ""
    deleted: bool = False
    body: bytes = b""
    labels: Json | None = None
    labeller: str = ""
    number: int = 1
    changed: Indexed[int] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVersion:
    """One version of a source's record, by the SHA-256 of its body: `what` is created, changed, deleted or merged.

    The bodies of earlier versions are not kept. `changed` as in `SourceRecord`.
    """

    key_width: ClassVar[int] = 4
    source: str
    resource_type: str
    id: str
    number: int
    person: Indexed[str | None] = None
    what: str = "created"
    digest: str = ""
    changed: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person this holder keeps data about. Names stay at the holder's own desk.

    `account` is the account at this holder by which they themselves sign in, if staff tied one to them.
    """

    key_width: ClassVar[int] = 1
    id: str
    source: Indexed[str]
    source_id: Indexed[str]
    name: str = ""
    born: date | None = None
    deceased: bool = False
    account: Indexed[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """This person here is that person at a wallet. `standing`: active, disputed or ended.

    `made_by`: code (a one-time code), sign-in (a hand-over from a session here) or desk: then the wallet is we
    ourselves, for a person without one, whose consents staff record here.
    """

    key_width: ClassVar[int] = 1
    id: str
    person: Indexed[str]
    wallet: Indexed[str]
    wallet_person: str = ""
    person_key: Json | None = None
    standing: str = "active"
    made_by: str = "code"
    linked_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDispute:
    """Somebody says that a link joins the wrong people: until it is settled nothing of `person` or `other` is released.

    `other` is who the wallet's person may really be (empty: not known). `outcome`: kept, moved or ended.
    """

    key_width: ClassVar[int] = 1
    id: str
    link: Indexed[str]
    person: Indexed[str]
    other: Indexed[str] = ""
    reason: str = ""
    opened_at: datetime | None = None
    opened_by: str = ""
    settled_at: Indexed[datetime | None] = None
    settled_by: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A one-time code, kept as a digest only."""

    key_width: ClassVar[int] = 1
    digest: str
    person: Indexed[str]
    made_by: str = "code"
    created_at: datetime | None = None
    expires_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConsent:
    """A version of a FHIR Consent that a source holds, as it came; never edited. `current` marks the newest.

    `id` is the resource's own id (of a Permission with its type: ``Permission/12``), `version` counts from 1 as
    versions arrived. `standing`: readable; unreadable with `fault` (then nothing of the person is released on any
    consent); or set-aside: the data protection officer found that it is no consent, and said why. A readable one with a
    `fault` says something that nobody understands. `supplied_by` says how it came, and whose it was.
    """

    key_width: ClassVar[int] = 3
    source: str
    id: str
    version: int
    person: Indexed[str]
    release: str = "R4"
    body: Json | None = None
    digest: str = ""
    standing: str = "readable"
    fault: str = ""
    current: bool = True
    supplied_by: str = ""
    imported_at: datetime | None = None
    settled_at: datetime | None = None
    settled_by: str = ""
    settled_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """This person's opt-out of secondary use (EHDS art. 71), with its date, and its reversal if there was one."""

    key_width: ClassVar[int] = 1
    id: str
    person: Indexed[str]
    link: str = ""
    at: datetime | None = None
    reversed_at: datetime | None = None
    statements: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureEvidence:
    """What was kept of how a consent was taken with staff's help: a scan, a recording, a protocol.

    Key: whose it is, and its SHA-256; the same file may stand for several people, such as a form of a family.
    """

    key_width: ClassVar[int] = 2
    person: str
    digest: str
    media_type: str = ""
    body: bytes = b""
    taken_at: datetime | None = None
    taken_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyAccess:
    """Somebody looked at a person's records in an emergency they declared (reference S16).

    `verdict` is the data protection officer's: justified or not. `told_at` is when the person's wallet was told.
    """

    key_width: ClassVar[int] = 1
    id: str
    person: Indexed[str]
    by: str = ""
    organisation: str = ""
    reason: str = ""
    scope: Json | None = None
    declared_at: datetime | None = None
    until: datetime | None = None
    looked: int = 0
    told_at: datetime | None = None
    reviewed_at: Indexed[datetime | None] = None
    reviewed_by: str = ""
    verdict: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A version of a consent record as delivered by a wallet; never edited. `current` marks the newest version."""

    key_width: ClassVar[int] = 2
    id: str
    version: int
    link: Indexed[str]
    person: Indexed[str]
    study: Indexed[str]
    state: str = ""
    record: Json | None = None
    jws: str = ""
    digest: str = ""
    current: bool = True
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What the steward published: the description and its offer. `standing`: published or withdrawn."""

    key_width: ClassVar[int] = 1
    id: str
    source: Indexed[str]
    kind: str = "records"
    title: str = ""
    description: Json | None = None
    offer_id: Indexed[str] = ""
    offer: Json | None = None
    profile: str = ""
    standing: str = "published"
    published_at: datetime | None = None
    published_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """One decision with the inputs it was made from, so that it can be replayed exactly."""

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str]
    person: Indexed[str]
    release: Indexed[str] = ""
    at: datetime | None = None
    outcome: str = ""
    first_reason: str = ""
    inputs: Json | None = None
    decision: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A withdrawal told to one recipient, and what it answered. `answers` is {"statements": [jws, ...]}.

    `stop_by` is until when it has to stop, `deadline` until when to erase, `backups_by` until when backups have to be
    gone. `held` is {"objects": [...]} as the last statement listed them, `remaining` what it could not erase and why.
    `check` says what our own look at the recipient found. `next_at` is when it is looked after next. `by_hand`: the
    recipient speaks no exchange, and the data protection officer notes what it answers in `hand_note`. `lifted_at` is
    when the recipient of a pause had acknowledged that it is over. `overtaken_by` is the notice that says more about
    the same code, whose answer is the answer to this one too. `forgotten_at` is when the secret of the code it names
    was destroyed: whatever code the person has since is another one, about which this notice says nothing.
    """

    key_width: ClassVar[int] = 1
    id: str
    consent: Indexed[str]
    version: int = 0
    person: Indexed[str] = ""
    link: str = ""
    agreement: Indexed[str] = ""
    study: str = ""
    recipient: str = ""
    code: str = ""
    kind: str = "erase"
    cut: Json | None = None
    effective_at: datetime | None = None
    deadline: datetime | None = None
    told_at: datetime | None = None
    received_at: datetime | None = None
    stopped_at: datetime | None = None
    erased_at: datetime | None = None
    exception: str | None = None
    objects: int = 0
    lines: int = 0
    bytes: int = 0
    bytes_after: int = 0
    answers: Json | None = None
    stop_by: datetime | None = None
    backups_by: datetime | None = None
    held: Json | None = None
    remaining: Json | None = None
    check: str = ""
    checked_at: datetime | None = None
    next_at: Indexed[datetime | None] = None
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    overdue_at: datetime | None = None
    by_hand: bool = False
    hand_note: str = ""
    lifted_at: datetime | None = None
    overtaken_by: str = ""
    forgotten_at: datetime | None = None
