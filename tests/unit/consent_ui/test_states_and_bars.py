from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ui import bars, states

COUNTS = st.one_of(st.integers(min_value=0, max_value=10**6), st.sampled_from(["fewer than 10", "12", "not shown"]))


@given(st.lists(st.tuples(st.text(max_size=5), COUNTS), max_size=8))
def test_the_pieces_of_a_bar_follow_each_other_and_fill_it(parts):
    pieces = bars.bar(parts)
    if not any(bars.drawn(value) for _, value in parts):
        assert pieces == []
        return
    widths = [float(piece.width.rstrip("%")) for piece in pieces]
    starts = [float(piece.start.rstrip("%")) for piece in pieces]
    assert abs(sum(widths) - 100) < 0.1
    assert starts[0] == 0
    assert all(abs(start - sum(widths[:n])) < 0.1 for n, start in enumerate(starts))


def test_a_hidden_count_is_drawn_as_five_and_never_shows_more():
    assert bars.drawn("fewer than 10") == 5
    assert bars.drawn("not shown") == 0
    assert bars.bar([("a", "fewer than 10")])[0].count == "fewer than 10"


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
