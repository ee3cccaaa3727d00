"""Taking a consent away never permits anything; one for a purpose covers what lies within it, never what is around."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policy.consent_gate import ask_person
from policy.decide import decide
from policy.decision import Outcome
from policy.purposes import covers, known, purpose
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, MARKETING, RESEARCH, STUDY, story

NUMBERS = "123456789"
records = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["given", "refused"]),
        "study": st.sampled_from([STUDY, "urn:uuid:another"]),
        "recipients": st.sampled_from([[GROUP], ["urn:concord:group:other"], [GROUP, "urn:concord:group:other"]]),
        "purposes": st.sampled_from([[RESEARCH], [ACADEMIC], [MARKETING], [RESEARCH, ACADEMIC]]),
        "data": st.sampled_from(
            [[{"dataset": DATASET, "categories": None}], [{"dataset": "urn:uuid:other", "categories": None}]]
        ),
        "valid_until": st.sampled_from(["2027-10-01T00:00:00Z", "2026-11-01T00:00:00Z"]),
    },
)


@st.composite
def chains(draw):
    """The versions of up to four consents of one person."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        first = story.record(**draw(records), id=f"urn:uuid:11111111-1111-4111-8111-11111111111{NUMBERS[number]}")
        chain = [first]
        if first.state.value == "given" and draw(st.booleans()):
            chain.append(story.next(first, state=draw(st.sampled_from(["given", "withdrawn", "suspended"]))))
        found.append(tuple(chain))
    return found


questions = st.builds(
    lambda purposes, requester: story.question(purposes=purposes, requester=requester),
    st.sampled_from([(RESEARCH,), (ACADEMIC,), (MARKETING,)]),
    st.sampled_from([GROUP, GROUP, "urn:concord:group:other"]),
)


@settings(max_examples=300, deadline=None)
@given(chains(), questions, st.booleans(), st.data())
def test_taking_a_consent_away_never_turns_no_into_yes(people, question, approved, data):
    facts = story.facts(consents=tuple(one for chain in people for one in chain), study_approved=approved)
    assume(not decide(question, facts).permits)
    given_ones = [chain for chain in people if chain[-1].state.value == "given"]
    assume(given_ones)
    taken = data.draw(st.sampled_from(given_ones))
    rest = tuple(one for chain in people if chain is not taken for one in chain)
    assert not decide(question, replace(facts, consents=rest)).permits


purposes = st.sampled_from(known())


@settings(max_examples=300, deadline=None)
@given(purposes, st.data())
def test_a_consent_for_a_broader_purpose_covers_a_narrower_request(narrow, data):
    broader = sorted(one for one in purpose(narrow).broader if purpose(one))
    assume(broader)
    wide = data.draw(st.sampled_from(broader))
    facts = story.facts(consents=(story.record(purposes=[wide]),))
    assert ask_person(story.question(purposes=(narrow,)), facts).outcome is Outcome.PERMIT


@settings(max_examples=300, deadline=None)
@given(purposes, st.data())
def test_a_consent_for_a_narrower_purpose_never_covers_a_broader_request(narrow, data):
    broader = [one for one in sorted(purpose(narrow).broader) if covers(narrow, one) is not True]
    assume(broader)
    wide = data.draw(st.sampled_from(broader))
    facts = story.facts(consents=(story.record(purposes=[narrow]),))
    question = story.question(purposes=(wide,))
    assert ask_person(question, facts).outcome is not Outcome.PERMIT
    assert not decide(question, facts).permits


@settings(max_examples=300, deadline=None)
@given(purposes, purposes)
def test_a_consent_covers_no_purpose_that_nobody_has_stated_to_lie_within_it(agreed, asked):
    assume(covers(agreed, asked) is not True)
    facts = story.facts(consents=(story.record(purposes=[agreed]),))
    assert not decide(story.question(purposes=(asked,)), facts).permits
