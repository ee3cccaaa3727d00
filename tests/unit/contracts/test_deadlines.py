"""The times of a withdrawal: stated as terms, read with the shortest winning, narrowed only to shorter ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.deadlines import NAMES, Deadlines, Times, deadlines_of, narrower_times, with_times
from contracts.narrowing import Narrowing, narrowed
from policy.narrowing import NotNarrowerError
from policy.odrl import compiled, read
from policy.odrl.comparison import excess
from policy.odrl.words import explained
from policy.offers import research_offer

USUAL = Deadlines(
    stop=timedelta(hours=24), erase=timedelta(days=30), backups=timedelta(days=90), freshness=timedelta(hours=24)
)
UNIT = {"stop": "PT{}H", "erase": "P{}D", "backups": "P{}D", "freshness": "PT{}H"}


def offer():
    return research_offer("urn:x-offer", ["dpv:AcademicResearch"], datetime(2030, 1, 1, tzinfo=UTC))


def written(**lengths: int) -> Times:
    return Times(**{name: UNIT[name].format(length) for name, length in lengths.items()})


lengths = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 300), min_size=1)


def test_a_contract_that_says_nothing_has_the_holders_own_times():
    assert deadlines_of(offer(), USUAL) == USUAL
    assert deadlines_of(None, USUAL) == USUAL
    assert deadlines_of({"permission": "nonsense"}, USUAL) == USUAL


@given(lengths)
def test_what_is_written_is_what_is_read_and_nothing_of_it_is_beyond_us(chosen):
    made = with_times(offer(), written(**chosen))
    found = deadlines_of(made, USUAL)
    for name in NAMES:
        unit = timedelta(hours=1) if name in ("stop", "freshness") else timedelta(days=1)
        assert getattr(found, name) == (chosen[name] * unit if name in chosen else getattr(USUAL, name))
    assert compiled(made).unknown == ()


@given(lengths, lengths)
def test_shorter_times_are_within_longer_ones_and_never_the_other_way(one, other):
    first, second = with_times(offer(), written(**one)), with_times(offer(), written(**other))
    within = all(name in other and other[name] <= length for name, length in one.items())
    assert (excess(read(first), read(second)) == ()) is within


@given(lengths, lengths)
def test_narrowing_never_makes_a_time_longer(one, other):
    standing = with_times(offer(), written(**one))
    longer = any(name in one and length > one[name] for name, length in other.items())
    try:
        made = narrower_times(standing, written(**other))
    except NotNarrowerError:
        assert longer
        return
    assert not longer
    assert excess(read(standing), read(made)) == ()
    before, after = deadlines_of(standing, USUAL), deadlines_of(made, USUAL)
    assert all(getattr(after, name) <= getattr(before, name) for name in one)


def test_the_shortest_counts_where_a_time_is_stated_twice():
    twice = with_times(offer(), written(erase=20))
    twice["obligation"] += with_times(offer(), written(erase=10))["obligation"]
    assert deadlines_of(twice, USUAL).erase == timedelta(days=10)


def test_a_time_replaces_the_one_that_stands_however_that_was_written():
    standing = offer()
    delay = {"leftOperand": "odrl:delayPeriod", "operator": "lteq",
             "rightOperand": {"@value": "P20D", "@type": "xsd:duration"}}  # fmt: skip
    standing["obligation"][0]["constraint"] = [delay]
    assert deadlines_of(standing, USUAL).erase == timedelta(days=20)
    made = with_times(standing, written(erase=5))
    assert len(made["obligation"][0]["constraint"]) == 1
    assert deadlines_of(made, USUAL).erase == timedelta(days=5)


def test_a_policy_without_the_duty_gets_it_with_the_times():
    bare = {name: value for name, value in offer().items() if name != "obligation"}
    assert deadlines_of(with_times(bare, written(stop=2)), USUAL).stop == timedelta(hours=2)


@pytest.mark.parametrize("text", ["PT0S", "P0D", "P2Y", "24 hours", "", "-P1D", "P1.5D"])
def test_a_time_that_is_nothing_too_long_or_no_duration_is_refused_by_name(text):
    with pytest.raises(ValueError, match="the time to erase"):
        with_times(offer(), Times(erase=text))


@pytest.mark.parametrize("text", ["P9999Y", "PT99999999S", "P9999M"])
def test_whatever_a_counterparty_writes_can_be_added_to_a_date(text):
    hostile = offer()
    hostile["obligation"][0]["constraint"] = [
        {"leftOperand": left, "operator": operator, "rightOperand": {"@value": value, "@type": "xsd:duration"}}
        for left, operator, value in (
            ("concord:stopWithin", "lteq", text), ("odrl:elapsedTime", "lteq", text),
            ("concord:freshness", "lt", "PT0S"),
        )
    ]  # fmt: skip
    found = deadlines_of(hostile, USUAL)
    assert datetime(2026, 11, 22, tzinfo=UTC) + found.stop + found.erase
    assert found.freshness == timedelta()


def test_what_is_kept_with_an_agreement_reads_back_and_nonsense_is_the_default():
    assert Deadlines.read(USUAL.wire(), USUAL) == USUAL
    odd = {"stop": -1, "erase": "soon", "backups": True, "freshness": None, "more": 5}
    assert Deadlines.read(odd, USUAL) == USUAL
    assert Deadlines.read(None, USUAL) == USUAL


def test_a_counter_offer_narrows_the_times_and_says_so_in_words():
    standing = with_times(offer(), written(erase=20))
    made = narrowed(standing, Narrowing(times=written(erase=10, stop=6)))
    assert deadlines_of(made.policy, USUAL).erase == timedelta(days=10)
    said = " ".join(explained(compiled(made.policy).policy))
    assert "deleted within 10 days" in said
    assert "stop within 6 hours" in said
    with pytest.raises(NotNarrowerError):
        narrowed(standing, Narrowing(times=written(erase=21)))
