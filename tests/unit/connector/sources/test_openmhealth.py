"""Data points are read as Open mHealth publishes them; what is not one is told where and why, without its values."""

import json
import socket
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sources.openmhealth import CATEGORY_OF, Caps, DevicePoint, PointError, check, read_batch, read_point
from policy.categories import CATEGORIES

VECTORS = Path(__file__).parents[3] / "vectors" / "openmhealth"
CASES = sorted(VECTORS.rglob("*.json"))
SECRET = "canary-7391"


def point(name="heart-rate", version="2.0", **body) -> dict:
    return {
        "header": {
            "id": "243c773b-8936-407e-9c23-270d0ea49cc4",
            "creation_date_time": "2026-03-01T08:00:00Z",
            "schema_id": {"namespace": "omh", "name": name, "version": version},
        },
        "body": body or {"heart_rate": {"value": 61.5, "unit": "beats/min"}, **at("2026-03-01T09:00:00+01:00")},
    }


def at(moment) -> dict:
    return {"effective_time_frame": {"date_time": moment}}


def during(**interval) -> dict:
    return point("sleep-episode", "1.1", effective_time_frame={"time_interval": interval})


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("reading a point must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("path", CASES, ids=lambda path: "/".join(path.relative_to(VECTORS).with_suffix("").parts))
def test_a_published_case_is_judged_as_published(path):
    name, version, verdict, _ = path.relative_to(VECTORS).parts
    instance = json.loads(path.read_text())
    if verdict == "shouldPass":
        check(f"{name}-{version}", instance)
    else:
        with pytest.raises(PointError):
            check(f"{name}-{version}", instance)


def test_all_published_cases_are_there():
    assert len(CASES) == 54


@pytest.mark.parametrize(
    "path", [path for path in CASES if path.parts[-4] in {"heart-rate", "step-count", "sleep-episode"}]
)
def test_a_published_body_in_a_whole_point_is_judged_the_same(path):
    name, version, verdict, _ = path.relative_to(VECTORS).parts
    whole = point(name, version) | {"body": json.loads(path.read_text())}
    if verdict == "shouldPass":
        read = read_point(whole)
        assert read.start <= read.end
        assert read.body is whole
    else:
        with pytest.raises(PointError, match=r"^/body"):
            read_point(whole)


def test_a_point_is_read_with_its_time_in_utc():
    whole = point()
    moment = datetime(2026, 3, 1, 8, tzinfo=UTC)
    read = read_point(whole)
    assert read == DevicePoint("omh:heart-rate:2.0", "heart-rate", moment, moment, whole["header"]["id"], whole)
    assert read.start.tzinfo is UTC


def test_every_schema_read_belongs_to_a_device_category():
    assert {CATEGORIES[key].source for key in CATEGORY_OF.values()} == {"device"}


@pytest.mark.parametrize(
    ("interval", "hours"),
    [
        ({"start_date_time": "2026-03-01T08:00:00Z", "end_date_time": "2026-03-01T10:00:00+01:00"}, 1),
        ({"start_date_time": "2026-03-01T08:00:00Z", "duration": {"value": 90, "unit": "min"}}, 1.5),
        ({"start_date_time": "2026-03-01T08:00:00Z", "duration": {"value": 2, "unit": "wk"}}, 336),
    ],
)
def test_an_interval_is_read_in_each_exact_form(interval, hours):
    read = read_point(during(**interval))
    assert (read.start, read.end - read.start) == (datetime(2026, 3, 1, 8, tzinfo=UTC), timedelta(hours=hours))


def test_an_interval_is_read_backwards_from_its_end():
    read = read_point(during(end_date_time="2026-03-01T08:00:00Z", duration={"value": 8, "unit": "h"}))
    assert read.start == datetime(2026, 3, 1, 0, tzinfo=UTC)


START, END = "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"
EXACT = {"start_date_time": START, "end_date_time": END}
SIXTY = {"value": 60, "unit": "beats/min"}


@pytest.mark.parametrize(
    "whole",
    [
        during(date="2026-03-01", part_of_day="morning"),
        during(start_date_time=END, end_date_time=START),
        during(start_date_time=START, duration={"value": -1, "unit": "h"}),
        during(start_date_time=START, duration={"value": 1, "unit": "Mo"}),
        during(start_date_time=START, duration={"value": 1e300, "unit": "d"}),
        during(start_date_time=START, duration={"value": 900_000_000, "unit": "h"}),
        during(end_date_time="0001-01-01T00:00:00Z", duration={"value": 1, "unit": "h"}),
        during(start_date_time=START, duration={"value": 1, "unit": "h"}, end_date_time=20260301),
        during(start_date_time=START, end_date_time=END, duration={"value": "1", "unit": "h"}),
        during(start_date_time=START, end_date_time=END, part_of_day="dusk"),
        during(start_date_time="2016-12-31T23:59:60Z", end_date_time=END),
        during(start_date_time="0001-01-01T00:00:00+05:00", end_date_time=END),
        point("sleep-episode", "1.1", effective_time_frame={"date_time": START, "time_interval": {}}),
        point("sleep-episode", "1.1", effective_time_frame={"date_time": 5, "time_interval": EXACT}),
        point(heart_rate=SIXTY, effective_time_frame={"date_time": START, "time_interval": "x"}),
    ],
)  # fmt: skip
def test_a_time_that_is_not_exact_is_refused(whole):
    with pytest.raises(PointError, match=r"^/body/effective_time_frame"):
        read_point(whole)


def schema(name: str, version: str) -> dict:
    return {"namespace": "omh", "name": name, "version": version}


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("/header/schema_id", {"schema_id": schema("blood-glucose", "1.0")}),
        ("/header/schema_id", {"schema_id": schema("heart-rate", "1.0")}),
        ("/header/id", {"id": ""}),
        ("/header/id", {"id": "a\nb"}),
        ("/header/id", {"id": "x" * 201}),
        ("/header/creation_date_time", {"creation_date_time": "yesterday"}),
    ],
)
def test_an_error_in_the_header_says_where_and_what_is_accepted(where, change):
    whole = point()
    with pytest.raises(PointError) as refusal:
        read_point(whole | {"header": whole["header"] | change})
    assert refusal.value.where == where
    assert refusal.value.what
    assert refusal.value.accepted


