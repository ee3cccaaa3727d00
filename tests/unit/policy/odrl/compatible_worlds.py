"""Policies and worlds for the tests of compatibility: drawn by Hypothesis, evaluated by the evaluator itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, product

from hypothesis import strategies as st

from policy.odrl import vocabulary as v
from policy.odrl.evaluating.operators import holds
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, all_of, any_of, one_of
from policy.odrl.model import XSD, Action, Constraint, Kind, Literal, Logical, Policy, Rule, Term

WIDTH, HEIGHT, COUNT = "urn:test:width", "urn:test:height", f"{v.ODRL}count"
WHO, PLACE = v.RECIPIENT, "urn:test:place"
NAMES = ("urn:a", "urn:b", "urn:c")
ORDERED = ("eq", "neq", "lt", "lteq", "gt", "gteq")
LISTS = ("isAnyOf", "isNoneOf")


def number(text: object) -> Literal:
    """A number."""
    return Literal(str(text), f"{XSD}decimal")


def limit(left: str, operator: str, *values: Literal | object) -> Constraint:
    """One constraint; what is no literal is a number."""
    return Constraint(left, operator, tuple(one if isinstance(one, Literal) else number(one) for one in values))


def use(*terms: Term, **more: object) -> Policy:
    """A policy that permits use under these terms."""
    rule = Rule(kind=Kind.PERMISSION, actions=(Action(v.USE),), terms=terms)
    return Policy(uid="urn:p", kind="Set", permissions=(rule,), **more)  # type: ignore[arg-type]


def joined(operator: str, *parts: Term) -> Logical:
    """Terms joined."""
    return Logical(operator, parts)


World = Mapping[str, Literal]


def meets(terms: Iterable[Term], world: World) -> Truth:
    """What the evaluator's operators say of terms in a world."""
    return all_of(truth(term, world) for term in terms)


def truth(term: Term, world: World) -> Truth:
    """What they say of one."""
    if isinstance(term, Logical):
        join = {"or": any_of, "xone": one_of}.get(term.operator, all_of)
        return join(truth(part, world) for part in term.parts)
    value = world.get(term.left)
    return None if value is None else holds(term.operator, term.left, [value], term.right, State())


def grid(terms: Sequence[Term]) -> Iterator[World]:
    """A world for each way the terms can tell worlds apart: all values named, one between each two, one beyond."""
    named: dict[str, set[str]] = {}
    for term in terms:
        for constraint in constraints(term):
            named.setdefault(constraint.left, set()).update(one.text for one in constraint.right)
    axes = [[(left, one) for one in _values(left, texts)] for left, texts in sorted(named.items())]
    for choice in product(*axes):
        yield dict(choice)


def _values(left: str, texts: set[str]) -> list[Literal]:
    if left == WHO:
        return [Literal(one) for one in (*sorted(texts), "urn:another")]
    at = sorted(Fraction(one) for one in texts)
    places = {*at, at[0] - 1, at[-1] + 1, *((low + high) / 2 for low, high in pairwise(at))}
    if left == COUNT:
        places = {Fraction(one) for one in range(int(at[-1]) + 3)}
    return [number(float(one)) for one in sorted(places)]


def constraints(term: Term) -> Iterator[Constraint]:
    """Every constraint in a term."""
    if isinstance(term, Constraint):
        yield term
    else:
        for part in term.parts:
            yield from constraints(part)


_numbers = st.sampled_from([number(one) for one in ("0", "0.5", "1", "2", "3")])
_whole = st.sampled_from([number(one) for one in ("0", "1", "2", "3")])
_names = st.sampled_from([Literal(one) for one in NAMES])


def _constraint(left: str, values: st.SearchStrategy[Literal], ordered: Sequence[str]) -> st.SearchStrategy[Constraint]:
    one = st.builds(lambda operator, value: Constraint(left, operator, (value,)), st.sampled_from(ordered), values)
    many = st.builds(
        lambda operator, some: Constraint(left, operator, tuple(some)),
        st.sampled_from(LISTS), st.lists(values, min_size=1, max_size=3),
    )  # fmt: skip
    return st.one_of(one, one, many)


single = st.one_of(
    _constraint(WIDTH, _numbers, ORDERED),
    _constraint(HEIGHT, _numbers, ORDERED),
    _constraint(COUNT, _whole, ORDERED),
    _constraint(WHO, _names, ("eq", "neq")),
)
nested: st.SearchStrategy[Term] = st.recursive(
    single,
    lambda inner: st.builds(
        lambda operator, parts: Logical(operator, tuple(parts)),
        st.sampled_from(["or", "xone", "and", "andSequence"]), st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip
terms = st.lists(nested, min_size=1, max_size=3)
