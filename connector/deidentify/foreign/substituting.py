"""`substitute`: another object in the place of one, part by part, as Microsoft's engine does it.

What an earlier rule kept or changed inside stays where it was; every other part is replaced by the part of the same
name and place in the new object, and goes where that has none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.reading import Json
from connector.deidentify.foreign.standing import Standing
from connector.deidentify.foreign.turn import SUBSTITUTED, Turn
from connector.deidentify.foreign.types import Types

if TYPE_CHECKING:
    from connector.deidentify.foreign.members import Object
    from connector.deidentify.foreign.plan import Node

DEEPEST = 20


class Substitution:
    """What is put in the place of objects in one standing. Raises PathError when it cannot stand there."""

    def __init__(self, node: Node) -> None:
        at, plan = node.at, node.plan
        claim = next(one for one in at.claims if plan.rules[one.rule].method == "substitute")
        if plan.types.is_resource(at.type):
            raise PathError("a whole resource cannot be substituted")
        self._target = checked(plan.types, plan.rules[claim.rule].settings.get("replaceWith"), at.type)
        # The same place as the rules before this one see it: what they have no claim on is to be replaced.
        self._before = plan.node(
            Standing(
                at.type, at.name, at.parent, tuple(one for one in at.claims if one.rank < claim.rank),
                at.direct - {claim.rule}, (), frozenset(item for item in at.items if item.rank < claim.rank),
            )
        )  # fmt: skip

    def put(self, value: Object, turn: Turn) -> Object:
        """What is left of an object, with the new one put over it."""
        turn.done |= SUBSTITUTED
        return _merged(self._before, value, self._target, turn)


def checked(types: Types, given: Json, kind: str) -> Object:
    """The object of a `replaceWith` (an object, or JSON as a text) for this type, lists where FHIR has them."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise PathError(f"`replaceWith` is no JSON object, which a {kind} needs") from None
    if not isinstance(given, dict | None):
        raise PathError(f"`replaceWith` is no object, which a {kind} needs")
    return _fitted(types, given or {}, kind, 0)


def _fitted(types: Types, given: Object, kind: str, depth: int) -> Object:
    known = types.members(kind)
    found: Object = {}
    for key, value in given.items():
        member = known.get(key)
        if member is None or depth > DEEPEST or types.is_resource(member.type):
            raise PathError(f"`replaceWith` holds an element that a {kind} does not have")
        parts = value if isinstance(value, list) else [value]
        if member.primitive != (not any(isinstance(part, dict | list) for part in parts)):
            raise PathError(f"`replaceWith` holds an element of another kind than a {kind} has")
        if not member.primitive:
            parts = [_fitted(types, part, member.type, depth + 1) for part in parts]
        found[key] = parts if member.many else parts[0]
    return found


def _merged(before: Node, value: Object, target: Object, turn: Turn) -> Object:
    before = before.decided(value)
    out: Object = {}
    for key in {**value, **target}:
        new = target.get(key)
        news = new if isinstance(new, list) else [] if new is None else [new]
        held = value.get(key)
        parts = _parts(before, key, held if isinstance(held, list) else [] if held is None else [held], news, turn)
        if parts:
            out[key] = parts if isinstance(new, list) or isinstance(held, list) else parts[0]
    return out


def _parts(before: Node, key: str, held: list[Json], news: list[Json], turn: Turn) -> list[Json]:
    member = before.known.get(key)
    if member is None:
        return []  # the siblings of primitives, and what FHIR does not know
    found: list[Json] = []
    used = 0
    for number, part in enumerate(held):
        at = before.plan.walker.child(before.at, member.name, member.type, number, number == len(held) - 1)
        if member.primitive:
            changed = bool(at.claims)
            got = _through(before, key, part, turn) if changed else news[used] if used < len(news) else None
            used += changed or used < len(news)
            found += [] if got is None else [got]
            continue
        node = before.plan.node(at).decided(part) if isinstance(part, dict) else None
        if node is not None and node.at.claims:
            used += 1
            found += [got] if (got := node.visit(part, turn)) else []
        elif node is not None and used < len(news):
            found.append(_merged(node, part, news[used], turn))
            used += 1
        elif node is not None and (got := _merged(node, part, {}, turn)):
            found.append(got)
    return found + news[used:]


def _through(before: Node, key: str, part: Json, turn: Turn) -> Json:
    """A primitive as the rules before leave it."""
    out: Object = {}
    field = before.fields[key]
    if field is None:
        return part
    field(part, key, {key: part}, out, turn)
    got = out.get(key)
    return got[0] if isinstance(got, list) else got
