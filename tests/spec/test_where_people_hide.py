"""A person hides in many places of a record: none of them leaves, of any kind, by any profile."""

import re

import orjson
import pytest

from connector.deidentify import Deidentifier, Rejected, load_profile
from connector.deidentify.shapes import Shape
from tests.unit.connector.deidentify.coders import AS_OF, Domain
from tests.unit.connector.deidentify.filling import HIDDEN, filled

PROFILES = ("research-standard", "research-minimal", "safe-harbor")
RELEASES = ("R4", "R4B", "R5")
ALL = [(name, release) for name in PROFILES for release in RELEASES]
SOMEBODY = re.compile(rb"anna|berg|QW5u|4711", re.IGNORECASE)
TARGETS = [
    "Encounter/Anna-Berg", "Encounter/1/_history/Anna-Berg", "https://anna.berg/fhir/Encounter/1",
    "Encounter?identifier=Anna|Berg", "urn:uuid:anna-berg", "urn:oid:4711", "Practitioner/Anna-Berg",
    "Patient/Anna-Berg", "Patient?name=berg", "RelatedPerson/Anna-Berg", "#Anna-Berg", "#Anna", "#Berg", HIDDEN,
]  # fmt: skip


def kinds(name: str, release: str) -> list[str]:
    return list(load_profile(name).shapes(release))


def put(name: str, release: str, record: dict) -> bytes:
    return deidentifier(name, release).apply(orjson.dumps(record), "p").body


def deidentifier(name: str, release: str) -> Deidentifier:
    return Deidentifier(load_profile(name), Domain(), as_of=AS_OF, release=release)


@pytest.mark.parametrize(("name", "release"), ALL)
def test_of_a_record_of_every_kind_only_the_list_leaves(name, release):
    for kind in kinds(name, release):
        record = filled(load_profile(name), kind, release)
        assert len(SOMEBODY.findall(orjson.dumps(record))) > 30, kind
        body = put(name, release, record)
        assert not SOMEBODY.search(body), kind
        assert b"{}" not in body, kind
        assert b"[]" not in body, kind


@pytest.mark.parametrize(("name", "release"), ALL)
def test_what_is_listed_is_still_there(name, release):
    """The records of the test above are not simply emptied: every listed element came through, or its mask did."""
    for kind, shape in load_profile(name).shapes(release).items():
        record = orjson.loads(put(name, release, filled(load_profile(name), kind, release)))
        assert missing(record, shape, kind) == []


def missing(value: dict, shape: Shape, path: str) -> list[str]:
    gone = []
    for element in shape.elements:
        there = value.get(element.name, value.get(f"_{element.name}"))
        where = f"{path}.{element.name}"
        if there is None:
            gone.append(where)
        elif element.shape is not None and element.rule not in {"subject"} and not element.rule.startswith("age"):
            gone += missing(there[0] if element.many else there, element.shape, where)
    return gone


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", PROFILES)
def test_no_reference_of_any_form_tells_who_it_is_about(name, target):
    for kind in kinds(name, "R4"):
        body = put(name, "R4", filled(load_profile(name), kind, "R4", target))
        assert not SOMEBODY.search(body), kind


@pytest.mark.parametrize(("name", "release"), ALL)
def test_a_modifier_extension_anywhere_rejects_the_record(name, release):
    for kind in kinds(name, release):
        record = filled(load_profile(name), kind, release)
        for change in ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, inner(record)):
            with pytest.raises(Rejected, match="modifier-extension"):
                put(name, release, {**record, **change})


def inner(record: dict) -> dict:
    """A change that puts a modifierExtension into a part of the record, or into the record itself."""
    hidden = {"modifierExtension": [{"url": "urn:x", "valueString": HIDDEN}]}
    of = {"Patient": "address", "Medication": "ingredient", "Observation": "component", "Encounter": "diagnosis"}
    name = of.get(record["resourceType"], "")
    return {name: [{**record[name][0], **hidden}]} if name in record else hidden


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("kind", ["Bundle", "Practitioner", "RelatedPerson", "Binary", "Composition", "Starship"])
def test_what_is_not_listed_as_a_kind_does_not_leave_at_all(name, kind):
    entry = {"fullUrl": "urn:uuid:anna-berg", "resource": {"resourceType": "Patient", "id": "p"}}
    with pytest.raises(Rejected) as refusal:
        put(name, "R4", {"resourceType": kind, "id": "Anna-Berg", "data": "QW5uYSBCZXJn", "entry": [entry]})
    assert refusal.value.code in {"withheld-type", "unknown-type"}
    assert "Berg" not in str(refusal.value)


@pytest.mark.parametrize("name", PROFILES)
def test_sampled_data_holds_numbers_or_the_record_stays_here(name):
    record = filled(load_profile(name), "Observation")
    record["valueSampledData"] = {"origin": {"value": 0}, "period": 1, "dimensions": 1, "data": f"1 2 {HIDDEN}"}
    if name == "research-minimal":
        assert b"Sampled" not in put(name, "R4", record)
    else:
        with pytest.raises(Rejected, match="samples"):
            put(name, "R4", record)


@pytest.mark.parametrize("name", PROFILES)
def test_unknown_elements_are_counted(name):
    record = {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/p"}}
    plain = deidentifier(name, "R4").apply(orjson.dumps(record), "p").dropped
    more = {**record, "annaBerg": {"a": 1, "b": [{"c": 2}]}, "_recordedDate": {"extension": [{"url": "x"}]}}
    assert deidentifier(name, "R4").apply(orjson.dumps(more), "p").dropped - plain == 7
