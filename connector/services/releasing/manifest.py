"""The manifest of a release: what its sender says left, signed; and the check of what arrived against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StrictInt, StrictStr

from catalog.smallnumbers import fold
from contracts.fields import Count, Digest, Instant, Iri, Name, Participant, Reference, UrnUuid
from contracts.shape import Strict

Folded = dict[str, Annotated[StrictInt, Field(ge=0)] | StrictStr]
"""Counts by reason, as the recipient may see them: small numbers are words."""

PEOPLE_REASONS = (
    "not-linked", "no-consent", "refused", "withdrawn", "suspended", "expired", "wallet-silent", "nothing-released",
    "leak", "withdrawal-under-way",
)  # fmt: skip
"""Reasons that are always named: one left out would say zero."""
RESOURCE_REASONS = ("category-not-agreed", "outside-window", "without-date", "not-selected", "withheld-type")


class UsedProfile(Strict):
    """The de-identification profile that was applied."""

    name: Name
    digest: Digest


class LogState(Strict):
    """How far the sender's log was integrated when the manifest was made."""

    size: Count
    root: StrictStr


class Manifest(Strict):
    """Claims signed by the provider. `sha256` is over all bytes of the body, `previous` over the manifest before."""

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


def folded(counts: Mapping[str, int], always: tuple[str, ...]) -> dict[str, int | str]:
    """Counts by reason for the recipient, every usual reason named."""
    return dict(fold(dict.fromkeys(always, 0) | dict(counts)))


def differences(claims: Mapping[str, Any], arrived: Mapping[str, Any]) -> list[str]:
    """Which of the counts and digests that arrived are not those of the manifest; empty when all agree."""
    return [name for name, value in arrived.items() if claims.get(name) != value]
