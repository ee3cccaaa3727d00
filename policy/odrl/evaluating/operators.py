"""The twelve operators of ODRL on values, three-valued; also on operands with several values, and for purposes.

An operand with several values is judged value by value; where these disagree nobody can say, so the answer is None.
`isAllOf` of some but more values than asked for is None as well: the vocabulary does not say whether more may stand
there. Purposes are compared by what covers what (`policy.purposes`), and each purpose that is asked for must pass.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from policy.odrl.evaluating.purposive import PURPOSIVE, Relations
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, all_of, any_of, negated, unanimous
from policy.odrl.evaluating.values import Family, Order, Value, folded, order, same, tag_within, value
from policy.odrl.model import Literal
from policy.odrl.vocabulary import CONCORD, ODRL, PURPOSE

Values: TypeAlias = Sequence[Value]

LISTS = frozenset({"isAllOf", "isAnyOf", "isNoneOf"})
"""Operators that compare with several values."""

ALTERNATIVES = frozenset({f"{CONCORD}transferGround"})
"""Left operands whose several values are alternatives: one that passes is enough."""


def holds(
    operator: str,
    left: str,
    lefts: Sequence[Literal],
    rights: Sequence[Literal],
    state: State,
    *,
    datatype: str | None = None,
    kinds_exclude: bool = False,
    forbidding: bool = False,
) -> Truth:
    """Whether the values `lefts` of the left operand `left` stand in this relation to `rights`.

    `datatype` is that of right values which state none; `kinds_exclude` as in
    :class:`~policy.odrl.evaluating.behaviours.Behaviour`; `forbidding`: the term stands in a prohibition. None for an
    operator that is not one of ODRL's own.
    """
    if not lefts or not rights:
        return None
    if left == PURPOSE:
        return _purposes(operator, lefts, rights, Relations(state, kinds_exclude, forbidding))
    mine, theirs = values(left, lefts, datatype), values(left, rights, datatype)
    if mine is None or theirs is None:
        return None
    mine, theirs = _aligned(mine, lefts, theirs), _aligned(theirs, rights, mine)
    if left in ALTERNATIVES and len(mine) > 1:
        join = all_of if operator in _DENYING else any_of
        return join([compared(operator, (one,), theirs, state) for one in mine])
    return compared(operator, mine, theirs, state)


_DENYING = frozenset({"neq", "isNoneOf"})


def values(left: str, literals: Sequence[Literal], datatype: str | None = None) -> tuple[Value, ...] | None:
    """Read the values of a left operand; those without datatype as its own. None if one of them is no value."""
    family = FAMILIES.get(left)
    found: list[Value] = []
    for literal in literals:
        read = value(literal, family, datatype)
        if read is None:
            return None
        found.append(read)
    return tuple(found)


def compared(operator: str, lefts: Values, rights: Values, state: State) -> Truth:
    """Whether values stand in a relation; None for an operator that is not known or not meant for several values."""
    if operator in LISTS:
        return _SETS[operator](lefts, rights)
    if len(rights) != 1:
        return None
    right = rights[0]
    if operator in _RELATIONS:
        relation = _RELATIONS[operator]
        return unanimous(relation(one, right, state) for one in lefts)
    test = _COMPARISONS.get(operator)
    return None if test is None else unanimous(test(one, right) for one in lefts)


_NUMBERS = (
    *("absolutePosition", "absoluteSize", "count", "payAmount", "percentage", "relativePosition", "relativeSize"),
    *("relativeSpatialPosition", "relativeTemporalPosition", "resolution"),
)
# What the values of an operand are where they state no datatype (ODRL Vocabulary 4.4 to 4.6).
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {f"{ODRL}dateTime": Family.MOMENT, f"{ODRL}language": Family.LANGUAGE}
    | {f"{ODRL}{name}": Family.NUMBER for name in _NUMBERS}
    | {f"{ODRL}{name}": Family.SPAN for name in ("delayPeriod", "elapsedTime", "meteredTime", "timeInterval")}
)


def _aligned(mine: tuple[Value, ...], written: Sequence[Literal], theirs: Values) -> tuple[Value, ...]:
    """Read again as the other side's family what states no datatype and was therefore only a text."""
    wanted = theirs[0].family
    if wanted in {Family.TEXT, Family.OTHER} or all(one.family is wanted for one in mine):
        return mine
    again = [
        value(literal, wanted) if literal.datatype is None and one.family is Family.TEXT else one
        for one, literal in zip(mine, written, strict=True)
    ]
    return tuple(new or old for new, old in zip(again, mine, strict=True))


