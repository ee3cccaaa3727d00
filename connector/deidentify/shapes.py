"""The allow-list as a tree: what a profile's TOML tables say, checked and with its data types filled in.

A `Shape` is an object of which exactly these elements may leave. Rules are the words explained at the top of
`profiles/research-standard.toml`. Everything a reviewer could get wrong (an unknown rule or data type, a type that
contains itself, two rules for one array) raises `ProfileError` when the profile is read, not when data flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KEPT = frozenset({"boolean", "integer", "decimal"})
DROPPING = frozenset({"system", "coded", "version", "label", "unit", "region", "country"})
"""Rules that leave out a text without the right form. In an array they would leave a hole, so they do not repeat."""
FORMED = DROPPING | {"time"}
CHANGED = frozenset({"id", "subject", "date", "moment", "year", "age", "uid", "samples", "person", "masked"})
ONE_OF = "one of "
_RULES = KEPT | FORMED | CHANGED

Table = Mapping[str, object]


class ProfileError(ValueError):
    """A de-identification profile that cannot be used: which line, what is wrong, what would be accepted."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element that may leave: its rule, whether it repeats, whether FHIR requires it, its parts if it has any."""

    name: str
    rule: str
    many: bool = False
    required: bool = False
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """An object and the elements of it that may leave, in the order in which they are written."""

    name: str
    elements: tuple[Element, ...]

    def __post_init__(self) -> None:
        rules = {element.rule for element in self.elements}
        if len(rules & {"system", "coded"}) == 1:
            raise ProfileError(
                f"{self.name}: the rules system and coded judge a code together; there is only one of them"
            )

    def element(self, rule: str) -> str | None:
        """The name of the first element with this rule."""
        return next((element.name for element in self.elements if element.rule == rule), None)


REFERENCE = Shape("Reference", (Element("reference", "reference"),))
SUBJECT = Shape("Reference", (Element("reference", "own", required=True),))


def read_shapes(document: Table) -> dict[str, Shape]:
    """The shapes of all resources of a profile document by resource type. Raises `ProfileError`."""
    reader = _Reader(_table(document.get("types", {}), "types"))
    resources = _table(document.get("resources", {}), "resources")
    if not resources:
        raise ProfileError("[resources]: missing; list at least one kind of resource")
    return {kind: reader.shape(_table(table, kind), kind) for kind, table in resources.items()}


class _Reader:
    def __init__(self, types: Table) -> None:
        self._types = types
        self._known: dict[str, Shape] = {"Reference": REFERENCE}
        self._open: list[str] = []

    def shape(self, table: Table, name: str) -> Shape:
        return Shape(name, tuple(self._element(key, value, f"{name}.{key}") for key, value in table.items()))

    def _element(self, name: str, value: object, where: str) -> Element:
        many = isinstance(value, list)
        if many:
            value = _only(value, where)
        if isinstance(value, str):
            return self._ruled(name, value, many, where)
        return Element(name, "", many, shape=self.shape(_table(value, where), where))

    def _ruled(self, name: str, written: str, many: bool, where: str) -> Element:
        rule, required = written.removesuffix("!"), written.endswith("!")
        if rule == "age":
            return Element(name, rule, many, required, self._type("Quantity", where))
        if rule == "subject":
            return Element(name, rule, many, required, SUBJECT)
        if rule in DROPPING and many:
            raise ProfileError(f"{where}: the rule {rule} does not repeat")
        if rule in _RULES or rule.startswith(ONE_OF):
            return Element(name, rule, many, required)
        return Element(name, "", many, required, self._type(rule, where))

    def _type(self, name: str, where: str) -> Shape:
        if name not in self._types and name not in self._known:
            rules = ", ".join(sorted(_RULES))
            raise ProfileError(
                f"{where}: no such rule or type; a rule is one of {rules}, one of ..., Reference or under [types]"
            )
        if name in self._open:
            raise ProfileError(f"[types.{name}]: contains itself; list the levels one by one")
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self.shape(_table(self._types[name], f"types.{name}"), name)
            self._open.pop()
        return self._known[name]


def _only(value: object, where: str) -> object:
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    raise ProfileError(f"{where}: an array holds exactly one rule or table, for every item")


def _table(value: object, where: str) -> Table:
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise ProfileError(f"{where}: neither a rule in quotes nor a table of elements")
