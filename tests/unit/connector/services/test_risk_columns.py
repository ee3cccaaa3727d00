"""What is measured of released lines, how figures are held against a contract, and how people read them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.records import RiskReport
from connector.services.releasing.risk import columns_of
from connector.services.releasing.risk_columns import (
    DEFAULT,
    NAMES,
    NO_DIAGNOSIS,
    VISITS,
    WORDS,
    Unreadable,
    kinds,
    row_of,
)
from connector.services.releasing.risk_figures import Figures
from connector.services.releasing.risk_judging import failed, kept, said
from connector.services.releasing.risk_views import percent, view_of
from contracts.risk import NOTHING, Thresholds

US = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


def line(kind, **fields):
    return orjson.dumps({"resourceType": kind, "id": "x", **fields}) + b"\n"


def values(*lines, names=DEFAULT):
    *found, diagnosis = row_of(lines, names)
    return dict(zip(names, found, strict=True)), diagnosis


def coded(code, system="http://snomed.info/sct"):
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize("named", [(), ("multiple-birth",), ("no-such-column",), (VISITS,)])
def test_a_profile_may_add_to_what_is_measured_and_take_nothing_away(named):
    measured = columns_of(SimpleNamespace(profile=SimpleNamespace(risk=named)))
    assert measured == (*DEFAULT, *(name for name in named if name == VISITS))


def test_every_feature_of_a_patient_is_read():
    found, _ = values(
        line(
            "Patient", gender="female", birthDate="1970", deceasedDateTime="2020-05-05", multipleBirthInteger=2,
            maritalStatus=coded("M"), communication=[{"language": coded("de")}, {"language": coded("en")}],
            address=[{"city": "Ghent", "state": "X", "country": "BE", "postalCode": "90", "district": "D"},
                     {"state": "A"}],
            extension=[
                {"url": f"{US}race", "extension": [{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}]},
                {"url": f"{US}ethnicity", "extension": [{"url": "ombCategory", "valueCoding": {"code": "2186-5"}}]},
                {"url": f"{US}birthsex", "valueCode": "F"}, {"url": "http://else", "valueCode": "?"},
            ],
        )
    )  # fmt: skip
    assert found == {
        "birth": "1970", "gender": "female", "deceased": "2020", "marital": "M", "multiple-birth": "2",
        "race": "2106-3", "ethnicity": "2186-5", "birth-sex": "F", "language": "de; en", "city": "Ghent",
        "district": "D", "state": "A; X", "postcode": "90", "country": "BE",
    }  # fmt: skip


def test_what_does_not_leave_is_missing_for_everybody():
    found, diagnosis = values(line("Patient"))
    assert set(found.values()) == {None}
    assert (values()[0], diagnosis) == (found, NO_DIAGNOSIS)
    assert values(line("Patient", deceasedBoolean=False))[0]["deceased"] == "no"
    assert values(line("Patient", deceasedBoolean=True))[0]["deceased"] == "yes"


def test_the_main_diagnosis_is_the_one_recorded_most_often_by_its_category():
    often = [line("Condition", code=coded("38341003"))] * 2
    once = line("Condition", code=coded("1"))
    assert values(once, *often)[1] == "http://snomed.info/sct 38341003"
    icd = line("Condition", code={"coding": [{"system": "s", "code": "1"}, {"system": "x/icd-10-gm", "code": "I50.1"}]})
    assert values(icd)[1] == "icd-10 I50"
    meant_not = line("Condition", code=coded("9"), verificationStatus=coded("refuted"))
    assert values(meant_not, once)[1] == "http://snomed.info/sct 1"
    assert values(line("Condition", code={"text": "hidden"}))[1] == NO_DIAGNOSIS


@given(st.permutations([line("Condition", code=coded(str(code))) for code in (1, 2, 2, 3, 3)]))
def test_the_main_diagnosis_is_the_same_in_any_order(lines):
    assert values(*lines)[1] == "http://snomed.info/sct 2"


def test_visits_are_counted_only_where_somebody_named_them():
    lines = [line("Patient"), line("Encounter", status="finished"), line("Encounter")]
    assert VISITS not in DEFAULT
    assert values(*lines, names=(VISITS,))[0] == {VISITS: "2"}
    assert (kinds(DEFAULT), kinds(NAMES)) == (("Patient", "Condition"), ("Patient", "Condition", "Encounter"))


def test_every_feature_has_words():
    assert set(WORDS) == set(NAMES)


@pytest.mark.parametrize(
    "broken", [b"Anna", b'{"resourceType":"Observation"}', b'{"resourceType":"Patient","gender":5}']
)
def test_a_line_that_cannot_be_read_is_not_repeated(broken):
    with pytest.raises(Unreadable) as refused:
        row_of([broken], DEFAULT)
    assert (str(refused.value), refused.value.__cause__) == ("", None)


FOUND = Figures(people=40, classes=9, k=4, alone=0, distinct_l=2, entropy_l=1.5, t=Fraction(3, 10), delta=0.5)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"min_k": 4, "min_l": 2, "max_t": Decimal("0.3"), "max_unique": Decimal(0)}, []),
        ({"min_k": 5}, ["min_k"]), ({"min_l": 3}, ["min_l"]), ({"max_t": Decimal("0.2999999")}, ["max_t"]),
        ({}, []),
    ],
)  # fmt: skip
def test_figures_are_held_against_what_is_asked_exactly(asked, names):
    assert [one["name"] for one in failed(Thresholds(**asked), FOUND)] == names


def test_what_cannot_be_said_is_not_met_and_a_release_about_nobody_meets_all():
    asked = Thresholds(min_k=1, min_l=1, max_t=Decimal(1), max_unique=Decimal(1))
    assert [one["name"] for one in failed(asked, None)] == ["min_k", "min_l", "max_t", "max_unique"]
    few = Figures(people=3, classes=1, k=3)
    assert [(one["name"], one["found"]) for one in failed(asked, few)] == [("min_l", ""), ("max_t", "")]
    assert failed(asked, Figures()) == []
    assert failed(NOTHING, None) == []


@given(st.fractions(0, 1, max_denominator=10**9))
def test_a_share_is_never_said_smaller_than_it_is(share):
    assert Fraction(said(share)) >= share
    assert Fraction(said(share)) - share < Fraction(1, 10**6)
    assert Decimal(percent(said(share)).removesuffix(" %")) / 100 >= Decimal(said(share))


def report(figures, diagnoses=True):
    return RiskReport(
        id="r", people=figures.people if figures else 0, quasi={"columns": ["birth", "city"]},
        figures=kept(figures, diagnoses=diagnoses), profile="research-standard:ab",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (FOUND, "At least 4 people share each combination of features; there are 9 combinations."),
        (replace(FOUND, k=1, alone=1), "1 of 40 people is the only one with their combination of features (2.5 %)."),
        (replace(FOUND, distinct_l=1), "Somewhere all who share a combination have the same main diagnosis"),
        (FOUND, "How often a diagnosis occurs among them differs by up to 30 % from everybody."),
        (Figures(), "Nobody would be in it"),
        (Figures(people=1, classes=1, k=1, alone=1), "There is one person in it"),
        (Figures(people=3, classes=1, k=3), "They are too few to say anything about how diagnoses are spread"),
        (None, "The risk could not be measured."),
    ],
)
def test_figures_are_read_as_sentences(figures, words):
    assert any(words in one for one in view_of(report(figures), "Records").sentences)


def test_a_release_without_diagnoses_says_so():
    quiet = replace(FOUND, distinct_l=None, entropy_l=None, t=None, delta=None)
    assert any("No diagnosis would leave" in one for one in view_of(report(quiet, diagnoses=False), "x").sentences)


def test_features_that_nobody_has_are_told_apart_and_the_best_to_leave_out_comes_first():
    found = replace(FOUND, k=1, alone=5, values={"birth": 3, "city": 0}, without={"birth": (2, 0)})
    view = view_of(report(found), "Records")
    assert (view.features, view.silent) == (["date or year of birth"], ["city"])
    assert view.coarser == ["Without date or year of birth at least 2 people would share each combination."]
