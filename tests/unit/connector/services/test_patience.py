"""How long a message is tried again: each answer has its own patience, and none is hammered."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.services.patience import LATER, TRIES, asked_for, clocks_apart, later, retry_after


def tries(status: int, jitter: float, *, first: bool = False) -> list[timedelta]:
    waits = []
    while len(waits) < 100 and (wait := later(status, len(waits), jitter, first=first)) is not None:
        waits.append(wait)
    return waits


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_conflict_is_given_about_a_second_and_something_unknown_a_few(jitter):
    conflict, unknown = tries(409, jitter), tries(404, jitter)
    assert len(conflict) == 3  # so four attempts
    assert timedelta(seconds=0.7) <= sum(conflict, timedelta()) <= timedelta(seconds=1.3)
    assert timedelta(seconds=5) <= sum(unknown, timedelta()) <= timedelta(seconds=11)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_something_unknown_in_the_first_message_to_a_stranger_is_a_no_after_about_a_second(jitter):
    unknown = tries(404, jitter, first=True)
    assert len(unknown) == 3
    assert timedelta(seconds=0.8) <= sum(unknown, timedelta()) <= timedelta(seconds=1.5)
    assert all(len(tries(status, jitter, first=True)) == len(tries(status, jitter)) for status in LATER - {404})


@pytest.mark.parametrize("status", sorted(LATER - {404, 409, 429}))
def test_other_statuses_that_mean_later_are_tried_for_minutes_and_no_longer(status):
    assert len(tries(status, 1.0)) == TRIES


def test_who_asks_us_to_come_less_often_never_says_no_by_it():
    assert later(429, 10 * TRIES, 0.5) is not None


@pytest.mark.parametrize("status", [0, 200, 400, 403, 405, 410, 422, 500, 503])
def test_no_other_status_means_later(status):
    assert later(status, 0, 0.5) is None


def test_waiting_grows_and_stays_within_bounds():
    waits = [retry_after(attempts, 1.0) for attempts in range(40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(milliseconds=200), timedelta(seconds=60))
    assert all(retry_after(attempts, 0.0) * 2 == retry_after(attempts, 1.0) for attempts in range(40))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), (" 12 ", 12), ("100000", 60), ("", 0), (None, 0), ("-5", 0), ("soon", 0), ("\u0664", 0), ("9" * 40, 0)],
)
def test_what_the_peer_asks_for_is_kept_to_at_most_a_minute(value, seconds):
    assert asked_for(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("date", "apart"),
    [
        ("Mon, 23 Nov 2026 00:00:30 GMT", False),
        ("Mon, 23 Nov 2026 01:00:00 GMT", True),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", False),
        ("Mon, 23 Nov 2026 01:00:00 +99999999999999999999", False),
        ("soon", False),
        (None, False),
    ],
)
def test_clocks_are_apart_when_a_date_says_so_and_never_by_nonsense(date, apart):
    assert clocks_apart(date, datetime(2026, 11, 23, tzinfo=UTC)) is apart
