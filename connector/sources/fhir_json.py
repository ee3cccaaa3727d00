"""FHIR JSON, strictly: what two readers could understand differently is refused, and numbers keep their digits.

FHIR R4 2.6.2 forbids duplicate names and NaN; nesting is bounded because hostile input nests without end. A decimal is
kept as the bytes it came as (`1.10`, `1e2`, `-0`), which msgspec writes out again unchanged.
"""

from __future__ import annotations

import json
from typing import Any, Never

import msgspec
from msgspec import Raw

from connector.sources.fhir_error import Unreadable

DEEPEST = 64
MOST_VALUES = 4_000_000
_SURE_DIGITS = 15
_encode = msgspec.json.Encoder(order="sorted").encode

Resource = dict[str, Any]


def parse(data: bytes) -> Resource:
    """One JSON object. Raises `Unreadable`."""
    if data.count(b"{") + data.count(b"[") + data.count(b",") > MOST_VALUES:
        raise Unreadable("too many values", f"at most {MOST_VALUES} values in one document")
    try:
        value = _decoder.decode(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("the text is not UTF-8", "JSON in UTF-8") from None
    except json.JSONDecodeError as problem:
        raise Unreadable(f"not JSON (line {problem.lineno}, column {problem.colno})", "one JSON object") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object", "one FHIR resource or Bundle")
    return value


def write(value: Resource) -> bytes:
    """One line of JSON without spaces, names sorted. Raises `Unreadable` for text with half of a surrogate pair."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise Unreadable("a text holds half of a surrogate pair", "Unicode text") from None


def check_depth(depth: int) -> None:
    """Refuse nesting beyond `DEEPEST`. Raises `Unreadable`."""
    if depth > DEEPEST:
        raise _too_deep()


def _too_deep() -> Unreadable:
    return Unreadable("nested too deeply", f"at most {DEEPEST} levels")


def _object(members: list[tuple[str, Any]]) -> Resource:
    value = dict(members)
    if len(value) != len(members):
        raise Unreadable("an object has two members of the same name", "every name once (FHIR R4 2.6.2)")
    return value


def _whole(digits: str) -> int | Raw:
    return int(digits) if len(digits) <= _SURE_DIGITS and digits != "-0" else Raw(digits.encode())


def _no_number(_: str) -> Never:
    raise Unreadable("NaN or Infinity is not JSON", "numbers")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=lambda digits: Raw(digits.encode()),
    parse_int=_whole,
    parse_constant=_no_number,
)
