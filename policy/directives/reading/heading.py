"""What stands at the head of every resource: what decisions call it, whom it replaces, its codes and people."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.directives.model import Coding
from policy.directives.reading.element import Element, codings, names, names_if_any

REPLACES = "http://hl7.org/fhir/StructureDefinition/replaces"
"""HL7's extension for a resource that stands in another's place; FHIR has no element for it."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)


def called(resource: Mapping[str, Any], name: str | None, faults: list[str]) -> str:
    """Return `name`, or ``Consent/<id>#<version>`` as far as these are there and can be read."""
    own, meta = resource.get("id"), resource.get("meta")
    fits = _is_id(own)
    if not (own is None or fits):
        faults.append("/id")
    if name is not None:
        return name
    version = meta.get("versionId") if isinstance(meta, Mapping) else None
    plain = f"{resource['resourceType']}/{own if fits else ''}"
    return f"{plain}#{version}" if version is not None and _is_id(version) else plain


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def replaced(element: Element) -> tuple[str, ...]:
    """Return what the resource says it stands in the place of; one that cannot be read is named."""
    found = []
    for extension in element.extensions(REPLACES):
        extension.ignore("url")
        written = [extension.text(name) for name in ("valueCanonical", "valueUri") if name in extension]
        reference = extension.part("valueReference")
        found += [*written, *(names(reference) if reference is not None else ())]
        extension.close()
    return tuple(one for one in found if one is not None)


def everybody(element: Element, name: str) -> tuple[str, ...]:
    """Return the references and identifiers of a list of people and organisations; a name in words only is nobody's."""
    return tuple(one for each in element.parts(name) or () for one in names_if_any(each))


def loose_codings(concepts: Iterable[Element]) -> Iterator[Coding]:
    """Yield the codings of concepts of which one in words only is no fault, because it decides nothing."""
    for element in concepts:
        element.ignore("text")
        yield from codings(element, "coding") or ()
        element.close()
