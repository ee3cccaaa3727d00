"""The shipped people: enough of them, whole, and their parts as the story needs them."""

import gzip
import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from connector.demo.people import Answer, Person, cast_of

BUNDLES = sorted((files("connector.demo") / "data" / "bundles").iterdir(), key=lambda entry: entry.name)


@pytest.fixture(scope="module")
def patients() -> list[dict]:
    bundles = [json.loads(gzip.decompress(entry.read_bytes())) for entry in BUNDLES]
    assert all(bundle["resourceType"] == "Bundle" for bundle in bundles)
    return [e["resource"] for b in bundles for e in b["entry"] if e["resource"]["resourceType"] == "Patient"]


def test_at_least_twenty_five_different_patients_are_shipped(patients):
    assert len({patient["id"] for patient in patients}) == len(BUNDLES) == 29


def test_no_file_name_names_a_person():
    assert [entry.name for entry in BUNDLES] == [f"patient-{n:02}.json.gz" for n in range(1, 30)]


def test_the_packed_bundles_stay_small():
    assert sum(len(entry.read_bytes()) for entry in BUNDLES) < 2_000_000


def test_the_shipped_people_can_play_the_story(patients):
    people = [
        Person(p["id"], p["name"][0]["given"][0], p["name"][0]["family"], p["birthDate"], "deceasedDateTime" in p)
        for p in patients
    ]
    cast = cast_of(people, datetime(2026, 11, 22, tzinfo=UTC))
    answers = [part.answer for part in cast.parts if part.adult]
    assert {answer: answers.count(answer) for answer in Answer} == {
        Answer.YES: 11,
        Answer.SOME_CATEGORIES: 1,
        Answer.SOME_TIME: 1,
        Answer.NO: 2,
        Answer.SILENT: 3,
    }
    assert len(cast.wearers) == 8
    assert [part.answer for part in cast.parts if part.proxy] == [Answer.NO]
