"""Agreements repeat their offer literally; purposes, digests and our own terms are read from a policy safely."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreement import Difference, make_agreement, same_terms, wrong_party
from contracts.messages import ContractAgreementMessage, MessageError
from contracts.names import CONTEXT_URL
from contracts.terms import BoundTerms, Selection, bound_terms, requested_purposes, terms_digest, with_terms
from policy.odrl.vocabulary import PROFILE, SELECTION, STUDY, STUDY_DIGEST

RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
ACADEMIC = "https://w3id.org/dpv#AcademicResearch"
AT = datetime(2026, 11, 22, 4, 44, 1, 999999, tzinfo=UTC)
OFFER = {
    "@id": "o-1",
    "@type": "Offer",
    "target": "dataset-1",
    "profile": "https://w3id.org/concord/profile",
    "permission": [
        {"action": "use", "constraint": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": RESEARCH}]}
    ],
    "prohibition": [{"action": "distribute"}],
    "obligation": [{"action": "delete"}],
    "https://x.example/term": {"nested": [1, True, None, "1"]},
}
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def agreed(offer: dict, **changes: object) -> dict:
    return {**make_agreement("a-1", offer, "dataset-1", "provider", "consumer", AT), **changes}


def with_purpose(*constraints: object) -> dict:
    return {**OFFER, "permission": [{"action": "use", "constraint": list(constraints)}]}


def purpose(operand: object, operator: str = "isA", left: str = "purpose") -> dict:
    return {"leftOperand": left, "operator": operator, "rightOperand": operand}


def test_an_agreement_repeats_the_offer_and_names_both_parties() -> None:
    made = agreed(OFFER)
    assert made == {
        **OFFER,
        "@id": "a-1",
        "@type": "Agreement",
        "assigner": "provider",
        "assignee": "consumer",
        "timestamp": "2026-11-22T04:44:01Z",
    }
    body = {"@context": [CONTEXT_URL], "@type": "ContractAgreementMessage", "providerPid": "p", "consumerPid": "c"}
    assert ContractAgreementMessage.read({**body, "agreement": made}).agreement == made
    assert same_terms(OFFER, made) is None
    assert wrong_party(made, target="dataset-1", assigner="provider", assignee="consumer") is None


def test_an_agreement_shares_nothing_with_its_offer() -> None:
    offer = copy.deepcopy(OFFER)
    made = agreed(offer)
    made["permission"][0]["constraint"].clear()
    assert offer == OFFER


def test_a_timestamp_is_written_in_utc_and_needs_a_time_zone() -> None:
    paris = AT.astimezone(timezone(timedelta(hours=1)))
    assert make_agreement("a", OFFER, "dataset-1", "p", "c", paris)["timestamp"] == "2026-11-22T04:44:01Z"
    with pytest.raises(ValueError, match="no time zone"):
        make_agreement("a", OFFER, "dataset-1", "p", "c", AT.replace(tzinfo=None))


@pytest.mark.parametrize("key", ["target", "assigner", "assignee"])
def test_an_offer_that_names_somebody_or_something_else_makes_no_agreement(key: str) -> None:
    with pytest.raises(ValueError, match=f"another {key}"):
        agreed({**OFFER, key: "somebody else"})


@pytest.mark.parametrize("key", ["target", "assigner", "assignee"])
def test_an_agreement_about_something_or_with_somebody_else_is_noticed(key: str) -> None:
    made = agreed(OFFER, **{key: "somebody else"})
    assert wrong_party(made, target="dataset-1", assigner="provider", assignee="consumer") == Difference(
        f"/{key}", "differs"
    )


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"permission": [{"action": "use"}]}, "/permission/0/constraint is missing"),
        ({"permission": OFFER["permission"] * 2}, "/permission differs"),
        ({"prohibition": [{"action": "sell"}]}, "/prohibition/0/action differs"),
        ({"profile": ["https://w3id.org/concord/profile"]}, "/profile differs"),
        ({"conflict": "perm"}, "/conflict is added"),
        (
            {"https://x.example/term": {"nested": [True, True, None, "1"]}},
            "/https:~1~1x.example~1term/nested/0 differs",
        ),
        ({"https://x.example/term": {"nested": [1, 1, None, "1"]}}, "/https:~1~1x.example~1term/nested/1 differs"),
        ({"https://x.example/term": {"nested": [1.0, True, None, "1"]}}, "/https:~1~1x.example~1term/nested/0 differs"),
    ],
)
def test_a_changed_term_is_named(change: dict, difference: str) -> None:
    assert str(same_terms(OFFER, agreed(OFFER, **change))) == difference


def test_a_dropped_duty_is_named() -> None:
    made = agreed(OFFER)
    del made["obligation"]
    assert same_terms(OFFER, made) == Difference("/obligation", "is missing")


def test_what_may_differ_does_not_count_as_a_term_except_a_named_assigner() -> None:
    made = agreed(
        OFFER, **{"@id": "x", "@type": "y", "target": "z", "assignee": "a", "assigner": "b", "timestamp": "t"}
    )
    assert same_terms(OFFER, made) is None
    assert same_terms({**OFFER, "assigner": "provider"}, agreed(OFFER)) is None
    assert same_terms({**OFFER, "assigner": "provider"}, made) == Difference("/assigner", "differs")


@settings(max_examples=60)
@given(
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3), st.dictionaries(st.text(max_size=3), VALUES, max_size=3)
)
def test_terms_are_the_same_exactly_when_their_json_text_is(one: dict, other: dict) -> None:
    for left, right in ((one, other), (one, copy.deepcopy(one))):
        offer, made = {**OFFER, **left}, agreed({**OFFER, **right})
        equal = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
        assert (same_terms(offer, made) is None) is equal
        assert (terms_digest(offer) == terms_digest(made)) is equal


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (OFFER, (RESEARCH,)),
        (with_purpose(purpose(RESEARCH, "eq", "odrl:purpose")), (RESEARCH,)),
        (with_purpose(purpose("dpv:AcademicResearch", left="http://www.w3.org/ns/odrl/2/purpose")), (ACADEMIC,)),
        (with_purpose(purpose([RESEARCH, {"@id": ACADEMIC}, RESEARCH], "isAnyOf")), (RESEARCH, ACADEMIC)),
        (
            with_purpose(
                {"and": [purpose(RESEARCH), {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "x"}]}
            ),
            (RESEARCH,),
        ),
        (with_purpose({"or": [purpose(RESEARCH), purpose(ACADEMIC)]}), (RESEARCH, ACADEMIC)),
    ],
)
def test_requested_purposes_are_all_that_the_offer_would_allow(offer: dict, expected: tuple[str, ...]) -> None:
    assert requested_purposes(offer) == expected


@pytest.mark.parametrize(
    "offer",
    [
        {**OFFER, "permission": [{"action": "use"}]},
        {key: value for key, value in OFFER.items() if key != "permission"},
        {**OFFER, "permission": [*OFFER["permission"], {"action": "use"}]},
        with_purpose(purpose(RESEARCH, "neq")),
        with_purpose(purpose(RESEARCH, "isNoneOf")),
        with_purpose(purpose([])),
        with_purpose(purpose([RESEARCH, {}])),
        with_purpose(purpose("")),
        with_purpose({"or": [purpose(RESEARCH), {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "x"}]}),
        with_purpose({"xone": []}),
    ],
)
def test_an_offer_that_is_not_limited_to_listed_purposes_requests_none(offer: dict) -> None:
    assert requested_purposes(offer) == ()


SELECTED = Selection(cohort="adults", variables=("laboratory",), period=None)
OURS = BoundTerms("urn:uuid:1", "a" * 64, SELECTED.digest, "pseudonymous")


def test_our_terms_stand_in_every_permission_and_in_the_agreement() -> None:
    offer = {**OFFER, "permission": [{"action": "use"}, {"action": "read", "constraint": []}]}
    bound = with_terms(offer, OURS)
    assert [len(permission["constraint"]) for permission in bound["permission"]] == [4, 4]
    assert bound_terms(bound) == bound_terms(agreed(bound)) == OURS
    assert with_terms(bound, OURS) == bound
    assert offer["permission"][0] == {"action": "use"}
    assert terms_digest(bound) != terms_digest(offer)


def test_terms_that_are_not_there_are_none() -> None:
    assert bound_terms(OFFER) == BoundTerms()
    assert bound_terms(with_terms(OFFER, BoundTerms(profile="p"))) == BoundTerms(profile="p")


def test_a_term_cannot_be_bound_over_another_or_to_nothing() -> None:
    with pytest.raises(ValueError, match="says something else"):
        with_terms(with_terms(OFFER, OURS), OURS._replace(study="urn:uuid:2"))
    with pytest.raises(ValueError, match="permits nothing"):
        with_terms({"prohibition": [{"action": "use"}]}, OURS)


@pytest.mark.parametrize("operand", [STUDY, STUDY_DIGEST, SELECTION, PROFILE, "concord:study"])
def test_a_policy_that_says_a_term_twice_differently_or_not_everywhere_is_refused(operand: str) -> None:
    term = {"leftOperand": operand, "operator": "eq", "rightOperand": "x"}
    bad = (
        [{"action": "use", "constraint": [term]}, {"action": "read"}],
        [{"action": "use", "constraint": [term]}, {"action": "read", "constraint": [{**term, "rightOperand": "y"}]}],
        [{"action": "use", "constraint": [term, {**term, "rightOperand": "y"}]}],
        [{"action": "use", "constraint": [{**term, "operator": "neq"}]}],
        [{"action": "use", "constraint": [{**term, "rightOperand": ["x"]}]}],
    )
    for permissions in bad:
        with pytest.raises(MessageError):
            bound_terms({**OFFER, "permission": permissions})


def test_a_prefixed_term_is_not_a_second_way_to_say_something_else() -> None:
    terms = [
        {"leftOperand": STUDY, "operator": "eq", "rightOperand": "x"},
        {"leftOperand": "concord:study", "operator": "eq", "rightOperand": "y"},
    ]
    with pytest.raises(MessageError):
        bound_terms({**OFFER, "permission": [{"action": "use", "constraint": terms}]})
