"""Nobody reads a number from 1 to 9 about people, and nobody can work one out."""

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.smallnumbers import FEWER, NOT_SHOWN, at_least_ten, band_words, fold, is_band, people_band

counts = st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 60), min_size=1)


@pytest.mark.parametrize(("n", "shown"), [(0, FEWER), (1, FEWER), (9, FEWER), (10, "10"), (1234, "1234")])
def test_a_number_below_ten_reads_fewer_than_ten(n, shown):
    assert at_least_ten(n) == shown


def test_a_number_below_zero_is_an_error():
    for use in (at_least_ten, people_band, lambda n: fold({"a": n})):
        with pytest.raises(ValueError, match="below zero"):
            use(-1)


@given(st.integers(0, 10**9))
def test_a_band_is_the_number_rounded_down_and_never_one_to_nine(n):
    band = people_band(n)
    assert band <= n
    assert band == 0 or band >= 10
    assert is_band(band)
    assert n < 10 or n < 2.5 * band or band == 5 * 10**8
    assert band_words(band) == (f"{band} or more" if band else FEWER)


@given(counts)
def test_no_shown_count_is_one_to_nine(some):
    assert not [n for n in fold(some).values() if isinstance(n, int) and 0 < n < 10]


@given(counts)
def test_what_is_shown_as_a_number_is_the_number(some):
    shown = fold(some)
    assert list(shown) == list(some)
    assert all(n == some[reason] for reason, n in shown.items() if isinstance(n, int))
    assert all(some[reason] < 10 for reason, n in shown.items() if n == FEWER)


@given(st.dictionaries(st.sampled_from("abcdefg"), st.just(0) | st.integers(10, 500)))
def test_nothing_is_hidden_when_no_count_is_small(some):
    assert fold(some) == some


@given(counts)
def test_a_small_count_is_never_the_only_one_hidden(some):
    hidden = [reason for reason, n in fold(some).items() if isinstance(n, str)]
    assert len(hidden) != 1 or len(some) == 1


def test_a_single_small_reason_takes_another_one_with_it():
    assert fold({"refused": 3, "silent": 40, "withdrawn": 25}) == {
        "refused": FEWER,
        "silent": NOT_SHOWN,
        "withdrawn": 25,
    }


def test_with_two_reasons_neither_is_shown():
    assert fold({"refused": 3, "silent": 13}) == {"refused": NOT_SHOWN, "silent": NOT_SHOWN}


@pytest.mark.parametrize(("reasons", "largest"), [(2, 60), (3, 34), (4, 17)])
def test_no_small_count_can_be_recovered_from_total_and_shown_counts(reasons, largest):
    """Exhaustive: the reader knows the total, what is shown and how `fold` works, and lists all inputs that fit."""
    fitting = defaultdict(set)
    for some in product(range(largest), repeat=reasons):
        shown = tuple(fold(dict(zip("abcd", some, strict=False))).values())
        fitting[shown, sum(some)].add(some)
    for (_, total), inputs in fitting.items():
        # Inputs near the edge of what is listed lack their neighbours beyond it.
        if max(map(max, inputs)) >= largest - 10:
            continue
        for values in map(set, zip(*inputs, strict=True)):
            if values & set(range(1, 10)):
                assert len(values) >= (9 if total >= 10 else 2)
