"""The tree of provisions of a Consent: R4's and R5's differ in a few names only."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from policy.directives.model import Actor, DataReference, Effect, Provision, Release
from policy.directives.reading import plain
from policy.directives.reading.crossing import TYPES
from policy.directives.reading.element import Element, codings, concept, concepts, names, period
from policy.directives.reading.fault import DirectiveError
from policy.directives.reading.limits import MAX_PROVISION_DEPTH


def read_provision(value: object, pointer: str, release: Release, depth: int = 1) -> Provision:
    """Return one provision with all below it; what is not understood is named in the provision it belongs to.

    Raises :class:`DirectiveError` ("too-deep") beyond :data:`MAX_PROVISION_DEPTH`.
    """
    if depth > MAX_PROVISION_DEPTH:
        raise DirectiveError("too-deep", pointer)
    return _plainly(value, pointer, release, depth) or _carefully(value, pointer, release, depth)


# Which field each element fills, and what reads it where it has the plainest shape.
_PLAIN: dict[str, tuple[str, Callable[[Any], object]]] = {
    "period": ("period", plain.period),
    "actor": ("actors", plain.actors),
    "action": ("actions", plain.concepts),
    "purpose": ("purposes", plain.codings),
    "code": ("codes", plain.concepts),
    "dataPeriod": ("data_period", plain.period),
    "data": ("data", plain.data),
    "securityLabel": ("labels", plain.codings),
}
_EFFECTS = {one.value: one for one in Effect}


def _effect(value: Any) -> Effect | None:
    return _EFFECTS.get(value) if type(value) is str else None


def _nothing(_: object) -> None:
    """What no reader of plain values knows."""


_NOT_PLAIN: tuple[str, Callable[[Any], object]] = ("unknown", _nothing)
PLAIN_OF: dict[Release, dict[str, tuple[str, Callable[[Any], object]]]] = {
    Release.R4: _PLAIN | {"type": ("effect", _effect), "class": ("classes", plain.codings)},
    Release.R5: _PLAIN
    | {"resourceType": ("resource_types", plain.codings), "documentType": ("document_types", plain.codings)},
}


def _plainly(value: Any, pointer: str, release: Release, depth: int) -> Provision | None:
    """Return a provision all of whose own elements have the plainest shape, else None."""
    if type(value) is not dict or not value:
        return None
    fields: dict[str, Any] = {"effect": None}
    readers = PLAIN_OF[release]
    below: Any = None
    for name, part in value.items():
        if name == "provision":
            below = part
            continue
        field, read = readers.get(name, _NOT_PLAIN)
        fields[field] = read(part)
        if fields[field] is None:
            return None
    if "provision" not in value:
        return Provision(pointer=pointer, **fields)
    if type(below) is not list or not below:
        return None
    # The rules below come last: should this one be looked at again, they are read once only.
    place = f"{pointer}/provision"
    nested = tuple(read_provision(one, f"{place}/{index}", release, depth + 1) for index, one in enumerate(below))
    return Provision(pointer=pointer, nested=nested, **fields)


def _carefully(value: object, pointer: str, release: Release, depth: int) -> Provision:
    """Return a provision of whatever shape, with everything named that was not understood."""
    faults: list[str] = []
    element = Element(value, pointer, faults)
    read = Provision(
        effect=_EFFECT[release](element),
        pointer=pointer,
        period=period(element, "period"),
        actors=_actors(element, release),
        actions=concepts(element, "action"),
        purposes=codings(element, "purpose"),
        classes=codings(element, "class") if release is Release.R4 else None,
        resource_types=codings(element, "resourceType") if release is Release.R5 else None,
        document_types=codings(element, "documentType") if release is Release.R5 else None,
        codes=concepts(element, "code"),
        data_period=period(element, "dataPeriod"),
        data=_data(element),
        labels=codings(element, "securityLabel"),
        nested=read_provisions(element, release, depth + 1),
    )
    element.close()
    return _named(read, faults)


def read_provisions(element: Element, release: Release, depth: int = 1) -> tuple[Provision, ...]:
    """Return the provisions that stand in an element, each with its own faults."""
    found = element.own("provision")
    if found is None:
        return ()
    if not isinstance(found, list) or not found:
        element.fault("provision")
        return ()
    place = f"{element.pointer}/provision"
    return tuple(read_provision(one, f"{place}/{index}", release, depth) for index, one in enumerate(found))


def effect(element: Element, name: str) -> Effect | None:
    """Take "permit" or "deny"; another word is named."""
    text = element.text(name)
    if text is None:
        return None
    try:
        return Effect(text)
    except ValueError:
        element.fault(name)
        return None


def _written_type(element: Element) -> Effect | None:
    return effect(element, "type")


def _extended_type(element: Element) -> Effect | None:
    """The type that R5 has no element for; two that differ, or one that cannot be read, are named."""
    found: set[Effect | None] = set()
    for url in TYPES:
        for extension in element.extensions(url):
            extension.ignore("url")
            found.add(effect(extension, "valueCode"))
            extension.close()
    if len(found) > 1 or None in found:
        element.fault("extension")
        return None
    return found.pop() if found else None


_EFFECT: dict[Release, Callable[[Element], Effect | None]] = {
    Release.R4: _written_type,
    Release.R5: _extended_type,
}


def _actors(element: Element, release: Release) -> tuple[Actor, ...] | None:
    found = element.parts("actor")
    return None if found is None else tuple(_actor(one, release) for one in found)


def _actor(element: Element, release: Release) -> Actor:
    """Read an actor; R4 asks for both a role and a reference, R5 for one of them."""
    role, reference = element.part("role"), element.part("reference")
    roles = concept(role) if role is not None else ()
    who = names(reference) if reference is not None else ()
    element.close()
    missing = (not roles or not who) if release is Release.R4 else (not roles and not who)
    if missing:
        element.fault()
    return Actor(roles, who[0] if who else "", who[1:])


def _data(element: Element) -> tuple[DataReference, ...] | None:
    found = element.parts("data")
    return None if found is None else tuple(one for one in map(datum, found) if one is not None)


def datum(element: Element) -> DataReference | None:
    """Read data that a rule names; one whose meaning nobody knows is named."""
    meaning, reference = element.text("meaning"), element.part("reference")
    who = names(reference) if reference is not None else ()
    element.close()
    if meaning not in plain.MEANINGS or not who:
        element.fault()
        return None
    return DataReference(meaning, who[0], who[1:])


def _named(read: Provision, faults: list[str]) -> Provision:
    return replace(read, unknown=tuple(sorted(faults))) if faults else read


def bare(provision: Provision) -> bool:
    """Whether a provision has no conditions of its own."""
    asked = (provision.period, provision.actors, provision.actions, provision.purposes, provision.classes)
    data = (provision.resource_types, provision.document_types, provision.codes, provision.data_period)
    rest = (provision.data, provision.labels)
    return not provision.unknown and all(one is None for one in (*asked, *data, *rest))
