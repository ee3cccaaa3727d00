"""Instants and partial dates as text."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.instants import day, instant, span, wire


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_survives_the_wire(moment):
    assert instant(wire(moment)) == moment
    assert wire(instant(wire(moment))) == wire(moment)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999), st.integers(-840, 840))
def test_the_same_instant_has_one_text_in_every_zone(moment, offset):
    assert wire(moment.astimezone(timezone(timedelta(minutes=offset)))) == wire(moment)


def test_the_text_is_as_short_as_it_can_be():
    assert wire(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)) == "2027-12-31T23:59:59Z"
    assert wire(datetime(2027, 12, 31, 0, 0, 0, 500_000, tzinfo=UTC)) == "2027-12-31T00:00:00.5Z"


def test_the_protocols_example_without_seconds_is_read():
    assert instant("2023-12-31T06:00Z") == datetime(2023, 12, 31, 6, tzinfo=UTC)


NOT_INSTANTS = [
    "2023-12-31",
    "2023-12-31T06:00:00",
    "2023-13-01T00:00:00Z",
    "2023-12-31T06:00:00.1234567Z",
    "20231231T060000Z",
    "2023-W52-7T00:00:00Z",
    "2023-12-31T25:00:00Z",
    "0001-01-01T00:00:00+14:00",
    " 2023-12-31T06:00Z",
    "",
    None,
    0,
]


@pytest.mark.parametrize("text", NOT_INSTANTS)
def test_anything_but_an_instant_with_an_offset_is_refused(text):
    with pytest.raises(ValueError, match=r"^not ") as caught:
        instant(text)
    assert not text or str(text) not in str(caught.value)


def test_an_instant_without_a_zone_has_no_text():
    with pytest.raises(ValueError, match="time zone"):
        wire(datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022", date(2022, 1, 1), date(2022, 12, 31)),
        ("2022-12", date(2022, 12, 1), date(2022, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2022-12-31", date(2022, 12, 31), date(2022, 12, 31)),
        ("2022-12-31T23:30:00-05:00", date(2022, 12, 31), date(2022, 12, 31)),
    ],
)
def test_a_partial_date_spans_its_whole_period(text, first, last):
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "22", "2022-1", "2022-13", "2022-02-30", "2022-01-01T", "٢٠٢٢", "2022\n", None, 2022]
)
def test_what_is_not_a_date_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        span(text)


def test_a_full_day_is_asked_for_where_a_partial_one_could_mislead():
    assert day("2022-12-31") == date(2022, 12, 31)
    for text in ("2022-12", "2022-12-31T00:00:00Z"):
        with pytest.raises(ValueError, match="full date"):
            day(text)
