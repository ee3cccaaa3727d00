"""What may be answered to an offer: the same or less, told as terms, and nothing more by however many rounds.

The story is the standard research offer and a research group that asks for it (tests/unit/policy/story.py).
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.narrowing import EVERYTHING, Narrowing, narrowed, within
from contracts.terms import bound_terms
from policy.decide import decide
from policy.decision import Action, Regime
from policy.facts import Facts, Question
from policy.narrowing import NotNarrowerError
from policy.odrl import compiled
from policy.odrl.comparison import excess
from policy.odrl.differences import Change, differences
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, HOLDER, NOW, STUDY, story

WIDE = "dpv:ResearchAndDevelopment"


def published() -> dict:
    offer = story.offer()
    offer["permission"][0]["constraint"][0]["rightOperand"] = WIDE
    return offer


def requested() -> dict:
    """The published offer as the group asks for it: to itself, for its study."""
    request = published() | {"target": DATASET, "assigner": HOLDER, "assignee": GROUP}
    term = {"leftOperand": "https://w3id.org/concord/ns#study", "operator": "eq", "rightOperand": STUDY}
    request["permission"][0]["constraint"].append(term)
    return request


def policy_agrees(request: dict) -> bool:
    """Whether the holder's policy would agree to these terms, now, under what it published."""
    question = Question(regime=Regime.CONSENT, action=Action.NEGOTIATE, now=NOW, requester=GROUP, dataset=DATASET)
    facts = Facts(
        policy=compiled(request), offer=compiled(published()), holder=HOLDER, study_approved=True,
        executors=frozenset({"pseudonymise", "erase-on-withdrawal"}),
    )  # fmt: skip
    return decide(question, facts).permits


def test_a_counter_offer_may_narrow_purpose_end_data_and_recipient():
    wanted = Narrowing(
        purposes=(ACADEMIC,), until=NOW + timedelta(days=30), categories=("laboratory",), recipients=(GROUP,),
        records_from=date(2020, 1, 1),
    )  # fmt: skip
    made = narrowed(requested(), wanted)
    found = {one.term: one.change for one in differences(requested(), made.policy)}
    assert set(found) == {"purpose", "until", "selection", "recipient"}
    assert set(found.values()) == {Change.NARROWER}
    assert bound_terms(made.policy).selection == made.selection.digest
    assert policy_agrees(made.policy)


@pytest.mark.parametrize(
    "wanted",
    [
        Narrowing(),
        Narrowing(purposes=("dpv:Purpose",)),
        Narrowing(purposes=("https://w3id.org/dpv#Marketing",)),
        Narrowing(until=datetime(2999, 1, 1, tzinfo=UTC)),
        Narrowing(categories=("everything-there-is",)),
    ],
)
def test_the_same_or_more_is_no_counter_offer(wanted):
    with pytest.raises(NotNarrowerError) as refused:
        narrowed(requested(), wanted)
    assert refused.value.where
    assert refused.value.accepted


def test_what_was_given_up_in_one_round_does_not_come_back_in_the_next():
    first = narrowed(requested(), Narrowing(categories=("laboratory",), until=NOW + timedelta(days=30)))
    for wanted in (Narrowing(categories=("laboratory", "conditions")), Narrowing(until=NOW + timedelta(days=31))):
        with pytest.raises(NotNarrowerError):
            narrowed(first.policy, wanted, first.selection)


steps = st.builds(
    Narrowing,
    purposes=st.sampled_from([(), (WIDE,), (ACADEMIC,), ("dpv:ScientificResearch",), ("dpv:Marketing",)]),
    until=st.one_of(st.none(), st.integers(1, 400).map(lambda days: NOW + timedelta(days=days))),
    recipients=st.sampled_from([(), (GROUP,), (GROUP, "urn:concord:b:1")]),
    categories=st.sampled_from([(), ("laboratory",), ("laboratory", "conditions"), ("conditions",)]),
    records_from=st.sampled_from([None, date(2019, 1, 1), date(2021, 1, 1)]),
)


@given(st.lists(steps, max_size=6))
def test_however_many_rounds_each_side_makes_the_terms_only_ever_shrink(rounds):
    policy, selection = requested(), None
    for wanted in rounds:
        try:
            made = narrowed(policy, wanted, selection)
        except NotNarrowerError:
            continue
        assert within(made.selection or EVERYTHING, selection or EVERYTHING)
        policy, selection = made.policy, made.selection
        assert not [one for one in differences(requested(), policy) if one.change is Change.WIDER]
    assert not excess(compiled(published()).policy, compiled(policy).policy)
    assert policy_agrees(policy)


def test_a_counter_offer_for_somebody_else_is_not_agreed_to():
    other = replace(Narrowing(), recipients=("urn:concord:b:1",))
    assert not policy_agrees(narrowed(requested(), other).policy)
