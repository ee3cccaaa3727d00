"""Values of every datatype, compared exactly or not at all, and the twelve operators on one value and on several."""

from datetime import UTC, datetime

import pytest

from policy.odrl.evaluating import State
from policy.odrl.evaluating.operators import holds
from policy.odrl.evaluating.values import order, value
from policy.odrl.model import XSD, Literal
from policy.odrl.vocabulary import CONCORD, ODRL

DPV = "https://w3id.org/dpv#"


def typed(text, name):
    return Literal(text, f"{XSD}{name}")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (typed("5.00", "decimal"), typed("5", "integer"), 0),
        (typed("0.1", "decimal"), typed("0.10000000000000001", "decimal"), -1),
        (typed("1e3", "double"), typed("1000", "integer"), 0),
        (typed("NaN", "double"), typed("1", "integer"), None),
        (typed("2024-02-12T11:20:10Z", "dateTime"), typed("2024-02-12", "date"), 0),
        (typed("2024-02-13T00:00:00Z", "dateTime"), typed("2024-02-12", "date"), 1),
        (typed("2024-02-12T23:30:00-01:00", "dateTime"), typed("2024-02-13T00:30:00Z", "dateTime"), 0),
        (typed("2024-02-12T12:00:00", "dateTime"), typed("2024-02-12T20:00:00Z", "dateTime"), None),
        (typed("2024-02-10T12:00:00", "dateTime"), typed("2024-02-12T20:00:00Z", "dateTime"), -1),
        (typed("2017-12-19T15:00:00", "dateTime"), typed("2018-01-01", "date"), -1),
        (typed("P1M", "duration"), typed("P30D", "duration"), None),
        (typed("P1M", "duration"), typed("P27D", "duration"), 1),
        (typed("P1Y", "yearMonthDuration"), typed("P12M", "duration"), 0),
        (typed("PT36H", "dayTimeDuration"), typed("P1DT12H", "duration"), 0),
        (typed("10:00:00Z", "time"), typed("11:00:00+01:00", "time"), 0),
        (typed("10:00:00", "time"), typed("10:00:00Z", "time"), None),
        (typed("5", "integer"), typed("5", "string"), None),
    ],
)
def test_values_are_ordered_by_what_they_mean_or_not_at_all(left, right, expected):
    assert order(value(left), value(right)) == expected


@pytest.mark.parametrize(
    "literal",
    [
        typed("five", "integer"),
        typed("1e9999999", "double"),
        typed("2024-13-01T00:00:00Z", "dateTime"),
        typed("9999-12-31T23:59:59.9999999Z", "dateTime"),
        typed("P", "duration"),
        typed("9" * 20_000, "integer"),
    ],
)
def test_what_is_not_of_its_datatype_is_no_value_and_meets_nothing(literal):
    assert value(literal) is None
    for operator in ("eq", "neq", "lt", "gteq"):
        assert holds(operator, "urn:x", (typed("1", "integer"),), (literal,), State()) is None


def test_an_untyped_value_is_read_as_the_other_side_is():
    assert holds("lt", "urn:x", (Literal("9"),), (typed("10", "integer"),), State()) is True
    assert holds("lt", f"{ODRL}count", (Literal("9"),), (Literal("10"),), State()) is True
    assert holds("lt", "urn:x", (Literal("9"),), (Literal("10"),), State()) is None


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("isAnyOf", "a", "ab", True),
        ("isAnyOf", "ac", "ab", None),
        ("isAnyOf", "c", "ab", False),
        ("isNoneOf", "c", "ab", True),
        ("isNoneOf", "ac", "ab", None),
        ("isNoneOf", "a", "ab", False),
        ("isAllOf", "ab", "ab", True),
        ("isAllOf", "abc", "ab", None),
        ("isAllOf", "a", "ab", False),
        ("eq", "a", "a", True),
        ("eq", "ab", "a", None),
        ("neq", "b", "a", True),
        ("lt", "a", "b", None),
        ("eq", "a", "ab", None),
        ("urn:other", "a", "a", None),
    ],
)
def test_an_operand_with_several_values_must_be_of_one_mind(operator, left, right, expected):
    assert holds(operator, "urn:x", tuple(map(Literal, left)), tuple(map(Literal, right)), State()) is expected


