"""Conditional requests, ranges and content codings of one representation (RFC 9110, 8.4.1, 12.5.3, 13 and 14).

Validators are strong. A range is one range of bytes of the representation as it is sent, that is of the encoded bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers

from connector.problems import Problem

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,15})[ \t]*-[ \t]*([0-9]{0,15})[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class Unsatisfiable(Problem):
    """The range lies outside, or is none that is served; `size` is how long the whole is."""

    def __init__(self, size: int) -> None:
        super().__init__(416, "bad-range", "This range cannot be served", "", "Range", "bytes=a-b or bytes=a-")
        self.size = size


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request for a representation is answered: 200, 206 with its span, or 304 without a body."""

    status: int
    start: int
    stop: int


def answer_to(headers: Headers, etag: str, size: int) -> Answer:
    """What is asked of a representation of so many bytes. Raises Problem 412, Unsatisfiable."""
    wanted = headers.get("if-match")
    if wanted is not None and not _matches(wanted, etag):
        raise Problem(412, "not-the-same", "What is here is not what was meant", "", "If-Match")
    known = headers.get("if-none-match")
    if known is not None and _matches(known.replace("W/", ""), etag):
        return Answer(304, 0, 0)
    span = headers.get("range")
    condition = headers.get("if-range")
    if span is None or (condition is not None and condition.strip() != etag):
        return Answer(200, 0, size)
    return Answer(206, *_span(span, size))


def _matches(tags: str, etag: str) -> bool:
    return tags.strip() == "*" or etag in _TAG.findall(tags)


def _span(given: str, size: int) -> tuple[int, int]:
    found = _RANGE.fullmatch(given.strip())
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        raise Unsatisfiable(size)
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= stop:
        raise Unsatisfiable(size)
    return start, stop


def chosen_coding(fields: Sequence[str], codings: Sequence[str]) -> str:
    """The first of our codings that is accepted as much as any; "" for none. What cannot be read asks for none."""
    weights = weights_of(fields)
    best, chosen = max(0.0, weights.get("identity", 0.0)), ""
    for coding in codings:
        weight = weights.get(coding, weights.get("*", 0.0))
        if weight > best or (weight == best and weight > 0 and not chosen):
            best, chosen = weight, coding
    return chosen


def weights_of(fields: Sequence[str]) -> dict[str, float]:
    """What `Accept-Encoding` fields say of each coding they name, `*` among them (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for one in ",".join(fields).split(","):
        name, _, parameter = one.partition(";")
        weights[name.strip().lower()] = _weight(parameter)
    return weights


def _weight(parameter: str) -> float:
    """The weight a parameter such as `q=0.5` gives; 1 for none, 0 for one that cannot be read."""
    name, _, value = parameter.partition("=")
    if not parameter.strip():
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
