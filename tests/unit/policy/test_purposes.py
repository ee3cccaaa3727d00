"""Purposes: what is stated, what is not, and that not stated is not yes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import purposes
from policy.purposes import DPV, EHDS, HEALTH, covered_by_any, covers, label, purpose
from tests.unit.policy import build_vocabularies

KNOWN = sorted(purposes._vocabulary())
ROOT = f"{DPV}Purpose"
known = st.sampled_from(KNOWN)


@given(known)
def test_a_purpose_covers_itself(iri):
    assert covers(iri, iri) is True


@given(known, known, known)
def test_covering_passes_on(wide, middle, narrow):
    if covers(wide, middle) and covers(middle, narrow):
        assert covers(wide, narrow) is True


@given(known, known)
def test_two_different_purposes_never_cover_each_other(one, other):
    if one != other and covers(one, other) is True:
        assert covers(other, one) is False


@given(known, known)
def test_no_is_said_only_of_a_broader_request(one, other):
    if covers(one, other) is False:
        assert covers(other, one) is True


def test_health_research_lies_within_scientific_research():
    assert covers(f"{DPV}ScientificResearch", f"{EHDS}HealthcareScientificResearch") is True
    assert covers(f"{DPV}ResearchAndDevelopment", f"{EHDS}HealthcareScientificResearch") is True
    assert covers(f"{HEALTH}HealthcareScientificResearch", f"{EHDS}HealthcareScientificResearch") is True
    assert covers(f"{EHDS}HealthcareScientificResearch", f"{DPV}ScientificResearch") is False


def test_siblings_are_unknown_to_each_other_and_not_apart():
    assert covers(f"{DPV}NonCommercialPurpose", f"{DPV}ScientificResearch") is None
    assert covers(f"{DPV}AcademicResearch", f"{DPV}CommercialResearch") is None


def test_every_reading_of_a_bundled_prefix_is_the_same():
    assert purpose("eu-ehds:HealthcareScientificResearch") == purpose(f"{EHDS}HealthcareScientificResearch")
    assert covers("dpv:ResearchAndDevelopment", f"{DPV}AcademicResearch") is True


@pytest.mark.parametrize(
    "term", ["AcademicResearch", "Research", "", "ex:AcademicResearch", f"{DPV}NoSuchPurpose", "dpv:"]
)
def test_what_is_not_in_the_vocabulary_covers_nothing_not_even_itself(term):
    assert purpose(term) is None
    assert covers(term, term) is None
    assert covers(ROOT, term) is None
    assert label(term) == term


@given(st.lists(known, max_size=4), known)
def test_one_that_covers_is_enough(offered, asked):
    answers = [covers(one, asked) for one in offered]
    assert covered_by_any(offered, asked) is (True if True in answers else None if None in answers else False)


def test_labels_read_as_words():
    assert label(f"{EHDS}HealthcareScientificResearch") == "healthcare scientific research"
    assert label("eu-ehds:TrainTestAndEvaluateAISystemsAlgorithms") == "train, test and evaluate AI systems algorithms"
    assert label(ROOT) == "any purpose"


def test_the_packaged_files_are_what_the_vocabularies_say():
    folder = Path(__file__).parents[3].parent / "shared" / "spec" / "odrl" / "vocab"
    if not folder.is_dir():
        pytest.skip("the source vocabularies are not beside this checkout")
    for name, text in build_vocabularies.texts(folder).items():
        assert (build_vocabularies.PACKAGED / name).read_text("utf-8") == text


def test_the_known_children_of_research_are_all_there():
    within = [
        iri for iri in KNOWN if iri != f"{DPV}ResearchAndDevelopment" and covers(f"{DPV}ResearchAndDevelopment", iri)
    ]
    assert len(within) == 15
