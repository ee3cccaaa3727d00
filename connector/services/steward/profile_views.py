"""What a steward reads about de-identification profiles: plain frozen values. A profile holds no data, only rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.deidentify.checking import Finding
from connector.deidentify.comparing import Change
from connector.deidentify.coverage import Row


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile. `own`: this participant's; else it comes with Concord.

    `standing`: active, replaced by a newer version of its name, retired (contracts keep it, nothing new is offered
    under it), or unreadable (written for another Concord). `datasets` is how many datasets in the catalogue are
    offered under it, `agreements` how many contracts name it.
    """

    name: str
    version: str
    digest: str
    title: str
    summary: str
    format: str
    releases: list[str]
    own: bool
    standing: str = "active"
    added_at: datetime | None = None
    added_by: str = ""
    datasets: int = 0
    agreements: int = 0


@dataclass(frozen=True, slots=True)
class ProfileText:
    """One profile with the text of its file."""

    profile: ProfileRow
    text: str


@dataclass(frozen=True, slots=True)
class ProfileCheck:
    """What came of looking through a file; `usable` when there are no faults. Each has its line (0: the whole file)."""

    usable: bool
    name: str
    version: str
    digest: str
    faults: list[Finding]
    warnings: list[Finding]


@dataclass(frozen=True, slots=True)
class ProfileDifference:
    """What `after` does otherwise than `before`, element by element, and in its lists."""

    before: str
    after: str
    release: str
    kept: list[Change]
    dropped: list[Change]
    changed: list[Change]
    lists: list[Change]


@dataclass(frozen=True, slots=True)
class ProfileCoverage:
    """What a profile does to the records of a source: exact numbers, for the holder's own staff.

    `people` of the source were looked at, of all of whom there are `of_people`. `listed` are the elements the profile
    knows, `unknown` those it does not (nothing of them leaves), `unused` what it lists and no record had; `refused` is
    kind of record and reason -> how many.
    """

    profile: str
    release: str
    source: str
    people: int
    of_people: int
    records: int
    released: int
    kinds: dict[str, int]
    listed: list[Row]
    unknown: list[Row]
    unused: list[str]
    refused: dict[str, int]
