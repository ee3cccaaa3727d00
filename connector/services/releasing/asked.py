"""What is asked of a release in segments, and what each of its segments holds, as records keep it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from connector.problems import Problem, invalid
from connector.records import Release, ReleaseSegment
from connector.services.releasing.manifest import NDJSON
from connector.services.releasing.selecting import Stretch

BUNDLE = "application/fhir+json"
PARQUET = "application/vnd.apache.parquet"
FORMATS = (NDJSON, BUNDLE, PARQUET)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a recipient asks for. `continues`: the digest of the manifest it has, empty for everything.

    `export`: by the conventions of FHIR bulk data, one kind of record per segment; then `kinds` (None: all) and
    `since` (an instant as it was written) may narrow it, and `request` is the address it was asked at.
    """

    format: str = NDJSON
    continues: str = ""
    export: bool = False
    kinds: tuple[str, ...] | None = None
    since: str = ""
    request: str = ""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise Problem(406, "no-such-format", "This format is not offered", "", "_outputFormat", ", ".join(FORMATS))

    @property
    def moment(self) -> datetime:
        """The instant `since` says. Raises Problem 400."""
        found: datetime | None
        try:
            said = datetime.fromisoformat(self.since)
            found = said.astimezone(UTC) if said.tzinfo is not None else None
        except (ValueError, OverflowError):  # no time, or one beyond the calendar in our zone
            found = None
        if found is None:
            raise invalid("This is not an instant", "_since", "a time with its zone, such as 2026-01-31T00:00:00Z")
        return found

    def json(self) -> dict[str, Any]:
        """As `Release.asked` holds it, beside the release's own `format` and `continues`."""
        kinds = None if self.kinds is None else list(self.kinds)
        return {"export": self.export, "kinds": kinds, "since": self.since, "request": self.request}

    @classmethod
    def of(cls, release: Release) -> Self:
        """What was asked of a release."""
        said = release.asked or {}
        kinds = said.get("kinds")
        return cls(
            release.format, release.continues, bool(said.get("export")), None if kinds is None else tuple(kinds),
            str(said.get("since", "")), str(said.get("request", "")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Holding:
    """What a segment holds: `stretches` of people, or of one `kind` of their records; where it stands in the whole.

    `lines` counts the records of each stretch that have left (of deletions: the records deleted, once sent); `without`
    is who was taken out and why; `coding` is the content coding its hand-over has come so far in.
    """

    stretches: tuple[Stretch, ...]
    place: int
    kind: str = ""
    lines: tuple[int, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    coding: str = ""

    @property
    def people(self) -> list[str]:
        """Whose stretches these are, each once, in their order."""
        return list(dict.fromkeys(one.person for one in self.stretches))

    def json(self) -> dict[str, Any]:
        """As `ReleaseSegment.people` holds it."""
        return {
            "stretches": [list(one) for one in self.stretches], "place": self.place, "kind": self.kind,
            "lines": list(self.lines), "without": [list(one) for one in self.without], "coding": self.coding,
        }  # fmt: skip

    @classmethod
    def of(cls, row: ReleaseSegment) -> Self:
        """What a segment holds."""
        said = row.people or {}
        return cls(
            tuple(Stretch(*one) for one in said.get("stretches", ())), int(said.get("place", row.number)),
            str(said.get("kind", "")), tuple(said.get("lines", ())),
            tuple((str(person), str(why)) for person, why in said.get("without", ())), str(said.get("coding", "")),
        )  # fmt: skip

    def but(self, **changes: Any) -> Self:
        """The same, changed."""
        return replace(self, **changes)


def in_order(rows: list[ReleaseSegment]) -> list[ReleaseSegment]:
    """Segments in the order in which their lines make the whole: a successor stands where the one before stood."""
    return sorted((row for row in rows if row.standing != "gone"), key=_place)


def _place(row: ReleaseSegment) -> tuple[int, int]:
    return int((row.people or {}).get("place", row.number)), row.number
