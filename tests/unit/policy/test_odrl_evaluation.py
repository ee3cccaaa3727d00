"""Operators, joins and rules of a compiled policy, three-valued."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decision import Action
from policy.odrl.compiled import compiled
from policy.odrl.operands import TICK, World, all_of, any_of, one_of
from policy.odrl.vocabulary import ASKED, action, includes, prohibits
from tests.unit.policy.story import ACADEMIC, MARKETING, NOW, RESEARCH

WORLD = World(now=NOW, requester="a", dataset="d", purposes=(RESEARCH,), consent="per-person")
ODRL = "http://www.w3.org/ns/odrl/2/"


def holds(left, operator, right, world=WORLD):
    """The three-valued answer of one constraint."""
    term = {"leftOperand": left, "operator": operator, "rightOperand": right}
    policy = compiled({"@id": "urn:x", "@type": "Set", "permission": [{"action": "use", "constraint": [term]}]})
    assert policy.unknown == ()
    return policy.permissions[0].holds(world)


@pytest.mark.parametrize(
    ("operator", "before", "at", "after"),
    [
        ("lt", True, False, False),
        ("lteq", True, True, False),
        ("gt", False, False, True),
        ("gteq", False, True, True),
        ("eq", False, True, False),
        ("neq", True, False, True),
    ],
)
def test_time_is_compared_to_the_microsecond(operator, before, at, after):
    moments = [
        (NOW - TICK, before), (NOW, at), (NOW + TICK, after)
    ]  # fmt: skip
    for now, expected in moments:
        world = World(now=now, requester="a", dataset="d")
        assert holds("dateTime", operator, "2026-11-22T09:30:00Z", world) is expected


@pytest.mark.parametrize(
    ("operator", "first", "last", "next_day"),
    [
        ("lt", False, False, False),
        ("lteq", True, True, False),
        ("gt", False, False, True),
        ("gteq", True, True, True),
        ("eq", True, True, False),
    ],
)
def test_a_date_means_its_whole_day(operator, first, last, next_day):
    start = datetime(2026, 11, 22, tzinfo=UTC)
    tomorrow = start + timedelta(days=1)
    for now, expected in ((start, first), (tomorrow - TICK, last), (tomorrow, next_day)):
        world = World(now=now, requester="a", dataset="d")
        assert holds("dateTime", operator, "2026-11-22", world) is expected


@given(
    st.sampled_from(["lt", "lteq", "gt", "gteq", "eq", "neq"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_between_two_changes_the_answer_stays(operator, limit, now):
    term = {"leftOperand": "dateTime", "operator": operator, "rightOperand": limit.isoformat()}
    rule = compiled(
        {"@id": "urn:x", "@type": "Set", "permission": [{"action": "use", "constraint": [term]}]}
    ).permissions[0]
    coming = [moment for moment in rule.changes if moment > now]
    if coming:
        last = World(now=min(coming) - TICK, requester="a", dataset="d")
        assert rule.holds(World(now=now, requester="a", dataset="d")) is rule.holds(last)


@pytest.mark.parametrize(
    ("operator", "right", "expected"),
    [
        ("eq", "a", True),
        ("eq", "b", False),
        ("neq", "a", False),
        ("neq", "b", True),
        ("isAnyOf", ["b", "a"], True),
        ("isAnyOf", ["b", "c"], False),
        ("isNoneOf", ["b", "a"], False),
        ("isNoneOf", ["b", "c"], True),
    ],
)
def test_names_are_compared_as_written(operator, right, expected):
    assert holds("recipient", operator, right) is expected


def test_a_name_that_is_not_known_is_neither_met_nor_not_met():
    for operator in ("eq", "neq"):
        assert holds("concord:profile", operator, "research") is None


@pytest.mark.parametrize(
    ("operator", "right", "purposes", "expected"),
    [
        ("isA", "dpv:ResearchAndDevelopment", (RESEARCH,), True),
        ("isA", "dpv:ResearchAndDevelopment", (RESEARCH, ACADEMIC), True),
        ("isA", "dpv:ResearchAndDevelopment", (RESEARCH, MARKETING), None),
        ("isA", RESEARCH, ("dpv:ScientificResearch",), False),
        ("isA", RESEARCH, ("dpv:ScientificResearch", MARKETING), False),
        ("isA", RESEARCH, (), None),
        ("isA", RESEARCH, ("Research",), None),
        ("isAnyOf", [RESEARCH, ACADEMIC], (ACADEMIC, RESEARCH), True),
        ("isAnyOf", [RESEARCH, ACADEMIC], (MARKETING,), None),
        ("eq", RESEARCH, ("eu-ehds:HealthcareScientificResearch",), True),
        ("eq", "dpv:ScientificResearch", (RESEARCH,), False),
        ("isAllOf", [RESEARCH, ACADEMIC], (ACADEMIC, RESEARCH), True),
        ("isAllOf", [RESEARCH, ACADEMIC], (RESEARCH,), False),
        ("neq", MARKETING, (MARKETING,), False),
        ("neq", MARKETING, ("dpv:DirectMarketing",), False),
        ("neq", MARKETING, (RESEARCH,), None),
        ("isNoneOf", [MARKETING], ("dpv:Purpose",), False),
    ],
)
def test_every_purpose_must_pass_and_unknown_is_not_met(operator, right, purposes, expected):
    assert holds("purpose", operator, right, World(now=NOW, requester="a", dataset="d", purposes=purposes)) is expected


THREE = (True, False, None)


@pytest.mark.parametrize("answers", [list(found) for size in (1, 2, 3) for found in product(THREE, repeat=size)])
def test_joins_agree_with_trying_every_value_of_what_is_unknown(answers):
    worlds = [list(world) for world in product(*[(True, False) if answer is None else (answer,) for answer in answers])]
    for join, plain in ((all_of, all), (any_of, any), (one_of, lambda found: sum(found) == 1)):
        possible = {bool(plain(world)) for world in worlds}
        expected = possible.pop() if len(possible) == 1 else None
        # Kleene's values may be less certain than trying every world, never more.
        assert join(answers) in {expected, None} if expected is not None else join(answers) is None
        if None not in answers:
            assert join(answers) is expected


def test_a_second_yes_decides_an_exclusive_choice_whatever_else_is_unknown():
    assert one_of([True, True, None]) is False
    assert one_of([True, None]) is None


@pytest.mark.parametrize(("join", "expected"), [("or", True), ("xone", False), ("and", True), ("andSequence", True)])
def test_each_join_is_its_own(join, expected):
    parts = [{"leftOperand": "recipient", "operator": "eq", "rightOperand": "a"}] * 2
    policy = compiled(
        {"@id": "urn:x", "@type": "Set", "permission": [{"action": "use", "constraint": [{join: parts}]}]}
    )
    assert policy.permissions[0].holds(WORLD) is expected


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("use", "use", True),
        ("use", "display", True),
        ("play", "display", True),
        ("display", "play", False),
        ("use", "sell", False),
        ("transfer", "sell", True),
        ("use", "concord:release", True),
        ("use", "concord:reidentify", True),
        ("read", "use", False),
    ],
)
def test_actions_are_included_as_the_ontology_says(wide, narrow, expected):
    assert includes(action(wide), action(narrow)) is expected


def test_sending_records_is_forbidden_by_forbidding_to_read_or_copy_them():
    for name in ("use", "concord:release", "read", "reproduce", "copy"):
        assert prohibits(action(name), ASKED[Action.RELEASE].entails)
    for name in ("distribute", "concord:reidentify", "sell", "extract"):
        assert not prohibits(action(name), ASKED[Action.RELEASE].entails)
