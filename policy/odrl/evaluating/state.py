"""The state of the world a policy is evaluated against: what is known, and nothing that is not (Formal Semantics 2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from policy.closure import above
from policy.odrl.evaluating.request import NO_FEATURES, NO_UNITS, Features, Performed
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import Literal


class Performance(StrEnum):
    """Whether the action of a duty has been performed."""

    PERFORMED = "performed"
    UNPERFORMED = "unperformed"
    UNKNOWN = "unknown"


class Deontic(StrEnum):
    """Where a duty or prohibition stands (Formal Semantics, general semantics of rules)."""

    NOT_SET = "not-set"
    FULFILLED = "fulfilled"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class DutyState:
    """What an earlier report says of a duty. `report` names that report."""

    deontic: Deontic
    performance: Performance = Performance.UNKNOWN
    report: str = ""


_NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


class State(NamedTuple):
    """What is known when a policy is evaluated. Whatever is left out is not known.

    `now` may have no offset; it is then local, and compares only with what is local or far enough off. `features` are
    values of left operands (`units` their units), `about` the same for single assets and parties by IRI. `part_of`
    states of what each asset, party or place is directly a part; whatever is the whole of anything there is taken to
    have all its parts there. `kinds` states the types and broader terms of each term, `apart` what a term is stated
    not to be. `performed` are the actions done so far, `duties` what earlier reports say of duties by their IRI.
    `sources` are the values that a rightOperandReference stands for. `executors` are the duties (IRI of their action,
    or our key for it) that somebody here carries out with whatever is permitted.
    """

    now: datetime | None = None
    features: Features = NO_FEATURES
    units: Mapping[str, str] = NO_UNITS
    about: Mapping[str, Features] = MappingProxyType({})
    part_of: Mapping[str, frozenset[str]] = _NONE
    kinds: Mapping[str, frozenset[str]] = _NONE
    apart: Mapping[str, frozenset[str]] = _NONE
    performed: tuple[Performed, ...] = ()
    duties: Mapping[str, DutyState] = MappingProxyType({})
    sources: Mapping[str, tuple[Literal, ...]] = MappingProxyType({})
    executors: frozenset[str] = frozenset()
    uid: str = ""

    def member(self, part: str, whole: str) -> Truth:
        """Whether one thing is part of another: stated, denied by a full list of parts, or not known."""
        if whole in above(self.part_of, part):
            return True
        return False if any(whole in wholes for wholes in self.part_of.values()) else None

    def is_a(self, term: str, kind: str) -> Truth:
        """Whether a term is of a kind: stated, denied, or not known; no kinds are taken to exclude each other."""
        if kind in above(self.kinds, term):
            return True
        return False if kind in self.apart.get(term, ()) else None


def parts_of(stated: Mapping[str, frozenset[str]], whole: str) -> Iterator[str]:
    """Every part of a whole that is stated, directly or not."""
    return (item for item in stated if whole in above(stated, item))
