"""A request within an offer: what passes the comparison can never do what the offer would not have allowed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decision import Action, Outcome
from policy.odrl import compiled, read
from policy.odrl.comparison import excess, implies
from policy.odrl.evaluation import evaluate
from policy.odrl.operands import World
from tests.unit.policy.story import ACADEMIC, MARKETING, NOW, RESEARCH

EXECUTORS = frozenset({"pseudonymise", "anonymise", "delete", "inform", "erase-on-withdrawal"})


def term(left, operators, rights):
    """Constraints over one operand."""
    return st.fixed_dictionaries(
        {"leftOperand": st.just(left), "operator": st.sampled_from(operators), "rightOperand": rights}
    )


purposes = st.sampled_from([RESEARCH, ACADEMIC, MARKETING, "dpv:ResearchAndDevelopment", "dpv:ScientificResearch"])
names = st.sampled_from(["a", "b", "c"])
moments = st.sampled_from(["2026-11-21", "2026-11-22", "2026-11-22T09:30:00Z", "2026-11-23T00:00:00Z", "2027-01-01"])
atoms = st.one_of(
    term("purpose", ["isA", "eq", "neq"], purposes),
    term("purpose", ["isAnyOf", "isAllOf", "isNoneOf"], st.lists(purposes, min_size=1, max_size=3)),
    term("recipient", ["eq", "neq"], names),
    term("recipient", ["isAnyOf", "isNoneOf"], st.lists(names, min_size=1, max_size=3)),
    term("concord:study", ["eq"], names),
    term("dateTime", ["lt", "lteq", "gt", "gteq", "eq", "neq"], moments),
)
constraints = st.recursive(
    atoms,
    lambda inner: st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["or", "and", "xone", "andSequence"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
actions = st.sampled_from(["use", "concord:release", "stream", "play", "display", "read"])
duties = st.lists(st.fixed_dictionaries({"action": st.sampled_from(["concord:pseudonymise", "inform"])}), max_size=2)


def rules(**parts):
    """Rules with these parts and up to three constraints."""
    return st.fixed_dictionaries({"action": actions, "constraint": st.lists(constraints, max_size=3), **parts})


offers = st.fixed_dictionaries(
    {
        "@id": st.just("urn:uuid:o"),
        "@type": st.just("Set"),
        "permission": st.lists(rules(duty=duties), min_size=1, max_size=2),
        "prohibition": st.lists(rules(), max_size=1),
        "obligation": duties,
    }
)


@st.composite
def pairs(draw):
    """An offer and a request made from it, each rule dropped, kept, or given further terms."""
    offer = draw(offers)
    request = {**offer, "permission": [], "prohibition": []}
    for key in ("permission", "prohibition"):
        for rule in offer[key]:
            kept = draw(st.lists(st.sampled_from(rule["constraint"]), unique_by=id)) if rule["constraint"] else []
            more = draw(st.lists(constraints, max_size=1))
            request[key].append(
                {**rule, "action": draw(actions | st.just(rule["action"])), "constraint": [*kept, *more]}
            )
    request["permission"] += draw(st.lists(rules(duty=duties), max_size=1))
    return offer, request


worlds = st.builds(
    World,
    now=st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1), datetime(2027, 1, 1, tzinfo=UTC)]),
    requester=names,
    dataset=st.just("d"),
    purposes=st.lists(purposes, max_size=2).map(tuple),
    study=st.none() | names,
)


@given(pairs(), worlds, st.sampled_from([Action.RELEASE, Action.STREAM, Action.VIEW]))
def test_a_request_within_an_offer_permits_nothing_the_offer_does_not(pair, world, action):
    offer, request = (compiled(one) for one in pair)
    if excess(offer.policy, request.policy):
        return
    asked = evaluate(request, action, world, EXECUTORS)
    if asked.outcome is Outcome.PERMIT:
        assert evaluate(offer, action, world, EXECUTORS).outcome is Outcome.PERMIT
        assert set(offer.obligations) <= set(asked.obligations)


@settings(max_examples=60)
@given(constraints, constraints, worlds)
def test_a_term_that_implies_another_is_never_met_without_it(one, other, world):
    policy = compiled({"@id": "urn:x", "@type": "Set", "permission": [{"action": "use", "constraint": [one, other]}]})
    narrow, wide = policy.policy.permissions[0].terms
    tests = [found.test(world) for found in policy.permissions[0].terms]
    if implies(narrow, wide) and tests[0] is True:
        assert tests[1] is True


@settings(max_examples=60)
@given(offers)
def test_every_offer_lies_within_itself(offer):
    policy = read(offer)
    assert excess(policy, policy) == ()


@settings(max_examples=60)
@given(offers, constraints)
def test_a_further_term_stays_within_the_offer(offer, further):
    narrower = {
        **offer,
        "permission": [{**rule, "constraint": [*rule["constraint"], further]} for rule in offer["permission"]],
    }
    assert excess(read(offer), read(narrower)) == ()


@settings(max_examples=60)
@given(offers)
def test_a_request_without_a_term_of_the_offer_is_refused_at_its_place(offer):
    bare = {**offer, "permission": [{"action": rule["action"], "duty": rule["duty"]} for rule in offer["permission"]]}
    if all(rule["constraint"] for rule in offer["permission"]):
        found = excess(read(offer), read(bare))
        assert found
        assert all(cause.pointer.startswith("/permission") for cause in found)


@settings(max_examples=60)
@given(offers, worlds, constraints)
def test_a_further_prohibition_never_turns_a_no_into_a_yes(offer, world, further):
    stricter = {**offer, "prohibition": [*offer["prohibition"], {"action": "use", "constraint": [further]}]}
    for action in (Action.RELEASE, Action.VIEW):
        if evaluate(compiled(stricter), action, world, EXECUTORS).outcome is Outcome.PERMIT:
            assert evaluate(compiled(offer), action, world, EXECUTORS).outcome is Outcome.PERMIT


@settings(max_examples=60)
@given(offers, worlds, st.sampled_from(["now", "requester", "purposes", "study"]))
def test_a_fact_that_is_not_known_never_turns_a_no_into_a_yes(offer, world, name):
    policy = compiled(offer)
    blind = world if name in {"now", "requester"} else replace(world, **{name: () if name == "purposes" else None})
    if evaluate(policy, Action.RELEASE, blind, EXECUTORS).outcome is Outcome.PERMIT:
        assert evaluate(policy, Action.RELEASE, world, EXECUTORS).outcome is Outcome.PERMIT


def one_term(constraint):
    """The single constraint of a policy, as read."""
    source = {"@id": "urn:x", "@type": "Set", "permission": [{"action": "use", "constraint": [constraint]}]}
    return read(source).permissions[0].terms[0]


def atom(left, operator, right):
    """A constraint in wire form."""
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


A, B = atom("recipient", "eq", "a"), atom("dateTime", "lteq", "2027-01-01")


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        (atom("purpose", "isA", RESEARCH), atom("purpose", "isA", "dpv:ScientificResearch"), True),
        (atom("purpose", "eq", RESEARCH), atom("purpose", "isA", "dpv:ScientificResearch"), True),
        (atom("purpose", "isA", RESEARCH), atom("purpose", "eq", RESEARCH), False),
        (atom("purpose", "eq", RESEARCH), atom("purpose", "eq", RESEARCH), True),
        (atom("purpose", "isA", ACADEMIC), atom("purpose", "isA", RESEARCH), False),
        (atom("purpose", "isAnyOf", [RESEARCH, MARKETING]), atom("purpose", "isA", RESEARCH), False),
        (atom("purpose", "isA", RESEARCH), atom("purpose", "isAnyOf", [ACADEMIC, RESEARCH]), True),
        (atom("purpose", "neq", MARKETING), atom("purpose", "isNoneOf", [MARKETING]), False),
        (atom("dateTime", "lt", "2027-01-02"), atom("dateTime", "lteq", "2027-01-01"), True),
        (atom("dateTime", "lteq", "2027-01-02"), atom("dateTime", "lteq", "2027-01-01"), False),
        (atom("dateTime", "eq", "2026-12-01"), atom("dateTime", "lteq", "2027-01-01"), True),
        (atom("dateTime", "gteq", "2026-12-01"), atom("dateTime", "gteq", "2026-11-01"), True),
        (atom("dateTime", "gteq", "2026-12-01"), atom("dateTime", "lteq", "2027-01-01"), False),
        (atom("recipient", "eq", "a"), atom("recipient", "isAnyOf", ["a", "b"]), True),
        (atom("recipient", "isAnyOf", ["a", "b"]), atom("recipient", "eq", "a"), False),
        (atom("recipient", "neq", "b"), atom("recipient", "eq", "a"), False),
        (atom("recipient", "eq", "a"), atom("concord:study", "eq", "a"), False),
        ({"or": [A, B]}, {"or": [B, A]}, True),
        ({"or": [A, B]}, {"xone": [B, A]}, False),
        ({"andSequence": [A, B]}, {"andSequence": [B, A]}, False),
        ({"or": [A, B]}, {"or": [A]}, False),
        (A, {"or": [A, B]}, False),
    ],
)
def test_narrower_is_only_what_can_be_read_off_the_terms(narrow, wide, expected):
    assert implies(one_term(narrow), one_term(wide)) is expected


@pytest.mark.parametrize(
    ("offered", "asked", "kept"),
    [
        ({"action": "distribute"}, {"action": "distribute"}, True),
        ({"action": "distribute"}, {"action": "use"}, True),
        ({"action": "use"}, {"action": "distribute"}, False),
        ({"action": "distribute"}, {"action": "distribute", "constraint": [A]}, False),
        ({"action": "distribute", "constraint": [A]}, {"action": "distribute"}, True),
        ({"action": "distribute", "constraint": [A, B]}, {"action": "distribute", "constraint": [A]}, True),
        ({"action": "distribute", "constraint": [A]}, {"action": "distribute", "constraint": [A, B]}, False),
    ],
)
def test_a_prohibition_is_kept_by_one_that_is_at_least_as_wide(offered, asked, kept):
    plain = {"@id": "urn:x", "@type": "Set", "permission": [{"action": "display"}]}
    found = excess(read({**plain, "prohibition": [offered]}), read({**plain, "prohibition": [asked]}))
    assert (found == ()) is kept


def test_a_plain_and_is_the_same_as_its_parts():
    rule = {"action": "use", "constraint": [A, B]}
    joined = {"action": "use", "constraint": [{"and": [B, {"and": [A]}]}]}
    one, other = ({"@id": "urn:x", "@type": "Set", "permission": [found]} for found in (rule, joined))
    assert excess(read(one), read(other)) == excess(read(other), read(one)) == ()
