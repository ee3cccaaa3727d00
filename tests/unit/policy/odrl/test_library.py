"""A library finds by index exactly the policies that a search through all of them finds, and joins what they say."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.decision import Outcome
from policy.odrl import read
from policy.odrl.evaluating import BEHAVIOURS, CONCORD, Compiled, Request, State, compile_policy
from policy.odrl.evaluating.truth import any_of
from policy.odrl.library import Library
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Policy, Rule
from policy.odrl.vocabulary import ODRL, PURPOSE

NOW = datetime(2026, 11, 22, tzinfo=UTC)
READ, USE, PLAY, SELL = (f"{ODRL}{name}" for name in ("read", "use", "play", "sell"))
COLOUR = "urn:colour"


def entity(iri: str, **changes) -> Entity:
    return Entity(iri, **changes)


def red(pointer: str = "") -> Constraint:
    return Constraint(COLOUR, "eq", (Literal("red"),), pointer)


entities = st.builds(
    Entity,
    st.sampled_from(["urn:a", "urn:b", "urn:c"]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([(), (), (), (red(),)]),
)
rules = st.builds(
    dict,
    actions=st.lists(st.sampled_from([READ, USE, PLAY, SELL, "urn:unheard-of"]).map(Action), max_size=1).map(tuple),
    targets=st.lists(entities, max_size=2).map(tuple),
    assignees=st.lists(entities, max_size=2).map(tuple),
    terms=st.sampled_from([(), (), (), (red(),), (Constraint(PURPOSE, "isA", (Literal("nonsense"),)),)]),
)


@st.composite
def libraries(draw):
    """Some policies of one behaviour, each with a few rules, some not understood."""
    behaviour = draw(st.sampled_from([CONCORD, CONCORD, *BEHAVIOURS.values()]))
    found = []
    for number in range(draw(st.integers(0, 4))):
        policy = Policy(
            uid=f"urn:policy:{number}",
            kind=draw(st.sampled_from(["Set", "Set", "Agreement", "Offer"])),
            permissions=tuple(Rule(kind=Kind.PERMISSION, **one) for one in draw(st.lists(rules, max_size=2))),
            prohibitions=tuple(Rule(kind=Kind.PROHIBITION, **one) for one in draw(st.lists(rules, max_size=1))),
            targets=draw(st.lists(entities, max_size=1).map(tuple)),
            assignees=draw(st.lists(entities, max_size=1).map(tuple)),
            conflict=draw(st.sampled_from([None, "perm", "prohibit", "invalid"])),
            unknown=draw(st.sampled_from([()] * 7 + [("/permission/9/action: nobody knows",)])),
            inherits=draw(st.sampled_from([()] * 7 + [("urn:parent",)])),
            profiles=draw(st.sampled_from([()] * 7 + [("urn:profile",)])),
        )
        found.append(compile_policy(policy, behaviour))
    return found


names = st.sampled_from(["urn:a", "urn:b", "urn:c", "urn:d", None])
requests = st.builds(
    Request,
    st.sampled_from([READ, USE, SELL, "urn:unheard-of"]),
    names,
    names,
    st.sampled_from([{}, {COLOUR: (Literal("red"),)}, {COLOUR: (Literal("blue"),)}]),
)
states = st.builds(
    State,
    now=st.just(NOW),
    part_of=st.sampled_from(
        [{}, {}, {"urn:a": frozenset({"urn:c"})}, {"urn:d": frozenset({"urn:b"}), "urn:b": frozenset({"urn:c"})}]
    ),
)


def searched(policies: list[Compiled], request: Request, state: State) -> list[Compiled]:
    """The policies to ask, found by looking at every one."""
    meant = [one for one in policies if names_it(one, request, state) or not_understood(one)]
    acting = [one for one in meant if one.fixed is Outcome.INDETERMINATE or any(one.matching(request.action))]
    return acting or meant


def names_it(one: Compiled, request: Request, state: State) -> bool:
    return any(rule.about(request, state) is not False for rule in (*one.rules.permissions, *one.rules.prohibitions))


def not_understood(one: Compiled) -> bool:
    """Whether a policy may be about anything: its text, its parents or its profile are not understood."""
    policy, profiles = one.policy, one.behaviour.profiles
    unheard = policy.unknown or policy.inherits or not set(policy.profiles) <= profiles
    return one.fixed is Outcome.INDETERMINATE and bool(unheard)


def joined(policies: list[Compiled], request: Request, state: State) -> Outcome:
    """What they say together: a prohibition first, then doubt about one, then a permission."""
    outcomes = [one.verdict(request, state) for one in policies]
    forbids = any_of(
        any_of(rule.holds(request, state) for rule in one.matching(request.action).prohibitions)
        for one, outcome in zip(policies, outcomes, strict=True)
        if one.fixed is None and outcome is not Outcome.PERMIT
    )
    not_understood = any(one.fixed is Outcome.INDETERMINATE for one in policies)
    if forbids is True:
        return Outcome.DENY
    if forbids is None or not_understood:
        return Outcome.INDETERMINATE
    order = (Outcome.PERMIT, Outcome.INDETERMINATE, Outcome.DENY)
    return next((one for one in order if one in outcomes), Outcome.NOT_APPLICABLE)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(libraries(), requests, states)
def test_the_index_finds_what_a_search_through_everything_finds(policies, request, state):
    library = Library(policies)
    found = searched(policies, request, state)
    assert list(library.about(request, state)) == found
    assert list(library.about(request, state)) == found  # and when it is remembered
    assert library.verdict(request, state) is joined(found, request, state)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(libraries(), requests, states)
def test_the_report_has_the_same_outcome_and_a_report_of_each_policy_asked(policies, request, state):
    library = Library(policies)
    report = library.report(request, state)
    assert report.outcome is library.verdict(request, state)
    assert [one.policy for one in report.policies] == [one.policy.uid for one in searched(policies, request, state)]
    assert set(report.speaking) <= set(report.policies)
    assert report.because
    assert report.valid_until is None or report.valid_until in {one.valid_until for one in report.policies}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(libraries(), requests, states, st.data())
def test_policies_come_and_go_and_leave_nothing_behind(policies, request, state, data):
    library, kept = Library(policies), policies[:]
    for _ in range(data.draw(st.integers(0, 6))):
        library.verdict(request, state)
        one = data.draw(st.sampled_from(policies)) if policies else None
        if one in kept:
            kept.remove(one)
            assert library.remove(one.policy.uid) is one
        elif one is not None:
            kept.append(one)
            library.add(one)
    assert list(library) == kept
    assert len(library) == len(kept)
    assert list(library.about(request, state)) == searched(kept, request, state)
    for one in kept:
        library.remove(one.policy.uid)
    assert not library.about(request, state)
    assert not library._index


def agreement(number: int, **changes) -> Compiled:
    rule = Rule(
        kind=Kind.PERMISSION, actions=(Action(USE),), targets=(Entity(f"urn:t{number}"),), assignees=(Entity("urn:p"),)
    )
    policy = {"uid": f"urn:policy:{number}", "kind": "Agreement", "permissions": (rule,)} | changes
    return compile_policy(Policy(**policy))


def test_of_thousands_only_the_one_that_is_meant_is_asked():
    library = Library(agreement(number) for number in range(2_000))
    request = Request(READ, "urn:t1234", "urn:p")
    assert [one.policy.uid for one in library.about(request, State(now=NOW))] == ["urn:policy:1234"]
    assert library.verdict(request, State(now=NOW)) is Outcome.PERMIT
    assert library.report(request, State(now=NOW)).policies[0].policy == "urn:policy:1234"


def test_a_policy_about_nothing_that_is_asked_says_nothing():
    report = Library([agreement(1)]).report(Request(READ, "urn:t2", "urn:p"), State(now=NOW))
    assert report.outcome is Outcome.NOT_APPLICABLE
    assert [one.code for one in report.because] == ["no-contract"]


def test_a_prohibition_in_one_policy_beats_the_permission_in_another_and_is_named_with_its_policy():
    rule = Rule(kind=Kind.PROHIBITION, actions=(Action(READ),), targets=(Entity("urn:t1"),), pointer="/prohibition/0")
    library = Library([agreement(1), agreement(9, permissions=(), prohibitions=(rule,))])
    report = library.report(Request(READ, "urn:t1", "urn:p"), State(now=NOW))
    assert report.outcome is Outcome.DENY
    assert [(one.code, one.pointer) for one in report.because] == [("prohibited", "urn:policy:9#/prohibition/0")]
    assert library.verdict(Request(PLAY, "urn:t1", "urn:p"), State(now=NOW)) is Outcome.PERMIT


TARGET = {"targets": (Entity("urn:t8"),)}
FORBIDDEN = Rule(kind=Kind.PROHIBITION, actions=(Action(USE),), targets=(Entity("urn:t8"),))


@pytest.mark.parametrize(
    "unheard",
    [
        {"unknown": ("/prohibition/0",), "permissions": ()},
        {"unknown": ("/prohibition/0/target",), **TARGET, "permissions": ()},
        {"unknown": ("/prohibitions",), **TARGET},
        {"inherits": ("urn:parent",)},
        {"inherits": ("urn:parent",), "prohibitions": (FORBIDDEN,)},
        {"inherits": ("urn:parent",), "permissions": ()},
        {"profiles": ("urn:profile",), "prohibitions": (FORBIDDEN,)},
    ],
)
def test_a_policy_that_nobody_understands_leaves_everything_open_until_it_is_taken_out(unheard):
    library = Library([agreement(1), agreement(2), agreement(8, **unheard)])
    for name in ("urn:t1", "urn:t2"):
        assert library.verdict(Request(READ, name, "urn:p"), State(now=NOW)) is Outcome.INDETERMINATE
        assert library.report(Request(READ, name, "urn:p"), State(now=NOW)).outcome is Outcome.INDETERMINATE
    library.remove("urn:policy:8")
    assert library.verdict(Request(READ, "urn:t1", "urn:p"), State(now=NOW)) is Outcome.PERMIT


def test_a_misread_target_of_a_policy_as_it_comes_leaves_the_others_open():
    odd = {"action": "use", "target": {"odd": "urn:t1"}}
    for wrong in ({"prohibition": [odd]}, {"prohibitions": [{"action": "use", "target": "urn:t1"}]}):
        source = {"@id": "urn:b", "@type": "Set", "target": "urn:t8", **wrong}
        library = Library([agreement(1), compile_policy(read(source))])
        assert library.verdict(Request(READ, "urn:t1", "urn:p"), State(now=NOW)) is Outcome.INDETERMINATE


@pytest.mark.parametrize("side", ["targets", "assignees"])
def test_a_policy_that_forbids_a_part_of_what_is_asked_for_leaves_the_whole_open(side):
    forbids = Rule(kind=Kind.PROHIBITION, actions=(Action(USE),), **{"targets": (Entity("urn:t1"),), side: (PART,)})
    library = Library([agreement(1), agreement(9, permissions=(), prohibitions=(forbids,))])
    whole = {"targets": "urn:t1", "assignees": "urn:p"}[side]
    request = Request(READ, "urn:t1", "urn:p")
    assert library.verdict(request, State(now=NOW)) is Outcome.PERMIT
    for chain in ({PART.iri: {whole}}, {PART.iri: {"urn:room"}, "urn:room": {whole}}):
        state = State(now=NOW, part_of={part: frozenset(wholes) for part, wholes in chain.items()})
        assert library.verdict(request, state) is Outcome.INDETERMINATE


PART = Entity("urn:part")


def test_two_permissions_owe_the_duties_of_both():
    duty = Rule(kind=Kind.DUTY, actions=(Action(f"{ODRL}delete"),))
    rule = Rule(kind=Kind.PERMISSION, actions=(Action(USE),), targets=(Entity("urn:t1"),), duties=(duty,))
    library = Library([agreement(1), agreement(9, permissions=(rule,))])
    report = library.report(Request(READ, "urn:t1", "urn:p"), State(now=NOW, executors=frozenset({"delete"})))
    assert report.outcome is Outcome.PERMIT
    assert report.obligations == ("delete",)
    assert len(report.speaking) == 2


def test_the_same_uid_twice_is_refused_and_a_uid_that_is_not_there_too():
    library = Library([agreement(1)])
    with pytest.raises(ValueError, match="already"):
        library.add(agreement(1))
    with pytest.raises(KeyError):
        library.remove("urn:policy:2")
    assert "urn:policy:1" in library


def test_very_many_different_questions_do_not_fill_the_memory():
    library = Library([agreement(1)])
    for number in range(10_000):
        library.verdict(Request(READ, f"urn:x{number}", "urn:p"), State(now=NOW))
    assert len(library._known) <= 4_096
