"""A parcel comes back as lines under the person's code, refusals by reason, and the count of identifiers found."""

import pickle
from datetime import date

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.dataplane.parcels import LARGEST_LINE, TOO_LARGE
from connector.deidentify.preparing import prepare
from connector.deidentify.profile import ProfileError, load_profile
from connector.ports import Parcel, Task
from connector.vault import PersonCoder

PROFILE = load_profile("research-standard")
ANNA, BEN = PersonCoder(b"a" * 32), PersonCoder(b"b" * 32)


def observation(subject="4711", unit="/min", **more):
    return orjson.dumps(
        {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/{subject}"},
            "valueQuantity": {"value": 60, "unit": unit},
            **more,
        }
    )


def prepared(*parcels, digest=PROFILE.digest):
    task = Task(PROFILE.name, digest, date(2026, 11, 22), parcels)
    return prepare(pickle.loads(pickle.dumps(task)))


def test_every_record_becomes_one_line_under_the_code():
    (answer,) = prepared(
        Parcel(ANNA, "4711", (observation(), b'{"resourceType":"Medication","id":"m"}'), ("Anna Bell",))
    )
    assert [code_of(line) for line in answer.lines] == [ANNA.code, ANNA.code]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in answer.lines)
    assert answer.leaks == ()


def test_what_cannot_be_prepared_says_why_and_spoils_nothing_else():
    records = (
        observation(subject="somebody-else"),
        b'{"resourceType":"Practitioner","id":"p"}',
        b"no json",
        observation(),
    )
    (answer,) = prepared(Parcel(ANNA, "4711", records, ()))
    assert [line if isinstance(line, str) else "line" for line in answer.lines][-1] == "line"
    assert all(isinstance(line, str) for line in answer.lines[:3])


def test_an_identifier_in_what_would_leave_is_found():
    (anna, ben) = prepared(
        Parcel(ANNA, "4711", (observation(valueQuantity={"value": 5558675309}),), ("555-867-5309",)),
        Parcel(BEN, "4712", (observation(subject="4712"),), ("555-867-5309",)),
    )
    assert anna.leaks
    assert ben.leaks == ()


def test_a_name_in_what_would_leave_is_taken_out_of_it():
    (anna,) = prepared(Parcel(ANNA, "4711", (observation(unit="Bell"),), ("Anna Bell",)))
    assert b"Bell" not in anna.lines[0]
    assert anna.leaks == ()


def test_a_record_larger_than_a_chunk_is_withheld():
    components = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": f"{n}-{n}"}]}, "valueInteger": n}
        for n in range(6000)
    ]
    (answer,) = prepared(Parcel(ANNA, "4711", (observation(component=components),), ()))
    assert answer.lines == (TOO_LARGE,)
    assert len(orjson.dumps(components)) > LARGEST_LINE


def test_another_profile_than_the_agreed_one_prepares_nothing():
    with pytest.raises(ProfileError):
        prepared(Parcel(ANNA, "4711", (observation(),), ()), digest="0" * 64)
