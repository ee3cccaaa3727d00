"""A profile compiled: classes that only the listed elements decode into, changing values while they are decoded.

The JSON decoder itself drops what is not listed, so an unlisted element costs nothing and cannot be forgotten, and
refuses a value of another JSON type than expected, a modifierExtension and implicitRules (their fields admit no value).
What is kept untouched (numbers) is never looked at. This is the careful way, which says what is right; `writing` has
the quick one, which asks it for whatever it meets for the first time. Compiled once per process, profile and FHIR
release.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, reduce
from operator import attrgetter, or_
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from connector.deidentify import ages, extra_rules, rules
from connector.deidentify.forms import Terminologies
from connector.deidentify.profile import Profile
from connector.deidentify.rules import After, Rule
from connector.deidentify.shapes import ONE_OF, Element, Shape

ALONE = "value"
"""The name under which the value of one element stands alone (`Maker.alone`)."""

_JSON_TYPES: dict[str, type] = {"boolean": bool, "integer": int, "decimal": Raw}
_DATES = {"date": (rules.DATE, rules.DATE_IN_ARRAY, rules.DATE_REQUIRED), **extra_rules.DATE_WORDS}
NO_VALUE = Annotated[int, Meta(ge=1, le=0)] | UnsetType
TAG = "resourceType"
_RULES: dict[str, Rule] = {
    "own": rules.SUBJECT, "reference": rules.REFERENCE, **rules.FIXED, **extra_rules.EXTRA,
}  # fmt: skip

Field = tuple[str, Any] | tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one profile does to records of one FHIR release.

    `record` is the type to decode into. `roots` are the classes that may leave (an instance of another one is of a
    withheld kind), `contained` the classes that may leave inside another resource, `inside` the type of all contained
    resources standing alone. `shapes` are the resources listed, so the kinds a reference may lead to; `withheld` those
    that never leave; `maker` makes further types. `user` finds the object that must name the person (device data).
    """

    record: Any
    roots: frozenset[type]
    shapes: Mapping[str, Shape]
    withheld: tuple[str, ...]
    maker: Maker
    contained: frozenset[type] = frozenset()
    inside: Any = None
    user: Callable[[Any], Any] | None = None


@cache
def compile_plan(profile: Profile, release: str = "R4") -> Plan:
    """The plan of a profile. Raises `ProfileError`."""
    shapes = profile.shapes(release)
    return _fhir(profile, shapes) if profile.format == "fhir-r4" else _points(profile, shapes)


def _fhir(profile: Profile, shapes: dict[str, Shape]) -> Plan:
    maker = Maker(profile)
    kinds = [withheld_class(kind) for kind in profile.withheld]
    parts = [maker.resource(kind, shape, rules.CONTAINED_ID) for kind, shape in shapes.items() if kind != "Patient"]
    contained = ("contained", list[union([*parts, *kinds, withheld_class("Patient")])] | UnsetType, UNSET)  # type: ignore[misc]
    roots = [maker.resource(kind, shape, rules.own_id(kind), contained) for kind, shape in shapes.items()]
    inside = msgspec.defstruct("Inside", [contained], gc=False, omit_defaults=True)
    return Plan(
        union([*roots, *kinds]), frozenset(roots), shapes, profile.withheld, maker, frozenset(parts), inside
    )  # fmt: skip


def _points(profile: Profile, shapes: dict[str, Shape]) -> Plan:
    ((_, shape),) = shapes.items()
    user = next((element.name for element in shape.elements if element.shape and element.shape.element("person")), None)
    maker = Maker(profile, inner_id=rules.POINT_ID)
    root = maker.point(shape, {user} - {None})
    return Plan(root, frozenset({root}), shapes, (), maker, user=attrgetter(user) if user else None)


def union(classes: Iterable[type]) -> Any:
    """One of these types."""
    return reduce(or_, classes)


def withheld_class(kind: str) -> type[Struct]:
    """What a resource of a kind that never leaves decodes into."""
    return msgspec.defstruct(kind, [], tag=kind, tag_field=TAG, gc=False)


