"""The allow-list as a tree: what a profile's TOML tables say, checked and with its data types filled in.

A `Shape` is an object of which exactly these elements may leave. Rules are the words explained at the top of
`profiles/research-standard.toml`. Everything a reviewer could get wrong (an unknown rule or data type, a type that
contains itself, two rules for one array) is a `Fault`, and raises `ProfileError` when the profile is read, not when
data flows. Where a later FHIR release differs, tables below `[r5]` are laid over the others first (`for_release`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

KEPT = frozenset({"boolean", "integer", "decimal"})
DROPPING = frozenset({"system", "coded", "version", "label", "unit", "region", "country", "postcode", "text"})
"""Rules that leave out a text without the right form. In an array they would leave a hole, so they do not repeat."""
FORMED = DROPPING | {"time"}
DATES = frozenset({"date", "month", "calendar year"})
"""Rules that leave out a date which would tell an age that is grouped."""
BANDS = frozenset({"band of 5", "band of 10"})
AGES = frozenset({"age", "age band of 5", "age band of 10"})
_CHANGED = frozenset({"id", "subject", "moment", "year", "uid", "samples", "person", "masked", "redact", "sealed"})
ONE_OF = "one of "
REMOVE = "remove"
"""An element that never leaves, written down so that a reviewer sees it was thought of: the same as not writing it."""
EXTENSIONS = frozenset({"extension", "modifierExtension"})
RELEASES = ("R4", "R4B", "R5")
RULES = KEPT | FORMED | _CHANGED | DATES | BANDS | AGES | {REMOVE}
_R5 = "r5"

Table = Mapping[str, object]


class Fault(NamedTuple):
    """One thing that is wrong: at which place of the file (names of tables and keys, joined by dots), and what."""

    where: str
    words: str


class ProfileError(ValueError):
    """A de-identification profile that cannot be used: which line, what is wrong, what would be accepted.

    `faults` are all of them, with their places, where a file was read; the text is the first.
    """

    def __init__(self, words: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(words)
        self.faults = faults


class Listed(NamedTuple):
    """An extension that may leave: the address that names it, and what of its value."""

    url: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Element:
    """One element that may leave: its rule, whether it repeats, whether FHIR requires it, its parts if it has any.

    `listed` are the extensions that may leave, of an element `extension` or `modifierExtension`.
    """

    name: str
    rule: str
    many: bool = False
    required: bool = False
    shape: Shape | None = None
    listed: tuple[Listed, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """An object and the elements of it that may leave, in the order in which they are written.

    `removed` are elements that the profile names as never leaving.
    """

    name: str
    elements: tuple[Element, ...]
    removed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        rules = {element.rule for element in self.elements}
        if len(rules & {"system", "coded"}) == 1:
            raise ProfileError(
                f"{self.name}: the rules system and coded judge a code together; there is only one of them"
            )
        if "postcode" in rules and "country" not in rules:
            raise ProfileError(f"{self.name}: the rule postcode needs the country beside it")

    def element(self, rule: str) -> str | None:
        """The name of the first element with this rule."""
        return next((element.name for element in self.elements if element.rule == rule), None)


REFERENCE = Shape("Reference", (Element("reference", "reference"),))
SUBJECT = Shape("Reference", (Element("reference", "own", required=True),))


def read_shapes(document: Table, release: str = "R4") -> dict[str, Shape]:
    """The shapes of all resources of a profile document by resource type, in a FHIR release. Raises `ProfileError`."""
    told = for_release(document, release)
    faults: list[Fault] = []
    reader = _Reader(_tables(told, "types", faults), faults)
    resources = _tables(told, "resources", faults)
    if not resources and not faults:
        faults.append(Fault("resources", "[resources]: missing; list at least one kind of resource"))
    shapes = {
        kind: reader.shape(table, kind, f"resources.{kind}")
        for kind, value in resources.items()
        if value != REMOVE and (table := reader.table(value, kind, f"resources.{kind}")) is not None
    }
    reader.rest()
    if faults:
        raise ProfileError(faults[0].words, tuple(faults))
    return shapes


def for_release(document: Table, release: str) -> Table:
    """A profile document as it reads in a FHIR release. R4B has what R4 has of everything a profile can list.

    Raises `ProfileError` when the document says nothing about the release.
    """
    if release not in RELEASES:
        raise ProfileError(f"{release}: no such FHIR release; one of {', '.join(RELEASES)}")
    if release != "R5":
        return document
    if _R5 not in document:
        raise ProfileError("this profile is for FHIR R4 and R4B; it says nothing about R5 ([r5.resources], [r5.types])")
    later = document[_R5]
    if not isinstance(later, dict) or set(later) - {"types", "resources"}:
        raise ProfileError("[r5]: holds [r5.types] and [r5.resources] only", (Fault(_R5, "[r5]: only these tables"),))
    return {**document, **{part: _laid_over(document.get(part, {}), table) for part, table in later.items()}}


def _laid_over(below: object, above: object) -> object:
    """Tables (also as the one item of an array) are laid over each other key by key; anything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list) and len(below) == len(above) == 1:
        return [_laid_over(below[0], above[0])]
    return above


