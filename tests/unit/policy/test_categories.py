"""Which category of data a resource or data point belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.categories import CATEGORIES, category_of, category_of_point, words

OBSERVATION = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"


def coded(*pairs):
    """One category entry with these codings."""
    return {"coding": [{"system": system, "code": code} for system, code in pairs]}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Patient", "demographics"),
        ("Condition", "conditions"),
        ("MedicationRequest", "medications"),
        ("Procedure", "procedures"),
        ("Immunization", "immunizations"),
        ("Encounter", "encounters"),
        ("AllergyIntolerance", "allergies"),
        ("CarePlan", "care-plans"),
        ("Goal", "care-plans"),
        ("DocumentReference", "reports"),
        ("DiagnosticReport", "reports"),
        ("Claim", "claims"),
        ("ExplanationOfBenefit", "claims"),
        ("ImagingStudy", "imaging"),
        ("Observation", "other"),
        ("Practitioner", "other"),
        ("FamilyMemberHistory", "other"),
        ("NoSuchResource", "other"),
    ],
)
def test_a_resource_goes_by_its_type(kind, key):
    assert category_of({"resourceType": kind}) == key


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("laboratory", "laboratory"),
        ("vital-signs", "vital-signs"),
        ("social-history", "social-history"),
        ("imaging", "imaging"),
        ("procedure", "procedures"),
        ("survey", "other"),
        ("vital-sign", "other"),
    ],
)
def test_an_observation_goes_by_its_category(code, key):
    assert category_of({"resourceType": "Observation", "category": [coded((OBSERVATION, code))]}) == key


def test_a_local_code_beside_a_known_one_is_a_translation_of_it():
    both = coded(("urn:local", "chem"), (OBSERVATION, "laboratory"))
    assert category_of({"resourceType": "Observation", "category": [both]}) == "laboratory"


def test_an_observation_of_two_categories_hides_behind_neither():
    two = [coded((OBSERVATION, "laboratory")), coded((OBSERVATION, "social-history"))]
    one_known = [coded((OBSERVATION, "laboratory")), coded(("urn:local", "genetics"))]
    in_one_concept = [coded((OBSERVATION, "laboratory"), (OBSERVATION, "social-history"))]
    for category in (two, one_known, in_one_concept):
        assert category_of({"resourceType": "Observation", "category": category}) == "other"


@pytest.mark.parametrize(
    ("code", "key"), [("LAB", "laboratory"), ("HM", "laboratory"), ("RAD", "imaging"), ("CTH", "reports")]
)
def test_a_report_goes_by_its_section(code, key):
    assert category_of({"resourceType": "DiagnosticReport", "category": [coded((SECTION, code))]}) == key


def test_a_report_of_two_sections_is_neither():
    two = [coded((SECTION, "LAB")), coded((SECTION, "RAD"))]
    assert category_of({"resourceType": "DiagnosticReport", "category": two}) == "other"


SCHEMAS = {
    "heart-rate": "heart-rate",
    "step-count": "steps",
    "sleep-duration": "sleep",
    "sleep-episode": "sleep",
    "blood-glucose": "other",
    "": "other",
}


@pytest.mark.parametrize(("schema", "key"), SCHEMAS.items())
def test_a_data_point_goes_by_its_schema(schema, key):
    assert category_of_point(schema) == key


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from([OBSERVATION, SECTION]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "system", "code"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["Observation", "DiagnosticReport", "Patient", None, 3]) | json_values, json_values)
def test_broken_input_never_raises_and_always_lands_in_a_known_category(kind, category):
    assert category_of({"resourceType": kind, "category": category}) in CATEGORIES


def test_every_category_has_words_for_people():
    for key, category in CATEGORIES.items():
        assert category.key == key
        assert words(key) == category.words
        assert category.words[0].isupper()
