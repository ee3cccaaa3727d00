"""Reading request bodies: a limit before anything is read, one strict JSON parser, one depth limit (design 3.3).

orjson keeps the last of duplicate keys silently and nests to 1,024; both are refused here before it is trusted.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Request

from connector.problems import Problem, invalid

MAX_DEPTH = 64
SECONDS = 30.0
"""How long a whole body may take to arrive."""
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A JSON string, or what begins like one and never ends. It never goes back, so it costs no more than its length."""
_BRACKETS = re.compile(rb"[\[\]{}]")


async def read_bytes(request: Request, limit: int, seconds: float = SECONDS) -> bytes:
    """The whole body, at most `limit` bytes; raises Problem 413 once more is announced or arrives, 408 when late."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return b"".join([part async for part in _at_most(request, limit)])
    except TimeoutError:
        raise Problem(408, "too-slow", "The body did not arrive in time") from None


async def _at_most(request: Request, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        yield part


def read_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly: UTF-8, no duplicate keys, no NaN, at most 64 levels. Raises Problem 400."""
    _check_depth(data)
    try:
        value = orjson.loads(data)
        _refuse_duplicates(data)
    except (orjson.JSONDecodeError, ValueError) as error:
        raise invalid(f"The body is not JSON we accept: {_reason(error)}", accepted="a JSON object in UTF-8") from None
    if not isinstance(value, dict):
        raise invalid("The body is not a JSON object", accepted="a JSON object in UTF-8")
    return value


def _reason(error: Exception) -> str:
    # orjson's own words may quote the input; only its position is repeated.
    if isinstance(error, orjson.JSONDecodeError):
        return f"error at line {error.lineno}, column {error.colno}"
    return str(error)


def _check_depth(data: bytes) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", data)):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise invalid(f"The body nests deeper than {MAX_DEPTH} levels", accepted=f"at most {MAX_DEPTH} levels")


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise ValueError("a key stands twice in one object")
    return found


_TWICE = json.JSONDecoder(object_pairs_hook=_unique)
"""Made once: `json.loads` makes another for every body."""


def _refuse_duplicates(data: bytes) -> None:
    _TWICE.decode(data.decode())


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", "The body is too large", accepted=f"at most {limit} bytes")
