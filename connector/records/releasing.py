"""Releases: bytes about people leaving a holder, in one stream or in segments, and what was held back of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Bytes about people leaving this provider under one transfer. `standing`: running, complete, broken, ended.

    `offset` counts what was handed over: bytes (records), or the sequence number of the last point (stream), where
    `begin` is the number the stream started after. `withheld` is {reason: people}, exact; `withheld_resources` is
    {reason: resources} of the people released; `dropped` is {"at": [...]}, when a person was dropped on the way.
    `provenance` is the SHA-256 of the PROV-JSON document. `as_of` is the day by which ages are grouped, `profile` the
    digest of what was applied, `dropped_elements` how many members of records were left behind. A release in segments
    keeps them (`ReleaseSegment`) in one `format`. `mark` is up to which change of the source it reaches; `continues` is
    the digest of the manifest (hex, SHA-256 of its JWS) whose release it carries on from, with what changed since.
    `risk` names the report made before the first byte. `asked` is there once a plan of segments stands whole: what was
    asked for; a release without it goes out in one body.
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
    format: str = "application/fhir+ndjson"
    as_of: date | None = None
    profile: str = ""
    dropped_elements: int = 0
    mark: int = 0
    continues: Indexed[str] = ""
    risk: str = ""
    asked: Json | None = None


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
class ReleaseSegment:
    """One piece of a release that is fetched by itself. Its bytes follow from what `id`, its strong validator, is over.

    `people` is {"stretches": [[person, first, last], ...]}: whose records, and which of them by their order (last null:
    to the end). `standing`: open, sent (handed over whole at least once), gone (somebody in it stopped, or what it was
    made of changed: `successor` is the id of what took its place, empty when nothing did). `deletions` marks one that
    says what of an earlier release is no more. `digest` is the SHA-256 of its bytes; the counts are of those.
    """

    key_width: ClassVar[int] = 2
    release: str
    number: int
    id: Indexed[str] = ""
    people: Json | None = None
    standing: str = "open"
    successor: str = ""
    deletions: bool = False
    bytes: int = 0
    resources: int = 0
    persons: int = 0
    withheld_resources: Json | None = None
    dropped_elements: int = 0
    digest: str = ""
    offset: int = 0
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What a leak check held back: the lines, sealed, and where in them something was found, never what.

    `places` is {"places": [{"kind", "resource_type", "path", "count"}, ...]}. `standing`: held, or cleared by whoever
    looked into it (`cleared_why`). The sealed bytes are destroyed then, and at `until` in any case.
    """

    key_width: ClassVar[int] = 1
    id: str
    release: Indexed[str] = ""
    agreement: Indexed[str] = ""
    person: Indexed[str] = ""
    places: Json | None = None
    resources: int = 0
    sealed: bytes = b""
    standing: str = "held"
    held_at: datetime | None = None
    until: Indexed[datetime | None] = None
    cleared_at: datetime | None = None
    cleared_by: str = ""
    cleared_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReport:
    """How easily people could be singled out in what a release would hold, measured before its first byte.

    `quasi` names the columns it rests on, `figures` what was measured, `thresholds` what the contract asks, `failed`
    which of these are not met; `verdict`: met, refused, or reported (the contract asks nothing).
    """

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str] = ""
    dataset: str = ""
    release: Indexed[str] = ""
    profile: str = ""
    people: int = 0
    quasi: Json | None = None
    figures: Json | None = None
    thresholds: Json | None = None
    failed: Json | None = None
    verdict: str = "reported"
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProfile:
    """A de-identification profile of this participant's own: its whole text, by the digest that contracts name."""

    key_width: ClassVar[int] = 1
    digest: str
    name: Indexed[str] = ""
    version: str = ""
    text: str = ""
    standing: str = "active"
    added_at: datetime | None = None
    added_by: str = ""
