"""What each left operand is compared with, and by which operators: one closure per constraint, three-valued.

True: met. False: not met. None: a fact is missing or nobody has stated the relation; None never lets anything happen.
An operator that has no meaning for an operand makes the constraint unknown, it is not guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import TypeAlias

from policy.instants import TICK, day, instant
from policy.odrl import vocabulary as v
from policy.odrl.model import PLAIN, Constraint, Literal
from policy.purposes import covered_by_any, covers, purpose

Truth: TypeAlias = bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The facts a policy is evaluated against. None or empty means not known, and meets nothing."""

    now: datetime
    requester: str
    dataset: str
    purposes: tuple[str, ...] = ()
    consent: str | None = None
    study: str | None = None
    study_digest: str | None = None
    study_approval: str | None = None
    profile: str | None = None
    selection: str | None = None


Test: TypeAlias = Callable[[World], Truth]


@dataclass(frozen=True, slots=True)
class Compiled:
    """One term, ready to ask.

    `code` is the reason to give when it is not met; `changes` are the instants at which its answer can change.
    """

    test: Test
    code: Callable[[World], str]
    pointer: str
    changes: tuple[datetime, ...] = ()


class NotUnderstoodError(ValueError):
    """The operand, its operator or its value is not one that can be evaluated here."""


def compile_constraint(constraint: Constraint) -> Compiled:
    """Return the constraint as a closure. Raises :class:`NotUnderstoodError` naming what is not understood."""
    odd = "unit" if constraint.unit else "status" if constraint.status else None
    if odd or constraint.by_reference or constraint.given or any(one.language for one in constraint.right):
        raise NotUnderstoodError(f"{constraint.pointer}/{odd or 'rightOperand'}")
    if constraint.left == v.PURPOSE:
        return _purpose(constraint)
    if constraint.left == v.DATE_TIME:
        return _moment(constraint)
    if constraint.left in _NAMES:
        return _name(constraint, *_NAMES[constraint.left])
    raise NotUnderstoodError(f"{constraint.pointer}/leftOperand: {constraint.left}")


# --- names: recipient, study and the like: one value, compared as it is written ---------------------------------------

_Feature: TypeAlias = Callable[[World], str | None]

# left operand -> (fact, reason if not met, values we know; empty means any)
_NAMES: Mapping[str, tuple[_Feature, str, frozenset[str]]] = MappingProxyType(
    {
        v.RECIPIENT: (lambda w: w.requester, "recipient-not-allowed", frozenset()),
        v.DATASET: (lambda w: w.dataset, "other-dataset", frozenset()),
        v.CONSENT: (lambda w: w.consent, "consent-not-checked", frozenset({v.PER_PERSON})),
        v.STUDY: (lambda w: w.study, "other-study", frozenset()),
        v.STUDY_DIGEST: (lambda w: w.study_digest, "other-study", frozenset()),
        v.STUDY_APPROVAL: (lambda w: w.study_approval, "study-not-approved", frozenset({v.APPROVED})),
        v.PROFILE: (lambda w: w.profile, "profile-not-agreed", frozenset()),
        v.SELECTION: (lambda w: w.selection, "selection-not-agreed", frozenset()),
    }
)
_ANY_OF, _NONE_OF = frozenset({"eq", "isAnyOf"}), frozenset({"neq", "isNoneOf"})


def _name(constraint: Constraint, feature: _Feature, code: str, known: frozenset[str]) -> Compiled:
    listed = _values(constraint)
    if constraint.operator not in _ANY_OF | _NONE_OF:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")
    if any(literal.datatype not in PLAIN for literal in listed):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand")
    texts = frozenset(literal.text for literal in listed)
    if known and (not texts <= known or constraint.operator in _NONE_OF):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: {min(texts)}")
    wanted = constraint.operator in _ANY_OF

    def test(world: World) -> Truth:
        fact = feature(world)
        return None if not fact else (fact in texts) is wanted

    return Compiled(test, lambda _: code, constraint.pointer)


def _values(constraint: Constraint) -> tuple[Literal, ...]:
    if len(constraint.right) > 1 and constraint.operator not in {"isAnyOf", "isNoneOf", "isAllOf"}:
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: several values for {constraint.operator}")
    return constraint.right


# --- dateTime: the moment of the decision -----------------------------------------------------------------------------


