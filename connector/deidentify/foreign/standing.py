"""Where a walk through a record stands: which rules have a claim on this node, and which may still match below.

A rule's path becomes items (so far along the path). Whichever rule comes first keeps a node and all below it, as in
Microsoft's engine, which never processes a node twice. `dateShift` and `perturb` only keep what they can change (an
unlike choice of ours: what they would leave as it is falls to the rules behind them).

Ranks order claims: what comes from a resource around this one (0, 1, ...) before the resource's own rules (`OWN` + n).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connector.deidentify.foreign.methods import PARTIAL
from connector.deidentify.foreign.paths import GENERAL, Child, Named, OfType, Path, Position, Step, Typed, Where
from connector.deidentify.foreign.reading import Rule
from connector.deidentify.foreign.types import QUANTITIES, RESOURCE, Types

OWN = 1000
KEEPING = Rule(0, "", "keep", {})
"""Stands behind every file's own rules, for what has to stay with what was changed."""


class Item(NamedTuple):
    """One rule's path, walked up to step `at`."""

    rank: int
    rule: int
    path: int
    at: int


class Claim(NamedTuple):
    """A rule that matched here or above."""

    rank: int
    rule: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at a node. `direct` are the rules that match exactly it, `tests` wait for their condition."""

    type: str
    name: str
    parent: str
    claims: tuple[Claim, ...] = ()
    direct: frozenset[int] = frozenset()
    tests: tuple[Item, ...] = ()
    items: frozenset[Item] = frozenset()


class Walker:
    """Walks standings along the types, for one rule file."""

    def __init__(self, types: Types, rules: Sequence[Rule], ways: Sequence[tuple[Path, ...]]) -> None:
        self.types = types
        self.rules = (*rules, KEEPING)
        self._ways = ways
        self._holding = _holding_resources(types)

    def step(self, item: Item) -> Step | None:
        """What comes next on an item's path; None at its end."""
        steps = self._ways[item.rule][item.path].steps
        return steps[item.at] if item.at < len(steps) else None

    def resource(self, kind: str, name: str, carried: frozenset[Item]) -> Standing:
        """At a resource of this kind; `carried` are paths of the resource around it that lead into it."""
        own = {
            Item(OWN + rule, rule, number, 0)
            for rule, ways in enumerate(self._ways)
            for number, way in enumerate(ways)
            if way.head == kind or way.head in GENERAL
        }
        return self.entered(Standing(kind, name, ""), carried | own)

    def entered(self, at: Standing, items: Iterable[Item], index: int | None = None, last: bool = False) -> Standing:
        """A node with these items not yet looked at, and the claims and items that `at` has already."""
        pending, rest, tests = list(items), set(at.items), set(at.tests)
        claims, direct = set(at.claims), set(at.direct)
        while pending:
            item = pending.pop()
            step = self.step(item)
            if step is None:
                claims.add(Claim(item.rank, item.rule))
                direct.add(item.rule)
            elif isinstance(step, Where):
                tests.add(item)
            elif not isinstance(step, OfType | Position):
                rest.add(item)
            if step is not None and self._passes(step, at, index, last):
                pending.append(item._replace(at=item.at + 1))
        return self._pruned(at, claims, direct, tests, rest)

    def _passes(self, step: Step, at: Standing, index: int | None, last: bool) -> bool:
        if isinstance(step, Typed | OfType):
            return step.type == at.type
        if isinstance(step, Named):
            return step.name == at.name
        return isinstance(step, Position) and (step.at == index or (step.at == -1 and last))

    def _pruned(
        self, at: Standing, claims: set[Claim], direct: set[int], tests: set[Item], rest: set[Item]
    ) -> Standing:
        """Without what cannot count any more behind a rule that keeps everything here."""
        kept: list[Claim] = []
        for claim in sorted(claims):
            kept.append(claim)
            if self.rules[claim.rule].method not in PARTIAL:
                break
        total = kept[-1].rank if kept and self.rules[kept[-1].rule].method not in PARTIAL else None
        if total is not None and at.type not in self._holding:
            tests = {item for item in tests if item.rank < total}
            rest = {item for item in rest if item.rank < total}
        return Standing(
            at.type, at.name, at.parent, tuple(kept), frozenset(direct), tuple(sorted(tests)), frozenset(rest)
        )

    def passed(self, at: Standing, outcome: Sequence[bool]) -> Standing:
        """The same node once the conditions of its tests have been answered."""
        going = [item._replace(at=item.at + 1) for item, holds in zip(at.tests, outcome, strict=True) if holds]
        without = Standing(at.type, at.name, at.parent, at.claims, at.direct, (), at.items)
        return self.entered(without, going)

    def leading(self, at: Standing, name: str) -> list[Item]:
        """The items that go on into the element of this name."""
        return [
            item._replace(at=item.at + 1)
            for item in at.items
            if isinstance(step := self.step(item), Child) and step.name == name
        ]

    def child(self, at: Standing, name: str, kind: str, index: int | None = 0, last: bool = True) -> Standing:
        """An element of this node that is of this one type, and no resource."""
        searching = [item for item in at.items if isinstance(self.step(item), Typed | Named)]
        begun = Standing(kind, name, at.type, self._inherited(at, name))
        return self.entered(begun, [*searching, *self.leading(at, name)], index, last)

    def _inherited(self, at: Standing, name: str) -> tuple[Claim, ...]:
        """The claims on an element of a node. What stands beside a number that `perturb` changes stays: it needs it."""
        if at.type in QUANTITIES and name != "value":
            for number, claim in enumerate(at.claims):
                if self.rules[claim.rule].method == "perturb":
                    return (*at.claims[:number], Claim(claim.rank, len(self.rules) - 1))
        return at.claims

    def holds_resources(self, kind: str) -> bool:
        """Whether a resource can stand in something of this type."""
        return kind in self._holding

    def carried(self, at: Standing, name: str) -> frozenset[Item]:
        """The paths that lead into the resource in this element, ranked anew so that they stay in order."""
        items = self.leading(at, name)
        order = {rank: number for number, rank in enumerate(sorted({item.rank for item in items}))}
        return frozenset(item._replace(rank=order[item.rank]) for item in items)

    def positioned(self, at: Standing, name: str) -> bool:
        """Whether a path wants the element of this name at one position only."""
        return any(isinstance(self.step(item), Position) for item in self.leading(at, name))


def _holding_resources(types: Types) -> frozenset[str]:
    """The types in which, at some depth, a resource can stand."""
    found = {RESOURCE, *types.resources}
    growing = True
    while growing:
        more = {
            name
            for name in types.names()
            if name not in found and any(kind in found for one in types.elements(name).values() for kind in one.types)
        }
        found |= more
        growing = bool(more)
    return frozenset(found)
