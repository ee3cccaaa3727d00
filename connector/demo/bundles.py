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
    """Every resource in the files at `root`. Raises SourceError when nothing there can be read."""
    for source in read_bundles(root):
        for part in source.parts:
            document = orjson.loads(part.data)
            if document.get("resourceType") != "Bundle":
                yield document
                continue
            for entry in document.get("entry", []):
                if isinstance(entry, dict) and isinstance(resource := entry.get("resource"), dict):
                    yield resource


def people(root: Path) -> list[Person]:
    """The patients, each with the first of their names."""
    return [_person(one) for one in resources(root) if one.get("resourceType") == "Patient"]


def identifiers(root: Path) -> set[str]:
    """Everything in the input that names a patient, a relative or a professional."""
    return {text for one in resources(root) for text in identifiers_of(one)}


def _person(patient: dict[str, Any]) -> Person:
    name = next((one for one in patient.get("name", []) if isinstance(one, dict)), {})
    given = next((part for part in name.get("given", []) if isinstance(part, str)), "")
    deceased = patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient
    return Person(str(patient.get("id", "")), given, str(name.get("family", "")), patient.get("birthDate"), deceased)
