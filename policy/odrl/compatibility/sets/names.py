"""Sets of names: these, all within these, all around these; and whether several such sets share one.

The universe is open: beyond the names that are written and those of the vocabulary there may be others. So a name
that is known to lie in every set proves that they share one, while that they share none must follow from what is
stated (Mustafa et al. 2026, arXiv 2602.19883, forced emptiness).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policy.odrl.compatibility.sets.vocabularies import Vocabulary
from policy.odrl.evaluating.truth import Truth, any_of, negated

MAX_ASKED = 200_000
"""How many comparisons of two names one question may take; beyond this nobody can tell."""


class Relation(StrEnum):
    """How a name may stand to another."""

    SAME = "same"
    WITHIN = "within"
    AROUND = "around"
    TOUCHING = "touching"


@dataclass(frozen=True, slots=True)
class Names:
    """All names that stand in a relation to at least one of these; `outside`: all that do not.

    With `every` (isAllOf) the value is a set and must be exactly these.
    """

    relation: Relation
    names: tuple[str, ...]
    outside: bool = False
    every: bool = False

    def turned(self) -> "Names":
        """Return the names that are not in the set."""
        return Names(self.relation, self.names, not self.outside, self.every)


def related(relation: Relation, one: str, other: str, known: Vocabulary) -> Truth:
    """Whether the first name stands in the relation to the second."""
    if relation is Relation.SAME:
        return known.same(one, other)
    if relation is Relation.WITHIN:
        return known.within(one, other)
    if relation is Relation.AROUND:
        return known.within(other, one)
    # That two purposes do not touch is a statement that no evaluation here ever makes.
    return True if True in (known.within(one, other), known.within(other, one)) else None


def holds(name: str, found: Names, known: Vocabulary) -> Truth:
    """Whether the name belongs to the set."""
    if found.every:
        answer: Truth = False if any(known.same(name, one) is False for one in found.names) else None
    elif found.relation is Relation.SAME and name in found.names:
        answer = True
    else:
        answer = any_of(related(found.relation, name, one, known) for one in found.names)
    if found.outside and found.relation is Relation.WITHIN and _takes_in(name, found, known):
        return None  # part of what the name stands for is outside and part is not
    return negated(answer) if found.outside else answer


def _takes_in(name: str, found: Names, known: Vocabulary) -> bool:
    """Whether the name is broader than one of the set's, without being one of them."""
    return any(known.within(one, name) is True and known.same(one, name) is not True for one in found.names)


def shared(sets: Sequence[Names], known: Vocabulary) -> str | None:
    """Return a name that is known to belong to all of the sets, None if none is known to."""
    asked = sum(len(one.names) for one in sets)
    candidates = _candidates(sets, known)
    if asked * len(candidates) > MAX_ASKED:
        candidates = candidates[: max(1, MAX_ASKED // max(1, asked))]
    return next((name for name in candidates if all(holds(name, one, known) for one in sets)), None)


def _candidates(sets: Sequence[Names], known: Vocabulary) -> list[str]:
    listed = [one for one in sets if not one.outside and one.relation is Relation.SAME]
    if listed:
        return list(min(listed, key=lambda one: len(one.names)).names)
    written = dict.fromkeys(name for one in sets for name in one.names)
    return [*written, *(() if all(_plain(one, known) for one in sets) else known.names()), _another(written)]


def _plain(one: Names, known: Vocabulary) -> bool:
    return one.relation is Relation.SAME and not any(map(known.knows, one.names))


def _another(written: Iterable[str]) -> str:
    """A name that stands for whoever is not named."""
    taken = set(written)
    name = "urn:concord:another"
    while name in taken:
        name += "-one"
    return name


def nothing_shared(sets: Sequence[Names], known: Vocabulary) -> bool:
    """Whether it follows from what is stated that no name belongs to all of the sets."""
    positive = [one for one in sets if not one.outside and not one.every]
    asked = sum(len(one.names) for one in sets)
    return any(
        len(one.names) * asked <= MAX_ASKED and all(_impossible(one, name, sets, known) for name in one.names)
        for one in positive
    )


def _impossible(one: Names, name: str, sets: Sequence[Names], known: Vocabulary) -> bool:
    """Whether nothing that stands in the relation of the set to this one of its names can belong to all others."""
    return any(_clash(one, name, other, known) for other in sets if other is not one)


def _clash(one: Names, name: str, other: Names, known: Vocabulary) -> bool:
    if other.every:
        # What is only this name is not a set with another in it.
        single = one.relation is Relation.SAME and len(one.names) == 1 and not other.outside
        return single and holds(name, other, known) is False
    if one.relation is Relation.SAME:
        return holds(name, other, known) is False
    if other.outside:
        return any(_entails(one.relation, name, other.relation, theirs, known) for theirs in other.names)
    return all(_apart(one.relation, name, other.relation, theirs, known) for theirs in other.names)


def _entails(mine: Relation, name: str, theirs: Relation, other: str, known: Vocabulary) -> bool:
    """Whether all that stands in one relation to a name stands in another to another."""
    if mine is Relation.WITHIN and theirs in {Relation.WITHIN, Relation.TOUCHING}:
        return known.within(name, other) is True
    return mine is Relation.AROUND and theirs is Relation.AROUND and known.within(other, name) is True


def _apart(mine: Relation, name: str, theirs: Relation, other: str, known: Vocabulary) -> bool:
    """Whether nothing stands in one relation to a name and in another to another."""
    if theirs is Relation.SAME:
        return related(mine, other, name, known) is False
    if mine is Relation.WITHIN and theirs is Relation.WITHIN:
        return known.exclude(name, other)
    if mine is Relation.WITHIN and theirs is Relation.AROUND:
        return known.within(other, name) is False
    return mine is Relation.AROUND and theirs is Relation.WITHIN and known.within(name, other) is False