# --- one value against one --------------------------------------------------------------------------------------------


def _ordered(wanted: frozenset[Order]) -> Callable[[Value, Value], Truth]:
    def test(left: Value, right: Value) -> Truth:
        found = order(left, right)
        return None if found is None else found in wanted

    return test


_COMPARISONS: Mapping[str, Callable[[Value, Value], Truth]] = MappingProxyType(
    {
        "eq": same,
        "neq": lambda left, right: negated(same(left, right)),
        "lt": _ordered(frozenset({-1})),
        "lteq": _ordered(frozenset({-1, 0})),
        "gt": _ordered(frozenset({1})),
        "gteq": _ordered(frozenset({0, 1})),
    }
)


def _is_a(left: Value, right: Value, state: State) -> Truth:
    return _related(left, right, state.is_a)


def _is_part_of(left: Value, right: Value, state: State) -> Truth:
    return _related(left, right, state.member)


def _has_part(left: Value, right: Value, state: State) -> Truth:
    return _is_part_of(right, left, state)


def _related(left: Value, right: Value, stated: Callable[[str, str], Truth]) -> Truth:
    """A relation between two terms; every term stands in it to itself. Languages: a tag lies in its prefix."""
    if Family.LANGUAGE in (left.family, right.family):
        tag, wide = str(left.key).lower(), str(right.key).lower()
        # What is only said to be English may be British English.
        return True if tag_within(tag, wide) else None if tag_within(wide, tag) else False
    if left.family is not Family.TEXT or right.family is not Family.TEXT:
        return True if same(left, right) else None
    if left.key == right.key:
        return True
    found = stated(left.key, right.key)
    return None if found is False and folded(left.key) == folded(right.key) else found


_RELATIONS: Mapping[str, Callable[[Value, Value, State], Truth]] = MappingProxyType(
    {"isA": _is_a, "isPartOf": _is_part_of, "hasPart": _has_part}
)


# --- values against a list --------------------------------------------------------------------------------------------


_FEW = 64


def _among(listed: Values, asked: int) -> Callable[[Value], Truth]:
    """The test whether a value is one of those listed; by look-up where many are asked for among many plain texts."""
    if asked * len(listed) <= _FEW or any(one.family is not Family.TEXT or one.language for one in listed):
        return lambda value: any_of(same(value, one) for one in listed)
    texts = frozenset(one.key for one in listed)
    spellings = frozenset(map(folded, texts))

    def test(value: Value) -> Truth:
        if value.family is not Family.TEXT:
            return None
        if value.key in texts:
            return None if value.language else True
        return None if folded(value.key) in spellings else False

    return test


def _is_any_of(lefts: Values, rights: Values) -> Truth:
    return unanimous(map(_among(rights, len(lefts)), lefts))


def _is_none_of(lefts: Values, rights: Values) -> Truth:
    return negated(_is_any_of(lefts, rights))


def _is_all_of(lefts: Values, rights: Values) -> Truth:
    missing = list(map(_among(lefts, len(rights)), rights))
    if False in missing:
        return False
    beyond = list(map(_among(rights, len(lefts)), lefts))
    return None if None in missing or beyond.count(True) != len(beyond) else True


_SETS: Mapping[str, Callable[[Values, Values], Truth]] = MappingProxyType(
    {"isAnyOf": _is_any_of, "isNoneOf": _is_none_of, "isAllOf": _is_all_of}
)


def _purposes(operator: str, lefts: Sequence[Literal], rights: Sequence[Literal], by: Relations) -> Truth:
    test = PURPOSIVE.get(operator)
    if test is None or (len(rights) > 1 and operator not in LISTS):
        return None
    return test([literal.text for literal in rights], [literal.text for literal in lefts], by)
