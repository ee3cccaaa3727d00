"""The input of the demonstration: the FHIR R4 bundles that are shipped, or somebody's own, and the people in them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from connector.demo.people import Person
from connector.sources.fhir import identifiers_of, read_bundles


def shipped() -> Path:
    """The folder of the bundles in this package."""
    return Path(str(files("connector.demo").joinpath("data", "bundles")))


def resources(root: Path) -> Iterator[dict[str, Any]]:
    """Every resource in the files at `root`; what is no FHIR is left for the import to refuse.

    Raises SourceError when there is nothing to read.
    """
    for source in read_bundles(root):
        for part in source.parts:
            try:
                document = orjson.loads(part.data)
            except orjson.JSONDecodeError:
                continue
            if isinstance(document, dict):
                yield from _in(document)


def _in(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if document.get("resourceType") != "Bundle":
        yield document
        return
    for entry in _objects(document.get("entry")):
        if isinstance(resource := entry.get("resource"), dict):
            address = entry.get("fullUrl")
            # As the import does: a resource without an id takes that of its address.
            named = {"id": address.removeprefix("urn:uuid:").rpartition("/")[2]} if isinstance(address, str) else {}
            yield named | resource


def people(root: Path) -> list[Person]:
    """The patients, each with the first of their names."""
    return [_person(one) for one in resources(root) if one.get("resourceType") == "Patient"]


def identifiers(root: Path) -> set[str]:
    """Everything in the input that names a patient, a relative or a professional."""
    return {text for one in resources(root) for text in identifiers_of(one)}


def _person(patient: dict[str, Any]) -> Person:
    name = next(iter(_objects(patient.get("name"))), {})
    given = next((part for part in name.get("given") or [] if isinstance(part, str)), "")
    deceased = patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient
    born = patient.get("birthDate")
    return Person(
        str(patient.get("id", "")), given, str(name.get("family") or ""), born if isinstance(born, str) else None,
        deceased,
    )  # fmt: skip


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
