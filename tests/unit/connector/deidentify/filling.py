"""Records made from a profile: one of each kind with all that is listed, and a person hidden in every object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connector.deidentify.profile import Profile
from connector.deidentify.shapes import Element, Shape

HIDDEN = "Anna Berg"
IN_BASE64 = "QW5uYSBCZXJn"
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Anna Berg</div>'}
EXTENSION = [{"url": "urn:anna", "valueString": HIDDEN}, {"url": "http://example.org/Berg", "valueInteger": 4711}]
EVERYWHERE: dict[str, Any] = {
    "id": "Anna-Berg", "text": HIDDEN, "extension": EXTENSION, "display": HIDDEN, "identifier": {"value": HIDDEN},
    "note": [{"text": HIDDEN, "authorString": HIDDEN}], "comment": HIDDEN, "annaBerg": {"name": HIDDEN},
    "fhir_comments": [HIDDEN],
}  # fmt: skip
"""What could stand in any object of any record, and stays behind from each."""
AT_THE_TOP: dict[str, Any] = {
    "meta": {"source": HIDDEN, "tag": [{"display": HIDDEN}], "profile": ["http://anna.berg"]}, "language": "anna-berg",
    "text": NARRATIVE, "identifier": [{"system": "urn:anna", "value": "4711"}], "name": [{"family": "Berg"}],
    "telecom": [{"value": "0123456789 Berg"}], "photo": [{"data": IN_BASE64, "url": "http://anna.berg"}],
    "presentedForm": [{"data": IN_BASE64, "title": HIDDEN}], "_birthDate": {"extension": EXTENSION},
    "performer": [{"reference": "Practitioner/Anna-Berg", "display": HIDDEN}], "valueString": HIDDEN,
    "valueAttachment": {"data": IN_BASE64}, "conclusion": HIDDEN, "asserter": {"display": HIDDEN},
}  # fmt: skip
CONTAINED = [
    {"resourceType": "RelatedPerson", "id": "Anna", "name": [{"text": HIDDEN}]},
    {"resourceType": "Practitioner", "id": "Berg", "name": [{"text": HIDDEN}]},
    {"resourceType": "Patient", "id": "Berg", "name": [{"text": HIDDEN}]},
    {"resourceType": "Medication", "id": "Anna-Berg", "text": NARRATIVE, "code": {"text": HIDDEN}},
]
_SAMPLES: dict[str, Any] = {
    "boolean": True, "integer": 3, "decimal": 1.5, "version": "2.1", "label": "Systolic", "unit": "mg", "region": "MA",
    "country": "US", "time": "10:00:00", "id": "Anna-Berg", "date": "2021-05-03T08:40:00Z", "month": "2021-05-03",
    "calendar year": "2021-05-03", "year": "1951-03-22", "band of 5": "1951-03-22", "uid": "1.2.840.4711",
    "samples": "1 2 E", "postcode": "02139", "moment": "2021-05-03T08:40:00Z", "person": "p",
}  # fmt: skip


def filled(profile: Profile, kind: str, release: str = "R4", target: str = "Encounter/Anna-Berg") -> dict[str, Any]:
    """A record of a kind with everything the profile lists and much that it does not; references lead to `target`."""
    made = {**AT_THE_TOP, **_object(profile.shapes(release)[kind], target)}
    return {**made, "resourceType": kind, "id": "p" if kind == "Patient" else "Anna-Berg", "contained": CONTAINED}


def _object(shape: Shape, target: str) -> dict[str, Any]:
    return {**EVERYWHERE, **dict(_listed(shape, target))}


def _listed(shape: Shape, target: str) -> Iterator[tuple[str, Any]]:
    amount = any(element.rule == "decimal" for element in shape.elements)
    for element in shape.elements:
        value = _value(element, target, amount)
        yield element.name, [value] if element.many else value
        if element.shape is None and element.rule != "masked":
            yield f"_{element.name}", {"extension": EXTENSION, "id": "Anna-Berg"}


def _value(element: Element, target: str, amount: bool) -> Any:
    rule = element.rule
    if rule == "subject":
        return {**EVERYWHERE, "reference": "Patient/p"}
    if rule == "reference":
        return target
    if rule.startswith("age"):
        return {**EVERYWHERE, "value": 45, "system": "http://unitsofmeasure.org", "code": "a"}
    if element.shape is not None:
        return _object(element.shape, target)
    if rule in {"system", "coded"}:
        return (
            ("http://unitsofmeasure.org", "mg")[rule == "coded"]
            if amount
            else ("http://loinc.org", "8480-6")[rule == "coded"]
        )
    if rule == "masked":
        return [HIDDEN] if element.many else HIDDEN
    return rule.removeprefix("one of ").split(" | ")[0] if rule.startswith("one of ") else _SAMPLES[rule]
