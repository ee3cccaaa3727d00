"""Deciding for somebody else: until when, about what, and when the person's own no outweighs (reference S17).

Ages are packaged data (`data/ages.json`) by ISO 3166 code, a region (``GB-SCT``) before its country; whatever is not
listed has the general ages. An authority for a child ends by itself on the birthday on which the child comes of age.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from policy.consent import ALLOWING, ConsentRecord, State
from policy.instants import in_utc


class Kind(StrEnum):
    """On what somebody's authority rests. Those of a parent and a guardian are about a child."""

    PARENT = "parent"
    GUARDIAN = "guardian"
    ATTORNEY = "attorney"
    COURT = "court"


FOR_CHILDREN = frozenset({Kind.PARENT})
"""Kinds that end when the child comes of age, whatever else was agreed."""

NOES = frozenset({State.REFUSED, State.WITHDRAWN, State.SUSPENDED})
"""The recorded states by which a person says no: refused, stopped, paused."""


@dataclass(frozen=True, slots=True)
class Ages:
    """At which age somebody decides alone (`majority`), and from which a minor's own no is heard (`own_refusal`)."""

    majority: int
    own_refusal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """One authority as it stands: in force from `begins` until `until`, about `studies` (None: about all of them).

    `verified` says that staff looked at the evidence; without it nothing may be done by it. `ended` is when somebody
    ended it before its time.
    """

    kind: Kind
    verified: bool
    begins: datetime
    until: datetime | None = None
    ended: datetime | None = None
    studies: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in ("begins", "until", "ended"):
            moment = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, in_utc(moment))

    def in_force(self, now: datetime) -> bool:
        """Whether anything may be done by it at `now` (timezone-aware); its last instant is not part of it."""
        ends = [end for end in (self.until, self.ended) if end is not None]
        return self.verified and self.begins <= now and all(now < end for end in ends)

    def covers(self, study: str) -> bool:
        """Whether it is about this study."""
        return self.studies is None or study in self.studies


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("policy").joinpath("data/ages.json").read_text("utf-8")
    return MappingProxyType(json.loads(text))


def known_jurisdiction(code: str) -> bool:
    """Whether the code has the form of ISO 3166: two capital letters, or a region below them (``GB-SCT``)."""
    country, dash, region = code.partition("-")
    plain = country.isascii() and country.isalpha() and country.isupper() and len(country) == 2
    below = region.isascii() and region.isalnum() and region.isupper() and 1 <= len(region) <= 3
    return plain and (below if dash else not region)


def ages(jurisdiction: str) -> Ages:
    """The ages of a jurisdiction; the general ones where nothing else is listed."""
    data = _data()
    country = jurisdiction.partition("-")[0]
    found = data["default"] | data["jurisdictions"].get(country, {}) | data["jurisdictions"].get(jurisdiction, {})
    return Ages(found["majority"], found["own_refusal"])


def birthday(born: date, years: int) -> date:
    """The day on which somebody completes so many years; who was born on 29 February does on 1 March."""
    year = min(born.year + years, date.max.year)
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def of_age_at(born: date, jurisdiction: str) -> datetime:
    """The instant from which somebody decides alone: the beginning (UTC) of their birthday."""
    return datetime.combine(birthday(born, ages(jurisdiction).majority), time(), UTC)


def is_minor(born: date | None, jurisdiction: str, now: datetime) -> bool:
    """Whether somebody is known to be a minor at `now`."""
    return born is not None and now < of_age_at(born, jurisdiction)


def may_refuse(born: date | None, jurisdiction: str, now: datetime) -> bool:
    """Whether somebody's own no is heard at `now`: everybody's, apart from that of a younger child."""
    return born is None or now.astimezone(UTC).date() >= birthday(born, ages(jurisdiction).own_refusal)


def ends_at(kind: Kind, until: datetime | None, born: date | None, jurisdiction: str) -> datetime | None:
    """When an authority ends by itself. Raises :class:`ValueError` for a child's without a date of birth.

    That of a parent ends when the child comes of age; that of a guardian, too, if the person is known to be a child
    when it would end; an earlier end that was agreed comes first.
    """
    if kind in FOR_CHILDREN and born is None:
        raise ValueError("an authority over a child needs the child's date of birth")
    grown = of_age_at(born, jurisdiction) if born is not None and kind in {Kind.PARENT, Kind.GUARDIAN} else None
    ends = [in_utc(end) for end in (until, grown) if end is not None]
    return min(ends, default=None)


def own_no(versions: Iterable[ConsentRecord]) -> bool:
    """Whether the newest that the person themselves said about a study is a no, over all holders and versions.

    A yes to some holders and a no to others, said at one moment, is not a no to the study.
    """
    own = [record for record in versions if record.signer.kind == "self"]
    if not own:
        return False
    last = max(record.decided_at for record in own)
    said = [record.state for record in own if record.decided_at == last]
    return any(state in NOES for state in said) and not any(state in ALLOWING for state in said)


def own_no_in(chain: Iterable[ConsentRecord]) -> bool:
    """Whether the person's own newest version of one chain is a no: then no proxy turns it into a yes.

    What proxies said since does not count: a no does not wear off by being repeated by somebody else.
    """
    own = [record for record in chain if record.signer.kind == "self"]
    return bool(own) and max(own, key=lambda record: record.version).state in NOES


def disagree(wishes: Mapping[str, str], authority: str, wish: str) -> bool:
    """Whether somebody else with an authority in force last wanted something else; `wishes`: authority -> yes or no."""
    return any(other != wish for name, other in wishes.items() if name != authority)
