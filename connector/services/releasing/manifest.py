"""The manifest of a release: what its sender says left, signed; and the check of what arrived against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr

from catalog.smallnumbers import fold
from contracts.fields import Count, Digest, Instant, Iri, Name, Participant, Reference, UrnUuid
from contracts.shape import Strict

NDJSON = "application/fhir+ndjson"
Folded = dict[str, Annotated[StrictInt, Field(ge=0)] | StrictStr]
"""Counts by reason, as the recipient may see them: small numbers are words."""

PEOPLE_REASONS = (
    "not-linked", "no-consent", "refused", "withdrawn", "suspended", "expired", "wallet-silent", "nothing-released",
    "leak", "withdrawal-under-way",
)  # fmt: skip
"""Reasons that are always named: one left out would say zero."""
PEOPLE_REASONS_OF_A_DELTA = (*PEOPLE_REASONS, "unchanged")
"""The same where only what changed is sent: who has nothing new is not held back."""
RESOURCE_REASONS = ("category-not-agreed", "outside-window", "without-date", "not-selected", "withheld-type")


class UsedProfile(Strict):
    """The de-identification profile that was applied."""

    name: Name
    digest: Digest


class LogState(Strict):
    """How far the sender's log was integrated when the manifest was made."""

    size: Count
    root: StrictStr


class ReleasedPart(Strict):
    """One file of a release: a segment by its number, or (1) the whole body of a pull that is one.

    `bytes` and `sha256` are of the file in the release's format, before any content coding; `people` are the distinct
    people in it and `resources` its records (lines), of a file of `deletions` its lines too.
    """

    segment: Count
    people: Count
    resources: Count
    bytes: Count
    sha256: Digest
    deletions: StrictBool = False


class Manifest(Strict):
    """Claims signed by the provider; counts and digests of what the recipient received are exact.

    `files` stand in the order in which their lines make the whole; `sha256` is over their raw digests in that order
    (`whole_digest`), `bytes` and `resources` are their sums, `people` the distinct people in those that are not
    `deletions`. `deletions` counts the resources that the recipient is told to delete. `previous` is over the manifest
    (JWS) before under this agreement, `continues` over the one this release carries on from. `decided` is the SHA-256
    of the decisions before the first byte, as the log entry `release.decided` has it. `dropped_elements` counts the
    members of records that de-identification left behind.
    """

    release: UrnUuid
    previous: Digest | None
    provider: Participant
    recipient: Participant
    agreement: Reference
    transfer: Reference
    dataset: Iri
    study: UrnUuid | None
    profile: UsedProfile
    people: Count
    resources: Count
    bytes: Count
    chunks: Count
    sha256: Digest
    withheld: Folded
    withheld_resources: Folded
    log: LogState
    provenance: Digest
    started_at: Instant
    finished_at: Instant
    files: tuple[ReleasedPart, ...] = ()
    format: StrictStr = NDJSON
    continues: Digest | None = None
    dropped_elements: Count = 0
    deletions: Count = 0
    decided: Digest | None = None


def whole_digest(files: Iterable[str]) -> str:
    """What a manifest's `sha256` is over: the digests (64 hexadecimal digits) of its files, raw, one after the other.

    Raises ValueError for what is no digest.
    """
    whole = sha256()
    for digest in files:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()


def folded(counts: Mapping[str, int], always: tuple[str, ...]) -> dict[str, int | str]:
    """Counts by reason for the recipient, every usual reason named."""
    return dict(fold(dict.fromkeys(always, 0) | dict(counts)))


def differences(claims: Mapping[str, Any], arrived: Mapping[str, Any]) -> list[str]:
    """Which of the counts and digests that arrived are not those of the manifest; empty when all agree."""
    return [name for name, value in arrived.items() if claims.get(name) != value]