def test_parts_and_kinds_are_what_the_state_says_through_any_number_of_steps():
    state = State(
        part_of={"urn:room": frozenset({"urn:ward"}), "urn:ward": frozenset({"urn:hospital", "urn:room"})},
        kinds={"urn:cat": frozenset({"urn:mammal"}), "urn:mammal": frozenset({"urn:animal"})},
        apart={"urn:cat": frozenset({"urn:dog"})},
    )

    def ask(operator, left, right):
        return holds(operator, "urn:x", (Literal(left),), (Literal(right),), state)

    assert ask("isPartOf", "urn:room", "urn:hospital") is True
    assert ask("hasPart", "urn:hospital", "urn:room") is True
    assert ask("isPartOf", "urn:garden", "urn:hospital") is False  # whose parts are all stated
    assert ask("isPartOf", "urn:garden", "urn:town") is None
    assert ask("isA", "urn:cat", "urn:animal") is True
    assert ask("isA", "urn:cat", "urn:dog") is False
    assert ask("isA", "urn:cat", "urn:plant") is None


def test_a_language_lies_in_its_prefix():
    left = f"{ODRL}language"
    assert holds("isPartOf", left, (Literal("en-GB"),), (Literal("EN"),), State()) is True
    assert holds("isPartOf", left, (Literal("eng"),), (Literal("en"),), State()) is False


def test_a_prohibited_purpose_is_touched_by_a_broader_request_and_by_one_among_several():
    def ask(asked, forbidding):
        left = tuple(Literal(DPV + one) for one in asked)
        right = (Literal(f"{DPV}AcademicResearch"),)
        return holds("isA", f"{ODRL}purpose", left, right, State(), forbidding=forbidding)

    assert ask(["ResearchAndDevelopment"], False) is False
    assert ask(["ResearchAndDevelopment"], True) is None
    assert ask(["AcademicResearch", "ResearchAndDevelopment"], True) is None


@pytest.mark.parametrize(
    ("left", "right"), [("de", "DE"), ("urn:%41", "urn:A"), ("é", "e\u0301"), ("dpv:X", f"{DPV}X")]
)
def test_another_spelling_is_neither_the_same_nor_different(left, right):
    for operator in ("eq", "neq", "isAnyOf", "isNoneOf"):
        assert holds(operator, "urn:x", (Literal(left),), (Literal(right),), State()) is None


def test_several_grounds_are_none_of_those_named_only_if_each_is_another():
    left = f"{CONCORD}transferGround"
    assert holds("neq", left, (Literal("a"), Literal("b")), (Literal("b"),), State()) is False


def test_a_kind_of_english_is_neither_english_nor_another_language():
    left = f"{ODRL}language"
    assert holds("isNoneOf", left, (Literal("en-GB"),), (Literal("en"),), State()) is None


def test_one_ground_on_file_is_enough_for_a_transfer():
    left = f"{CONCORD}transferGround"
    assert holds("eq", left, (Literal("a"), Literal("b")), (Literal("b"),), State()) is True


def test_a_moment_far_from_any_calendar_is_no_value():
    assert value(typed("0001-01-01T00:00:00Z", "dateTime")) is None
    assert value(typed("2026-11-22T00:00:00Z", "dateTime")).key.first == datetime(2026, 11, 22, tzinfo=UTC).replace(
        tzinfo=None
    )


@pytest.mark.parametrize(
    ("text", "datatype"),
    [("5.5", "integer"), ("1e2", "integer"), ("0", "positiveInteger"), ("-1", "unsignedByte"), ("128", "byte")],
)
def test_a_text_outside_the_value_space_of_its_datatype_is_no_value(text, datatype):
    assert value(Literal(text, f"{XSD}{datatype}")) is None
    assert value(Literal(text, f"{XSD}decimal" if "e" not in text else f"{XSD}double")) is not None
