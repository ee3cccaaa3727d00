"""What both directions need: which directives can be written at all, and how elements move."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from policy.directives.model import Directive, Effect, Provision
from policy.directives.reading.crossing import extension_of
from policy.directives.reading.fault import DirectiveError

Json = dict[str, Any]

FLIPPED: Mapping[Effect, Effect] = {Effect.PERMIT: Effect.DENY, Effect.DENY: Effect.PERMIT}

SAME = ("id", "language", "text", "identifier", "extension")
"""Elements of a Consent that are the same in both releases, and say the same."""

SAME_IN_PROVISION = ("id", "extension", "period", "actor", "action", "securityLabel", "purpose", "code")
"""Elements of a provision that are the same in both releases, and say the same; `dataPeriod` and `data` are too."""

RESOURCE_TYPES = frozenset({"http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types"})
"""The systems whose codes are types of resources."""

# Elements that only one release has, and that bear on nothing: all are lists of references.
_ASIDE: Mapping[str, tuple[str, ...]] = {
    "4.0": ("organization",),
    "5.0": ("grantor", "manager", "controller", "policyText"),
}


def cannot_say(pointer: str) -> DirectiveError:
    """Return the error for what the other release has no words for."""
    return DirectiveError("cannot-say", pointer)


def base_of(directive: Directive) -> Effect:
    """Return the one base decision of a directive that was understood.

    Raises :class:`DirectiveError` with the code "not-understood" if anything of it was not, or "cannot-say" if it has
    no base decision, or two that differ.
    """
    unknown = next((one for each in (directive.unknown, *_unknowns(directive.root)) for one in each), None)
    if unknown is not None:
        raise DirectiveError("not-understood", unknown)
    if directive.resource.get("resourceType") != "Consent":
        raise cannot_say("/resourceType")
    if "contained" in directive.resource:
        raise cannot_say("/contained")  # a contained resource is of the same release as its container
    bases = {effect for _, effect in directive.bases}
    if len(bases) != 1:
        raise cannot_say(directive.bases[0][0] if directive.bases else "")
    return bases.pop()


def _unknowns(provision: Provision) -> Iterator[tuple[str, ...]]:
    yield provision.unknown
    for one in provision.nested:
        yield from _unknowns(one)


def kept(source: Mapping[str, Any], *names: str) -> Json:
    """Return copies of the elements with these names that are there, with what stands beside their values."""
    wanted = {found for name in names for found in (name, f"_{name}")}
    return {name: deepcopy(value) for name, value in source.items() if name in wanted}


def renamed(source: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    """Return copies of the elements with these names under their other names."""
    return {new: deepcopy(source[old]) for old, new in names.items() if old in source}


def meta(source: Mapping[str, Any]) -> Json:
    """Return the metadata without the profiles, which are of one release."""
    found = {name: deepcopy(value) for name, value in source.get("meta", {}).items() if name != "profile"}
    return {"meta": found} if found else {}


def said(release: str, element: str, kind: str, value: Any) -> Json:
    """Return the cross-version extension for an element, with its value."""
    return {"url": extension_of(release, element), kind: deepcopy(value)}


def joined(target: Json, extensions: list[Json]) -> None:
    """Add extensions to an element."""
    if extensions:
        target["extension"] = [*target.get("extension", ()), *extensions]


def taken(target: Json, release: str, element: str) -> list[Json]:
    """Take the cross-version extensions for an element out of what we write, and return them."""
    url = extension_of(release, element)
    every: list[Json] = target.pop("extension", [])
    found = [one for one in every if one.get("url") == url]
    joined(target, [one for one in every if one not in found])
    return found


def set_aside(source: Mapping[str, Any], target: Json, release: str) -> None:
    """Say by extensions what only the release we come from has elements for."""
    for name in _ASIDE[release]:
        joined(target, [said(release, name, "valueReference", one) for one in source.get(name, ())])


def brought_back(target: Json, release: str) -> None:
    """Say by elements what extensions said of the release we write."""
    for name in _ASIDE[release]:
        found = [one["valueReference"] for one in taken(target, release, name) if "valueReference" in one]
        if found:
            target[name] = found
