"""Offers narrowed by codes: alternatives side by side, limits in each, bans added, and nothing of the house's lost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decide import decide
from policy.decision import Action
from policy.duo import (
    NOT_KEPT,
    Kind,
    MissingPlaceholderError,
    NoTemplateError,
    NotKeptError,
    UnknownCodeError,
    check_kept,
    codes,
    narrowed,
)
from policy.duo import terms as t
from policy.facts import Recipient
from policy.instants import wire
from policy.odrl import compiled
from policy.odrl.comparison import excess
from policy.odrl.duties import KNOWN, undone
from policy.odrl.vocabulary import PURPOSE, expand_odrl
from tests.unit.policy.story import DATASET, GROUP, HOLDER, NOW, RESEARCH, story

UNTIL = datetime(2027, 12, 31, tzinfo=UTC)


def lefts(offer):
    """What each permission speaks of."""
    rules = [rule["constraint"] for rule in offer["permission"]]
    return [{expand_odrl(one["leftOperand"]): one["rightOperand"] for one in terms} for terms in rules]


def test_a_grant_stands_in_place_of_the_purposes_and_limits_beside_it():
    offer = narrowed(story.offer(), ["HMB", "GS:EU", "PUB"], UNTIL)
    [terms] = lefts(offer)
    assert terms[PURPOSE] == t.HMB
    assert {"DE", "FR"} <= set(terms[t.SPATIAL])
    assert "NO" not in terms[t.SPATIAL]
    assert {t.PUBLISH_RESULTS} <= {duty["action"] for duty in offer["permission"][0]["duty"]}
    assert {*lefts(story.offer())[0]} <= {*terms}
    assert len(offer["permission"][0]["constraint"]) == len(terms)


def test_two_grants_are_two_permissions_with_the_same_limits():
    offer = narrowed(story.offer(), ["GRU", "CC", "IRB"], UNTIL)
    assert [terms[PURPOSE] for terms in lefts(offer)] == [t.GRU, t.CC]
    assert len(offer["permission"][0]["constraint"]) == len(offer["permission"][1]["constraint"])


def test_limits_alone_leave_the_purposes_of_the_offer():
    assert lefts(narrowed(story.offer(), ["IRB"], UNTIL))[0][PURPOSE] == RESEARCH


def test_a_ban_is_added_to_those_of_the_house():
    offer = narrowed(story.offer(), ["NMDS", "MOR:2027-06-30"], UNTIL)
    before = len(story.offer()["prohibition"])
    assert [rule["action"] for rule in offer["prohibition"][before:]] == [
        "use",
        "http://www.w3.org/ns/odrl/2/distribute",
    ]


def test_the_offer_it_was_made_from_stays_as_it_is():
    offer = story.offer()
    narrowed(offer, ["HMB", "NPOA", "PUB"], UNTIL)
    assert offer == story.offer()


@pytest.mark.parametrize(
    ("chosen", "fault"),
    [
        ("XYZ", UnknownCodeError),
        ("DUO_0000001", NoTemplateError),
        ("DUO:0000038", UnknownCodeError),
        ("DS", MissingPlaceholderError),
        ("GS", MissingPlaceholderError),
        ("MOR:soon", ValueError),
        ("HMB:more", ValueError),
        ("RS:Research", ValueError),
        ("GS:Europe", ValueError),
    ],
)
def test_what_is_no_code_or_has_no_value_is_refused(chosen, fault):
    with pytest.raises(fault):
        narrowed(story.offer(), [chosen], UNTIL)


VALUES = {"DS": "obo:MONDO_0005015", "RS": "dpv:AcademicResearch", "GS": "EU", "MOR": "2027-06-30"}
NAMES = {"US": "urn:somebody", "PS": "urn:project", "IS": GROUP}


def in_full(one):
    """A code with a value, where it needs one."""
    value = (VALUES | NAMES).get(one.name)
    return f"{one.name}:{value}" if value else one.name


def can_be_kept(one):
    """Whether an offer with a code is understood and each of its duties is known."""
    offer = compiled(narrowed(story.offer(), [in_full(one)], UNTIL))
    return not offer.unknown and not undone(offer.policy, KNOWN)


def test_exactly_the_codes_that_cannot_be_kept_are_refused_by_name():
    stated = [one for one in codes().values() if one.kind in {Kind.PERMISSION, Kind.MODIFIER}]
    assert {one.name for one in stated if not can_be_kept(one)} == set(NOT_KEPT)
    for one in stated:
        if one.name in NOT_KEPT:
            with pytest.raises(NotKeptError, match=f"{one.name} cannot be kept here"):
                check_kept(["GRU", in_full(one)])
        else:
            check_kept([in_full(one), one.id.replace("_", ":")])


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ("gru", "did you mean GRU"),
        ("method development", "did you mean DUO_0000031"),
        ("XYZ", "known: NRES, HMB"),
        ("TS:12", "TS:12 has no day after its colon, such as TS:2027-06-30"),
    ],
)
def test_a_refusal_says_which_code_and_what_would_be_right(chosen, words):
    with pytest.raises(ValueError, match=words):
        narrowed(story.offer(), [chosen], UNTIL)


@pytest.mark.parametrize("chosen", ["DUO:0000042", "obo:DUO_0000042", "GRU"])
def test_a_code_may_be_written_in_any_of_its_ways(chosen):
    assert lefts(narrowed(story.offer(), [chosen], UNTIL))[0][PURPOSE] == t.GRU


@pytest.mark.parametrize("chosen", [["GRU"], ["GRU", "IRB"], ["RS:dpv:ScientificResearch"], ["GRU", "TS"]])
def test_a_contract_made_from_such_an_offer_is_decided(chosen):
    parties = {"@type": "Agreement", "target": DATASET, "assigner": HOLDER, "assignee": GROUP}
    agreement = narrowed(story.offer(), chosen, UNTIL) | {"@id": "urn:uuid:agreement"} | parties
    assert not compiled(agreement).unknown
    assert decide(story.question(), story.facts(policy=agreement)).permits
    marketing = story.question(purposes=("dpv:AcademicResearch", story.marketing))
    assert not decide(marketing, story.facts(policy=agreement)).permits


def test_data_for_europe_goes_to_europe_only():
    parties = {"@type": "Agreement", "target": DATASET, "assigner": HOLDER, "assignee": GROUP}
    agreement = narrowed(story.offer(), ["GRU", "GS:EEA"], UNTIL) | parties
    assert decide(story.question(), story.facts(policy=agreement)).permits
    for place in (Recipient(jurisdiction="DE", hosting=("CH",)), Recipient(jurisdiction="US", hosting=("DE",)), None):
        assert not decide(story.question(), story.facts(policy=agreement, recipient=place)).permits


def test_the_end_of_use_is_the_end_of_the_offer():
    offer = narrowed(story.offer(), ["GRU", "TS"], UNTIL)
    assert lefts(offer)[0][expand_odrl("dateTime")] == wire(UNTIL)
    agreement = offer | {"@type": "Agreement", "target": DATASET, "assigner": HOLDER, "assignee": GROUP}
    assert decide(story.question(), story.facts(policy=agreement)).permits
    late = story.question(now=UNTIL + timedelta(days=1))
    assert not decide(late, story.facts(policy=agreement)).permits


chosen_codes = st.lists(
    st.sampled_from(["GRU", "HMB", "POA", "CC", "IRB", "PUB", "NMDS", "NPOA", "GSO", "GS:EU", "TS"]), unique=True
)


@settings(max_examples=60)
@given(chosen_codes, st.sampled_from(["IRB", "PUB", "NMDS", "NPOA", "GSO", "GS:EU", "TS"]))
def test_a_further_limit_or_ban_asks_for_no_more_than_before(chosen, further):
    wide, narrow = (compiled(narrowed(story.offer(), one, UNTIL)) for one in (chosen, [*chosen, further]))
    assert excess(wide.policy, narrow.policy) == ()


@settings(max_examples=60)
@given(chosen_codes)
def test_the_terms_of_the_house_are_in_every_permission(chosen):
    kept = {*lefts(story.offer())[0]}
    for terms in lefts(narrowed(story.offer(), chosen, UNTIL)):
        assert kept <= {*terms}


def test_negotiating_such_an_offer_needs_its_terms():
    offer = compiled(narrowed(story.offer(), ["GRU", "IRB"], UNTIL))
    plain = story.agreement()
    plain["permission"][0]["constraint"][0] = {
        "leftOperand": "purpose",
        "operator": "isA",
        "rightOperand": "dpv:Purpose",
    }
    question = story.question(action=Action.NEGOTIATE, now=NOW)
    assert not decide(question, story.facts(policy=plain, offer=offer)).permits
