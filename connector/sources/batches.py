"""What a device sends in one request: NDJSON, a JSON array, or a single JSON object, as points with their own bytes."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from connector.sources.openmhealth import Caps, DevicePoint, PointError, read_batch, read_point

CAPS = Caps(total_bytes=8 * 1024 * 1024, lines=20_000, line_bytes=64 * 1024)

Found = tuple[int, DevicePoint | PointError, bytes]


def read(payload: bytes, caps: Caps = CAPS) -> Iterator[Found]:
    """Per point its number (from 1), the point or why it is none, and its bytes. Raises PointError for the whole."""
    text = payload.strip()
    if len(payload) > caps.total_bytes:
        raise PointError("", "the batch is too large", f"at most {caps.total_bytes} bytes")
    if not text:
        raise PointError("", "the body is empty", "NDJSON, a JSON array or a JSON object of Open mHealth data points")
    if text.startswith(b"["):
        return _array(text, caps)
    if b"\n" in text and (single := _object(text)) is not None:
        return iter([_one(1, single)])
    lines = payload.split(b"\n")
    return ((number, point, lines[number - 1].strip()) for number, point in read_batch(payload, caps))


def _array(text: bytes, caps: Caps) -> Iterator[Found]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise PointError("", "this is not JSON", "a JSON array of Open mHealth data points") from None
    if not isinstance(items, list) or len(items) > caps.lines:
        raise PointError("", "the array has too many points", f"at most {caps.lines} points")
    return (_one(number, item) for number, item in enumerate(items, 1))


def _object(text: bytes) -> object | None:
    """A single object written over several lines; None when it is NDJSON."""
    try:
        return orjson.loads(text)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError:
        return None


def _one(number: int, item: object) -> Found:
    try:
        return number, read_point(item), orjson.dumps(item)
    except PointError as fault:
        return number, fault, b""
