"""A wearable that does not exist: believable Open mHealth data points of one person, the same for the same seed.

Every value depends only on the seed and the instant it is for, so that a device that is started again goes on where
it was. A person sleeps at night, walks in bouts by day, is more active on some days; the heart follows. Points are
heart-rate 2.0 (an instant), step-count 3.0 (the minute that ended) and sleep-duration 2.0 (the night that ended).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from math import cos, pi
from uuid import UUID

from policy.instants import wire

Json = dict[str, object]
DAY_MINUTES = 24 * 60
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wearer:
    """One person with a device. `user` is what the vendor calls the person; the same seed gives the same body."""

    user: str
    seed: int
    source_name: str = "Lumen band"


@dataclass(frozen=True, slots=True)
class Night:
    """One night: asleep from `onset` to `waking` (UTC), of which `awake` was spent awake."""

    onset: datetime
    waking: datetime
    awake: timedelta

    @property
    def asleep(self) -> timedelta:
        """The time really slept."""
        return self.waking - self.onset - self.awake


async def live(
    wearer: Wearer,
    start: datetime,
    clock: Callable[[], datetime],
    pause: Callable[[float], Awaitable[None]],
    hertz: float = 5.0,
) -> AsyncIterator[Json]:
    """Yield points as time passes, without end: heart rate `hertz` times a second, steps each minute, sleep each day.

    `clock` tells the time (UTC) and `pause` waits so many seconds; both are the caller's. A device that is late sends
    what it missed at once. Stop by closing the iterator.
    """
    every = timedelta(seconds=1 / hertz)
    beat = start
    while True:
        wait = (beat - clock()).total_seconds()
        if wait > 0:
            await pause(wait)
        for point in _due(wearer, beat - every, beat):
            yield point
        beat += every


def between(wearer: Wearer, start: datetime, end: datetime, every: timedelta = 5 * _MINUTE) -> Iterator[Json]:
    """Yield the points of `start <= time < end` in order, heart rate once per `every`. For a history."""
    beat = start
    while beat < end:
        yield from _due(wearer, beat - every, beat)
        beat += every


def heart_rate(wearer: Wearer, at: datetime) -> Json:
    """Return the heart rate at an instant, in beats a minute with one decimal (38 to 190)."""
    body = {"heart_rate": {"value": _beats(wearer.seed, at), "unit": "beats/min"}, **_frame(date_time=wire(at))}
    return _point(wearer, "heart-rate", "2.0", at, body)


def step_count(wearer: Wearer, minute: datetime) -> Json:
    """Return the steps of the minute that begins at `minute`."""
    end = minute + _MINUTE
    count = {"value": steps_in(wearer.seed, minute), "unit": "steps"}
    interval = {"start_date_time": wire(minute), "end_date_time": wire(end)}
    return _point(wearer, "step-count", "3.0", end, {"step_count": count, **_frame(time_interval=interval)})


def sleep_duration(wearer: Wearer, night: Night) -> Json:
    """Return the sleep of one night, in whole minutes."""
    slept = {"value": round(night.asleep / _MINUTE), "unit": "min"}
    interval = {"start_date_time": wire(night.onset), "end_date_time": wire(night.waking)}
    return _point(
        wearer, "sleep-duration", "2.0", night.waking, {"sleep_duration": slept, **_frame(time_interval=interval)}
    )


@lru_cache(maxsize=4096)
def night_before(seed: int, day: date) -> Night:
    """Return the night that ends on `day`: to bed between 22:00 and 0:30, 5.5 to 9 hours later up, whole minutes."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    habit = 90 * _noise(seed, "habit") - 120
    onset = round(habit + 60 * _noise(seed, "onset", day.toordinal()))
    length = round(330 + 120 * _noise(seed, "length") + 90 * _noise(seed, "length", day.toordinal()))
    awake = round(4 + 26 * _noise(seed, "awake", day.toordinal()))
    begin = midnight + onset * _MINUTE
    return Night(begin, begin + length * _MINUTE, awake * _MINUTE)


def activity(seed: int, minute: int) -> float:
    """Return how active a person is in a minute (minutes since 1970, UTC): 0 asleep or at rest, 1 running."""
    at = datetime.fromtimestamp(minute * 60, UTC)
    if _asleep(seed, at):
        return 0.0
    bout, energy = minute // 12, 0.7 + 0.6 * _noise(seed, "energy", minute // DAY_MINUTES)
    chance = _noise(seed, "bout", bout)
    if chance > 0.988:
        return min(1.0, energy * (0.75 + 0.25 * _noise(seed, "run", minute)))
    if chance > 0.94:
        return min(0.7, energy * (0.40 + 0.20 * _noise(seed, "walk", minute)))
    return 0.15 * energy * max(0.0, _noise(seed, "about", minute) - 0.6)


def steps_in(seed: int, minute: datetime) -> int:
    """Return the steps of the minute that begins then: none asleep, about 100 walking, 160 running."""
    level = activity(seed, _minute(minute))
    return round(level * 220) if level < 0.5 else round(110 + (level - 0.5) * 110)


def _due(wearer: Wearer, before: datetime, now: datetime) -> Iterator[Json]:
    """The points that became ready in `before < time <= now`, then the heart rate now."""
    for minute in range(_minute(before) + 1, _minute(now) + 1):
        ended = datetime.fromtimestamp(minute * 60, UTC)
        yield step_count(wearer, ended - _MINUTE)
        night = night_before(wearer.seed, ended.date())
        if night.waking == ended:
            yield sleep_duration(wearer, night)
    yield heart_rate(wearer, now)


def _beats(seed: int, at: datetime) -> float:
    minute, part = divmod(at.timestamp(), 60)
    level = _effort(seed, int(minute)) * (1 - part / 60) + _effort(seed, int(minute) + 1) * (part / 60)
    rest = 54 + 16 * _noise(seed, "rest")
    # The body is slowest around four in the morning and quickest twelve hours later.
    day = -4 * cos(2 * pi * ((at.hour + at.minute / 60) - 4) / 24)
    asleep = -6.0 if _asleep(seed, at) else 0.0
    flutter = 3 * (_noise(seed, "flutter", round(at.timestamp() * 1000)) - 0.5)
    return round(min(190.0, max(38.0, rest + day + asleep + 85 * level + flutter)), 1)


def _effort(seed: int, minute: int) -> float:
    # A heart takes minutes to rise and to calm down: the mean of the last ones.
    return sum(activity(seed, minute - back) for back in range(4)) / 4


def _asleep(seed: int, at: datetime) -> bool:
    nights = (night_before(seed, at.date()), night_before(seed, at.date() + timedelta(days=1)))
    return any(night.onset <= at < night.waking for night in nights)


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _noise(seed: int, what: str, index: int = 0) -> float:
    """A number from 0 to 1 that is always the same for the same seed, name and index."""
    digest = blake2b(f"{seed}/{what}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _frame(**time: object) -> Json:
    return {"effective_time_frame": time}


def _point(wearer: Wearer, name: str, version: str, created: datetime, body: Json) -> Json:
    key = f"{wearer.user}/{wearer.seed}/{name}/{wire(created)}"
    header = {
        "id": str(UUID(bytes=blake2b(key.encode(), digest_size=16).digest(), version=4)),
        "creation_date_time": wire(created),
        "schema_id": {"namespace": "omh", "name": name, "version": version},
        "acquisition_provenance": {"source_name": wearer.source_name, "modality": "sensed"},
        "user_id": wearer.user,
    }
    return {"header": header, "body": body}
