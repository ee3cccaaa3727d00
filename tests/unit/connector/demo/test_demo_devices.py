"""The invented wearable sends only what the ingest accepts, and what a body could do."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.demo.devices import Wearer, between, heart_rate, live, night_before, steps_in
from connector.sources.openmhealth import read_point

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
seeds = st.integers(0, 2**32)


def day_of(seed: int, days: int = 1) -> list[dict]:
    return list(between(Wearer(f"user-{seed}", seed), START, START + days * DAY))


def values(points: list[dict], name: str) -> list[float]:
    return [point["body"][name]["value"] for point in points if name in point["body"]]


class Clock:
    """A clock that stands still until somebody waits."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


async def take(count: int, clock: Clock, start: datetime, hertz: float = 5.0) -> list[dict]:
    points = []
    async for point in live(Wearer("user-1", 1), start, clock, clock.pause, hertz):
        points.append(point)
        if len(points) == count:
            return points
    raise AssertionError("a device never ends")


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_every_generated_point_is_read_by_the_ingest(seed):
    read = [read_point(json.loads(json.dumps(point))) for point in day_of(seed)]
    assert {point.category for point in read} == {"heart-rate", "steps", "sleep"}
    assert {point.body["header"]["user_id"] for point in read} == {f"user-{seed}"}
    assert len({point.point_id for point in read}) == len(read)
    assert all(START - DAY < point.start <= point.end <= START + DAY for point in read)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_a_body_does_what_bodies_do(seed):
    points = day_of(seed, 3)
    assert all(38 <= beats <= 190 for beats in values(points, "heart_rate"))
    assert 3 * 1500 < sum(values(points, "step_count")) < 3 * 30_000
    assert max(values(points, "step_count")) <= 200
    assert all(270 <= minutes <= 560 for minutes in values(points, "sleep_duration"))
    assert len(values(points, "sleep_duration")) == 3


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_asleep_nobody_walks_and_the_heart_is_slower(seed):
    wearer = Wearer("u", seed)
    night = night_before(seed, START.date() + DAY)
    assert night.onset < night.waking
    asleep = [night.onset + timedelta(minutes=m) for m in range(10, 240, 10)]
    assert sum(steps_in(seed, moment) for moment in asleep) == 0
    awake = [night.onset - timedelta(minutes=m) for m in range(60, 600, 10)]
    beats = [
        mean(values([heart_rate(wearer, moment) for moment in moments], "heart_rate")) for moments in (asleep, awake)
    ]
    assert beats[0] < beats[1]


def test_the_same_seed_gives_the_same_points_and_another_seed_others():
    assert day_of(7) == day_of(7)
    assert values(day_of(7), "heart_rate") != values(day_of(8), "heart_rate")


def test_five_times_a_second_the_heart_changes_little():
    wearer = Wearer("u", 3)
    beats = values([heart_rate(wearer, START + timedelta(hours=12, seconds=n / 5)) for n in range(300)], "heart_rate")
    assert all(abs(one - two) <= 6 for one, two in pairwise(beats))


async def test_live_sends_five_heart_rates_a_second_and_waits_in_between():
    clock = Clock(START + timedelta(seconds=1))
    points = await take(50, clock, START + timedelta(seconds=1))
    assert len(values(points, "heart_rate")) == 50
    assert clock.now == START + timedelta(seconds=1) + 49 * timedelta(seconds=0.2)
    assert sum(clock.waits) == pytest.approx(49 * 0.2)


async def test_live_sends_the_steps_when_their_minute_is_over():
    clock = Clock(START + timedelta(hours=12, seconds=59))
    points = await take(7, clock, clock.now)
    assert [name for point in points for name in point["body"] if name != "effective_time_frame"] == [
        *["heart_rate"] * 5,
        "step_count",
        "heart_rate",
    ]
    interval = points[5]["body"]["effective_time_frame"]["time_interval"]
    assert interval == {"start_date_time": "2026-03-02T12:00:00Z", "end_date_time": "2026-03-02T12:01:00Z"}


async def test_a_late_device_sends_what_it_missed_without_waiting():
    clock = Clock(START + timedelta(seconds=10))
    points = await take(40, clock, START)
    assert clock.waits == []
    assert len(points) == 40


async def test_a_restarted_device_sends_the_same_points_again():
    first = await take(20, Clock(START), START)
    assert await take(20, Clock(START + DAY), START) == first


@given(seeds, st.integers(0, 3000))
@settings(max_examples=6, deadline=None)
def test_a_night_is_reported_once_on_the_morning_it_ends(seed, minutes):
    begin = START + timedelta(minutes=minutes)
    slept = values(list(between(Wearer("u", seed), begin, begin + DAY)), "sleep_duration")
    assert len(slept) in {0, 1, 2}
    assert len(values(list(between(Wearer("u", seed), START, START + 2 * DAY)), "sleep_duration")) == 2
