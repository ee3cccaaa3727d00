"""What a profile does to real records: which of their elements it keeps, changes or drops, and which it does not know.

Elements are named as in `comparing`, without places in arrays. A report holds names of elements and numbers, never a
value: a name that no FHIR element could have is not repeated either. Numbers are exact, for the holder's own staff.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connector.deidentify.comparing import word
from connector.deidentify.profile import Profile
from connector.deidentify.shapes import AGES, Shape

# A value of JSON as it was read: any of its types.
Value = Any
NOT_A_NAME = "(not a FHIR name)"
_NAME = re.compile(r"_?[a-z][A-Za-z0-9]{0,63}", re.ASCII)
_KIND = re.compile(r"[A-Z][A-Za-z]{0,63}", re.ASCII)
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_EVERYWHERE = frozenset({"resourceType", "fhir_comments"})
_LEAVES = AGES | {"subject"}
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Row:
    """One element: how often records had it, and in how many of these it was kept as it was, changed, masked, dropped.

    `rule` is what the profile says; empty for an element it does not know, of which nothing leaves.
    """

    path: str
    rule: str
    seen: int = 0
    kept: int = 0
    changed: int = 0
    masked: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it: `listed` elements, `unknown` ones, `unused` (listed, never seen in the kinds there were), and
    `refused`: kind of record and reason -> how many."""

    profile: str
    release: str
    records: int
    released: int
    kinds: dict[str, int]
    listed: list[Row]
    unknown: list[Row]
    unused: list[str]
    refused: dict[str, int]


@dataclass(slots=True)
class _Seen:
    """The values of one record by element, and how often each element stood there that the profile does not know."""

    values: dict[str, Counter[bytes]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


class Coverage:
    """Compares records with what a profile made of them, and counts. Use one per report, in one thread."""

    def __init__(self, profile: Profile, release: str = "R4") -> None:
        self._profile = profile
        self._release = release
        self._shapes = profile.shapes(release)
        self._rows: dict[str, Row] = {}
        self._kinds: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._released = 0

    def add(self, body: bytes, outcome: bytes | str) -> None:
        """One record, and what would be released of it; or the code of why nothing is (`outcome.Rejected`)."""
        kind = _kind_of(body)
        self._kinds[kind] += 1
        if isinstance(outcome, str):
            self._refused[f"{kind}: {outcome}"] += 1
            return
        self._released += 1
        shape = self._shapes.get(kind) or next(iter(self._shapes.values()))
        before, after = _Seen(), _Seen()
        self._walk(_decode(body), shape, kind, before)
        self._walk(_decode(outcome), shape, kind, after)
        self._count(before, after)

    def report(self) -> Report:
        """What was counted so far."""
        rows = sorted(self._rows.values(), key=lambda row: row.path)
        listed = [row for row in rows if row.rule]
        seen = {row.path for row in listed}
        unused = [
            path for kind in sorted(self._kinds) if kind in self._shapes
            for path in _paths(kind, self._shapes[kind]) if path not in seen
        ]  # fmt: skip
        return Report(
            self._profile.pinned, self._release, self._kinds.total(), self._released, dict(self._kinds), listed,
            [row for row in rows if not row.rule], unused, dict(self._refused),
        )  # fmt: skip

    def _count(self, before: _Seen, after: _Seen) -> None:
        for path, values in before.values.items():
            told, row = after.values.get(path, Counter()), self._rows[path]
            same = (values & told).total()
            masked = min(after.masked[path], values.total() - same)
            changed = min(told.total(), values.total() - masked) - same
            row.seen += values.total()
            row.kept, row.changed, row.masked = row.kept + same, row.changed + changed, row.masked + masked
            row.dropped += values.total() - same - changed - masked
        for path, number in before.unknown.items():
            row = self._rows.setdefault(path, Row(path, ""))
            row.seen, row.dropped = row.seen + number, row.dropped + number

    def _walk(self, value: Value, shape: Shape, path: str, seen: _Seen) -> None:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                self._object(item, shape, path, seen)

    def _object(self, value: Mapping[str, Value], shape: Shape, path: str, seen: _Seen) -> None:
        known = {element.name: element for element in shape.elements}
        for name, part in value.items():
            where = f"{path}.{_safe(name)}"
            if name == "contained":
                self._contained(part, path, seen)
            elif (element := known.get(name)) is None:
                self._stranger(name, part, where, seen)
            elif element.listed:
                self._extensions(part, {one.url: one.shape for one in element.listed}, where, seen)
            elif element.shape is not None and element.rule not in _LEAVES:
                if not _note_mask(part, where, seen):
                    self._walk(part, element.shape, where, seen)
            else:
                self._leaf(part, where, word(element), seen)

    def _leaf(self, part: Value, where: str, rule: str, seen: _Seen) -> None:
        self._rows.setdefault(where, Row(where, rule))
        values = seen.values.setdefault(where, Counter())
        for item in part if isinstance(part, list) else [part]:
            if not _note_mask(item, where, seen):
                values[msgspec.json.encode(item)] += 1

    def _stranger(self, name: str, part: Value, where: str, seen: _Seen) -> None:
        if name[:1] == "_" and _note_mask(part, where.replace("._", "."), seen):
            return
        if name not in _EVERYWHERE and not _note_mask(part, where, seen):
            seen.unknown[where] += len(part) if isinstance(part, list) else 1

    def _extensions(self, part: Value, listed: Mapping[str, Shape], where: str, seen: _Seen) -> None:
        for item in part if isinstance(part, list) else []:
            shape = listed.get(str(item.get("url"))) if isinstance(item, dict) else None
            if shape is None:
                seen.unknown[where] += 1
            else:
                value = {key: one for key, one in item.items() if key != "url"}
                self._object(value, shape, f"{where}({item['url']})", seen)

    def _contained(self, part: Value, path: str, seen: _Seen) -> None:
        for item in part if isinstance(part, list) else []:
            kind = str(item.get("resourceType", "")) if isinstance(item, dict) else ""
            where = f"{path}.contained({kind if _KIND.fullmatch(kind) else NOT_A_NAME})"
            if kind in self._shapes and kind != "Patient":
                self._object(item, self._shapes[kind], where, seen)
            else:
                seen.unknown[where] += 1


def _note_mask(part: Value, where: str, seen: _Seen) -> bool:
    """Whether this says only that something was masked."""
    items = part if isinstance(part, list) else [part]
    masked = [item for item in items if isinstance(item, dict) and _is_mask(item)]
    seen.masked[where] += len(masked)
    return bool(masked) and len(masked) == len(items)


def _is_mask(item: Mapping[str, Value]) -> bool:
    told = item.get("extension")
    return item.keys() == {"extension"} and isinstance(told, list) and any(
        isinstance(one, dict) and one.get("url") == _ABSENT for one in told
    )  # fmt: skip


def _kind_of(body: bytes) -> str:
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "not JSON"
    kind = value.get("resourceType", "DataPoint") if isinstance(value, dict) else ""
    return kind if isinstance(kind, str) and _KIND.fullmatch(kind) else NOT_A_NAME


def _safe(name: str) -> str:
    return name if _NAME.fullmatch(name) else NOT_A_NAME


def _paths(path: str, shape: Shape) -> Iterator[str]:
    for element in shape.elements:
        where = f"{path}.{element.name}"
        for one in element.listed:
            yield from _paths(f"{where}({one.url})", one.shape)
        if element.shape is not None and element.rule not in _LEAVES:
            yield from _paths(where, element.shape)
        elif not element.listed:
            yield where