def _moment(constraint: Constraint) -> Compiled:
    first, after = _bounds(_values(constraint)[0], constraint.pointer)
    compare: Mapping[str, tuple[Callable[[datetime], bool], str, tuple[datetime, ...]]] = {
        "lt": (lambda now: now < first, "contract-ended", (first,)),
        "lteq": (lambda now: now < after, "contract-ended", (after,)),
        "gt": (lambda now: now >= after, "contract-not-started", (after,)),
        "gteq": (lambda now: now >= first, "contract-not-started", (first,)),
        "eq": (lambda now: first <= now < after, "outside-contract-time", (first, after)),
        "neq": (lambda now: not first <= now < after, "outside-contract-time", (first, after)),
    }
    if constraint.operator not in compare:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")
    holds, code, changes = compare[constraint.operator]
    return Compiled(lambda world: holds(world.now), lambda _: code, constraint.pointer, changes)


def bounds(literal: Literal) -> tuple[datetime, datetime]:
    """Return the first instant a dateTime value means and the first after it; a date is its whole day in UTC.

    Raises :class:`ValueError` if it is neither, or so far off that no instant lies before or after it.
    """
    if literal.datatype not in {None, f"{v.XSD}dateTime", f"{v.XSD}dateTimeStamp", f"{v.XSD}date"}:
        raise ValueError("another datatype")
    whole_day = len(literal.text) == 10
    first = datetime.combine(day(literal.text), time(), UTC) if whole_day else instant(literal.text)
    try:
        _ = first - TICK  # who puts a limit into words asks for the last instant before it
        return first, first + (timedelta(days=1) if whole_day else TICK)
    except OverflowError:
        raise ValueError("beyond the first or the last instant there is") from None


def _bounds(literal: Literal, pointer: str) -> tuple[datetime, datetime]:
    try:
        return bounds(literal)
    except ValueError:
        raise NotUnderstoodError(f"{pointer}/rightOperand: not a date or an instant with an offset") from None


# --- purpose: every requested purpose must pass -----------------------------------------------------------------------


def _purpose(constraint: Constraint) -> Compiled:
    offered = tuple(_iri(literal, constraint.pointer) for literal in _values(constraint))
    compare = _PURPOSES.get(constraint.operator)
    if compare is None:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")

    def test(world: World) -> Truth:
        return compare(offered, [_known(asked) for asked in world.purposes]) if world.purposes else None

    def code(world: World) -> str:
        if not world.purposes:
            return "purpose-missing"
        return "purpose-not-offered" if test(world) is False else "purpose-unknown-relation"

    return Compiled(test, code, constraint.pointer)


def _iri(literal: Literal, pointer: str) -> str:
    found = purpose(literal.text) if literal.datatype in PLAIN else None
    if found is None:
        raise NotUnderstoodError(f"{pointer}/rightOperand: {literal.text}")
    return found.iri


def _known(term: str) -> str:
    found = purpose(term)
    return found.iri if found else term


def _each_covered(offered: tuple[str, ...], asked: list[str]) -> Truth:
    return all_of([covered_by_any(offered, one) for one in asked])


def _the_same(offered: tuple[str, ...], asked: list[str]) -> Truth:
    return set(offered) == set(asked)


def _none_touched(offered: tuple[str, ...], asked: list[str]) -> Truth:
    # A narrower purpose lies inside an excluded one and a broader one takes it in. That an unrelated one lies outside
    # is a statement the vocabulary never makes, so this can fail or stay unknown, but not be met.
    return False if any(covers(one, other) is not None for one in offered for other in asked) else None


_PURPOSES: Mapping[str, Callable[[tuple[str, ...], list[str]], Truth]] = MappingProxyType(
    {
        "isA": _each_covered,
        "isAnyOf": _each_covered,
        "eq": _the_same,
        "isAllOf": _the_same,
        "neq": _none_touched,
        "isNoneOf": _none_touched,
    }
)


# --- joining ----------------------------------------------------------------------------------------------------------


def all_of(answers: list[Truth]) -> Truth:
    """Three-valued and: one False is False, else one None is None."""
    if False in answers:
        return False
    return None if None in answers else True


def any_of(answers: list[Truth]) -> Truth:
    """Three-valued or: one True is True, else one None is None."""
    if True in answers:
        return True
    return None if None in answers else False


def one_of(answers: list[Truth]) -> Truth:
    """Three-valued exclusive choice: exactly one True, all others False; two True are False whatever else holds."""
    if answers.count(True) > 1:
        return False
    return None if None in answers else answers.count(True) == 1
