"""How the values of a left operand are found: in the request, else in the state, else from the time of asking."""

from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from itertools import chain
from typing import TypeAlias

from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.operators import Values, values
from policy.odrl.evaluating.request import Asking
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.values import Value, edges
from policy.odrl.model import XSD, Constraint, Literal
from policy.odrl.vocabulary import DATE_TIME

Find: TypeAlias = Callable[[Asking, State], tuple[Literal, ...]]
Changes: TypeAlias = Callable[[State, bool], Iterable[datetime]]


def finder(term: Constraint, behaviour: Behaviour) -> Find:
    """Return how the values of a constraint's left operand are found."""
    if term.given is not None:
        given = (term.given,)
        return lambda _ask, _state: given
    if term.left == DATE_TIME:
        return now_of
    if term.left in behaviour.week_days:
        return _week_day
    if term.unit is not None:
        return _measured(term.left, term.unit.text, behaviour.units_name)
    left = term.left

    def find(ask: Asking, state: State) -> tuple[Literal, ...]:
        return ask.features.get(left) or state.features.get(left) or ()

    return find


def _measured(left: str, unit: str, by_unit: bool) -> Find:
    """Values in the unit that the constraint states; in another or in none they are no values of it."""

    def find(ask: Asking, state: State) -> tuple[Literal, ...]:
        for known in (ask, state):
            found = known.features.get(left)
            if found:
                return found if known.units.get(left) == unit else ()
        return (ask.features.get(unit) or state.features.get(unit) or ()) if by_unit else ()

    return find


def now_of(ask: Asking, state: State) -> tuple[Literal, ...]:
    """The time of asking as a value."""
    now = ask.at or state.now
    return () if now is None else (Literal(_written(now), f"{XSD}dateTime"),)


def _written(now: datetime) -> str:
    text = now.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _week_day(ask: Asking, state: State) -> tuple[Literal, ...]:
    now = ask.at or state.now
    return () if now is None else (Literal(_WEEK[now.weekday()]),)


def referred(term: Constraint, state: State) -> tuple[Literal, ...]:
    """The values a constraint compares with: by reference whatever the state has under all of its names, else none."""
    if not term.by_reference:
        return term.right
    found = [state.sources.get(literal.text) for literal in term.right]
    return () if None in found else tuple(chain.from_iterable(one for one in found if one))


# --- when the answer can change ---------------------------------------------------------------------------------------


def changes(term: Constraint, right: Values | None, behaviour: Behaviour) -> Changes | None:
    """Return the instants at which a constraint's answer can change by time alone, None if it cannot."""
    if term.left in behaviour.week_days:
        return _midnight
    if term.left != DATE_TIME or term.given is not None:
        return None
    if term.by_reference:
        return lambda state, aware: _edges(
            values(DATE_TIME, referred(term, state), term.datatype), term.operator, aware
        )
    known: dict[bool, tuple[datetime, ...]] = {}

    def coming(_state: State, aware: bool) -> tuple[datetime, ...]:
        if aware not in known:
            known[aware] = _edges(right, term.operator, aware)
        return known[aware]

    return coming


def _edges(read: Iterable[Value] | None, operator: str, aware: bool) -> tuple[datetime, ...]:
    return tuple(chain.from_iterable(edges(one, operator, aware) for one in read or ()))


def _midnight(state: State, _aware: bool) -> Iterable[datetime]:
    if state.now is None:
        return ()
    return (datetime.combine(state.now.date() + timedelta(days=1), time(), state.now.tzinfo),)
