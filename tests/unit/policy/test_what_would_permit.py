"""Each gate names its own missing piece, and what is named together permits: `decide` itself was asked."""

from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decide import decide
from policy.decision import Action, Regime
from policy.odrl import compiled
from policy.reasons import reason
from policy.would_permit import what_would_permit
from policy.would_permit.searching import _Search
from policy.would_permit.supposed import Supposed
from tests.unit.policy.story import MARKETING, NOW, story

PURPOSE = "the purpose were healthcare scientific research"
PERSON = "the person agreed to this study"
APPROVED = "the data holder approved the study"
STOP = reason("erasure-not-provable")


@pytest.mark.parametrize(
    ("question", "facts", "clauses"),
    [
        ({}, {}, ()),
        ({"purposes": (MARKETING,)}, {}, (PURPOSE,)),
        ({}, {"consents": ()}, (PERSON,)),
        ({}, {"consents": (story.record(state="refused"),), "study_approved": False}, (PERSON, APPROVED)),
        (
            {},
            {"link": None, "consents": (), "heard_from_wallet_at": None},
            (
                "the record were linked to the person's wallet",
                PERSON,
                "the person's wallet were heard from again",
            ),
        ),
        ({}, {"heard_from_wallet_at": None}, ("the person's wallet were heard from again",)),
        ({}, {"opted_out_at": NOW - timedelta(days=1)}, ("the person had not opted out of secondary use",)),
        ({"requester": "urn:somebody"}, {}, (f"{story.group} were asking",)),
        ({}, {"policy": story.offer()}, ("the offer were agreed to; it is not a contract yet",)),
        ({}, {"policy": None}, ("there were a contract that permits this",)),
        ({}, {"stops": (STOP,)}, (f"this were settled: {STOP.text}",)),
    ],
)
def test_each_gate_names_what_it_misses(question, facts, clauses):
    assert what_would_permit(story.question(**question), story.facts(**facts)) == clauses


def test_a_negotiation_says_how_the_request_would_fit_the_offer():
    asked = story.agreement(**{"@type": "Offer"})
    asked["permission"][0]["constraint"][0]["rightOperand"] = MARKETING
    question = story.question(action=Action.NEGOTIATE, study=None, study_digest=None, purposes=())
    facts = story.facts(policy=asked, offer=compiled(story.offer()), study_approved=False)
    assert what_would_permit(question, facts) == (PURPOSE, "a study were named", APPROVED)


questions = st.fixed_dictionaries(
    {},
    optional={
        "purposes": st.sampled_from([(MARKETING,), (), (story.academic,)]),
        "requester": st.just("urn:concord:group:other"),
        "dataset": st.just("urn:uuid:other"),
        "study": st.sampled_from([None, "urn:uuid:other"]),
        "study_digest": st.just("6" * 64),
        "now": st.sampled_from([NOW + timedelta(days=500), NOW - timedelta(days=500)]),
        "regime": st.sampled_from(list(Regime)),
        "action": st.sampled_from([Action.VIEW, Action.ANALYSE]),
    },
)
known = st.fixed_dictionaries(
    {},
    optional={
        "consents": st.sampled_from([(), (story.record(state="refused"),), (story.record(link="another"),)]),
        "link": st.none(),
        "unreadable_consents": st.just(1),
        "heard_from_wallet_at": st.none(),
        "study_approved": st.just(False),
        "opted_out_at": st.just(NOW - timedelta(days=9)),
        "recipient": st.none(),
        "asks_place": st.just(True),
        "executors": st.just(frozenset()),
        "policy": st.sampled_from(
            [None, story.offer(), story.agreement(prohibition=[{"action": "use"}]), story.agreement(permission=[])]
        ),
        "stops": st.just((STOP,)),
    },
)


@settings(max_examples=120, deadline=None)
@given(questions, known)
def test_what_is_found_permits_and_no_part_of_it_does(asked, facts):
    start = Supposed(story.question(**asked), story.facts(**facts))
    clauses = what_would_permit(*start)
    assert bool(clauses) is not decide(*start).permits
    for of_contract in (False, True):
        search = _Search(start, of_contract)
        found = () if decide(*start).permits else search.smallest()
        if found:
            assert decide(*search._after(found)).permits
            for size in range(len(found)):
                assert not any(decide(*search._after(part)).permits for part in combinations(found, size))
