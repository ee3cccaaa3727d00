"""Whole patients, from bundle to released lines: nothing identifying leaves, and everything still belongs together."""

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from connector.deidentify import LeakScanner, Rejected
from connector.deidentify.forms import names_in
from connector.sources.fhir import Prepared, prepare, read_bundles
from tests.unit.connector.deidentify.coders import Domain, research

SHIPPED = Path(__file__).parents[2] / "connector" / "demo" / "data" / "bundles"
NUMBER = re.compile(rb'":(-?[0-9][0-9.eE+-]*)')


@dataclass
class Patient:
    prepared: Prepared
    person: str
    before: list[bytes]
    after: list[bytes]

    @property
    def pairs(self) -> list[tuple[dict, dict]]:
        return [(orjson.loads(b), orjson.loads(a)) for b, a in zip(self.before, self.after, strict=True)]


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [patient(prepare(file)) for file in read_bundles(SHIPPED)]


def patient(prepared: Prepared) -> Patient:
    person, deidentifier = prepared.people[0].id, research()
    names = names_in(prepared.identifiers)
    before = [record.body for record in prepared.records if record.subject == person]
    return Patient(prepared, person, before, [deidentifier.apply(body, person, names=names).body for body in before])


def literals(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for part in value.values():
            yield from literals(part)
    elif isinstance(value, list):
        for part in value:
            yield from literals(part)


def moments(value: object) -> Iterator[datetime]:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
        yield datetime.fromisoformat(value)
    # Names are sorted in what is kept, and in the order of the profile in what leaves.
    named = [value[name] for name in sorted(value)] if isinstance(value, dict) else []
    for part in named or (value if isinstance(value, list) else ()):
        yield from moments(part)


def test_every_bundle_is_read_whole(patients):
    assert len(patients) >= 25
    for one in patients:
        assert len(one.prepared.people) == 1
        assert {record.subject_kind for record in one.prepared.records} <= {"person", "professional", "none"}
        assert all(
            record.start or record.end for record in one.prepared.records if record.resource_type == "Observation"
        )


def test_no_identifier_of_anybody_is_in_what_leaves(patients):
    everybody = LeakScanner(identifier for one in patients for identifier in one.prepared.identifiers)
    for one in patients:
        assert everybody.scan(b"\n".join(one.after), "released") == []


def test_with_deidentification_switched_off_the_scan_finds_every_patient(patients):
    everybody = LeakScanner(identifier for one in patients for identifier in one.prepared.identifiers)
    for one in patients:
        leaks = everybody.scan(b"\n".join(one.before), "unprotected")
        assert len(leaks) >= len(one.before)
        assert {"plain", "birth-date"} <= {leak.kind for leak in leaks}


def test_every_record_stands_under_the_code_of_the_person(patients):
    for one in patients:
        code = Domain().person(one.person).code
        for _, after in one.pairs:
            subject = after.get("subject") or after.get("patient")
            assert (
                after["id"] == code if after["resourceType"] == "Patient" else subject["reference"] == f"Patient/{code}"
            )


def test_references_that_resolved_still_resolve_and_no_other_is_left(patients):
    for one in patients:
        ids = {
            f"{before['resourceType']}/{before['id']}": f"{after['resourceType']}/{after['id']}"
            for before, after in one.pairs
        }
        assert len(set(ids.values())) == len(ids)
        for before, after in one.pairs:
            inside = {f"#{resource['id']}" for resource in after.get("contained", [])}
            led = [ids[text] for text in literals(before) if text in ids]
            leads = list(literals(after))
            assert sorted(text for text in leads if text[0] != "#") == sorted(led)
            assert {text for text in leads if text[0] == "#"} <= inside


def test_intervals_between_all_moments_of_a_person_are_unchanged(patients):
    oldest = datetime.fromisoformat("1938-01-01T00:00:00Z")
    for one in patients:
        moved = set()
        for before, after in one.pairs:
            for part in set(before) & set(after) - {"contained", "meta", "item"}:
                old, new = list(moments(before[part])), list(moments(after[part]))
                if old and min(old) >= oldest:
                    assert len(old) == len(new), part
                    moved |= {then - now for now, then in zip(old, new, strict=True)}
        assert len(moved) == 1


def test_no_moment_has_a_zone_that_could_change_with_the_season(patients):
    zoned = re.compile(rb'"\\d{4}-\\d\\d-\\d\\dT[^"]*"')
    for one in patients:
        assert all(text.endswith(b'Z"') for body in one.after for text in zoned.findall(body))


def test_codings_of_known_terminologies_stay(patients):
    """One code of Synthea is a LOINC number under the name of SNOMED CT: that one goes."""
    kept = ("code", "type", "category", "vaccineCode", "medicationCodeableConcept", "reasonCode", "item", "component")
    pairs = [(old.get(part), new.get(part)) for one in patients for old, new in one.pairs for part in kept]
    assert sum(len(codes(new)) for _, new in pairs) > 10_000
    assert {code for old, new in pairs for _, code in codes(old) - codes(new)} == {"34552-0"}


def codes(value: object) -> set[tuple[str, str]]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    here = {(c["system"], c["code"]) for c in value.get("coding", ())} if isinstance(value, dict) else set()
    return here.union(*(codes(part) for part in parts))


def test_numbers_keep_their_digits(patients):
    for one in patients:
        for before, after in zip(one.before, one.after, strict=True):
            assert not Counter(NUMBER.findall(after)) - Counter(NUMBER.findall(before))


def test_two_agreements_have_nothing_in_common_but_the_facts(patients):
    code = re.compile(rb"[0-9a-f]{32}")
    for one in patients[:5]:
        other = research(key=b"another agreement")
        again = b"".join(other.apply(body, one.person).body for body in one.before)
        assert not set(code.findall(b"".join(one.after))) & set(code.findall(again))


def test_what_leaves_is_fhir_where_the_input_was(patients):
    """The twin is fhir.resources; a sample, since it is slow."""
    for one in patients[::10]:
        seen: dict[str, int] = {}
        for before, after in one.pairs:
            kind = before["resourceType"]
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] <= 3 and is_fhir(before):
                assert is_fhir(after), kind


def is_fhir(resource: dict) -> bool:
    kind = resource["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    try:
        model.model_validate(resource)
    except ValueError:
        return False
    return True


def test_professionals_and_places_do_not_leave(patients):
    deidentifier = research()
    for one in patients[:3]:
        for record in one.prepared.records:
            if record.subject is None:
                with pytest.raises(Rejected, match="withheld-type"):
                    deidentifier.apply(record.body, one.person)


def test_a_record_does_not_leave_with_somebody_else(patients):
    one, other = patients[:2]
    for body in one.before[:20]:
        with pytest.raises(Rejected, match="foreign-subject"):
            research().apply(body, other.person)