class Maker:
    """Makes classes of shapes, each data type once for where it is required and once for where it is not."""

    def __init__(self, profile: Profile, *, inner_id: Rule | None = None) -> None:
        self._book = Terminologies(profile.terminologies())
        self._rules = {**_RULES, "system": rules.system(self._book), "region": rules.region(profile.regions())}
        self._postcodes = profile.postcodes()
        self._made: dict[tuple[int, bool, str], type[Struct]] = {}
        self._shapes: list[Shape] = []
        self._inner_id = inner_id

    def resource(self, kind: str, shape: Shape, own_id: Rule, contained: Field | None = None) -> type[Struct]:
        """A whole resource; with `contained` it stands for itself and must have an id and say whom it is about."""
        needed = {"id", "subject"} if contained else set()
        must = {element.name for element in shape.elements if element.rule in needed}
        fields = [("implicitRules", NO_VALUE, UNSET), *([contained] if contained else [])]
        fields += [self._field(element, own_id, element.name in must) for element in shape.elements]
        acts = [*self._before(shape), *_numbers(shape, rules.nothing), *self._settled(shape), *_asked(shape)]
        after = rules.in_turn(acts)
        return _define(shape, fields, after, tag=kind, tag_field=TAG)

    def point(self, shape: Shape, must: AbstractSet[str | None]) -> type[Struct]:
        """A device data point, with the parts it must have."""
        fields = [self._field(element, self._inner_id, element.name in must) for element in shape.elements]
        settling = Shape(shape.name, tuple(element for element in shape.elements if element.name not in must))
        return _define(shape, fields, rules.in_turn(self._settled(settling)))

    def object(self, shape: Shape, *, required: bool, rule: str = "") -> type[Struct]:
        """A data type or a part of a resource; `rule` is that of the element it stands in (an age is grouped)."""
        key = id(shape), required, rule
        if key not in self._made:
            fields = [self._field(element, self._inner_id) for element in shape.elements]
            if required and len(shape.elements) == 1:
                fields.append(("extension", Raw, rules.EMPTY))
            acts = [*self._before(shape), *_asked(shape), *self._settled(shape), *self._after(shape, required, rule)]
            self._made[key] = _define(shape, fields, rules.in_turn(acts))
            self._shapes.append(shape)
        return self._made[key]

    def alone(self, element: Element) -> type[Struct]:
        """An object of nothing but this element, under the name `ALONE`."""
        shape = Shape(ALONE, (_named(element, ALONE),))
        acts = [*self._before(shape), *_numbers(shape, rules.nothing), *self._settled(shape)]
        return _define(shape, [self._field(shape.elements[0], self._inner_id)], rules.in_turn(acts))

    def _before(self, shape: Shape) -> list[After]:
        """What is to be done first: listed extensions, and a postcode that the country beside it explains."""
        acts = [
            extra_rules.extended(
                _attribute(element.name),
                {one.url: self.object(one.shape, required=False) for one in element.listed},
                element.name == "modifierExtension",
            )
            for element in shape.elements
            if element.listed
        ]
        postcode, country = shape.element("postcode"), shape.element("country")
        if postcode and country:
            acts.append(extra_rules.located(self._postcodes, _attribute(postcode), _attribute(country)))
        return acts

    def _settled(self, shape: Shape) -> list[After]:
        """Taking out empty parts."""
        parts = [(_attribute(part.name), part.required) for part in shape.elements if part.shape or part.many]
        return [rules.settled(parts)] if parts else []

    def _field(self, element: Element, own_id: Rule | None, must: bool = False) -> Field:
        name, kind = _attribute(element.name), self._type(element, own_id)
        kind = list[kind] if element.many else kind  # type: ignore[valid-type]
        if must or element.rule == "own":
            return name, kind
        return (name, Raw, rules.EMPTY) if kind is Raw else (name, kind | UnsetType, UNSET)

    def _type(self, element: Element, own_id: Rule | None) -> Any:
        if element.shape is not None:
            return self.object(element.shape, required=element.required, rule=element.rule)
        if element.rule == "id":
            return own_id
        if element.listed:
            return Raw
        if element.rule == "masked":
            return rules.ALL_MASKED_IN_ARRAY if element.many else rules.ALL_MASKED
        if element.rule in _DATES:
            plain, in_array, required = _DATES[element.rule]
            return required if element.required else in_array if element.many else plain
        return _JSON_TYPES.get(element.rule) or self._rule(element.rule)

    def _rule(self, rule: str) -> Rule:
        if rule not in self._rules:
            listed = frozenset(rule.removeprefix(ONE_OF).split(" | ")) if rule.startswith(ONE_OF) else None
            made = rules.one_of(listed) if listed else extra_rules.parametrised(rule)
            if made is None:
                raise KeyError(rule)
            self._rules[rule] = made
        return self._rules[rule]

    def _after(self, shape: Shape, required: bool, rule: str) -> list[After]:
        """What is still to be seen to once a part of a resource has been decoded."""
        names = [_attribute(element.name) for element in shape.elements]
        system, code = shape.element("system"), shape.element("coded")
        done, grouped = rules.counted_if_empty(*names), ages.age_act(rule)
        if system and code and not shape.element("decimal"):
            pair = _attribute(system), _attribute(code)
            return [ages.noted(*pair), rules.coded(self._book, names, *pair, rules.counted)]
        units = [rules.measured(self._book, _attribute(system), _attribute(code))] if system and code else []
        if shape.element("decimal") == "value" and code and not grouped:
            # Before a unit that is not listed is taken out.
            units.insert(0, ages.grouped_quantity(names))
        if required and len(names) == 1:
            return [rules.masked_if_empty(names[0])]
        numbers = _numbers(shape, rules.nothing if grouped else done)
        return [*units, *numbers, *([grouped, done] if grouped else [] if numbers else [done])]


def _asked(shape: Shape) -> list[After]:
    """What is to be done where a code may ask for an age, and a number answers."""
    if not any(element.name == "code" and element.shape for element in shape.elements):
        return []
    parts = {element.name: element.shape for element in shape.elements if not element.many}
    whole = [element.name for element in shape.elements if element.rule == "integer" and not element.many]
    amounts = [name for name, part in parts.items() if part and part.element("decimal") and part.element("coded")]
    return [ages.asked_ages(whole, amounts)] if whole or amounts else []


def _define(shape: Shape, fields: Iterable[Field], after: After | None, **tag: str) -> type[Struct]:
    own = {element.name for element in shape.elements}
    modifier: list[Field] = [] if "modifierExtension" in own else [("modifierExtension", NO_VALUE, UNSET)]
    options: dict[str, Any] = {"gc": False, "omit_defaults": True, "kw_only": True, **tag}
    return msgspec.defstruct(
        shape.name.replace(".", "_"),
        [*fields, *modifier],
        rename={_attribute(element.name): element.name for element in shape.elements},
        namespace={"__post_init__": after} if after else None,
        **options,
    )


def _named(element: Element, name: str) -> Element:
    return Element(name, element.rule, element.many, element.required, element.shape, element.listed)


def _attribute(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _numbers(shape: Shape, done: After) -> list[After]:
    return [rules.number(_attribute(element.name), done) for element in shape.elements if element.rule == "decimal"]
