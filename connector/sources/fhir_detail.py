"""What provision trees ask of a FHIR resource (`policy.rules.ItemDetail`), read from the resource as it is kept.

Codes are all codes in it: FHIR says of `Consent.provision.code` that a rule applies "if this code is found in an
instance". Connected is what it refers to, apart from people, organisations and places. Authors are those whom FHIR's
elements for author, recorder, asserter, performer and their likes name. Contained resources are told for themselves;
that they are part of an instance shows in their references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy.directives.model import Coding
from policy.labelling.labeller import coding_of, codings_of, objects_of
from policy.rules import ItemDetail

MEDIA_TYPES = "urn:ietf:bcp:13"
"""The system by which a consent names the media type of a document (FHIR value set consent-content-class)."""

# FHIR R4 and R5 elements that map to FiveWs.author, FiveWs.source or FiveWs.actor (performer) of a record.
_AUTHOR_ELEMENTS = """
asserter attester author authenticator collector contributor dispenser enterer informationSource interpreter
operator participant performer practitioner prescriber provider receiver recorder requester resultsInterpreter sender
serviceProvider source verifier
"""
_AUTHORS = frozenset(_AUTHOR_ELEMENTS.split())
_ACTOR_OF = ("actor", "individual", "party", "who", "onBehalfOf", "member", "provider")
_PARTS_AUTHORS = _AUTHORS | {"who"}
_NESTED_AUTHORS = ("collection", "agent")
_PEOPLE_AND_PLACES = """
Patient Practitioner PractitionerRole Organization RelatedPerson Person Group Location HealthcareService Endpoint
CareTeam
"""
_NOT_DATA = frozenset(_PEOPLE_AND_PLACES.split())
_DOCUMENTS = frozenset({"DocumentReference", "DocumentManifest", "Composition"})

# What frames other records, and the elements with which it says nothing but that it is there.
_FRAMES = frozenset({"Encounter", "EpisodeOfCare"})
_FRAME_ONLY = frozenset({"resourceType", "id", "meta", "identifier", "status", "class", "subject", "patient"})


def detail_of(resource: Mapping[str, Any], labels: frozenset[Coding] | None) -> ItemDetail:
    """The detail of a resource; `labels` None: nobody knows how sensitive it is.

    Raises ValueError for what is nested too deep.
    """
    codes, media, related = set[Coding](), set[Coding](), set[str]()
    for part in objects_of(resource):
        if (code := coding_of(part)) is not None:
            codes.add(code)
        if isinstance(text := part.get("reference"), str):
            related.add(text.partition("/_history/")[0])
        if isinstance(text := part.get("contentType"), str):
            media.add(Coding(MEDIA_TYPES, text.partition(";")[0].strip()))
    return ItemDetail(
        references=frozenset(_names(resource)),
        profiles=frozenset(_profiles(resource)),
        codes=frozenset(codes),
        document_types=frozenset([*media, *_document_types(resource)]),
        labels=labels,
        authors=frozenset(_authors(resource)),
        related=frozenset(one for one in related if _is_data(one)),
        hollow=resource.get("resourceType") in _FRAMES and resource.keys() <= _FRAME_ONLY,
    )


def contained_in(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The resources contained in this one. Raises ValueError if they are no list of resources."""
    inside = resource.get("contained", [])
    if not isinstance(inside, list) or not all(isinstance(one, Mapping) for one in inside):
        raise ValueError("/contained: not a list of resources")
    return inside


def detail_inside(outer: ItemDetail, resource: Mapping[str, Any], labels: frozenset[Coding] | None) -> ItemDetail:
    """The detail of a resource contained in another: judged for itself, but part of the instance it is in."""
    own = detail_of(resource, labels)
    return own._replace(
        references=own.references | outer.references,
        authors=own.authors or outer.authors,
        related=own.related | outer.related,
    )


def _names(resource: Mapping[str, Any]) -> Iterator[str]:
    kind, id_ = resource.get("resourceType"), resource.get("id")
    if isinstance(kind, str) and isinstance(id_, str):
        yield f"{kind}/{id_}"
    for one in _several(resource.get("identifier")):
        yield from _identifier(one)


def _profiles(resource: Mapping[str, Any]) -> Iterator[str]:
    """Profiles as written, and without their version."""
    meta = resource.get("meta")
    for one in _several(meta.get("profile")) if isinstance(meta, Mapping) else ():
        if isinstance(one, str):
            yield from (one, one.partition("|")[0])


def _document_types(resource: Mapping[str, Any]) -> Iterator[Coding]:
    """Of a document its type, category and format."""
    if resource.get("resourceType") in _DOCUMENTS:
        for part in _several(resource.get("content")):
            yield from codings_of({"format": part.get("format")} if isinstance(part, Mapping) else {})
        yield from codings_of({name: resource.get(name) for name in ("type", "category")})


def _authors(resource: Mapping[str, Any]) -> Iterator[str]:
    inside = {f"#{one.get('id')}": one for one in contained_in(resource)}
    for name in _AUTHORS.intersection(resource):
        yield from _each_called(resource[name], inside)
    for part in (one for name in _NESTED_AUTHORS if name in resource for one in _several(resource[name])):
        for name in _PARTS_AUTHORS.intersection(part) if isinstance(part, Mapping) else ():
            yield from _each_called(part[name], inside)


def _each_called(value: Any, inside: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for one in _several(value):
        yield from _called(one, inside)


def _called(value: Any, inside: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What a reference, or a part of a record that holds one for an actor, calls somebody."""
    if not isinstance(value, Mapping):
        return
    for one in (value, *(part for name in _ACTOR_OF for part in _several(value.get(name)))):
        if not isinstance(one, Mapping):
            continue
        text = one.get("reference")
        if isinstance(text, str):
            yield text.partition("/_history/")[0]
            yield from _names(inside.get(text, {}))
        yield from _identifier(one.get("identifier"))


def _is_data(reference: str) -> bool:
    """Whether a reference leads to data, and out of the record it stands in."""
    return not reference.startswith("#") and reference.rpartition("/")[0].rpartition("/")[2] not in _NOT_DATA


def _identifier(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(value.get("value"), str):
        system = value.get("system")
        yield f"{system if isinstance(system, str) else ''}|{value['value']}"


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
