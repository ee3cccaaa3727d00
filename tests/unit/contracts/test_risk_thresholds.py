"""What an assessment of risk must find: stated as terms, read with the strictest winning, narrowed only to stricter."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.narrowing import Narrowing, narrowed
from contracts.risk import (
    NAMES,
    NOTHING,
    Thresholds,
    asks,
    narrower_thresholds,
    thresholds,
    thresholds_of,
    with_thresholds,
)
from policy.narrowing import NotNarrowerError
from policy.odrl import PolicyError, compiled, read
from policy.odrl.comparison import excess
from policy.odrl.differences import Change, differences
from policy.odrl.duties import undone
from policy.odrl.validation import Severity, problems
from policy.odrl.words import explained
from policy.offers import research_offer

SHARES = st.decimals(0, 1, places=3, allow_nan=False)
GIVEN = st.fixed_dictionaries(
    {}, optional={"min_k": st.integers(1, 99), "min_l": st.integers(1, 20), "max_t": SHARES, "max_unique": SHARES}
)
STRICTER = {"min_k": 1, "min_l": 1, "max_t": -1, "max_unique": -1}


def offer():
    return research_offer("urn:x-offer", ["dpv:AcademicResearch"], datetime(2030, 1, 1, tzinfo=UTC))


def warned(policy):
    return {one for one in problems(read(policy)) if one.severity is Severity.WARNING}


def keeps(mine, wide):
    """Whether thresholds ask at least as much as others: the definition, told again."""
    return all(name in mine and (mine[name] - value) * STRICTER[name] >= 0 for name, value in wide.items())


def test_a_contract_that_says_nothing_asks_for_nothing():
    assert thresholds_of(offer()) == NOTHING
    assert not thresholds_of(None)
    assert not thresholds_of({"permission": "nonsense"})
    assert not asks(offer())


@given(GIVEN)
def test_what_is_written_is_what_is_read_and_nothing_of_it_is_beyond_us(given_):
    wanted = Thresholds(**given_)
    made = with_thresholds(offer(), wanted)
    assert thresholds_of(made) == wanted
    assert compiled(made).unknown == ()
    assert asks(made) is bool(given_)
    assert thresholds(wanted.wire()) == wanted
    assert warned(made) == warned(offer())


@given(GIVEN, GIVEN)
def test_stricter_thresholds_are_within_looser_ones_and_never_the_other_way(one, other):
    first, second = with_thresholds(offer(), Thresholds(**one)), with_thresholds(offer(), Thresholds(**other))
    assert (excess(read(first), read(second)) == ()) is keeps(other, one)


@given(GIVEN, GIVEN)
def test_narrowing_never_makes_a_threshold_looser(one, other):
    standing = with_thresholds(offer(), Thresholds(**one))
    looser = any(name in one and not keeps({name: value}, {name: one[name]}) for name, value in other.items())
    try:
        made = narrower_thresholds(standing, Thresholds(**other))
    except NotNarrowerError:
        assert looser
        return
    assert not looser
    assert excess(read(standing), read(made)) == ()
    assert keeps(thresholds_of(made).given(), one)


def test_the_strictest_counts_where_one_is_stated_twice():
    twice = with_thresholds(offer(), Thresholds(min_k=5, max_t=Decimal("0.2")))
    twice["obligation"] += [with_thresholds({}, Thresholds(min_k=9, max_t=Decimal("0.4")))["obligation"][0]]
    assert thresholds_of(twice) == Thresholds(min_k=9, max_t=Decimal("0.2"))


def test_a_threshold_replaces_the_one_that_stands_and_leaves_the_others():
    made = with_thresholds(with_thresholds(offer(), Thresholds(min_k=5, min_l=2)), Thresholds(min_k=7))
    assert thresholds_of(made) == Thresholds(min_k=7, min_l=2)
    assert len(made["obligation"]) == len(offer()["obligation"]) + 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("min_k", "0"), ("min_k", "2.5"), ("min_k", "many"), ("min_k", ""), ("min_k", "9" * 30), ("min_l", "-1"),
        ("max_t", "1.01"), ("max_t", "NaN"), ("max_t", "-0.1"), ("max_unique", "5 %"), ("max_unique", "Infinity"),
        ("smallest", "5"),
    ],
)  # fmt: skip
def test_what_is_no_threshold_is_refused_by_name(name, text):
    with pytest.raises(ValueError, match=r"number|threshold"):
        thresholds({name: text})


@pytest.mark.parametrize(
    "constraint",
    [
        {"leftOperand": "concord:kAnonymity", "operator": "lteq", "rightOperand": 5},
        {"leftOperand": "concord:kAnonymity", "operator": "gteq", "rightOperand": "five"},
        {"leftOperand": "concord:tCloseness", "operator": "lteq", "rightOperand": 3},
        {"leftOperand": "concord:sAnonymity", "operator": "gteq", "rightOperand": 5},
        {"leftOperand": "concord:kAnonymity", "operator": "gteq", "rightOperand": True},
        {"leftOperand": "concord:kAnonymity", "operator": "gteq", "rightOperand": 5, "unit": "urn:x:people"},
    ],
)
def test_a_threshold_that_is_not_understood_is_a_duty_that_nobody_can_carry_out(constraint):
    made = offer()
    made["obligation"].append({"action": "concord:assessRisk", "constraint": [constraint]})
    assert [one.name for one in undone(read(made), {"assess-risk", "erase-on-withdrawal", "pseudonymise"})] == [
        "assessRisk"
    ]
    assert compiled(made).unknown != ()
    assert thresholds_of(made) == NOTHING


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["constraint", "leftOperand", "operator", "rightOperand", "@value"]), inner,
                        max_size=4), max_leaves=10))  # fmt: skip
def test_whatever_a_counterparty_writes_is_a_threshold_or_nothing(value):
    made = offer()
    left = {"leftOperand": "concord:kAnonymity", "operator": "gteq", "rightOperand": value}
    made["obligation"].append({"action": "concord:assessRisk", "constraint": [left]})
    try:
        found = thresholds_of(made)
    except PolicyError:  # pragma: no cover - never
        raise AssertionError from None
    assert found.min_k is None or 1 <= found.min_k <= 1_000_000


def test_a_counter_offer_narrows_them_and_says_so_in_words():
    standing = with_thresholds(offer(), thresholds({"min_k": "5", "max_unique": "0.05"}))
    made = narrowed(standing, Narrowing(risk=thresholds({"min_k": "10", "min_l": "2", "max_t": "0.3"})))
    assert thresholds_of(made.policy).wire() == {"min_k": "10", "min_l": "2", "max_t": "0.3", "max_unique": "0.05"}
    said = " ".join(explained(compiled(made.policy).policy))
    for words in ("At least 10 people must share", "At most 5 % of the people", "at least 2 different main", "30 %"):
        assert words in said
    assert {one.change for one in differences(standing, made.policy)} == {Change.WIDER, Change.NARROWER}
    with pytest.raises(NotNarrowerError):
        narrowed(standing, Narrowing(risk=thresholds({"min_k": "4"})))


def test_every_threshold_has_a_name_in_words():
    for name in NAMES:
        with pytest.raises(ValueError, match=r"\(k\)|\(l\)|\(t\)|alone"):
            thresholds({name: "none"})