@pytest.mark.parametrize(("where", "change"), [("/header", {"header": {}}), ("/body", {"body": {}})])
def test_an_empty_half_of_a_point_is_named(where, change):
    with pytest.raises(PointError, match=rf"^{where}: .* is missing"):
        read_point(point() | change)


@pytest.mark.parametrize("body", [None, [], "x", 1, {}])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(PointError, match="accepted"):
        read_point(body)


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))


@given(
    st.sampled_from([path for path in places(point()) if path]),
    st.sampled_from([SECRET, None, 3, True, [], {}, {SECRET: SECRET}, [SECRET], f"{SECRET}T08:00:00Z", -1.5]),
)
def test_a_broken_point_raises_one_error_and_no_value_is_repeated(path, value):
    whole = deepcopy(point())
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    error = refusal_of(whole)
    assert error is None or SECRET not in f"{error} {error.where} {error.what} {error.accepted}"
    assert error is None or error.__suppress_context__ or error.__context__ is None


def refusal_of(whole: object) -> PointError | None:
    try:
        read_point(whole)
    except PointError as error:
        return error
    return None


def test_a_batch_gives_points_and_errors_by_line():
    lines = [orjson.dumps(point()), b"", b"{", orjson.dumps({"header": {}, "body": {}}), orjson.dumps(point()), b""]
    read = list(read_batch(b"\n".join(lines)))
    assert [number for number, _ in read] == [1, 3, 4, 5]
    assert [type(result) for _, result in read] == [DevicePoint, PointError, PointError, DevicePoint]


def test_windows_line_ends_are_read():
    assert [type(result) for _, result in read_batch(orjson.dumps(point()) + b"\r\n")] == [DevicePoint]


def test_a_line_over_the_cap_is_refused_alone():
    long = orjson.dumps(point() | {"more": "x" * 500})
    caps = Caps(line_bytes=500)
    read = dict(read_batch(long + b"\n" + orjson.dumps(point()), caps))
    assert isinstance(read[1], PointError)
    assert isinstance(read[2], DevicePoint)


@pytest.mark.parametrize(("payload", "caps"), [(b"x" * 11, Caps(total_bytes=10)), (b"\n" * 4, Caps(lines=3))])
def test_a_batch_over_the_cap_is_refused_whole_before_anything_is_read(payload, caps):
    with pytest.raises(PointError, match="at most"):
        read_batch(payload, caps)


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[" * 5000, b'{"header": NaN}', b'"\\ud800"', b"null", b"1e999"])
def test_hostile_lines_are_errors_of_their_line(line):
    ((number, result),) = read_batch(line)
    assert (number, type(result)) == (1, PointError)
