"""The condition that most rules have, at the price of a few look-ups: is there one below with these constants?

`type.coding.where(system='...' and code='MR').exists()`, by members that have one key in JSON each. Several of these
that look at the same place are answered in one go. Everything else is computed as `expressions` compiles it; both say
the same.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from connector.deidentify.foreign.fhirpath import Binary, Call, Literal, Member, This, Tree
from connector.deidentify.foreign.types import NUMBERS, TEMPORAL, Types
from connector.deidentify.foreign.values import Item

Holds = Callable[[Item], bool]
Outcome = Callable[[Item], tuple[bool, ...]]


def attribute(key: str) -> str:
    """The name of a member in a class."""
    return f"{key}_" if keyword.iskeyword(key) else key


@dataclass(frozen=True, slots=True)
class Usual:
    """A condition of this form: the members on the way, those that are compared, and the texts they must have."""

    way: tuple[str, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...]


def usual(types: Types, tree: Tree, about: Iterable[str]) -> Usual | None:
    """The condition, if it is of this form; else None."""
    if not (isinstance(tree, Call) and tree.name == "exists" and not tree.arguments):
        return None
    where, kinds = tree.of, list(about)
    if not (isinstance(where, Call) and where.name == "where" and len(where.arguments) == 1) or len(kinds) != 1:
        return None
    way, pairs = _chain(where.of), _pairs(where.arguments[0])
    if not way or pairs is None or not _leads(types, kinds[0], way, [name for name, _ in pairs]):
        return None
    ordered = sorted(pairs)
    if len({name for name, _ in pairs}) != len(pairs):
        return None
    return Usual(tuple(way), tuple(name for name, _ in ordered), tuple(text for _, text in ordered))


def together(conditions: Sequence[Usual]) -> Outcome | None:
    """What several conditions come to, if they look at the same place; else None."""
    first = conditions[0]
    if any((one.way, one.names) != (first.way, first.names) for one in conditions):
        return None
    places: dict[tuple[Item, ...], list[int]] = {}
    for number, one in enumerate(conditions):
        places.setdefault(one.texts, []).append(number)
    none = (False,) * len(conditions)
    look = _looking(first.way, first.names)

    def outcome(item: Item) -> tuple[bool, ...]:
        try:
            found = [number for texts in look(item) for number in places.get(texts, ())]
        except TypeError:  # an object or a list where a text should stand: the record is refused for it
            return none
        return tuple([number in found for number in range(len(none))]) if found else none

    return outcome


def _chain(tree: Tree) -> list[str] | None:
    names: list[str] = []
    while isinstance(tree, Member):
        names.append(tree.name)
        tree = tree.of
    return names[::-1] if isinstance(tree, This) else None


def _pairs(tree: Tree) -> list[tuple[str, str]] | None:
    if isinstance(tree, Binary) and tree.operator == "and":
        left, right = _pairs(tree.left), _pairs(tree.right)
        return None if left is None or right is None else left + right
    if not (isinstance(tree, Binary) and tree.operator == "=" and isinstance(tree.left, Member)):
        return None
    if not (isinstance(tree.left.of, This) and isinstance(tree.right, Literal) and tree.right.kind == "string"):
        return None
    return [(tree.left.name, tree.right.text)]


def _leads(types: Types, kind: str, way: list[str], names: list[str]) -> bool:
    """Whether every member on the way is one object or a list of them, and each that is compared a single text."""
    for name in way:
        element = types.elements(kind).get(name) if kind not in types.primitives else None
        if element is None or element.choice or len(element.types) != 1 or types.is_resource(element.types[0]):
            return False
        kind = element.types[0]
    if kind in types.primitives:
        return False
    elements = types.elements(kind)
    other = TEMPORAL | NUMBERS | {"boolean"}
    return all(
        (one := elements.get(name)) is not None
        and not (one.many or one.choice)
        and one.types[0] in types.primitives - other
        for name in names
    )


def _looking(way: tuple[str, ...], names: tuple[str, ...]) -> Callable[[Item], list[tuple[Item, ...]]]:
    """What stands in the compared members of everything that the way leads to."""
    steps = [(key, attribute(key)) for key in way]
    compared = [(key, attribute(key)) for key in names]

    def look(item: Item) -> list[tuple[Item, ...]]:
        here = (item,)
        for key, name in steps:
            below: list[Item] = []
            for one in here:
                value = one.get(key) if one.__class__ is dict else getattr(one, name, UNSET)
                if value.__class__ is list:
                    below += value
                elif value is not None and value is not UNSET:
                    below.append(value)
            if not below:
                return below
            here = tuple(below)
        return [
            tuple([one.get(key) for key, _ in compared])
            if one.__class__ is dict
            else tuple([getattr(one, name, None) for _, name in compared])
            for one in here
        ]

    return look
