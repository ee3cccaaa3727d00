"""Ages above 89 are one class wherever they stand, also as the answer of a measurement, by both ways alike."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connector.deidentify import Deidentifier, load_profile
from tests.unit.connector.deidentify.coders import AS_OF, Domain

PROFILES = ["research-standard", "research-minimal", "safe-harbor"]
AGE, HEIGHT = "30525-0", "8302-2"
UCUM = "http://unitsofmeasure.org"
OLDEST = {"value": 90, "unit": "years or more", "system": UCUM, "code": "a"}


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def answered(profile: str, code: str, **answer: Any) -> dict[str, Any]:
    """What becomes of the answer in an observation, the same by both ways."""
    record = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": coded(code),
        "subject": {"reference": "Patient/p"}, **answer,
    }  # fmt: skip
    body = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    deidentifier = Deidentifier(load_profile(profile), Domain(), as_of=AS_OF)
    (line,) = deidentifier.lines([body], "p", "p")
    deidentifier._quick = None
    assert deidentifier.lines([body], "p", "p") == [line]
    told = orjson.loads(line)
    return {name: value for name, value in told.items() if name.startswith(("value", "component", "reference"))}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "amount",
    [
        {"value": 97, "unit": "a", "system": UCUM, "code": "a"}, {"value": 97, "unit": "Years"},
        {"value": 90.0, "unit": "yr"},
        {"value": 1100, "unit": "mo", "system": UCUM, "code": "mo"}, {"value": 33000, "code": "d", "system": UCUM},
        {"value": 4800, "unit": "weeks", "comparator": ">"},
    ],
    ids=["years", "word", "short", "months", "days", "weeks"],
)  # fmt: skip
def test_a_measured_time_above_89_years_is_one_class(profile: str, amount: dict[str, Any]) -> None:
    assert answered(profile, HEIGHT, valueQuantity=amount) == {"valueQuantity": OLDEST}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_younger_age_and_any_other_number_stay(profile: str) -> None:
    young = {"value": 89.5, "unit": "a", "system": UCUM, "code": "a"}
    tall = {"value": 197, "unit": "cm", "system": UCUM, "code": "cm"}
    score = {"value": 120, "unit": "{score}", "system": UCUM, "code": "{score}"}
    assert answered(profile, AGE, valueQuantity=young) == {"valueQuantity": young}
    for amount in (young, tall, score):
        assert answered(profile, HEIGHT, valueQuantity=amount) == {"valueQuantity": amount}
    assert answered(profile, HEIGHT, valueInteger=97) == {"valueInteger": 97}
    assert answered(profile, AGE, valueInteger=89) == {"valueInteger": 89}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_bare_number_that_answers_a_question_for_an_age_does_not_leave(profile: str) -> None:
    assert answered(profile, AGE, valueInteger=90) == {}
    assert answered(profile, AGE, valueQuantity={"value": 103}) == {}
    parts = [{"code": coded(AGE), "valueInteger": 99}, {"code": coded(HEIGHT), "valueInteger": 99}]
    told = answered(profile, HEIGHT, component=parts)["component"]
    assert [part.get("valueInteger") for part in told] == [None, 99]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_bounds_of_an_age_are_ages_too(profile: str) -> None:
    old = {"value": 95, "unit": "a", "system": UCUM, "code": "a"}
    told = answered(profile, HEIGHT, referenceRange=[{"age": {"low": old, "high": old}}])
    assert told.get("referenceRange", [{"age": {"low": OLDEST, "high": OLDEST}}]) == [
        {"age": {"low": OLDEST, "high": OLDEST}}
    ]


@pytest.mark.parametrize(
    "inner",
    [
        {"extension": [{"url": "urn:x", "valueQuantity": {"unit": "x", "value": 987654321, "valueSource": "lab"}}]},
        {"zusatz": {"value": 987654321, "when": "x"}},
        {"extension": [{"url": "urn:x", "valueQuantity": {"value": 987654321}}]},
    ],
    ids=["extension", "unknown", "last"],
)  # fmt: skip
def test_the_number_of_a_quantity_is_its_own(inner: dict[str, Any]) -> None:
    assert answered("research-standard", HEIGHT, valueQuantity={"unit": "kg"} | inner) == {
        "valueQuantity": {"unit": "kg"}
    }
    whole = {"unit": "kg", "value": 5}
    assert answered("research-standard", HEIGHT, valueQuantity=whole | inner) == {"valueQuantity": whole}
