"""Open mHealth data points: checked against the published JSON Schemas, then read into a `DevicePoint`.

A data point is `{"header": {...}, "body": {...}}`; the header names the schema of the body (namespace, name, version).
Both are validated by schemas packaged in `schemas/openmhealth`, compiled once per process; no address is ever fetched.
Beyond the schemas a point must state its time exactly (a start and an end that computers can compare), because
consent is judged by time. Errors say where and what would be accepted, never a value: a point is health data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jsonschema_rs
import orjson

from policy.categories import category_of_point

Json = dict[str, object]

_BASE = "https://w3id.org/openmhealth/schemas/omh/"
# The names with .x are symbolic links in the published set: the newest minor version answers.
_ALIASES = {
    "date-time-1.x": "date-time-1.0",
    "descriptive-statistic-1.x": "descriptive-statistic-1.1",
    "descriptive-statistic-denominator-1.x": "descriptive-statistic-denominator-1.1",
    "duration-unit-value-1.x": "duration-unit-value-1.0",
    "header-1.x": "header-1.2",
    "part-of-day-1.x": "part-of-day-1.0",
    "schema-id-1.x": "schema-id-1.1",
    "temporal-relationship-to-physical-activity-1.x": "temporal-relationship-to-physical-activity-1.0",
    "temporal-relationship-to-sleep-1.x": "temporal-relationship-to-sleep-1.0",
    "time-frame-1.x": "time-frame-1.0",
    "time-interval-1.x": "time-interval-1.0",
    "unit-value-1.x": "unit-value-1.0",
}
_READ = ("omh:heart-rate:2.0", "omh:step-count:3.0", "omh:sleep-duration:2.0", "omh:sleep-episode:1.1")
CATEGORY_OF: Mapping[str, str] = MappingProxyType({name: category_of_point(name.split(":")[1]) for name in _READ})
"""Schemas that are read, as `namespace:name:version`, and the category of data each belongs to."""

_SECONDS = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SECONDS["wk"] = 7 * _SECONDS["d"]
_PARTS = frozenset({"start_date_time", "end_date_time", "duration", "date", "part_of_day"})
_TIMES = "date_time, or a time_interval of exactly two of start_date_time, end_date_time and duration"
_WHOLE_POINT = "a JSON object with header and body (Open mHealth data-point 1.0)"


class PointError(ValueError):
    """A data point, or a batch of them, that cannot be read.

    `where` is a JSON Pointer into the input, `what` says what is wrong, `accepted` what would be read. None of them
    repeats a value of the input.
    """

    def __init__(self, where: str, what: str, accepted: str) -> None:
        super().__init__(f"{where or '/'}: {what}; accepted: {accepted}")
        self.where, self.what, self.accepted = where, what, accepted


@dataclass(frozen=True, slots=True)
class DevicePoint:
    """One checked data point. `schema` is `namespace:name:version`, `start` and `end` are UTC and `start <= end`.

    `body` is the whole point (header and body) as it came; `point_id` is the header's id, the key for duplicates.
    """

    schema: str
    category: str
    start: datetime
    end: datetime
    point_id: str
    body: Json


@dataclass(frozen=True, slots=True)
class Caps:
    """The largest batch that is read: bytes in all, lines in all, bytes in one line."""

    total_bytes: int = 4 * 1024 * 1024
    lines: int = 10_000
    line_bytes: int = 16 * 1024


def read_point(body: object) -> DevicePoint:
    """Check one data point (parsed JSON) and read it. Raises `PointError`."""
    if not isinstance(body, dict):
        raise PointError("", "this is not a JSON object", _WHOLE_POINT)
    check("data-point-1.0", body)
    header, measure = body["header"], body["body"]
    point_id = _point_id(header)
    schema = ":".join(header["schema_id"][key] for key in ("namespace", "name", "version"))
    category = CATEGORY_OF.get(schema)
    if category is None:
        raise PointError("/header/schema_id", "this schema is not read here", ", ".join(CATEGORY_OF))
    _, name, version = schema.split(":")
    check(f"{name}-{version}", measure, "/body")
    start, end = _period(measure["effective_time_frame"])
    return DevicePoint(schema, category, start, end, point_id, body)


def read_batch(payload: bytes, caps: Caps = Caps()) -> Iterator[tuple[int, DevicePoint | PointError]]:
    """Read NDJSON: per line that is not blank its number (from 1) and the point, or why it is none.

    One bad line does not spoil the others. A batch over its caps is refused as a whole: raises `PointError` before
    anything is yielded.
    """
    if len(payload) > caps.total_bytes:
        raise PointError("", "the batch is too large", f"at most {caps.total_bytes} bytes")
    if payload.count(b"\n") > caps.lines:
        raise PointError("", "the batch has too many lines", f"at most {caps.lines} lines")
    return _lines(payload, caps)


def check(name: str, instance: object, where: str = "") -> None:
    """Validate `instance` by the packaged schema `name` (such as `heart-rate-2.0`). Raises `PointError`."""
    error = next(_validator(name).iter_errors(instance), None)
    if error is not None:
        raise _refusal(error, where)


def _lines(payload: bytes, caps: Caps) -> Iterator[tuple[int, DevicePoint | PointError]]:
    for number, line in enumerate(payload.split(b"\n"), start=1):
        if line.strip():
            yield number, _line(line, caps.line_bytes)


def _line(line: bytes, most: int) -> DevicePoint | PointError:
    if len(line) > most:
        return PointError("", "the line is too long", f"at most {most} bytes")
    try:
        return read_point(orjson.loads(line))
    except orjson.JSONDecodeError:
        return PointError("", "this line is not JSON", _WHOLE_POINT)
    except PointError as error:
        return error


def _point_id(header: Json) -> str:
    point_id = header["id"]
    if isinstance(point_id, str) and 0 < len(point_id) <= 200 and point_id.isprintable():
        return point_id
    raise PointError("/header/id", "the id cannot be used", "1 to 200 printable characters")


def _period(frame: Json) -> tuple[datetime, datetime]:
    where = "/body/effective_time_frame"
    moment, interval = frame.get("date_time"), frame.get("time_interval")
    if interval is None:
        at = _moment(moment, f"{where}/date_time")
        return at, at
    if moment is not None or not isinstance(interval, dict):
        raise PointError(where, "more than one time is given", _TIMES)
    start, end = _interval(interval, f"{where}/time_interval")
    if start > end:
        raise PointError(where, "it ends before it starts", "an end at or after the start")
    return start, end


def _interval(interval: Json, where: str) -> tuple[datetime, datetime]:
    # The schema lets a date with a part of the day pass, and a third, unchecked key beside two good ones.
    if len(interval.keys() & _PARTS) != 2 or "part_of_day" in interval:
        raise PointError(where, "the time is not exact", _TIMES)
    if "duration" not in interval:
        start, end = (interval[key] for key in ("start_date_time", "end_date_time"))
        return _moment(start, f"{where}/start_date_time"), _moment(end, f"{where}/end_date_time")
    length = _length(interval["duration"], f"{where}/duration")
    if "start_date_time" in interval:
        first = _moment(interval["start_date_time"], f"{where}/start_date_time")
        return first, _shift(first, length, where)
    last = _moment(interval["end_date_time"], f"{where}/end_date_time")
    return _shift(last, -length, where), last


def _length(duration: object, where: str) -> timedelta:
    value, unit = (duration["value"], duration["unit"]) if isinstance(duration, dict) else (None, None)
    accepted = f"a number that is not negative, in {', '.join(_SECONDS)}"
    if not isinstance(value, int | float) or value < 0 or unit not in _SECONDS:
        raise PointError(where, "the length is not exact", accepted)
    try:
        return timedelta(seconds=value * _SECONDS[unit])
    except (OverflowError, ValueError):
        raise PointError(where, "the length is out of range", accepted) from None


def _shift(moment: datetime, length: timedelta, where: str) -> datetime:
    try:
        return moment + length
    except OverflowError:
        raise PointError(where, "the time is out of range", "years 1 to 9999") from None


def _moment(text: object, where: str) -> datetime:
    # `from None` everywhere here: the text of the caught error repeats the value.
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PointError(where, "this time cannot be read", "RFC 3339 with an offset, such as 2026-01-31T08:00:00Z")


def _never(address: str) -> jsonschema_rs.JSONType:
    """A schema that is not packaged is an error of ours, and never fetched."""
    raise LookupError(f"{address} is not packaged")


@cache
def _registry() -> jsonschema_rs.Registry:
    import jsonschema_rs  # only where devices deliver

    folder = files(__package__) / "schemas" / "openmhealth"
    published = {
        entry.name.removesuffix(".json"): json.loads(entry.read_bytes())
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }
    named = published | {alias: published[name] for alias, name in _ALIASES.items()}
    return jsonschema_rs.Registry([(f"{_BASE}{name}.json", schema) for name, schema in named.items()], retriever=_never)


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    import jsonschema_rs

    root = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": f"{_BASE}{name}.json"}
    return jsonschema_rs.validator_for(root, registry=_registry(), validate_formats=True, offline=True)


def _refusal(error: jsonschema_rs.ValidationError, prefix: str) -> PointError:
    import jsonschema_rs

    where = prefix + "".join(f"/{part}" for part in error.instance_path)
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Required(property=name):
            return PointError(where, f"{name} is missing", f"an object with {name}")
        case jsonschema_rs.ValidationErrorKind.Enum(options=options):
            return PointError(where, "this value is not in the list", ", ".join(str(option) for option in options))
        case jsonschema_rs.ValidationErrorKind.Type(types=types):
            return PointError(where, "this has the wrong type", " or ".join(types))
        case jsonschema_rs.ValidationErrorKind.Format(format=name):
            return PointError(
                where, f"this is not a {name}", "the form RFC 3339 gives" if name == "date-time" else name
            )
    return PointError(where, "this does not have one of the forms of the schema", _TIMES)
