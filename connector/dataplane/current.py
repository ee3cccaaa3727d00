"""What was received, as it stands now: the newest line of each record, without what was deleted or may not be used.

Files come oldest first; each carries on from the one before it. They stay as their sender signed them: only what is
read here takes later lines in the place of earlier ones, and leaves out what a Bundle of deletions names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from connector.dataplane.lines import code_of

LONGEST_LINE = 1024 * 1024
Key = tuple[str, str]


class Unreadable(ValueError):
    """A file is not what was received: a line of it is no record, or has no end."""


def current(files: Sequence[Path], left_out: Collection[str]) -> Iterator[tuple[Key, bytes]]:
    """Every record as (type, id) and its line, newest file first. Raises Unreadable, OSError."""
    gone = set[Key]()
    for place, path in enumerate(reversed(files)):
        last = place == len(files) - 1
        fresh = set[Key]()
        for line in _lines(path):
            record = _record(line)
            key = (str(record.get("resourceType") or ""), str(record.get("id") or ""))
            if key[0] == "Bundle":
                fresh |= _deleted(record)
                continue
            if not last:
                fresh.add(key)
            if key not in gone and not (left_out and code_of(line) in left_out):
                yield key, line
        gone |= fresh


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            if not line.endswith(b"\n"):
                raise Unreadable("a line has no end, or is too long")
            yield line


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise Unreadable("a line is no JSON") from None
    if not isinstance(record, dict):
        raise Unreadable("a line is no record")
    return record


def _deleted(bundle: dict[str, Any]) -> set[Key]:
    """What a Bundle of deletions names, as `Type/id`. Raises Unreadable for any other Bundle."""
    found = set[Key]()
    for entry in bundle.get("entry") or ():
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or request.get("method") != "DELETE":
            raise Unreadable("a Bundle holds something else than deletions")
        kind, _, id = str(request.get("url", "")).partition("/")
        found.add((kind, id))
    return found
