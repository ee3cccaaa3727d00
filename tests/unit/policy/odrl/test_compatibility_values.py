"""Moments, durations, names and what recurs, each compared with values of its own kind."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import purposes
from policy.odrl import vocabulary as v
from policy.odrl.compatibility import Assumptions, Comparison, Silence, Verdict, compare, stays_within, vocabulary
from policy.odrl.compatibility.sets.lines import End, Line, any_line, covered, line, sample
from policy.odrl.evaluating.operators import holds
from policy.odrl.evaluating.state import State
from policy.odrl.model import REFERENCE, XSD, Constraint, Literal, Logical
from tests.unit.policy.odrl.compatible_worlds import PLACE, joined, limit, number, use

ELAPSED, METERED, DELAY, INTERVAL = (
    f"{v.ODRL}{name}" for name in ("elapsedTime", "meteredTime", "delayPeriod", "timeInterval")
)
DPV = "https://w3id.org/dpv#"
EITHER = Assumptions(silence=Silence.EITHER)


def when(operator: str, text: str, datatype: str = "dateTime") -> Constraint:
    """A limit on the time."""
    return limit(v.DATE_TIME, operator, Literal(text, f"{XSD}{datatype}"))


def lasting(left: str, operator: str, text: str, node: str = "") -> Constraint:
    """A limit on a length of time."""
    return Constraint(left, operator, (Literal(text, f"{XSD}duration"),), node=node)


def verdict(mine: Constraint | Logical, theirs: Constraint | Logical, assumed: Assumptions = EITHER) -> str:
    """What is said of two policies of one term each."""
    return compare(use(mine), use(theirs), assumptions=assumed).verdict.value


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (when("lt", "2027-01-01T00:00:00Z"), when("gteq", "2027-01-01T00:00:00Z"), "conflict"),
        (when("lteq", "2027-01-01T00:00:00Z"), when("gteq", "2027-01-01T00:00:00Z"), "compatible"),
        (when("lteq", "2027-01-01T01:00:00+01:00"), when("gteq", "2027-01-01T00:00:00Z"), "compatible"),
        # A day lasts until the next one begins.
        (when("lteq", "2027-01-01", "date"), when("gteq", "2027-01-01T23:59:59Z"), "compatible"),
        (when("lteq", "2027-01-01", "date"), when("gteq", "2027-01-02T00:00:00Z"), "conflict"),
        (when("gt", "2027-01-01", "date"), when("lt", "2027-01-02T00:00:00Z"), "conflict"),
        # Between two neighbouring microseconds there is no instant.
        (when("gt", "2027-01-01T00:00:00Z"), when("lt", "2027-01-01T00:00:00.000001Z"), "conflict"),
        # Without an offset nobody knows it closer than fourteen hours.
        (when("lteq", "2027-01-01T00:00:00"), when("gteq", "2027-01-01T09:00:00Z"), "unknown"),
        (when("lteq", "2027-01-01T00:00:00"), when("gteq", "2027-01-02T09:00:00Z"), "conflict"),
        (when("lteq", "2027-01-01T00:00:00"), when("gteq", "2026-12-30T09:00:00Z"), "compatible"),
        (when("lteq", "2027-01-01T00:00:00"), when("gteq", "2027-01-01T09:00:00"), "conflict"),
        (when("lteq", "soon"), when("gteq", "2027-01-01T09:00:00Z"), "unknown"),
        (when("isA", "2027-01-01T00:00:00Z"), when("lt", "2027-01-01T00:00:00Z"), "unknown"),
    ],
)
def test_moments(mine: Constraint, theirs: Constraint, expected: str) -> None:
    assert verdict(mine, theirs) == expected


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (lasting(DELAY, "eq", "P1D"), lasting(DELAY, "eq", "PT24H"), "compatible"),
        (lasting(DELAY, "lteq", "P1M"), lasting(DELAY, "gteq", "P27D"), "compatible"),
        (lasting(DELAY, "lteq", "P1M"), lasting(DELAY, "gteq", "P30D"), "unknown"),
        (lasting(DELAY, "lteq", "P1M"), lasting(DELAY, "gteq", "P32D"), "conflict"),
        (lasting(DELAY, "lt", "P1Y"), lasting(DELAY, "gteq", "P12M"), "conflict"),
        (lasting(DELAY, "lt", "P0D"), lasting(DELAY, "lt", "P5D"), "conflict"),
        (lasting(METERED, "gteq", "P20D"), lasting(ELAPSED, "lteq", "P10D"), "conflict"),
        (lasting(METERED, "gt", "P10D"), lasting(ELAPSED, "lteq", "P10D"), "conflict"),
        (lasting(METERED, "gteq", "P10D"), lasting(ELAPSED, "lteq", "P10D"), "compatible"),
        (lasting(DELAY, "gteq", "P20D"), lasting(ELAPSED, "lteq", "P10D"), "unknown"),
    ],
)
def test_lengths_of_time(mine: Constraint, theirs: Constraint, expected: str) -> None:
    assert verdict(mine, theirs) == expected


@pytest.mark.parametrize(
    ("delays", "whole", "expected"),
    [
        (["P3D"], "P5D", "compatible"),
        (["P6D"], "P5D", "conflict"),
        (["P5D", "P5D"], "P10D", "compatible"),
        (["P5D", "P5D", "P1D"], "P10D", "conflict"),
    ],
)
def test_the_delays_of_a_sequence_add_up_within_the_time_elapsed(delays: list[str], whole: str, expected: str) -> None:
    sequence = joined("andSequence", *(lasting(DELAY, "gteq", one) for one in delays))
    assert verdict(sequence, lasting(ELAPSED, "lteq", whole)) == expected
    assert verdict(lasting(ELAPSED, "lteq", whole), sequence) == expected


def test_a_sequence_that_need_not_happen_bounds_nothing() -> None:
    sequence = joined("andSequence", lasting(DELAY, "gteq", "P5D"), lasting(DELAY, "gteq", "P5D"))
    whole = lasting(ELAPSED, "lteq", "P8D")
    assert verdict(joined("or", sequence, lasting(ELAPSED, "lteq", "P30D")), whole) != "conflict"
    # Nor is it known that it can happen in that time.
    assert compare(use(whole), use(whole, joined("or", sequence))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("P30D", "2026-01-01"), ("P45D", "2026-01-01"), "compatible"),
        (("P30D", "2026-01-01"), ("P45D", "2026-01-02"), "conflict"),
        (("P30D", "2026-01-01"), ("P45D", "2026-01-16"), "compatible"),
        (("P30D", "2026-01-01"), ("P30D", "2026-01-16"), "conflict"),
        (("PT90M", "2026-01-01"), ("PT60M", "2026-01-01"), "compatible"),
        (("P30D", None), ("P45D", "2026-01-01"), "unknown"),
        (("P30D", None), ("P30D", None), "compatible"),
    ],
)
def test_what_recurs_meets_where_the_anchors_lie_whole_common_steps_apart(
    one: tuple[str, str | None], other: tuple[str, str | None], expected: str
) -> None:
    anchors = {node: Literal(day, f"{XSD}date") for node, (_, day) in (("_:a", one), ("_:b", other)) if day}
    assumed = Assumptions(silence=Silence.EITHER, anchors=anchors)
    mine, theirs = lasting(INTERVAL, "eq", one[0], "_:a"), lasting(INTERVAL, "eq", other[0], "_:b")
    assert verdict(mine, theirs, assumed) == expected


def test_values_of_different_kinds_and_units_are_not_compared() -> None:
    assert verdict(limit("urn:x", "lteq", 5), limit("urn:x", "eq", Literal("five", REFERENCE))) == "unknown"
    euro, dollar = (
        Constraint("urn:fee", "lteq", (number(5),), unit=Literal(one, REFERENCE)) for one in ("urn:eur", "urn:usd")
    )
    assert verdict(euro, dollar) == "unknown"
    assert verdict(euro, euro) == "compatible"
    # An untyped text beside a number is read as one.
    assert verdict(limit("urn:x", "lteq", 5), limit("urn:x", "gteq", Literal("6"))) == "conflict"


def test_a_size_is_never_negative_and_a_count_is_whole() -> None:
    assert verdict(limit(f"{v.ODRL}absoluteSize", "lt", 0), limit(f"{v.ODRL}absoluteSize", "lt", 9)) == "conflict"
    assert verdict(limit(f"{v.ODRL}count", "gt", 0), limit(f"{v.ODRL}count", "lt", 1)) == "conflict"
    assert verdict(limit("urn:height", "gt", 0), limit("urn:height", "lt", 1)) == "compatible"


# --- names ------------------------------------------------------------------------------------------------------------


def purpose(operator: str, *names: str) -> Constraint:
    """A limit on the purpose."""
    return limit(v.PURPOSE, operator, *(Literal(f"{DPV}{name}", REFERENCE) for name in names))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (purpose("isA", "ResearchAndDevelopment"), purpose("isA", "ScientificResearch"), "compatible"),
        (purpose("isA", "ResearchAndDevelopment"), purpose("isA", "NonCommercialPurpose"), "compatible"),
        # No vocabulary says that these two exclude each other.
        (purpose("isA", "NonCommercialPurpose"), purpose("eq", "ScientificResearch"), "unknown"),
        (purpose("isAnyOf", "Marketing"), purpose("isA", "ScientificResearch"), "unknown"),
        # Asked for more than is offered: only that purpose, and it is wider.
        (purpose("isA", "ScientificResearch"), purpose("eq", "ResearchAndDevelopment"), "conflict"),
        (purpose("isNoneOf", "ResearchAndDevelopment"), purpose("isA", "ScientificResearch"), "conflict"),
        (purpose("isNoneOf", "Marketing"), purpose("isA", "ScientificResearch"), "unknown"),
    ],
)
def test_purposes_are_compared_as_they_are_evaluated(mine: Constraint, theirs: Constraint, expected: str) -> None:
    assert verdict(mine, theirs) == expected


def test_two_spellings_of_one_purpose_are_one_purpose() -> None:
    short, full = (limit(v.PURPOSE, "eq", Literal(one)) for one in ("dpv:AcademicResearch", f"{DPV}AcademicResearch"))
    assert verdict(short, full) == "compatible"
    alias = limit(v.PURPOSE, "eq", Literal("obo:DUO_0000046"))
    named = purposes.purpose("obo:DUO_0000046")
    assert named is not None
    assert verdict(alias, limit(v.PURPOSE, "eq", Literal(named.iri))) == "compatible"


def test_language_tags_are_compared_by_their_beginnings() -> None:
    german, austrian, french = (Literal(one, f"{XSD}language") for one in ("de", "de-AT", "fr"))
    left = f"{v.ODRL}language"
    assert verdict(limit(left, "isA", german), limit(left, "eq", austrian)) == "compatible"
    assert verdict(limit(left, "isA", german), limit(left, "isA", french)) == "conflict"
    assert verdict(limit(left, "eq", german), limit(left, "eq", french)) == "conflict"


@pytest.mark.parametrize("operators", [("neq", "eq"), ("isNoneOf", "isAnyOf"), ("eq", "eq")])
@pytest.mark.parametrize(
    ("left", "one", "other"),
    [
        (f"{v.ODRL}spatial", "DE", "de"),
        (f"{v.ODRL}spatial", "https://ex.org/%41", "https://ex.org/A"),
        (f"{v.ODRL}spatial", "caf\u00e9", "cafe\u0301"),
        (f"{v.ODRL}language", "en", "en-GB"),
        (f"{v.ODRL}language", "en-GB", "en"),
    ],
)
def test_another_spelling_and_a_narrower_language_are_neither_the_same_nor_different(left, one, other, operators):
    assert verdict(limit(left, operators[0], Literal(one)), limit(left, operators[1], Literal(other))) == "unknown"


def test_plain_names_are_what_is_written() -> None:
    mine = limit(v.RECIPIENT, "isAnyOf", Literal("urn:a"), Literal("urn:b"))
    assert verdict(mine, limit(v.RECIPIENT, "eq", Literal("urn:b"))) == "compatible"
    assert verdict(mine, limit(v.RECIPIENT, "eq", Literal("urn:c"))) == "conflict"
    assert verdict(mine, limit(v.RECIPIENT, "isNoneOf", Literal("urn:a"), Literal("urn:b"))) == "conflict"


_places = st.sampled_from(["p", "q", "r", "s", "t"])
_edges = st.lists(st.tuples(_places, _places).filter(lambda pair: pair[0] < pair[1]), max_size=6)
_named = st.one_of(
    st.builds(lambda op, one: (op, [one]), st.sampled_from(["eq", "neq", "isA", "hasPart"]), _places),
    st.builds(lambda op, some: (op, some), st.sampled_from(["isAnyOf", "isNoneOf"]), st.lists(_places, min_size=1)),
)


@settings(deadline=None)
@given(_edges, st.lists(_named, min_size=1, max_size=3), st.lists(_named, min_size=1, max_size=3))
def test_a_shared_name_is_one_that_evaluation_finds_and_a_conflict_leaves_it_none(
    edges: list[tuple[str, str]], mine: list[tuple[str, list[str]]], theirs: list[tuple[str, list[str]]]
) -> None:
    sides = [[limit(PLACE, op, *map(Literal, names)) for op, names in some] for some in (mine, theirs)]
    known = vocabulary(edges, names="pqrst")
    found = compare(use(*sides[0]), use(*sides[1]), assumptions=Assumptions(known=known))
    kinds = {name: frozenset(wide for narrow, wide in edges if narrow == name) for name in "pqrst"}
    state = State(kinds=kinds, part_of=kinds)

    def met(name: str) -> bool:
        return all(holds(one.operator, PLACE, [Literal(name)], one.right, state) for one in (*sides[0], *sides[1]))

    if found.verdict is Verdict.CONFLICT:
        assert not any(map(met, "pqrst"))
    if found.verdict is Verdict.COMPATIBLE:
        assert met(found.witness[0].value.text)


def test_what_is_stated_to_share_nothing_excludes_all_that_lies_within() -> None:
    known = vocabulary([("berlin", "germany"), ("paris", "france")], [("germany", "france")])
    assumed = Assumptions(known=known, silence=Silence.EITHER)
    within, exactly = limit(PLACE, "isA", Literal("germany")), limit(PLACE, "eq", Literal("paris"))
    assert verdict(within, exactly, assumed) == "conflict"
    assert verdict(limit(PLACE, "hasPart", Literal("berlin")), exactly, assumed) == "conflict"
    assert verdict(limit(PLACE, "hasPart", Literal("paris")), within, assumed) == "conflict"


def test_a_whole_list_is_no_single_name() -> None:
    all_of = limit(v.RECIPIENT, "isAllOf", Literal("urn:a"), Literal("urn:b"))
    assert verdict(all_of, limit(v.RECIPIENT, "eq", Literal("urn:a"))) == "conflict"
    assert verdict(all_of, limit(v.RECIPIENT, "isAnyOf", Literal("urn:a"), Literal("urn:b"))) == "unknown"


def test_the_subset_question_reads_times_and_purposes_too() -> None:
    assert stays_within([when("lt", "2026-01-01T00:00:00Z")], [when("lteq", "2026-01-01", "date")]) is True
    assert stays_within([when("lteq", "2026-01-01", "date")], [when("lt", "2026-01-01T00:00:00Z")]) is False
    assert stays_within([purpose("isA", "AcademicResearch")], [purpose("isA", "ResearchAndDevelopment")]) is True
    assert stays_within([purpose("isA", "Marketing")], [purpose("isA", "ResearchAndDevelopment")]) is None


def told(found: Comparison) -> list[str]:
    """The words of all clashes."""
    return [one.words for one in found.clashes]


def test_a_clash_is_said_in_words() -> None:
    offer, request = use(when("lteq", "2027-12-31", "date")), use(when("gteq", "2028-03-01", "date"))
    assert told(compare(offer, request)) == ["The offer ends 31 December 2027; the request begins 1 March 2028"]


@pytest.mark.parametrize("text", ["1e999999", "NaN", "INF", "9" * 20_000, "P999999999Y", "P99999M3D"])
def test_values_beyond_all_measure_are_no_trouble(text: str) -> None:
    datatype = "duration" if text.startswith("P") else "double"
    found = verdict(limit("urn:x", "lteq", Literal(text, f"{XSD}{datatype}")), lasting("urn:x", "gteq", "P1D"))
    assert found in {"unknown", "compatible"}


def test_what_is_left_beside_a_count_is_a_whole_number_again() -> None:
    count = f"{v.ODRL}count"
    either = joined("xone", limit("urn:width", "eq", 0), limit(count, "eq", 0), limit(count, "eq", 1))
    found = compare(use(either), use(limit("urn:width", "eq", 0), limit(count, "lt", 3)))
    assert {one.left.rpartition("/")[2]: one.value.text for one in found.witness} == {"urn:width": "0", "count": "2"}
    assert compare(use(either), use(limit("urn:width", "eq", 0), limit(count, "lt", 2))).verdict is Verdict.CONFLICT


# --- sets of points ---------------------------------------------------------------------------------------------------

_ends = st.builds(End, st.one_of(st.none(), st.integers(0, 4).map(Fraction)), st.booleans())
_lines = st.lists(st.builds(line, _ends, _ends), max_size=3).map(any_line)
POINTS = [Fraction(one, 2) for one in range(-2, 12)]


@settings(deadline=None)
@given(st.lists(_lines, max_size=4))
def test_joined_sets_hold_exactly_the_points_that_as_many_sets_hold(found: list[Line]) -> None:
    for wanted in (lambda count: count > 0, lambda count: count == 1, lambda count: count == len(found)):
        joint = covered(found, wanted)
        for at in POINTS:
            assert (at in joint) is wanted(sum(at in one for one in found))
        assert joint.empty is not any(at in joint for at in POINTS)
        assert joint.empty or sample(joint) in joint
    assert line(End(Fraction(1), False), End(Fraction(1), True)).empty
    assert line(End(Fraction(2), True), End(Fraction(1), True)).empty
