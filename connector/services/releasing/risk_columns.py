"""Quasi-identifiers and the main diagnosis, read off de-identified lines: what is measured is what would be released.

A quasi-identifier is something that others may know about a person and that leaves: alone it names nobody, together
with others it may. What a profile does not keep is missing for everybody, and then tells nobody apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

NO_DIAGNOSIS = "none"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_NOT_MEANT = frozenset({"refuted", "entered-in-error"})


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []


class _Extension(msgspec.Struct, rename="camel"):
    url: str = ""
    value_code: str = ""
    value_coding: _Coding | None = None
    extension: list[_Extension] = []


class _Address(msgspec.Struct, rename="camel"):
    city: str = ""
    district: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""


class _Communication(msgspec.Struct):
    language: _Concept | None = None


class _Patient(msgspec.Struct, rename="camel", tag="Patient", tag_field="resourceType"):
    gender: str = ""
    birth_date: str = ""
    deceased_boolean: bool | None = None
    deceased_date_time: str = ""
    marital_status: _Concept | None = None
    multiple_birth_boolean: bool | None = None
    multiple_birth_integer: int | None = None
    address: list[_Address] = []
    communication: list[_Communication] = []
    extension: list[_Extension] = []


class _Condition(msgspec.Struct, rename="camel", tag="Condition", tag_field="resourceType"):
    code: _Concept | None = None
    verification_status: _Concept | None = None


class _Encounter(msgspec.Struct, tag="Encounter", tag_field="resourceType"):
    status: str = ""


class Unreadable(ValueError):
    """A line that was prepared is not one that can be read here; it is not repeated."""


_decode = msgspec.json.Decoder(_Patient | _Condition | _Encounter).decode


def _codes(concept: _Concept | None) -> list[str]:
    return [one.code for one in concept.coding if one.code] if concept else []


def _deceased(patient: _Patient) -> list[str]:
    said = "" if patient.deceased_boolean is None else "yes" if patient.deceased_boolean else "no"
    return [patient.deceased_date_time[:4] or said]


def _multiple(patient: _Patient) -> list[str]:
    either = patient.multiple_birth_integer, patient.multiple_birth_boolean
    return [str(one) for one in either if one is not None]


def _extended(name: str) -> Callable[[_Patient], list[str]]:
    url = f"{_US_CORE}{name}"

    def values(patient: _Patient) -> list[str]:
        found = [inner for one in patient.extension if one.url == url for inner in (one, *one.extension)]
        return [inner.value_coding.code if inner.value_coding else inner.value_code for inner in found]

    return values


def _located(part: str) -> Callable[[_Patient], list[str]]:
    return lambda patient: [getattr(one, part) for one in patient.address]


_OF_PATIENT: Mapping[str, Callable[[_Patient], list[str]]] = MappingProxyType(
    {
        "birth": lambda patient: [patient.birth_date],
        "gender": lambda patient: [patient.gender],
        "deceased": _deceased,
        "marital": lambda patient: _codes(patient.marital_status),
        "multiple-birth": _multiple,
        "race": _extended("race"),
        "ethnicity": _extended("ethnicity"),
        "birth-sex": _extended("birthsex"),
        "language": lambda patient: [code for one in patient.communication for code in _codes(one.language)],
        "city": _located("city"),
        "district": _located("district"),
        "state": _located("state"),
        "postcode": _located("postal_code"),
        "country": _located("country"),
    }
)
VISITS = "visits"
DEFAULT = tuple(_OF_PATIENT)
"""What is always measured: everything of a Patient that others may know."""
NAMES = (*DEFAULT, VISITS)
"""All that can be named. Visits count the released encounters; whoever names them takes that others can count them."""
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "birth": "date or year of birth", "gender": "sex", "deceased": "year of death", "marital": "marital status",
        "multiple-birth": "twin or other multiple birth", "race": "race", "ethnicity": "ethnicity",
        "birth-sex": "sex at birth", "language": "language", "city": "city", "district": "district",
        "state": "state or region", "postcode": "postcode", "country": "country", VISITS: "number of visits",
    }
)  # fmt: skip
SENSITIVE = "main diagnosis"


def kinds(names: Sequence[str]) -> tuple[str, ...]:
    """The kinds of record that must be read for these quasi-identifiers and the main diagnosis."""
    return ("Patient", "Condition", *(("Encounter",) if VISITS in names else ()))


def row_of(lines: Iterable[bytes], names: Sequence[str]) -> tuple[str | None, ...]:
    """One person's values, then their main diagnosis. Raises `Unreadable`."""
    patients: list[_Patient] = []
    diagnoses: Counter[str] = Counter()
    visits = 0
    for line in lines:
        found = _read(line)
        if isinstance(found, _Patient):
            patients.append(found)
        elif isinstance(found, _Encounter):
            visits += 1
        elif (category := _diagnosis(found)) is not None:
            diagnoses[category] += 1
    values = [str(visits) if name == VISITS else _value(name, patients) for name in names]
    return *values, _main(diagnoses)


def _read(line: bytes) -> Any:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable from None


def _value(name: str, patients: Sequence[_Patient]) -> str | None:
    read = _OF_PATIENT[name]
    said = read(patients[0]) if len(patients) == 1 else [text for patient in patients for text in read(patient)]
    if len(said) < 2:
        return said[0] or None if said else None
    return "; ".join(sorted({text for text in said if text})) or None


def _diagnosis(condition: _Condition) -> str | None:
    """The category of a diagnosis: three characters of ICD-10, else the first code; None where none is meant."""
    if not _NOT_MEANT.isdisjoint(_codes(condition.verification_status)):
        return None
    codings = [one for one in condition.code.coding if one.code] if condition.code else []
    for one in codings:
        if "icd-10" in one.system:
            return f"icd-10 {one.code[:3]}"
    return f"{codings[0].system} {codings[0].code}" if codings else None


def _main(diagnoses: Counter[str]) -> str:
    """The one recorded most often; of several the first by its code, so that it is the same every time."""
    return min(diagnoses, key=lambda one: (-diagnoses[one], one)) if diagnoses else NO_DIAGNOSIS
