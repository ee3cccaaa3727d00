"""A profile compiled: classes that only the listed elements decode into, changing values while they are decoded.

The JSON decoder itself drops what is not listed, so an unlisted element costs nothing and cannot be forgotten, and
refuses a value of another JSON type than expected, a modifierExtension and implicitRules (their fields admit no value).
What is kept untouched (numbers) is never looked at. Compiled once per process and profile.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, reduce
from operator import attrgetter, or_
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from connector.deidentify import rules
from connector.deidentify.forms import Terminologies
from connector.deidentify.profile import Profile
from connector.deidentify.rules import After, Rule
from connector.deidentify.shapes import ONE_OF, Element, Shape

_JSON_TYPES: dict[str, type] = {"boolean": bool, "integer": int, "decimal": Raw}
_NO_VALUE = Annotated[int, Meta(ge=1, le=0)] | UnsetType
_TAG = "resourceType"
_RULES: dict[str, Rule] = {"own": rules.SUBJECT, "reference": rules.REFERENCE, **rules.FIXED}

Field = tuple[str, Any] | tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one profile does.

    `lenient` is the type to decode into. `complete` is the same for records in which nothing is left empty (a coding
    has system and code, a reference a target, ...): it need not look for that and is tried first, for speed.
    `roots` are the classes that may leave (an instance of another one is of a withheld kind), `contained` the
    classes that may leave inside another resource, `kinds` the resource types a reference may lead to. `user` finds the
    object that must name the person (device data), if there is one.
    """

    lenient: Any
    complete: Any
    roots: frozenset[type]
    contained: frozenset[type]
    kinds: frozenset[str]
    user: Callable[[Any], Any] | None = None


@cache
def compile_plan(profile: Profile) -> Plan:
    """The plan of a profile. Raises `ProfileError`."""
    shapes = profile.shapes()
    return _fhir(profile, shapes) if profile.format == "fhir-r4" else _points(profile, shapes)


def _fhir(profile: Profile, shapes: dict[str, Shape]) -> Plan:
    lenient, complete = _Maker(profile), _Maker(profile, complete=True)
    withheld = [_withheld(kind) for kind in profile.withheld]
    ids = {kind: rules.own_id(kind) for kind in shapes}
    inside = [lenient.resource(kind, shape, rules.CONTAINED_ID) for kind, shape in shapes.items() if kind != "Patient"]
    contained = ("contained", list[_union([*inside, *withheld, _withheld("Patient")])] | UnsetType, UNSET)  # type: ignore[misc]
    first, second = (
        {maker.resource(kind, shape, ids[kind], contained): shape for kind, shape in shapes.items()}
        for maker in (lenient, complete)
    )
    unions = _union([*first, *withheld]), _union([*second, *withheld])
    return Plan(*unions, frozenset(first | second), frozenset(inside), frozenset(shapes))


def _points(profile: Profile, shapes: dict[str, Shape]) -> Plan:
    ((kind, shape),) = shapes.items()
    user = next((element.name for element in shape.elements if element.shape and element.shape.element("person")), None)
    root = _Maker(profile, inner_id=rules.POINT_ID).point(shape, {user} - {None})
    return Plan(root, root, frozenset({root}), frozenset(), frozenset({kind}), attrgetter(user) if user else None)


def _union(classes: Iterable[type]) -> Any:
    return reduce(or_, classes)


def _withheld(kind: str) -> type[Struct]:
    return msgspec.defstruct(kind, [], tag=kind, tag_field=_TAG, gc=False)


