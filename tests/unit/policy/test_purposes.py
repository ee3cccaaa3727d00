"""Purposes: what is stated, what is not, and that not stated is not yes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import purposes
from policy.purposes import DPV, EHDS, HEALTH, apart, covered_by_any, covering, covers, expand, label, purpose
from tests.unit.policy import build_vocabularies

WRITTEN = sorted(purposes._table().terms)
KNOWN = sorted({one.iri for one in purposes._table().terms.values()})
ROOT = f"{DPV}Purpose"
known = st.sampled_from(KNOWN)
written = st.sampled_from(WRITTEN)


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
    folder = Path(__file__).parents[3].parent / "shared" / "spec" / "odrl"
    if not folder.is_dir():
        pytest.skip("the source vocabularies are not beside this checkout")
    for name, text in build_vocabularies.texts(folder).items():
        assert (build_vocabularies.PACKAGED / name).read_text("utf-8") == text


def test_the_known_children_of_research_are_all_there():
    research = f"{DPV}ResearchAndDevelopment"
    within = [iri for iri in KNOWN if iri != research and covers(research, iri)]
    assert len([iri for iri in within if iri.startswith("https://w3id.org/dpv")]) == 15


@given(written, written)
def test_every_way_of_writing_two_purposes_gives_one_answer(one, other):
    first, second = purpose(one), purpose(other)
    assert covers(one, other) is covers(first.iri, second.iri) is covers(expand(one), expand(other))


@pytest.mark.parametrize("asked", WRITTEN[::7])
def test_asking_for_many_at_once_is_asking_one_by_one(asked):
    assert covering(asked) == {offered for offered in WRITTEN if covers(offered, asked) is True}


def test_an_unknown_purpose_is_covered_by_nothing_at_once():
    assert not covering("Research")


@pytest.mark.parametrize("iri", KNOWN)
def test_every_purpose_lies_within_any_purpose_and_in_no_circle(iri):
    found = purpose(iri)
    # DPV places this one under a right, which is no purpose.
    assert covers(ROOT, iri) is (None if iri == f"{DPV}RightsFulfilment" else True)
    assert iri not in found.broader
    assert found.label


STATED = [
    ("duodrl:GRU", "duodrl:HMB"),
    ("obo:DUO_0000042", "obo:DUO_0000011"),
    ("obo:DUO_0000006", "obo:DUO_0000040"),
    ("duodrl:HMB", "v3-ActReason:BIORCH"),
    ("duodrl:GS", "duodrl:GSG"),
    ("dpv:NonCommercialPurpose", "duodrl:NCU"),
    ("dpv:ScientificResearch", "v3-ActReason:CLINTRCHPC"),
    ("sector-health:HealthcareScientificResearch", "v3-ActReason:HRESCH"),
    ("dpv:Marketing", "v3-ActReason:HMARKT"),
    ("duodrl:GRU", "eu-ehds:HealthcareScientificResearch"),
]


@pytest.mark.parametrize(("wide", "narrow"), STATED)
def test_what_is_stated_between_the_vocabularies_holds_one_way(wide, narrow):
    assert covers(wide, narrow) is True
    assert covers(narrow, wide) is False


UNSTATED = [
    ("duodrl:HMB", "eu-ehds:HealthcareScientificResearch"),
    ("duodrl:DS", "duodrl:GS"),
    ("duodrl:GRU", "duodrl:CC"),
    ("dpv:ResearchAndDevelopment", "duodrl:CC"),
    ("eu-ehds:HealthcareScientificResearch", "v3-ActReason:HRESCH"),
    ("duodrl:HMB", "duodrl:POA"),
]


@pytest.mark.parametrize(("one", "other"), UNSTATED)
def test_what_nobody_has_stated_is_unknown_both_ways_and_named(one, other):
    assert covers(one, other) is None
    assert covers(other, one) is None
    assert purposes.unstated([one], [other]) == (
        f"Nobody has stated whether {label(other)} is a kind of {label(one)}.",
    )


def test_research_into_one_disease_is_no_offer_for_all_research():
    # DUODRL's own file has these relations the wrong way round.
    assert covers("duodrl:DS", f"{DPV}ResearchAndDevelopment") is False
    assert covers("duodrl:GSG", "duodrl:GS") is False


def test_two_purposes_that_a_definition_sets_apart_are_known_to_be():
    assert apart("duodrl:HMB", "duodrl:POA")
    assert apart("v3-ActReason:POARCH", "obo:DUO_0000006")
    assert not apart("duodrl:GS", "duodrl:POA")
    assert not apart("duodrl:GRU", "duodrl:POA")
    assert not apart("Research", "duodrl:POA")


@given(written, written)
def test_purposes_set_apart_never_cover_each_other(one, other):
    if apart(one, other):
        assert covers(one, other) is None
        assert covers(other, one) is None


@given(st.lists(written, max_size=4), st.lists(written | st.just("Research"), max_size=4))
def test_a_statement_is_missing_exactly_where_the_answer_is_unknown(offered, asked):
    missing = purposes.unstated(offered, asked)
    assert bool(missing) is any(covered_by_any(offered, one) is None for one in asked)


def test_a_missing_statement_about_a_word_nobody_knows_is_short():
    assert purposes.unstated([ROOT], ["Research"]) == ("Nobody has stated what kind of purpose Research is.",)
    assert len(purposes.unstated([ROOT], ["x" * 10**6])[0]) < 300


def test_every_relation_between_vocabularies_names_its_source():
    stated = purposes.packaged("relations.json")
    for kind in ("broader", "same", "apart"):
        for one in stated[kind]:
            assert one["source"] in stated["sources"]
            assert one["because"]
    for kind, names in {"broader": ("narrow", "wide"), "same": ("purpose",), "apart": ("one", "other")}.items():
        assert all(purpose(one[name]) for one in stated[kind] for name in names)
