"""People in FHIR resources: who a Patient is, and everything that would give a person away elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Any

from connector.sources.fhir_dates import day
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource

NAMED = frozenset({"Patient", "RelatedPerson", "Practitioner", "Person"})
_MAIDEN_NAME = "patient-mothersMaidenName"


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A Patient as the holder's own desk knows them.

    `birth_date` is the first day the record allows (2001-01-01 for "2001"); `name` is for people to read;
    `identifiers` is what `identifiers_of` finds in the Patient and in the RelatedPersons of it.
    """

    id: str
    birth_date: date | None
    deceased: bool
    name: str
    identifiers: tuple[str, ...] = field(repr=False, default=())


def person_facts(patient: Resource) -> PersonFacts:
    """The facts of a Patient resource. Raises `Unreadable` for a birth date that is none."""
    born = patient.get("birthDate")
    try:
        birth_date = day(born)[0] if isinstance(born, str) else None
    except Unreadable as problem:
        raise Unreadable(problem.what, problem.accepted, "birthDate") from None
    deceased = patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient
    return PersonFacts(patient["id"], birth_date, deceased, _display_name(patient), tuple(identifiers_of(patient)))


def identifiers_of(resource: Resource) -> Iterator[str]:
    """Everything in a resource that names a person, of Patient, RelatedPerson, Practitioner (and Person) only.

    Ids, identifier values, full names in the orders they are written in, with and without prefix, telecom values,
    address lines and the birth date, of the resource itself and of such people contained in it. Any JSON is taken; what
    has not the shape FHIR gives it is passed over.
    """
    if _is_named(resource):
        yield from _texts([resource.get("id")])
        yield from _of_person(resource)
        yield from _texts([resource.get("birthDate")])
        for contact in _objects(resource.get("contact")):
            yield from _of_person(contact)
        for extension in _objects(resource.get("extension")):
            if str(extension.get("url")).endswith(_MAIDEN_NAME):
                yield from _texts([extension.get("valueString")])
    for contained in _objects(resource.get("contained")):
        if _is_named(contained):
            # Its id means something inside this record only.
            yield from identifiers_of({**contained, "id": None})


def _is_named(resource: Resource) -> bool:
    kind = resource.get("resourceType")
    return isinstance(kind, str) and kind in NAMED


def _of_person(person: Resource) -> Iterator[str]:
    yield from _texts(identifier.get("value") for identifier in _objects(person.get("identifier")))
    for name in _objects(person.get("name")):
        yield from _names(name)
    yield from _texts(telecom.get("value") for telecom in _objects(person.get("telecom")))
    for address in _objects(person.get("address")):
        yield from _texts(_listed(address.get("line")))


def _names(name: Resource) -> Iterator[str]:
    yield from _texts([name.get("text")])
    given = list(_texts(_listed(name.get("given"))))
    for family in _texts([name.get("family")]):
        calls = dict.fromkeys([" ".join(given), *given[:1]]) if given else {}
        prefixes = ["", *(f"{prefix} " for prefix in _texts(_listed(name.get("prefix"))))]
        for prefix, call in product(prefixes, calls):
            yield f"{prefix}{call} {family}"
            yield f"{family}, {prefix}{call}"
        if not calls:
            yield from (f"{prefix}{family}" for prefix in prefixes[1:])


def _display_name(patient: Resource) -> str:
    names = _objects(patient.get("name"))
    name = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    parts = [*_texts(_listed(name.get("given"))), *_texts([name.get("family")])]
    return " ".join(parts) or next(_texts([name.get("text")]), "")


def _texts(values: Any) -> Iterator[str]:
    return (value.strip() for value in values if isinstance(value, str) and value.strip())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _objects(value: Any) -> list[Resource]:
    return [item for item in _listed(value) if isinstance(item, dict)]
