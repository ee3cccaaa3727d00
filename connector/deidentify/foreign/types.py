"""The types of FHIR R4 and STU3: which elements a type has, of which types, and how JSON writes them.

Read from tables made of HL7's own StructureDefinitions (`types-*.json`, CC0, made by
`tests/vectors/deid/make_types.py`). A name such as `Patient.contact` is the type of what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

RELEASES = ("R4", "STU3")
RESOURCE = "Resource"
ELEMENT = "Element"
TEMPORAL = frozenset({"date", "dateTime", "instant", "time"})
NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "Money"})
OPEN = "*"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: its name, the types it may have, whether it repeats."""

    name: str
    types: tuple[str, ...]
    many: bool
    choice: bool = False
    """Whether its type stands in its key in JSON: `valueString`."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a member of a JSON object means: which element it is, of which one type, and whether it repeats."""

    key: str
    name: str
    type: str
    many: bool
    primitive: bool


class Types:
    """The types of one release."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.release: str = table["release"]
        self.primitives = frozenset[str](table["primitives"])
        self.resources = frozenset[str](table["resources"])
        self._any: str = table["any"]
        self._table: dict[str, tuple[str, dict[str, str]]] = table["types"]
        self._elements: dict[str, dict[str, Element]] = {}
        self._members: dict[str, dict[str, Member]] = {}

    def known(self, name: str) -> bool:
        """Whether there is a type of this name."""
        return name in self._table or name in self.primitives

    def names(self) -> Iterable[str]:
        """Every type that has elements of its own."""
        return self._table

    def is_resource(self, name: str) -> bool:
        """Whether this is a kind of resource, or `Resource` itself."""
        return name in self.resources or name == RESOURCE

    def elements(self, name: str) -> dict[str, Element]:
        """The elements of a type by name; a primitive has those of `Element`."""
        found = self._elements.get(name)
        if found is None:
            base, own = self._table[ELEMENT if name in self.primitives else name]
            found = dict(self.elements(base)) if base else {}
            found |= {one.name: one for one in (self._element(key, what) for key, what in own.items())}
            self._elements[name] = found
        return found

    def members(self, name: str) -> dict[str, Member]:
        """The members that a JSON object of this type may have, without `resourceType` and the `_` siblings."""
        found = self._members.get(name)
        if found is None:
            found = {one.key: one for element in self.elements(name).values() for one in self._written(element)}
            self._members[name] = found
        return found

    def _element(self, key: str, what: str) -> Element:
        many = what.endswith("*") and what != OPEN
        kinds = self._any if what == OPEN else what.removesuffix("*") if many else what
        return Element(key.removesuffix("[x]"), tuple(kinds.split("|")), many, key.endswith("[x]"))

    def _written(self, element: Element) -> list[Member]:
        return [
            Member(
                f"{element.name}{kind[0].upper()}{kind[1:]}" if element.choice else element.name,
                element.name, kind, element.many, kind in self.primitives,
            )
            for kind in element.types
        ]  # fmt: skip


@cache
def load_types(release: str) -> Types:
    """The types of a release (`R4`, `STU3`)."""
    text = (files("connector.deidentify.foreign") / "data" / f"types-{release.lower()}.json").read_bytes()
    return Types(orjson.loads(text))
