"""Quick forms of the commonest constraints: the same answers as the general form, for one value of the plain kind."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeAlias

from policy.odrl.evaluating.operators import FAMILIES, Values
from policy.odrl.evaluating.request import Asking
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth
from policy.odrl.evaluating.values import Moment, Zone, folded
from policy.odrl.model import PLAIN, Constraint
from policy.odrl.vocabulary import DATE_TIME, PURPOSE

Test: TypeAlias = Callable[[Asking, State], Truth]
Compare: TypeAlias = Callable[[datetime], bool]

_LOCAL = Zone.LOCAL
_MANY = 1_000  # how many single values one constraint remembers its answer for
_LONG = 200  # a longer text is not worth remembering
_OF_THE_STATE = frozenset({"isA", "hasPart", "isPartOf"})
_WANTED = MappingProxyType({"eq": True, "isAnyOf": True, "neq": False, "isNoneOf": False})


def quick(term: Constraint, right: Values | None, general: Test) -> Test:
    """Return the quick form of a constraint without unit or reference, or the general one where there is none.

    `right` are the values of its right operand.
    """
    if term.left == DATE_TIME:
        return _time_test(term, right, general)
    if term.left == PURPOSE:
        return _purpose_test(general)
    return _text_test(term, general)


def _text_test(term: Constraint, general: Test) -> Test:
    plain = all(one.datatype in PLAIN and one.language is None for one in term.right)
    if not plain or term.left in FAMILIES or term.operator not in _WANTED or term.datatype not in PLAIN:
        return general if term.operator in _OF_THE_STATE else _remembering(term.left, general)
    left, texts, wanted = term.left, frozenset(one.text for one in term.right), _WANTED[term.operator]
    spellings = frozenset(map(folded, texts))

    def test(ask: Asking, state: State) -> Truth:
        found = ask.features.get(left) or state.features.get(left)
        if not found:
            return None
        if len(found) == 1:
            one = found[0]
            if one.datatype in PLAIN and one.language is None:
                if one.text in texts:
                    return wanted
                return None if folded(one.text) in spellings else not wanted
        return general(ask, state)

    return test


def _remembering(left: str, general: Test) -> Test:
    """Numbers, truth values and the like: read once for each way in which one is written."""
    answers: dict[tuple[str, str | None, str | None], Truth] = {}

    def test(ask: Asking, state: State) -> Truth:
        found = ask.features.get(left) or state.features.get(left)
        if not found:
            return None
        if len(found) > 1:
            return general(ask, state)
        one = found[0]
        written = (one.text, one.datatype, one.language)
        if written in answers:
            return answers[written]
        answer = general(ask, state)
        if len(answers) < _MANY and len(one.text) < _LONG:
            answers[written] = answer
        return answer

    return test


def _purpose_test(general: Test) -> Test:
    answers: dict[str, Truth] = {}

    def test(ask: Asking, state: State) -> Truth:
        found = ask.features.get(PURPOSE) or state.features.get(PURPOSE)
        if not found:
            return None
        if len(found) > 1 or state.kinds or state.apart:
            return general(ask, state)
        asked = found[0].text
        if asked in answers:
            return answers[asked]
        answer = general(ask, state)
        if len(answers) < _MANY:
            answers[asked] = answer
        return answer

    return test


def _time_test(term: Constraint, right: Values | None, general: Test) -> Test:
    moment: Moment | None = right[0].key if right and len(right) == 1 else None
    make = _COMPARES.get(term.operator)
    if make is None or moment is None or moment.zone is _LOCAL:
        return general
    compare = make(moment)

    def test(ask: Asking, state: State) -> Truth:
        now = ask.at or state.now
        if now is None:
            return None
        return compare(now) if now.tzinfo is not None else general(ask, state)

    return test


def _before(moment: Moment) -> Compare:
    first = moment.first.replace(tzinfo=UTC)
    return lambda now: now < first


def _until_end(moment: Moment) -> Compare:
    after = moment.after.replace(tzinfo=UTC)
    return lambda now: now < after


def _after(moment: Moment) -> Compare:
    after = moment.after.replace(tzinfo=UTC)
    return lambda now: now >= after


def _from(moment: Moment) -> Compare:
    first = moment.first.replace(tzinfo=UTC)
    return lambda now: now >= first


def _within(moment: Moment) -> Compare:
    first, after = moment.first.replace(tzinfo=UTC), moment.after.replace(tzinfo=UTC)
    return lambda now: first <= now < after


def _outside(moment: Moment) -> Compare:
    within = _within(moment)
    return lambda now: not within(now)


_COMPARES: Mapping[str, Callable[[Moment], Compare]] = MappingProxyType(
    {"lt": _before, "lteq": _until_end, "gt": _after, "gteq": _from, "eq": _within, "neq": _outside}
)
