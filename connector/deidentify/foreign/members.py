"""What to do with one member of a JSON object: made once for a node of the plan, run for every record.

FHIR writes a primitive in two members, `birthDate` its value and `_birthDate` its id and extensions; of one that
repeats both are lists of the same length, with nulls (R4 2.6.1). Whatever is left empty is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Raw

from connector.deidentify.foreign.methods import Action
from connector.deidentify.foreign.reading import Json
from connector.deidentify.foreign.report import Refused, Unprocessable
from connector.deidentify.foreign.standing import Standing
from connector.deidentify.foreign.turn import Turn
from connector.deidentify.foreign.types import NUMBERS, Member
from connector.deidentify.foreign.values import Unevaluable, leaf

if TYPE_CHECKING:
    from connector.deidentify.foreign.plan import Node, Plan

Object: TypeAlias = dict[str, Json]
Field: TypeAlias = Callable[[Json, str, Object, Object, Turn], None]
"""What to do with a member: its value, its key, the object it stands in, the object that is written, the turn."""
Change: TypeAlias = Callable[[Json, int, int, Turn], Json]
"""What becomes of a value that is number so of so many."""

CLASSES: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "decimal": frozenset({int, Raw}),
    **{name: frozenset({int}) for name in NUMBERS - {"decimal"}},
}
TEXT = frozenset({str})


def made(node: Node, key: str) -> Field | None:
    """What to do with a member of this key; None: a text that stays. Raises Refused where FHIR has none, PathError."""
    sibling = key[:1] == "_"
    member = node.known.get(key[1:] if sibling else key)
    if member is None or (sibling and not member.primitive):
        raise Refused("unknown-element")
    if member.primitive:
        return _sibling(node, member) if sibling else _primitive(node, member)
    if node.plan.types.is_resource(member.type):
        return _resources(node, member)
    return _objects(node, member)


# --- objects ----------------------------------------------------------------------------------------------------------


def _objects(node: Node, member: Member) -> Field:
    if not member.many:
        inside = node.plan.node(_child(node, member, 0, True))

        def one(value: Json, key: str, _whole: Object, out: Object, turn: Turn) -> None:
            if found := inside.visit(value, turn):
                out[key] = found

        return one
    at = _places(node, member)

    def many(value: Json, key: str, _whole: Object, out: Object, turn: Turn) -> None:
        parts = value if value.__class__ is list else [value]
        last = len(parts) - 1
        kept = [got for number, part in enumerate(parts) if (got := at(number, number == last).visit(part, turn))]
        if kept:
            out[key] = kept

    return many


def _places(node: Node, member: Member) -> Callable[[int, bool], Node]:
    """The node for each place of a list: the same everywhere, unless a path wants one place only."""
    plan = node.plan
    if plan.walker.positioned(node.at, member.name):
        return lambda number, last: plan.node(_child(node, member, number, last))
    everywhere = plan.node(_child(node, member, 0, True))
    return lambda _number, _last: everywhere


def _child(node: Node, member: Member, number: int, last: bool) -> Standing:
    return node.plan.walker.child(node.at, member.name, member.type, number, last)


def _resources(node: Node, member: Member) -> Field:
    plan, name = node.plan, member.name
    carried = plan.walker.carried(node.at, name)

    def field(value: Json, key: str, _whole: Object, out: Object, turn: Turn) -> None:
        if not member.many:
            found = plan.visit(value, turn, name, carried)
            if found is not None:
                out[key] = found
            return
        parts = value if value.__class__ is list else [value]
        kept = [got for part in parts if (got := plan.visit(part, turn, name, carried)) is not None]
        if kept:
            out[key] = kept

    return field


# --- primitives -------------------------------------------------------------------------------------------------------


def _primitive(node: Node, member: Member) -> Field | None:
    classes = CLASSES.get(member.type, TEXT)
    at = _child(node, member, 0, True)
    if not at.tests and not node.plan.walker.positioned(node.at, member.name):
        action = node.plan.action(at)
        if member.many:
            return _list(member, _plain(action, classes))
        return _single_kept(classes) if action is None else _single(action, classes)
    change = _chosen(node, member, classes)
    if member.many:
        return _list(member, change)

    def single(value: Json, key: str, _whole: Object, out: Object, turn: Turn) -> None:
        got = change(value, 0, 1, turn)
        if got is not None:
            out[key] = got

    return single


def _single_kept(classes: frozenset[type]) -> Field | None:
    if classes is TEXT:
        return None

    def kept(value: Json, key: str, _whole: Object, out: Object, _turn: Turn) -> None:
        if value.__class__ not in classes:
            raise Refused("shape")
        out[key] = value

    return kept


def _single(action: Action, classes: frozenset[type]) -> Field:
    def changed(value: Json, key: str, _whole: Object, out: Object, turn: Turn) -> None:
        if value.__class__ not in classes:
            raise Refused("shape")
        got = action(value, turn)
        if got is not None:
            out[key] = got

    return changed


def _plain(action: Action | None, classes: frozenset[type]) -> Change:
    def change(value: Json, _number: int, _count: int, turn: Turn) -> Json:
        if value.__class__ not in classes:
            raise Refused("shape")
        return value if action is None else action(value, turn)

    return change


def _chosen(node: Node, member: Member, classes: frozenset[type]) -> Change:
    """For a primitive whose rules hang on its value, or on its place in the list."""
    plan = node.plan

    def change(value: Json, number: int, count: int, turn: Turn) -> Json:
        if value.__class__ not in classes:
            raise Refused("shape")
        at = _answered(plan, _child(node, member, number, number == count - 1), value)
        action = plan.action(at)
        return value if action is None else action(value, turn)

    return change


def _answered(plan: Plan, at: Standing, value: Json) -> Standing:
    while at.tests:
        try:
            item = leaf(value, at.type)
            at = plan.passed(at, plan.outcome(at)(item))
        except Unevaluable:
            raise Unprocessable("condition") from None
    return at


def _list(member: Member, change: Change) -> Field:
    """A primitive that repeats. Where its siblings stand beside it, `_siblings` writes both."""
    beside = "_" + member.key

    def field(value: Json, key: str, whole: Object, out: Object, turn: Turn) -> None:
        if beside in whole:
            return
        parts = value if value.__class__ is list else [value]
        count = len(parts)
        kept = [got for number, part in enumerate(parts) if (got := change(part, number, count, turn)) is not None]
        if kept:
            out[key] = kept

    return field


def _sibling(node: Node, member: Member) -> Field:
    plan, key = node.plan, member.key
    at = _child(node, member, 0, True)
    if not member.many:

        def field(value: Json, beside: str, whole: Object, out: Object, turn: Turn) -> None:
            standing = _answered(plan, at, whole[key]) if at.tests and key in whole else at
            if found := plan.node(bare(standing)).visit(value, turn):
                out[beside] = found

        return field
    return _siblings(node, member)


def bare(at: Standing) -> Standing:
    """A primitive as the object of its id and extensions: no rule is about it, and none waits for its value."""
    return Standing(at.type, at.name, at.parent, at.claims, frozenset(), (), at.items)


def _siblings(node: Node, member: Member) -> Field:
    plan, key = node.plan, member.key
    change = _chosen(node, member, CLASSES.get(member.type, TEXT))

    def one(value: Json, beside: Json, number: int, count: int, turn: Turn) -> tuple[Json, Json]:
        at = _child(node, member, number, number == count - 1)
        standing = at if value is None else _answered(plan, at, value)
        extra = None if beside is None else plan.node(bare(standing)).visit(beside, turn) or None
        return None if value is None else change(value, number, count, turn), extra

    def field(value: Json, beside: str, whole: Object, out: Object, turn: Turn) -> None:
        extras = value if value.__class__ is list else [value]
        plain = whole.get(key, [])
        parts = plain if plain.__class__ is list else [plain]
        count = max(len(parts), len(extras))
        pairs = [
            one(*pair, number, count, turn)
            for number, pair in enumerate(zip(_padded(parts, count), _padded(extras, count), strict=True))
        ]
        kept = [pair for pair in pairs if pair != (None, None)]
        if any(part is not None for part, _ in kept):
            out[key] = [part for part, _ in kept]
        if any(extra is not None for _, extra in kept):
            out[beside] = [extra for _, extra in kept]

    return field


def _padded(parts: list[Json], count: int) -> list[Json]:
    return [*parts, *[None] * (count - len(parts))]
