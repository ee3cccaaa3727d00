"""The house's offer, and every policy in words."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from policy.odrl import compiled, read, sentence, terms
from policy.offers import research_offer
from tests.unit.policy.story import ACADEMIC, RESEARCH, story

VECTORS = Path(__file__).parents[2] / "vectors"
UNTIL = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)


def schema(kind):
    """The protocol's schema of one kind of policy."""
    whole = json.loads((VECTORS / "dsp-catalog" / "contract-schema.json").read_text("utf-8"))
    return Draft201909Validator({"definitions": whole["definitions"], "$ref": f"#/definitions/{kind}"})


@given(
    st.lists(st.sampled_from([RESEARCH, ACADEMIC, "dpv:ScientificResearch"]), min_size=1, max_size=3),
    st.datetimes(datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | st.just("urn:concord:hospital:1"),
)
def test_the_offer_is_valid_and_understood(purposes, until, assigner):
    offer = research_offer("urn:uuid:o", purposes, until, assigner)
    schema("Offer").validate(offer)
    assert not schema("Agreement").is_valid(offer)
    assert compiled(offer).unknown == ()
    assert terms(compiled(offer).policy).per_person


def test_the_agreement_made_from_it_is_valid():
    schema("Agreement").validate(story.agreement())


def test_an_offer_for_no_purpose_or_an_unknown_one_is_not_made():
    for purposes in ([], ["AcademicResearch"], [RESEARCH, "https://example.org/purpose"]):
        with pytest.raises(ValueError, match="purpose"):
            research_offer("urn:uuid:o", purposes, UNTIL)


def test_the_offer_says_in_words_what_it_means():
    assert sentence(read(research_offer("urn:uuid:o", [RESEARCH, ACADEMIC], UNTIL))) == [
        "May be used for academic research or healthcare scientific research.",
        "Until 31 December 2027.",
        "Only about people who said yes themselves.",
        "Only for a study that the data holder has approved.",
        "Nobody may try to find out who a person is.",
        "Must not be passed on to anyone else.",
        "Names and other marks of a person are replaced by a code name before anything leaves.",
        "When a person asks for it, what was received about them must be deleted.",
    ]


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (("dateTime", "lt", "2028-01-01T00:00:00Z"), "Until 31 December 2027."),
        (("dateTime", "lteq", "2027-12-31"), "Until 31 December 2027."),
        (("dateTime", "lteq", "2027-12-31T14:30:00Z"), "Until 31 December 2027, 14:30 UTC."),
        (("dateTime", "gteq", "2027-01-01"), "From 1 January 2027."),
        (("dateTime", "gt", "2027-01-01"), "From 2 January 2027."),
        (("dateTime", "lteq", "soon"), "With a time limit that cannot be read."),
        (("recipient", "isAnyOf", ["urn:a", "urn:b"]), "Only for urn:a or urn:b."),
        (("recipient", "neq", "urn:a"), "Not for urn:a."),
        (("purpose", "isNoneOf", ["dpv:Marketing"]), "Not for marketing."),
        (("concord:study", "eq", "urn:uuid:s"), "Only for the study that is named."),
        (("spatial", "eq", "_:EU"), "With a term about “spatial”."),
    ],
)
def test_each_term_has_its_words(constraint, words):
    left, operator, right = constraint
    rule = {"action": "use", "constraint": [{"leftOperand": left, "operator": operator, "rightOperand": right}]}
    assert words in sentence(read({"@id": "urn:x", "@type": "Offer", "permission": [rule]}))


def test_joined_terms_and_conditions_are_said_in_full():
    either = {
        "or": [
            {"leftOperand": "recipient", "operator": "eq", "rightOperand": "urn:a"},
            {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2027-12-31"},
        ]
    }
    said = sentence(
        read(
            {
                "@id": "urn:x",
                "@type": "Offer",
                "permission": [{"action": "use", "constraint": [either]}],
                "prohibition": [{"action": "odrl:sell", "constraint": [either]}],
            }
        )
    )
    assert said == [
        "May be used.",
        "At least one of these: only for urn:a; until 31 December 2027.",
        "Must not be sold. This counts only under these terms: "
        "at least one of these: only for urn:a; until 31 December 2027.",
    ]


def test_a_policy_that_is_not_understood_says_so():
    odd = deepcopy(story.offer())
    odd["permission"][0]["constraint"].append({"leftOperand": "x:y", "operator": "like", "rightOperand": "z"})
    assert sentence(read(odd))[-1] == "It holds a term that we do not understand. Nothing can be shared under it."


def test_a_policy_without_a_permission_says_that_it_allows_nothing():
    only = {"@id": "urn:x", "@type": "Offer", "prohibition": [{"action": "use"}]}
    assert sentence(read(only)) == ["It allows nothing.", "Must not be used."]


def test_what_a_contract_states_can_be_read_off_it():
    agreement = story.with_term("concord:study", "eq", "urn:uuid:s")
    stated = terms(compiled(agreement).policy)
    assert stated.purposes == (RESEARCH,)
    assert stated.study == "urn:uuid:s"
    assert stated.until == datetime(2027, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    assert stated.profile is None


def test_two_studies_in_one_contract_are_none():
    agreement = story.with_term("concord:study", "eq", "urn:uuid:s")
    agreement["permission"].append(deepcopy(agreement["permission"][0]))
    agreement["permission"][1]["constraint"][-1]["rightOperand"] = "urn:uuid:t"
    assert terms(compiled(agreement).policy).study is None
