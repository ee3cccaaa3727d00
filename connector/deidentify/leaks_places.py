"""Where in records a leak scan found something: kind of record and element path, never what, nor what data named.

`Patient` `name[0].family`: the way through the JSON of a line, with indexes from 0. A key that FHIR and Open mHealth do
not have could be a part of somebody's data, and is shown as `?`; so is a kind of record.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate

from connector.deidentify.leaks import Leak
from connector.ports import Place

UNKNOWN = "?"
MOST_PLACES, MOST_FINDS = 100, 1000
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|[{}\[\]:,]', re.DOTALL)
_KIND = re.compile(rb'\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_SCHEMA = re.compile(rb'"schema_id"\s*:')


def places(lines: Sequence[bytes], leaks: Iterable[Leak]) -> tuple[Place, ...]:
    """The place of each find in records that were scanned as one after the other, each with its line end.

    Of very many the first are told, and one more that only says there are more.
    """
    ends = list(accumulate(map(len, lines)))
    told, different = list[Place](), set[Place]()
    for leak in leaks:
        number = bisect_right(ends, leak.offset)
        place = Place(leak.kind, UNKNOWN, UNKNOWN)
        if len(told) == MOST_FINDS or len(different) == MOST_PLACES:
            return (*told, place)
        if number < len(lines):
            line = lines[number]
            place = Place(leak.kind, _kind(line), path(line, leak.offset - ends[number] + len(line)))
        told.append(place)
        different.add(place)
    return tuple(told)


def path(line: bytes, offset: int) -> str:
    """The element in which this byte of a line of JSON stands; in a key, that of the object with `?`."""
    steps: list[str | int] = []
    key: str | None = None
    for token in _TOKEN.finditer(line):
        mark = token[0][:1]
        inside = token.start() <= offset < token.end()
        if mark == b'"' and steps and steps[-1] == "":
            key = _known(token[1])
            if inside:
                return _written([*steps[:-1], UNKNOWN])
        elif token.start() > offset or inside:
            break
        elif mark == b":" and key is not None:
            steps[-1], key = key, None
        elif mark in b"{[":
            steps.append("" if mark == b"{" else 0)
        elif mark in b"}]" and steps:
            steps.pop()
        elif mark == b"," and steps:
            last = steps[-1]
            steps[-1] = last + 1 if isinstance(last, int) else ""
    return _written(steps)


def _written(steps: Sequence[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text and step else step
    return text or UNKNOWN


def _kind(line: bytes) -> str:
    match = _KIND.match(line)
    if match is None:
        return "DataPoint" if _SCHEMA.search(line) else UNKNOWN
    kind = match[1].decode()
    return kind if kind in names("kinds") else UNKNOWN


def _known(key: bytes) -> str:
    text = key.decode("utf-8", "replace")
    bare = text.removeprefix("_")
    return text if bare in names("fhir") or text in names("openmhealth") else UNKNOWN


@cache
def names(part: str) -> frozenset[str]:
    """The names of one part of `element_names.txt`: kinds, fhir or openmhealth."""
    text = files(__package__).joinpath("element_names.txt").read_text("utf-8")
    return frozenset(text.partition(f"[{part}]")[2].partition("[")[0].split())
