"""Operators on purposes: each purpose that is asked for must pass, by what the vocabulary and the state say covers it.

That two purposes exclude each other is stated for few (`policy.purposes.apart`, `State.apart`), so a relation that
nobody has stated is None, unless the behaviour takes kinds to exclude each other. In a prohibition a purpose broader
than the prohibited one takes it in: there it is None too, since part of what is asked is forbidden.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from policy.closure import above
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, any_of, negated
from policy.purposes import apart, covers, purpose


class Relations(NamedTuple):
    """What decides a relation of two purposes besides the vocabulary."""

    state: State
    kinds_exclude: bool = False
    forbidding: bool = False


def covered(offered: str, asked: str, by: Relations) -> Truth:
    """Whether a purpose on offer covers the one that is asked for: True stated, False stated broader, None not said."""
    wide, narrow = known(offered), known(asked)
    if wide == narrow:
        return True
    found = covers(wide, narrow)
    if found is True or _stated(wide, narrow, by.state):
        return True
    if _apart(wide, narrow, by.state):
        return False
    if found is False and by.forbidding and not by.kinds_exclude:
        return None
    return False if found is None and by.kinds_exclude else found


def touching(excluded: str, asked: str, by: Relations) -> Truth:
    """Whether a purpose that is asked for lies within an excluded one, or takes it in."""
    within = covered(excluded, asked, by)
    if within is not True and covers(known(excluded), known(asked)) is False:
        return None if by.forbidding else True
    return within


def known(term: str) -> str:
    """The full IRI of a purpose that the packaged vocabularies hold; any other text as it is."""
    found = purpose(term)
    return found.iri if found else term


def _stated(wide: str, narrow: str, state: State) -> bool:
    """Whether the state says what kind of purpose the narrow one is, and that lies within the wide one."""
    broader = above(state.kinds, narrow) if state.kinds else ()
    return wide in broader or any(covers(wide, one) for one in broader)


def _apart(wide: str, narrow: str, state: State) -> bool:
    return wide in state.apart.get(narrow, ()) or apart(wide, narrow)


def _each_covered(offered: Sequence[str], asked: Sequence[str], by: Relations) -> Truth:
    answers = [any_of(covered(one, other, by) for one in offered) for other in asked]
    if True in answers:
        # Some covered and some not: no permission meant for the former, and no way around a prohibition of them.
        return True if answers.count(True) == len(answers) else None
    if by.forbidding and None in answers:
        return None
    return False if False in answers else None


def _the_same(offered: Sequence[str], asked: Sequence[str], by: Relations) -> Truth:
    mine, theirs = {known(one) for one in offered}, {known(one) for one in asked}
    if mine == theirs:
        return True
    if not by.forbidding or by.kinds_exclude:
        return False
    # A narrower or broader purpose, and one whose meaning nobody here knows, may be the forbidden one.
    return None if any(_may_be(one, other, by.state) for one in mine for other in theirs) else False


def _may_be(excluded: str, asked: str, state: State) -> bool:
    if _apart(excluded, asked, state):
        return False
    if purpose(excluded) is None or purpose(asked) is None or covers(excluded, asked) is not None:
        return True
    broader = above(state.kinds, asked)
    return excluded in broader or any(covers(excluded, one) is not None for one in broader)


def _none_touched(offered: Sequence[str], asked: Sequence[str], by: Relations) -> Truth:
    return negated(any_of(touching(one, other, by) for one in offered for other in asked))


Purposive: TypeAlias = Callable[[Sequence[str], Sequence[str], Relations], Truth]

PURPOSIVE: Mapping[str, Purposive] = MappingProxyType(
    {
        "isA": _each_covered,
        "isAnyOf": _each_covered,
        "eq": _the_same,
        "isAllOf": _the_same,
        "neq": _none_touched,
        "isNoneOf": _none_touched,
    }
)
"""(purposes on offer, purposes asked for, what relates them) -> truth, by operator."""