class _Reader:
    def __init__(self, types: Table, faults: list[Fault]) -> None:
        self._types = types
        self._faults = faults
        self._known: dict[str, Shape] = {"Reference": REFERENCE}
        self._open: list[str] = []

    def shape(self, table: Table, name: str, place: str) -> Shape:
        elements = [self._element(key, value, f"{name}.{key}", f"{place}.{key}") for key, value in table.items()]
        removed = frozenset(key for key, value in table.items() if value == REMOVE)
        return self._made(name, tuple(element for element in elements if element), removed, place)

    def rest(self) -> None:
        """Look through the data types too that nothing uses."""
        for name in self._types:
            self._type(name, name, f"types.{name}")

    def table(self, value: object, where: str, place: str) -> Table | None:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        self._fault(place, f"{where}: neither a rule in quotes nor a table of elements")
        return None

    def _made(self, name: str, elements: tuple[Element, ...], gone: frozenset[str], place: str) -> Shape:
        try:
            return Shape(name, elements, gone)
        except ProfileError as problem:
            self._fault(place, str(problem))
            return Shape(name, ())

    def _fault(self, place: str, words: str) -> None:
        self._faults.append(Fault(place, words))

    def _element(self, name: str, value: object, where: str, place: str) -> Element | None:
        if name in EXTENSIONS:
            return self._extensions(name, value, where, place)
        many = isinstance(value, list)
        if isinstance(value, list):
            if len(value) != 1:
                self._fault(place, f"{where}: an array holds exactly one rule or table, for every item")
                return None
            value = value[0]
        if isinstance(value, str):
            return None if value == REMOVE else self._ruled(name, value, many, where, place)
        table = self.table(value, where, place)
        return None if table is None else Element(name, "", many, shape=self.shape(table, where, place))

    def _extensions(self, name: str, value: object, where: str, place: str) -> Element | None:
        if value in (REMOVE, [REMOVE]):
            return None
        items = value if isinstance(value, list) else []
        listed = [one for item in items if (one := self._extension(item, where, place))]
        if not items or len(listed) != len(items) or len({one.url for one in listed}) != len(items):
            self._fault(place, f"{where}: a list of tables, each with its own url and the rule for its value")
            return None
        return Element(name, "extension", listed=tuple(listed))

    def _extension(self, item: object, where: str, place: str) -> Listed | None:
        url = item.get("url") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(url, str) or not url:
            return None
        value = {key: rule for key, rule in item.items() if key != "url"}
        if len(value) != 1 or not all(key == "extension" or key.startswith("value") for key in value):
            self._fault(place, f"{where}: {url}: one value (valueCode, ...) or further extensions, and no more")
            return None
        return Listed(url, self.shape(value, where, place))

    def _ruled(self, name: str, written: str, many: bool, where: str, place: str) -> Element | None:
        rule, required = written.removesuffix("!"), written.endswith("!")
        if rule in AGES:
            return Element(name, rule, many, required, self._type("Quantity", where, place))
        if rule == "subject":
            return Element(name, rule, many, required, SUBJECT)
        if rule in DROPPING and many:
            self._fault(place, f"{where}: the rule {rule} does not repeat")
            return None
        if rule in RULES or rule.startswith(ONE_OF):
            return Element(name, rule, many, required)
        return Element(name, "", many, required, self._type(rule, where, place))

    def _type(self, name: str, where: str, place: str) -> Shape | None:
        if name not in self._types and name not in self._known:
            words = f"a rule is one of {', '.join(sorted(RULES))}, one of ..., Reference or under [types]"
            self._fault(place, f"{where}: no such rule or type; {words}")
            return None
        if name in self._open:
            self._fault(place, f"[types.{name}]: contains itself; list the levels one by one")
            return None
        if name not in self._known:
            self._open.append(name)
            table = self.table(self._types[name], f"types.{name}", f"types.{name}")
            self._known[name] = self.shape(table or {}, name, f"types.{name}")
            self._open.pop()
        return self._known[name]


def _tables(document: Table, key: str, faults: list[Fault]) -> Table:
    value = document.get(key, {})
    if isinstance(value, dict):
        return value
    faults.append(Fault(key, f"[{key}]: neither a rule in quotes nor a table of elements"))
    return {}
