"""Constraints and refinements as closures: compiled once, then asked of a request and a state, three-valued."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.finding import Changes, Find, changes, finder, referred
from policy.odrl.evaluating.operators import LISTS, Values, holds, values
from policy.odrl.evaluating.purposive import PURPOSIVE
from policy.odrl.evaluating.quick import Test, quick
from policy.odrl.evaluating.request import Asking
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, all_of, any_of, one_of
from policy.odrl.evaluating.values import Family
from policy.odrl.model import Constraint, Literal, Logical, Term
from policy.odrl.vocabulary import DATE_TIME, OPERATORS, PURPOSE


class CompiledTerm(NamedTuple):
    """One constraint or refinement, ready to ask.

    `found` are the values its left operand has (none of a joined term), `changes` the instants at which its answer can
    change by time alone (None if it cannot), `parts` the terms a logical one joins.
    """

    term: Term
    test: Test
    found: Find
    changes: Changes | None
    parts: "tuple[CompiledTerm, ...]" = ()


def compile_terms(
    terms: Sequence[Term], behaviour: Behaviour, notes: list[str], forbidding: bool = False
) -> tuple[CompiledTerm, ...]:
    """Return the terms as closures; `notes` gets the place and text of whatever has no meaning.

    `forbidding`: they stand in a prohibition.
    """
    return tuple([compile_term(term, behaviour, notes, forbidding) for term in terms]) if terms else ()


def compile_term(term: Term, behaviour: Behaviour, notes: list[str], forbidding: bool = False) -> CompiledTerm:
    """Return one term as a closure."""
    if isinstance(term, Logical):
        return _logical(term, behaviour, notes, forbidding)
    right = None if term.by_reference else values(term.left, term.right, term.datatype)
    find = finder(term, behaviour)
    test = _test(term, right, find, behaviour, notes, forbidding)
    if behaviour.two_valued:
        test = _two_valued(test)
    return CompiledTerm(term, test, find, changes(term, right, behaviour))


def _two_valued(test: Test) -> Test:
    return lambda ask, state: test(ask, state) is True


# --- joined terms -----------------------------------------------------------------------------------------------------


def _logical(term: Logical, behaviour: Behaviour, notes: list[str], forbidding: bool) -> CompiledTerm:
    parts = compile_terms(term.parts, behaviour, notes, forbidding)
    join = _JOINS.get(term.operator)
    if join is None:
        notes.append(f"{term.pointer}/{term.operator}")
        join = _unknown
    tests = [part.test for part in parts]

    def test(ask: Asking, state: State) -> Truth:
        return join(one(ask, state) for one in tests)

    timed = [part.changes for part in parts if part.changes is not None]

    def coming(state: State, aware: bool) -> Iterable[datetime]:
        return chain.from_iterable(one(state, aware) for one in timed)

    return CompiledTerm(term, test, _nothing, coming if timed else None, parts)


def _unknown(_answers: Iterable[Truth]) -> Truth:
    return None


def _nothing(_ask: Asking, _state: State) -> tuple[Literal, ...]:
    return ()


# A sequence asks for the same facts as `and`; its order is about when they came true, which one instant cannot show.
_JOINS: Mapping[str, Callable[[Iterable[Truth]], Truth]] = MappingProxyType(
    {"and": all_of, "andSequence": all_of, "or": any_of, "xone": one_of}
)


# --- one constraint ---------------------------------------------------------------------------------------------------


def _test(
    term: Constraint, right: Values | None, find: Find, behaviour: Behaviour, notes: list[str], forbidding: bool
) -> Test:
    """The test of a constraint; a quick form gives the same answers, only faster."""
    if term.operator not in OPERATORS or (len(term.right) > 1 and term.operator not in LISTS):
        notes.append(f"{term.pointer}/operator: {term.operator}")
        return _undecided
    if not term.by_reference and not _has_meaning(term, right):
        notes.append(f"{term.pointer}/rightOperand")
        return _undecided
    general = _general(term, find, behaviour, forbidding)
    if term.by_reference or term.unit is not None or term.given is not None or behaviour.units_name:
        return general
    return quick(term, right, general)


def _undecided(_ask: Asking, _state: State) -> Truth:
    return None


def _has_meaning(term: Constraint, right: Values | None) -> bool:
    """Whether the right operand can be compared with values of the left one at all."""
    if term.left == PURPOSE:
        return term.operator in PURPOSIVE
    return right is not None and (term.left != DATE_TIME or all(one.family is Family.MOMENT for one in right))


def _general(term: Constraint, find: Find, behaviour: Behaviour, forbidding: bool) -> Test:
    exclude = behaviour.kinds_exclude

    def test(ask: Asking, state: State) -> Truth:
        return holds(
            term.operator,
            term.left,
            find(ask, state),
            referred(term, state),
            state,
            datatype=term.datatype,
            kinds_exclude=exclude,
            forbidding=forbidding,
        )

    return test
