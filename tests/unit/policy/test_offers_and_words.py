"""The house's offer, and every policy in words."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from policy.duo import narrowed
from policy.law.statute import countries
from policy.odrl import compiled, read, sentence, terms
from policy.odrl.documents import read_document
from policy.odrl.words import explained
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
        (("dateTime", "lteq", "soon"), "With a time limit that cannot be read: soon."),
        (("recipient", "isAnyOf", ["urn:a", "urn:b"]), "Only for urn:a or urn:b."),
        (("recipient", "neq", "urn:a"), "Not for urn:a."),
        (("purpose", "isNoneOf", ["dpv:Marketing"]), "Not for marketing."),
        (("concord:study", "eq", "urn:uuid:s"), "Only for the study that is named."),
        (("spatial", "isAnyOf", ["AT", "FR"]), "Only in Austria or France."),
        (("spatial", "isAnyOf", list(countries("EU"))), "Only in the European Union."),
        (("spatial", "isPartOf", "urn:europe"), "The place must be within urn:europe."),
        (("concord:jurisdiction", "isNoneOf", ["US"]), "Not for recipients in the United States."),
        (("concord:hosting", "eq", "DE"), "Only where the data is kept in Germany."),
        (("count", "lteq", "5"), "The count must be at most 5."),
        (("count", "neq", "5"), "The count must not be 5."),
        (("payAmount", "hasPart", "5"), "The pay amount must contain 5."),
        (
            ("elapsedTime", "lteq", {"@value": "P30D", "@type": "xsd:duration"}),
            "The elapsed time must be at most 30 days.",
        ),
        (("event", "lt", "urn:launch"), "The event must be before urn:launch."),
        (("count", "x:like", "5"), "The count must be “x:like” 5."),
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
        "Must not be sold if at least one of these holds: the recipient is urn:a; until 31 December 2027.",
    ]


def test_a_ban_says_in_one_sentence_what_it_bans():
    offer = narrowed(story.offer(), ["NMDS", "NPOA", "MOR:2027-06-30"], UNTIL)
    assert {
        "Must not be used for methods development research.",
        "Must not be used for population origins or ancestry research.",
        "Must not be passed on to anyone else until 29 June 2027.",
    } <= set(sentence(read(offer)))


# Every part of a policy that can hold something, each with a word of its own to be found again.
EVERYTHING = """
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
<urn:all> a odrl:Offer ; odrl:profile <urn:profile> ; odrl:conflict odrl:perm ; odrl:inheritFrom <urn:parent> ;
  odrl:assigner <urn:giver> ; odrl:constraint [ odrl:leftOperand odrl:event ; odrl:operator odrl:lt ;
    odrl:rightOperand <urn:launch> ] ;
  odrl:permission [ odrl:target [ a odrl:AssetCollection ; odrl:source <urn:collection> ; odrl:refinement [
        odrl:leftOperand odrl:resolution ; odrl:operator odrl:lteq ; odrl:rightOperand 1200 ] ] ;
    odrl:action [ rdf:value odrl:print ; odrl:refinement [
        odrl:leftOperand odrl:count ; odrl:operator odrl:lteq ; odrl:rightOperand 77 ] ] , odrl:display ;
    odrl:assignee <urn:taker> ; odrl:output <urn:copy> ;
    odrl:duty [ odrl:action [ rdf:value odrl:compensate ; odrl:refinement [ odrl:leftOperand odrl:payAmount ;
        odrl:operator odrl:eq ; odrl:rightOperand 5.25 ; odrl:unit <urn:u/euro> ] ] ;
      odrl:compensatedParty <urn:payee> ; odrl:consequence [ odrl:action odrl:acceptTracking ] ] ] ;
  odrl:prohibition [ odrl:target <urn:thing> ; odrl:action odrl:sell ;
    odrl:remedy [ odrl:action odrl:ensureExclusivity ] ] ;
  odrl:obligation [ odrl:action odrl:attribute ; odrl:assignee <urn:debtor> ; odrl:attributedParty <urn:author> ] .
"""
HELD = (
    "urn:profile urn:parent urn:giver urn:launch urn:collection resolution 1200 print count 77 looked urn:taker "
    "allowed urn:copy compensate pay 5.25 euro urn:payee acceptTracking urn:thing sold ensureExclusivity attribute "
    "urn:debtor urn:author"
)


def test_nothing_that_a_policy_says_is_silent():
    said = " ".join(explained(read_document(EVERYTHING).policies[0]))
    assert [word for word in HELD.split() if word not in said] == []


def test_a_limit_of_one_permission_among_several_stands_with_it():
    until = {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2027-12-31"}
    few = {"leftOperand": "count", "operator": "lteq", "rightOperand": "5"}
    rules = [{"action": "read", "constraint": [until]}, {"action": "stream", "constraint": [until, few]}]
    assert sentence(read({"@id": "urn:x", "@type": "Set", "permission": rules})) == [
        "May be read.",
        "May be sent as it is measured. There: the count must be at most 5.",
        "Until 31 December 2027.",
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
