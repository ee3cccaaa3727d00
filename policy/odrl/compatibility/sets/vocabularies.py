"""What is stated about names: which is within which, which share nothing. What is not stated is not known.

Nothing is concluded from silence: two purposes next to each other in a vocabulary may well be the same use of data
(DPV states no disjointness, reference 1.6), so whether they exclude each other stays open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from policy import purposes
from policy.closure import above
from policy.odrl.evaluating.truth import Truth
from policy.odrl.evaluating.values import folded, tag_within

NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names, and what somebody has stated about them.

    `broader` holds for every name all that are broader, near and far, without itself; `apart` the pairs that share
    nothing. With `distinct` two names of the vocabulary never mean the same thing. With `covering` a list of names
    (isAnyOf, isNoneOf) and an exclusion (neq) speak of everything within these names, not only of them.
    """

    broader: Mapping[str, frozenset[str]] = field(default_factory=dict)
    apart: frozenset[frozenset[str]] = frozenset()
    distinct: bool = False
    covering: bool = False

    def knows(self, name: str) -> bool:
        """Whether anything is stated about the name."""
        return name in self.broader

    def same(self, one: str, other: str) -> Truth:
        """Whether two names mean the same. Names that no vocabulary knows are what is written, in whatever spelling."""
        if one == other:
            return True
        known = self.knows(one), self.knows(other)
        if self.distinct or known == (False, False) or self.exclude(one, other):
            return None if folded(one) == folded(other) else False
        return None

    def within(self, narrow: str, wide: str) -> Truth:
        """Whether all that the first means is meant by the second."""
        if narrow == wide or wide in self._above(narrow):
            return True
        if self.exclude(narrow, wide) or (self.distinct and narrow in self._above(wide)):
            return False
        return None

    def exclude(self, one: str, other: str) -> bool:
        """Whether it is stated that nothing lies within both."""
        if not self.apart or one == other:
            return False
        mine, theirs = self._above(one) | {one}, self._above(other) | {other}
        return any(frozenset((high, low)) in self.apart for high in mine for low in theirs if high != low)

    def names(self) -> Iterable[str]:
        """Every name it knows."""
        return self.broader

    def _above(self, name: str) -> frozenset[str]:
        return self.broader.get(name, NO_NAMES)


def vocabulary(
    broader: Iterable[tuple[str, str]], apart: Iterable[tuple[str, str]] = (), names: Iterable[str] = ()
) -> Vocabulary:
    """Return the vocabulary where each first name is directly within the second, and pairs apart share nothing."""
    parents: dict[str, set[str]] = {name: set() for name in names}
    for narrow, wide in broader:
        parents.setdefault(narrow, set()).add(wide)
        parents.setdefault(wide, set())
    pairs = frozenset(frozenset(pair) for pair in apart)
    for name in (name for pair in pairs for name in pair):
        parents.setdefault(name, set())
    return Vocabulary(MappingProxyType({name: above(parents, name) - {name} for name in parents}), pairs)


class _Purposes(Vocabulary):
    """The packaged purposes, asked where they are kept; nothing is copied, and every written form is understood."""

    def knows(self, name: str) -> bool:
        return purposes.purpose(name) is not None

    def within(self, narrow: str, wide: str) -> Truth:
        return True if narrow == wide else False if self.exclude(narrow, wide) else purposes.covers(wide, narrow)

    def exclude(self, one: str, other: str) -> bool:
        return purposes.apart(one, other)

    def _above(self, name: str) -> frozenset[str]:
        found = purposes.purpose(name)
        return found.broader if found else NO_NAMES

    def names(self) -> Iterable[str]:
        return purposes.known()


class _Tags(Vocabulary):
    """Language tags (BCP 47): a tag is within its own beginnings, and two of which none is so share nothing."""

    def knows(self, name: str) -> bool:
        return bool(name)

    def same(self, one: str, other: str) -> Truth:
        if one == other:
            return True
        # English and British English are neither the same nor different.
        return None if self.within(one, other) or self.within(other, one) else False

    def within(self, narrow: str, wide: str) -> Truth:
        return tag_within(narrow, wide)

    def exclude(self, one: str, other: str) -> bool:
        return not (self.within(one, other) or self.within(other, one))


OF_PURPOSES: Vocabulary = _Purposes(distinct=True, covering=True)
"""Purposes as they are evaluated here: a list covers all within its names, and two names are two purposes."""

OF_LANGUAGES: Vocabulary = _Tags(distinct=True)
