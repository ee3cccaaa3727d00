"""Windows of days against the plainest twin there is: sets of days."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.directives.model import Period
from policy.directives.periods import ALWAYS, days, lasting, today
from policy.directives.windows import Window, intersect, intersect_all, merge, overlaps, subtract, window, within
from policy.instants import instant

START = date(2024, 2, 20)
OPEN = Window(date.min, date.max)


@st.composite
def some_windows(draw):
    first = draw(st.integers(0, 30))
    return Window(START + timedelta(first), START + timedelta(first + draw(st.integers(0, 9))))


many = st.lists(some_windows(), max_size=6)


def day_set(windows):
    return {one.start + timedelta(number) for one in windows for number in range((one.end - one.start).days + 1)}


def in_one_form(windows):
    return all(after.start - before.end > timedelta(days=1) for before, after in itertools.pairwise(windows))


@given(many, many)
def test_the_algebra_is_that_of_sets_of_days_and_has_one_form(mine, theirs):
    for found, expected in (
        (merge(mine), day_set(mine)),
        (merge([*mine, *theirs]), day_set(mine) | day_set(theirs)),
        (subtract(mine, theirs), day_set(mine) - day_set(theirs)),
        (intersect(mine, theirs), day_set(mine) & day_set(theirs)),
    ):
        assert day_set(found) == expected
        assert in_one_form(found)


@given(many, some_windows())
def test_within_holds_exactly_when_every_day_is_there(windows, one):
    assert within(windows, one) == (day_set([one]) <= day_set(windows))


@given(st.lists(many, max_size=4))
def test_many_sets_are_intersected_whatever_their_order(sets):
    expected = set.intersection(*map(day_set, sets)) if sets else set()
    assert day_set(intersect_all(sets)) == expected
    assert intersect_all(reversed(sets)) == intersect_all(sets)


@given(some_windows(), some_windows())
def test_two_windows_overlap_when_they_share_a_day(one, other):
    assert overlaps(one, other) == bool(day_set([one]) & day_set([other]))


def test_touching_days_are_contiguous_and_a_gap_of_one_day_is_not():
    january, february = Window(date(2024, 1, 1), date(2024, 1, 31)), Window(date(2024, 2, 1), date(2024, 2, 3))
    assert merge([february, january]) == (Window(date(2024, 1, 1), date(2024, 2, 3)),)
    assert len(merge([january, Window(date(2024, 2, 2), date(2024, 2, 3))])) == 2


def test_open_ends_stay_open_at_the_edges_of_the_calendar():
    one = Window(date(2024, 1, 1), date(2024, 1, 2))
    assert subtract([OPEN], [one]) == (Window(date.min, date(2023, 12, 31)), Window(date(2024, 1, 3), date.max))
    assert subtract([OPEN], [OPEN]) == ()
    assert subtract([OPEN], []) == (OPEN,)
    assert merge([OPEN, one]) == (OPEN,)
    assert window(None, None) == OPEN


def test_a_window_that_ends_before_it_begins_is_refused_and_within_nothing():
    turned = Window(date(2024, 1, 2), date(2024, 1, 1))
    with pytest.raises(ValueError, match="ends before"):
        merge([turned])
    with pytest.raises(ValueError, match="ends before"):
        window(*turned)
    assert not within([OPEN], turned)


@pytest.mark.parametrize(
    ("zone", "last"), [("UTC", "2022-12-31T23:59:59Z"), ("Europe/Amsterdam", "2022-12-31T22:59:59Z")]
)
def test_a_date_ends_at_the_end_of_its_day_in_the_time_zone_of_the_consent(zone, last):
    found = lasting(Period(start="2022", end="2022-12-31"), zone)
    assert found.holds(instant(last))
    assert not found.holds(found.until)
    assert found.until == instant(last) + timedelta(seconds=1)


def test_a_time_holds_for_as_long_as_it_was_written_to():
    assert lasting(Period(end="2022-01-01T10:00:00Z"), "UTC").until == instant("2022-01-01T10:00:01Z")
    assert lasting(Period(end="2022-01-01T10:00+01:00"), "UTC").until == instant("2022-01-01T09:01:00Z")
    assert lasting(Period(end="2022-01-01T10:00:00.5Z"), "UTC").until == instant("2022-01-01T10:00:00.500001Z")


def test_days_are_taken_as_they_were_written():
    assert days(Period(start="2021-01-01T00:00:00+01:00", end="2021-02")) == Window(date(2021, 1, 1), date(2021, 2, 28))
    assert days(None) == OPEN
    assert lasting(None, "UTC") == ALWAYS


@pytest.mark.parametrize("period", [Period(start="soon"), Period(start="2024-02", end="2023"), Period(end="2024-13")])
def test_a_period_that_cannot_be_read_is_an_error(period):
    with pytest.raises(ValueError, match=r"\w"):
        lasting(period, "UTC")
    with pytest.raises(ValueError, match=r"\w"):
        days(period)


def test_an_unknown_time_zone_is_an_error():
    with pytest.raises(ValueError, match="time zone"):
        lasting(Period(start="2024"), "Mars/Olympus")
    with pytest.raises(ValueError, match="time zone"):
        today(instant("2024-01-01T00:00:00Z"), "../../etc/passwd")


def test_it_is_another_day_elsewhere():
    assert today(instant("2024-01-01T23:30:00Z"), "Europe/Berlin") == date(2024, 1, 2)
