"""What a holder keeps: sources, records, people, links, consents, datasets, releases, withdrawal notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place data comes from: a folder of FHIR bundles, a device ingest."""

    key_width: ClassVar[int] = 1
    id: str
    name: str
    kind: str  # fhir | openmhealth
    steward: str = ""
    watermark: str = ""
    imported_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One imported resource. `person` is our `Person.id`, None when it is about nobody in care."""

    key_width: ClassVar[int] = 3
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person this holder keeps data about. Names stay at the holder's own desk."""

    key_width: ClassVar[int] = 1
    id: str
    source: Indexed[str]
    source_id: Indexed[str]
    name: str = ""
    born: date | None = None
    deceased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """This person here is that person at a wallet; made by a one-time code. `standing`: active or ended."""

    key_width: ClassVar[int] = 1
    id: str
    person: Indexed[str]
    wallet: Indexed[str]
    wallet_person: str = ""
    person_key: Json | None = None
    standing: str = "active"
    linked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A one-time code, kept as a digest only."""

    key_width: ClassVar[int] = 1
    digest: str
    person: Indexed[str]
    created_at: datetime | None = None
    expires_at: datetime | None = None
    used_at: datetime | None = None


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
class Release:
    """Bytes about people leaving this provider under one transfer. `standing`: running, complete, broken, ended.

    `offset` counts what was handed over: bytes (records), or the sequence number of the last point (stream), where
    `begin` is the number the stream started after. `withheld` is {reason: people}, exact; `withheld_resources` is
    {reason: resources} of the people released; `dropped` is {"at": [...]}, when a person was dropped on the way.
    `provenance` is the SHA-256 of the PROV-JSON document.
    """

    key_width: ClassVar[int] = 1
    id: str
    transfer: Indexed[str]
    agreement: Indexed[str]
    kind: str = "records"
    standing: str = "running"
    dataset: str = ""
    study: str = ""
    begin: int = 0
    offset: int = 0
    bytes: int = 0
    chunks: int = 0
    people: int = 0
    resources: int = 0
    digest: str = ""
    withheld: Json | None = None
    withheld_resources: Json | None = None
    dropped: Json | None = None
    manifest: str = ""
    provenance: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """This recipient received this person under this agreement: `resources` of them in `release`, the last one.

    The code is not kept here: it would outlive the secret it was made from.
    """

    key_width: ClassVar[int] = 2
    agreement: str
    person: Indexed[str]
    study: str = ""
    recipient: str = ""
    release: Indexed[str] = ""
    resources: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A withdrawal told to one recipient, and what it answered. `answers` is {"statements": [jws, ...]}."""

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