class _Maker:
    """Makes classes of shapes, each data type once for where it is required and once for where it is not.

    Classes of a `complete` maker take only objects of which something stays for sure.
    """

    def __init__(self, profile: Profile, *, complete: bool = False, inner_id: Rule | None = None) -> None:
        self._book = Terminologies(profile.terminologies())
        self._rules = {**_RULES, "system": rules.system(self._book), "region": rules.region(profile.regions())}
        self._made: dict[tuple[int, bool, bool], type[Struct]] = {}
        self._complete = complete
        self._inner_id = inner_id

    def resource(self, kind: str, shape: Shape, own_id: Rule, contained: Field | None = None) -> type[Struct]:
        """A whole resource; with `contained` it stands for itself and must have an id and say whom it is about."""
        needed = {"id", "subject"} if contained else set()
        must = {element.name for element in shape.elements if element.rule in needed}
        fields = [("implicitRules", _NO_VALUE, UNSET), *([contained] if contained else [])]
        fields += [self._field(element, own_id, element.name in must) for element in shape.elements]
        after = rules.in_turn([*_numbers(shape, rules.nothing), *self._settled(shape)])
        return _define(shape, fields, after, tag=kind, tag_field=_TAG)

    def point(self, shape: Shape, must: AbstractSet[str | None]) -> type[Struct]:
        """A device data point, with the parts it must have."""
        fields = [self._field(element, self._inner_id, element.name in must) for element in shape.elements]
        settling = Shape(shape.name, tuple(element for element in shape.elements if element.name not in must))
        return _define(shape, fields, rules.in_turn(self._settled(settling)))

    def object(self, shape: Shape, *, required: bool, age: bool = False) -> type[Struct]:
        """A data type or a part of a resource."""
        key = id(shape), required, age
        if key not in self._made:
            must = _proof(shape, required) if self._complete and not age else frozenset()
            fields = [self._field(element, self._inner_id, element.name in must) for element in shape.elements]
            if required and len(shape.elements) == 1 and not must:
                fields.append(("extension", Raw, rules.EMPTY))
            acts = [*self._settled(shape), *self._after(shape, required, age, complete=bool(must))]
            self._made[key] = _define(shape, fields, rules.in_turn(acts))
        return self._made[key]

    def _settled(self, shape: Shape) -> list[After]:
        """Taking out empty parts; a complete maker's records that have such are decoded leniently instead."""
        parts = [(_attribute(part.name), part.required) for part in shape.elements if part.shape or part.many]
        return [rules.settled(parts)] if parts and not self._complete else []

    def _field(self, element: Element, own_id: Rule | None, must: bool) -> Field:
        name, kind = _attribute(element.name), self._type(element, own_id)
        if element.many:
            kind = Annotated[list[kind], Meta(min_length=1)] if must else list[kind]  # type: ignore[valid-type]
        if must or element.rule == "own":
            return name, kind
        return (name, Raw, rules.EMPTY) if kind is Raw else (name, kind | UnsetType, UNSET)

    def _type(self, element: Element, own_id: Rule | None) -> Any:
        if element.shape is not None:
            return self.object(element.shape, required=element.required, age=element.rule == "age")
        if element.rule == "id":
            return own_id
        if element.rule == "masked":
            return rules.ALL_MASKED_IN_ARRAY if element.many else rules.ALL_MASKED
        if element.rule == "date":
            return rules.DATE_REQUIRED if element.required else rules.DATE_IN_ARRAY if element.many else rules.DATE
        return _JSON_TYPES.get(element.rule) or self._rule(element.rule)

    def _rule(self, rule: str) -> Rule:
        if rule not in self._rules and rule.startswith(ONE_OF):
            self._rules[rule] = rules.one_of(frozenset(rule.removeprefix(ONE_OF).split(" | ")))
        return self._rules[rule]

    def _after(self, shape: Shape, required: bool, age: bool, complete: bool) -> list[After]:
        """What is still to be seen to once a part of a resource has been decoded."""
        names = [_attribute(element.name) for element in shape.elements]
        system, code = shape.element("system"), shape.element("coded")
        done = rules.counted_if_empty(*names)
        if system and code and not shape.element("decimal"):
            return [rules.coded(self._book, names, _attribute(system), _attribute(code), rules.counted)]
        units = [rules.measured(self._book, _attribute(system), _attribute(code))] if system and code else []
        if complete:
            return [*units, *_numbers(shape, rules.nothing)]
        if required and len(names) == 1:
            return [rules.masked_if_empty(names[0])]
        numbers = _numbers(shape, rules.nothing if age else done)
        return [*units, *numbers, *([rules.grouped_age, done] if age else [] if numbers else [done])]


def _proof(shape: Shape, required: bool) -> frozenset[str]:
    """The elements whose presence proves that something of an object stays, if there are such.

    A required reference is none: it is masked right where it is, and often has no target in real data.
    """
    first = shape.elements[0]
    if (system := shape.element("system")) and (code := shape.element("coded")) and first.rule != "decimal":
        return frozenset({system, code})
    alone = len(shape.elements) == 1 and not (required and first.rule == "reference")
    return frozenset({first.name}) if alone or first.rule == "decimal" else frozenset()


def _define(shape: Shape, fields: Iterable[Field], after: After | None, **tag: str) -> type[Struct]:
    modifier: Field = ("modifierExtension", _NO_VALUE, UNSET)
    options: dict[str, Any] = {"gc": False, "omit_defaults": True, "kw_only": True, **tag}
    return msgspec.defstruct(
        shape.name.replace(".", "_"),
        [*fields, modifier],
        rename={_attribute(element.name): element.name for element in shape.elements},
        namespace={"__post_init__": after} if after else None,
        **options,
    )


def _attribute(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _numbers(shape: Shape, done: After) -> list[After]:
    return [rules.number(_attribute(element.name), done) for element in shape.elements if element.rule == "decimal"]
