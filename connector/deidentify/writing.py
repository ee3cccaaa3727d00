"""A plan written out as Python: per resource type one function that joins the bytes of a record from ready pieces.

A record is decoded into classes whose fields hold the JSON of an element as it was read, and what becomes of it is
looked up: of a concept, a code or a unit for everybody together, of a reference or a date per person (`pieces`). Only
what was not met before is worked out, by the careful way (`plan`), which also decides whatever is unusual here:
`Unusual` sends a whole record there. So nothing is decided twice, and the two ways cannot differ in a rule.

Each element is written in one of these ways:

- `constant`, `boolean`, `integer`, `decimal`, `date`, `moment`, `id`: a value in place;
- `reference`: by its target; `amount`: a number with its unit, whose digits are passed on and whose rest is looked up;
- `open`: an object in which one of the others has to be done, written by a function of its own; `often`: the same with
  nothing but numbers and words in it, so that it may come again;
- `shared`: any other element of which nothing depends on the person; `own`: all the rest.

The functions are made of this file's own words and numbers: no text of a profile is ever part of their source.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from connector.deidentify.pieces import Unusual
from connector.deidentify.plan import NO_VALUE, TAG, Plan, compile_plan, union, withheld_class
from connector.deidentify.profile import Profile
from connector.deidentify.rules import EMPTY
from connector.deidentify.shapes import AGES, FORMED, KEPT, ONE_OF, REFERENCE, Element, Shape
from connector.deidentify.source import Made, Way, Write, compiled

# What is judged with something beside it: an object with one of these is worked out as a whole.
_TOGETHER = frozenset({"system", "coded", "postcode"})
# What turns into the same for everybody, and is worth remembering for everybody.
_ALIKE = (KEPT | FORMED) - {"text", "postcode"}
_PLAIN = KEPT | {"date", "moment", "masked"}
_VALUES: dict[str, Any] = {"boolean": bool, "integer": int}
_TEXTS = frozenset({"id", "constant", "date", "moment"})


class _Reference(Struct, gc=False):
    reference: str | UnsetType = UNSET
    modifierExtension: NO_VALUE = UNSET  # noqa: N815 - FHIR's name


class _Same(NamedTuple):
    """Elements that turn into the same: by their rule, data type, and whether they repeat and are required."""

    rule: str
    shape: int
    many: bool
    required: bool
    listed: tuple[object, ...]


class Functions(dict[type, Write]):
    """What writes an instance of a class, made when first needed. Raises `Unusual` for a class it does not know."""

    def __init__(self, made: dict[type, Made], *, inside: bool = False) -> None:
        super().__init__()
        self._made = made
        self._inside = inside

    def leaves(self, kind: type) -> bool:
        """Whether instances of this class leave inside another resource: of the kinds listed all but a Patient."""
        return kind in self._made and self._made[kind].resource != "Patient"

    def __missing__(self, kind: type) -> Write:
        made = self._made.get(kind)
        if made is None:
            raise Unusual
        self[kind] = write = compiled(made, self.__getitem__, self._inside)
        return write


class Writing(NamedTuple):
    """The quick way of one plan: the type to decode a record into, and what writes it.

    `kinds` says of a class, except that of a Patient, which kind of resource it is; `inside` writes resources contained
    in another. `shared` and `own` are the elements that are looked up, by the number under which a `Hand` keeps them.
    """

    plan: Plan
    record: Any
    kinds: dict[type, str]
    functions: Functions
    inside: Functions
    shared: list[Element]
    own: list[Element]


@cache
def written_out(profile: Profile, release: str = "R4") -> Writing:
    """The quick way of a profile of FHIR records. Raises `ProfileError`."""
    plan = compile_plan(profile, release)
    builder = _Builder()
    kinds = [builder.resource(kind, shape) for kind, shape in plan.shapes.items()]
    record = union([*kinds, *map(withheld_class, plan.withheld)])
    functions, inside = Functions(builder.made), Functions(builder.made, inside=True)
    named = {made: kind for made, kind in zip(kinds, plan.shapes, strict=True) if kind != "Patient"}
    return Writing(plan, record, named, functions, inside, builder.shared, builder.own)


class _Builder:
    """Makes the classes of a profile and numbers the elements that are looked up."""

    def __init__(self) -> None:
        self.shared: list[Element] = []
        self.own: list[Element] = []
        self.made: dict[type, Made] = {}
        self._numbers: dict[_Same, int] = {}
        self._objects: dict[tuple[int, bool], type[Struct]] = {}

    def resource(self, kind: str, shape: Shape) -> type[Struct]:
        """The class of a whole resource."""
        before = [("implicitRules", NO_VALUE, UNSET), ("contained", Raw, EMPTY)]
        return self._class(shape, before, resource=kind, tag=kind, tag_field=TAG)

    def _object(self, shape: Shape, required: bool) -> type[Struct]:
        key = id(shape), required
        if key not in self._objects:
            self._objects[key] = self._class(shape, [], masked=required and len(shape.elements) == 1)
        return self._objects[key]

    def _class(
        self, shape: Shape, before: list[Any], *, masked: bool = False, resource: str = "", **tag: str
    ) -> type[Struct]:
        ways = tuple(self._way(element, bool(resource)) for element in shape.elements)
        attributes = ["id" if way.name == "id" else f"f{number}" for number, way in enumerate(ways)]
        names = {attribute: way.element.name for attribute, way in zip(attributes, ways, strict=True)}
        fields = [*before, *((attribute, *_field(way)) for attribute, way in zip(attributes, ways, strict=True))]
        if "modifierExtension" not in names.values():
            fields.append(("modifierExtension", NO_VALUE, UNSET))
        # In the order in which records are kept: the decoder looks for the next name first.
        fields.sort(key=lambda field: names.get(field[0], field[0]))
        options: dict[str, Any] = {"kw_only": True, "gc": False, "rename": names, **tag}
        kind = msgspec.defstruct(resource or "Part", fields, **options)
        self.made[kind] = Made(resource, ways, masked)
        return kind

    def _way(self, element: Element, root: bool) -> Way:
        if name := _plain(element, root):
            return Way(name, element)
        if element.shape is not None and element.rule == "":
            if not element.many and _is_amount(element.shape):
                return Way("amount", element, self._number(element, self.shared))
            if _is_open(element.shape):
                kind = self._object(element.shape, element.required)
                alike = _is_alike(element)
                return Way(
                    "often" if alike else "open", element, self._number(element, self.shared) if alike else 0, kind
                )
        if _is_alike(element):
            return Way("shared", element, self._number(element, self.shared))
        return Way("own", element, self._number(element, self.own))

    def _number(self, element: Element, listed: list[Element]) -> int:
        same = _Same(element.rule, id(element.shape), element.many, element.required, element.listed)
        if same not in self._numbers:
            self._numbers[same] = len(listed)
            listed.append(element)
        return self._numbers[same]


def _field(way: Way) -> tuple[Any, Any]:
    """The type and default of the field in which an element is read."""
    if way.name in _TEXTS:
        return str | UnsetType, UNSET
    if way.name in _VALUES:
        return _VALUES[way.name] | UnsetType, UNSET
    if way.name in {"reference", "open"}:
        kind: Any = _Reference if way.name == "reference" else way.kind
        return (list[kind] if way.element.many else kind) | UnsetType, UNSET
    return Raw, EMPTY


def _plain(element: Element, root: bool) -> str:
    """The way of an element that needs nothing but its value; empty if it has another."""
    rule = element.rule
    if element.name == "modifierExtension":
        return "refused"
    if element.shape is REFERENCE:
        return "reference"
    if element.shape is not None or element.many:
        return ""
    if rule.startswith(ONE_OF):
        return "constant"
    return rule if rule in _PLAIN or (rule == "id" and root) else ""


def _is_amount(shape: Shape) -> bool:
    """A number first, and with it only what is the same for everybody."""
    first, *others = shape.elements
    return (
        first.rule == "decimal"
        and not first.many
        and all(_is_alike(other) and other.shape is None and other.rule != "decimal" for other in others)
    )


def _is_open(shape: Shape) -> bool:
    """Whether its elements can be written one by one, and it is worth it: not one look-up for all of it is enough."""
    if any(element.rule in _TOGETHER or element.rule in AGES for element in shape.elements):
        return False
    same = all(_is_alike(element) or element.rule == "masked" for element in shape.elements)
    return bool(_numbers(shape)) or not same


def _numbers(shape: Shape) -> set[str]:
    """The names of the decimals in it."""
    own = {element.name for element in shape.elements if element.rule == "decimal"}
    return own.union(*(_numbers(element.shape) for element in shape.elements if element.shape))


def _is_alike(element: Element) -> bool:
    """Whether nothing in it depends on the person."""
    if element.shape is not None:
        return element.rule == "" and all(map(_is_alike, element.shape.elements))
    return element.rule in _ALIKE or element.rule.startswith(ONE_OF)
