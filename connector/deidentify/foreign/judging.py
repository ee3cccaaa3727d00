"""What the rules before a condition may have made of what it reads.

A plan asks a condition of the record as it came. In Microsoft's engine the rules before it have been run by then. So
for every element that a condition reads it is found out here, from the types alone, what those rules do to it:
nothing, all of it (then it is read as gone), or something else, and then the rule cannot be compiled.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.deidentify.foreign.expressions import Trail
from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.methods import PARTIAL, Leaf, Methods, acts_on
from connector.deidentify.foreign.standing import Standing, Walker

FREE, GONE, CHANGED = "free", "gone", "changed"


def fates(walker: Walker, methods: Methods, at: Standing, rank: int, trails: Iterable[Trail]) -> frozenset[Trail]:
    """The elements below a node of which the rules before `rank` leave nothing. Raises PathError for changed ones."""
    before = _before(at, rank)
    gone = set[Trail]()
    for trail in trails:
        found = {_fate(walker, methods, one) for one in _reached(walker, before, trail)}
        if CHANGED in found or found >= {FREE, GONE}:
            place = ".".join(trail)
            raise PathError(f"its condition reads `{place}`, which a rule before it may have changed: put it first")
        if GONE in found:
            gone.add(trail)
    return frozenset(gone)


def _before(at: Standing, rank: int) -> Standing:
    return Standing(
        at.type, at.name, at.parent, tuple(claim for claim in at.claims if claim.rank < rank), at.direct,
        tuple(item for item in at.tests if item.rank < rank), frozenset(item for item in at.items if item.rank < rank),
    )  # fmt: skip


def _reached(walker: Walker, at: Standing, trail: Trail) -> list[Standing]:
    """Every standing that a trail can end in: whatever conditions on the way come to."""
    here = [at]
    for name in trail:
        here = [
            below
            for one in here
            for open_ in _answered(walker, one)
            if (element := walker.types.elements(open_.type).get(name)) is not None
            for kind in element.types
            if not walker.types.is_resource(kind)
            for below in (walker.child(open_, name, kind),)
        ]
    return [answered for one in here for answered in _answered(walker, one)]


def _answered(walker: Walker, at: Standing) -> list[Standing]:
    if not at.tests:
        return [at]
    every = (walker.passed(at, [answer] * len(at.tests)) for answer in (True, False))
    return [answered for one in every for answered in _answered(walker, one)]


def _fate(walker: Walker, methods: Methods, at: Standing) -> str:
    primitive = at.type in walker.types.primitives
    leaf = Leaf(at.type, at.name, at.parent)
    for claim in at.claims:
        rule = walker.rules[claim.rule]
        if rule.method == "keep":
            return FREE
        if rule.method in ("remove", "substitute"):
            return CHANGED
        if primitive and methods.leaves_nothing(rule, leaf):
            return GONE
        if primitive and (acts_on(rule.method, at.type) or claim.rule in at.direct):
            return CHANGED
        if rule.method not in PARTIAL:
            return FREE  # an object, of which parts may be changed: they are judged where they are read
    return FREE
