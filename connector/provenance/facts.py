"""The facts of one release that its provenance tells: organisations, files, contract and counts, and never a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from urllib.parse import quote

TERMS = "urn:concord:term:"
"""Namespace of the few terms no public vocabulary has."""
PARTICIPANTS = "urn:concord:participant:"
"""Where a participant is named whose own id is no IRI."""

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\\x7f]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REASON = re.compile(r"[a-z][a-z0-9-]*")

Count = int | str
"""A number, or words such as "fewer than 10" where the reader may not learn a small number."""


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation: its participant id (an IRI) and name."""

    id: str
    name: str

    @classmethod
    def of_member(cls, id: str, name: str) -> Self:
        """A member of the register. One whose id is no IRI, as in a data space of EDC's, is named below a URN."""
        return cls(id if _IRI.fullmatch(id) else f"{PARTICIPANTS}{quote(id, safe='')}", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFile:
    """A file that left: `id` is an IRI, `sha256` 64 hexadecimal digits over its `bytes` bytes."""

    id: str
    sha256: str
    media_type: str
    bytes: int
    resources: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """One release. Identifiers are IRIs, times aware datetimes; `profile_sha256` is over the de-identification profile.

    `withheld_people` and `withheld_resources` map a reason code to a count, already folded for the reader. Raises
    ValueError when something is not of its kind.
    """

    release: str
    started_at: datetime
    ended_at: datetime
    dataset: str
    agreement: str
    study: str | None
    profile: str
    profile_sha256: str
    provider: Party
    recipient: Party
    software_name: str
    software_version: str
    files: tuple[ReleasedFile, ...]
    withheld_people: Mapping[str, Count] = field(default_factory=dict)
    withheld_resources: Mapping[str, Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        iris = [self.release, self.dataset, self.agreement, self.profile, self.provider.id, self.recipient.id]
        iris += [file.id for file in self.files] + ([self.study] if self.study is not None else [])
        if not all(_IRI.fullmatch(iri) for iri in [*iris, self.software]):
            raise ValueError("everything a release names is named by an IRI")
        if not all(_SHA256.fullmatch(digest) for digest in [self.profile_sha256, *(f.sha256 for f in self.files)]):
            raise ValueError("a digest is 64 lower-case hexadecimal digits")
        if not all(_REASON.fullmatch(reason) for reason in [*self.withheld_people, *self.withheld_resources]):
            raise ValueError("a reason is a code of lower-case words joined by hyphens")
        if self.started_at.utcoffset() is None or self.ended_at.utcoffset() is None or self.ended_at < self.started_at:
            raise ValueError("a release ends after it starts, both with a time zone")

    @property
    def software(self) -> str:
        """The IRI of the software that made the release."""
        return f"urn:concord:software:{self.software_name}:{self.software_version}"

    def withheld(self) -> list[tuple[str, str, Count]]:
        """(people | resources, reason, count), in a fixed order."""
        both = (("people", self.withheld_people), ("resources", self.withheld_resources))
        return [(what, reason, counts[reason]) for what, counts in both for reason in sorted(counts)]
