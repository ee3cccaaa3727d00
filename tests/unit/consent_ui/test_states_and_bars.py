from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ui import bars, states

COUNTS = st.one_of(st.integers(min_value=0, max_value=10**6), st.sampled_from(["fewer than 10", "12", "not shown"]))


@given(st.lists(st.tuples(st.text(max_size=5), COUNTS), max_size=8))
def test_the_pieces_of_a_bar_follow_each_other_and_fill_it(parts):
    rows = bars.rows(parts)
    widths = [row.width for row in rows]
    if not any(bars.drawn(value) for _, value in parts):
        assert sum(widths) in (0, 100 * bars.HIDDEN_SHARE)
        return
    assert abs(sum(widths) - 100) < 0.1
    assert all(abs(row.start - sum(widths[:place])) < 0.1 for place, row in enumerate(rows))


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), COUNTS), max_size=8))
def test_every_part_stands_in_exactly_one_row(parts):
    rows = bars.rows(parts)
    told = [row.words for row in rows if not row.reasons] + [words for row in rows for words in row.reasons]
    assert sorted(told) == sorted(words for words, _ in parts)


def test_a_hidden_count_is_drawn_as_five_and_never_shows_more():
    assert bars.drawn("fewer than 10") == 5
    assert bars.rows([("a", "fewer than 10")])[0].count == "fewer than 10"


def test_numbers_that_are_not_shown_share_one_row_and_a_width_that_says_nothing():
    sent, hidden = bars.rows([("Sent", 13), ("refused", "not shown"), ("expired", "not shown")])
    assert (sent.start, sent.width) == (0, 85)
    assert (hidden.words, hidden.reasons, hidden.width) == (bars.HIDDEN, ("refused", "expired"), 15)


@pytest.mark.parametrize("outcome", ["permit", "deny", "not-applicable", "indeterminate"])
def test_only_a_permit_is_shown_as_allowed(outcome):
    assert (states.tone(outcome) == "go") == (outcome == "permit")
    assert ("Allowed" in states.state(outcome)) == (outcome == "permit")


def test_a_state_nobody_named_is_shown_as_it_is_without_a_meaning():
    assert states.state("half-open") == "Half open"
    assert states.tone("half-open") == "plain"


def test_saying_no_is_never_shown_in_the_colour_of_an_error():
    assert states.yours("refused") == "You said no"
    assert states.yours("withdrawn") == "You stopped it"
