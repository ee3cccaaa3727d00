from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ui import words
from policy.reasons import REASONS

BRUSSELS = timezone(timedelta(hours=1), "CET")
LATE = datetime(2026, 11, 21, 23, 30, 5, tzinfo=UTC)


def test_dates_stand_in_words():
    assert words.day(date(2026, 11, 21)) == "21 November 2026"
    assert words.day_month(LATE, UTC) == "21 November"
    assert words.month(LATE, UTC) == "November 2026"
    assert words.day(None) == ""


def test_a_time_is_shown_in_the_zone_asked_for_and_staff_see_its_name():
    assert words.instant(LATE, BRUSSELS) == "22 November 2026, 00:30:05 CET"
    assert words.moment(LATE, UTC) == "21 November 2026 at 23:30"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 records"),
        (1, "1 record"),
        (1204, "1,204 records"),
        ("fewer than 10", "fewer than 10 records"),
        (None, "not known records"),
    ],
)
def test_counts_carry_their_unit(value, shown):
    assert words.count(value, "record") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (8_412_201, "8.4 MB"), (10**15, "1000 TB")],
)
def test_sizes_are_read_at_a_glance(value, shown):
    assert words.size(value) == shown


@pytest.mark.parametrize(
    ("items", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_a_sentence(items, shown):
    assert words.listing(items) == shown


def test_abbreviations_keep_their_capital_inside_a_sentence():
    assert words.low("Research for profit") == "research for profit"
    assert words.low("FHIR records") == "FHIR records"
    assert words.low("") == ""


@given(st.integers(min_value=0, max_value=10**8))
def test_a_wait_is_never_told_longer_than_it_is(seconds):
    told = words.lasting(LATE, LATE + timedelta(seconds=seconds))
    number, _, unit = told.partition(" ")
    lengths = {"minute": 60, "hour": 3600, "day": 86400}
    if told == "less than a minute":
        assert seconds < 60
    else:
        length = lengths[unit.rstrip("s")]
        value = int(number.replace(",", ""))
        assert value * length <= seconds < (value + 1) * length


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (None, None, "Data of any date"),
        (date(2016, 1, 1), None, "Only data from 1 January 2016 on"),
        (None, date(2026, 12, 31), "Only data up to 31 December 2026"),
        (date(2016, 1, 1), date(2026, 12, 31), "Only data from 1 January 2016 to 31 December 2026"),
    ],
)
def test_a_window_reads_as_a_sentence(start, end, shown):
    assert words.only(start, end) == shown


def test_every_reason_that_comes_from_the_person_speaks_to_the_person():
    from consent_ui.states import YOUR_REASONS, your_reason

    assert set(YOUR_REASONS) <= set(REASONS)
    assert all(words.startswith(("you", "your", "it had not")) for words in YOUR_REASONS.values())
    assert your_reason(None) == "you had not answered, and silence is no"
    assert your_reason("The contract forbids this.") == "the contract forbids this"


@pytest.mark.parametrize(
    ("hours", "told"), [(300, "12 days left"), (5, "5 hours left"), (0.5, "30 minutes left"), (-1, "time is over")]
)
def test_how_long_there_is_to_answer_is_said_in_one_unit(hours: float, told: str):
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert words.left(now + timedelta(hours=hours), now) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from 2016-01-01 until 2027-12-31", "from 1 January 2016 until 31 December 2027"),
        ("number 2016-13-45 stays", "number 2016-13-45 stays"),
        ("12016-01-011", "12016-01-011"),
    ],
)
def test_machine_readable_days_are_written_out(text: str, told: str):
    assert words.dated(text) == told
