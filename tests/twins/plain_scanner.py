"""The scanner as it was first written: every byte looked at in Python. Slow, easy to follow; twin of the fast one."""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from unicodedata import normalize

from connector.deidentify.spellings import (
    BETWEEN_DIGITS,
    SHORTEST_FAMILY,
    birth_dates,
    digits_of,
    is_something_else,
    spread,
)

SHORTEST_ANYWHERE = 7
_SHORT_GRAM, _LONG_GRAM = 4, 8
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WORD = re.compile(r"[^\W\d_]+")
_BIRTH = re.compile(rb"(?:birth_?date|date_?of_?birth|\bdob)\W{1,6}(\d{4}-\d\d-\d\d)")
_VALUE = re.compile(rb'"(id|value|reference|family|given|name|text|line|user_id)":\s*\[?\s*"([^"\\]{1,128})"')
_TEXT = re.compile(
    rb'"(?:unit|text|state|country|city|district|line|title|description|comment|note|div|version|value[a-z]*)"'
    rb':\s*\[?\s*"((?:[^"\\]|\\.)+)"'
)
_WRITTEN_OUT = re.compile(rb":\s*(-?\d{1,20}(?:\.\d{1,20})?e[+-]?\d{1,2})(?!\d)")
# Begins with the slash, which a regular expression finds fastest.
_REFERENCE = re.compile(rb"/(?<=patient/|itioner/|dperson/)([a-z0-9.-]{1,64})")
_JSON_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|([/\"\\]))")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
_BIRTH_DATE = "birth-date"
_BIRTH_WORDS = (b"birth", b"dob")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NUMBER_BEFORE, _NUMBER_AFTER = re.compile(rb"\d\.?\Z"), re.compile(rb"\.?\d")


class Leak(NamedTuple):
    """One identifier found: `kind` is plain, base64, url, json-escape, value, number, name
    or birth-date; `offset` counts bytes."""

    kind: str
    where: str
    offset: int


class LeakScanner:
    """Searches bytes for the identifiers it was made of, all of them in one pass; it keeps them folded, in memory."""

    def __init__(self, identifiers: Iterable[str]) -> None:
        self._values: set[bytes] = set()
        self._families: set[bytes] = set()
        self._births: set[bytes] = set()
        self._anywhere = _Patterns()
        self._numbers: dict[bytes, re.Pattern[bytes]] = {}
        self._squeezed = _Patterns()
        for identifier in {text.strip() for text in identifiers} - {""}:
            self._learn(normalize("NFC", identifier))

    def scan(self, data: bytes, where: str) -> list[Leak]:
        """Every identifier found in `data`, by offset. `where` is passed on (a file or line, nothing personal)."""
        found: dict[int, str] = {}
        for kind, view in _views(data):
            for how, position in self._find(view.data):
                found.setdefault(view.offset(position), kind or how)
        return [Leak(kind, where, offset) for offset, kind in sorted(found.items())]

    def _learn(self, identifier: str) -> None:
        plain = identifier.casefold().encode()
        if _DATE.fullmatch(identifier):
            self._births.add(plain)
            self._anywhere.add_base64(identifier)
            self._learn_birth(identifier)
            return
        self._values.add(plain)
        for digits in digits_of(identifier):
            self._numbers[digits] = spread(digits)
            self._squeezed.add(digits, "number")
        family, comma, _ = plain.partition(b", ")
        if comma:
            self._families.add(family)
        if len(plain) >= SHORTEST_ANYWHERE and not _WORD.fullmatch(identifier):
            self._anywhere.add(plain)
            self._anywhere.add(normalize("NFD", identifier).casefold().encode())
            self._anywhere.add(plain.replace(b" ", b"+"), "url")
            self._anywhere.add_base64(identifier)

    def _learn_birth(self, day: str) -> None:
        try:
            spellings = list(birth_dates(date.fromisoformat(day)))
        except ValueError:
            return
        for spelling in spellings:
            self._anywhere.add(spelling.casefold().encode(), _BIRTH_DATE)

    def _find(self, data: bytes) -> Iterator[tuple[str, int]]:
        yield from self._anywhere.find(data)
        texts = data.split(b'"')
        if not (self._values.isdisjoint(texts) and self._families.isdisjoint(texts)):
            yield from self._find_values(data)
        for match in _REFERENCE.finditer(data):
            if match[1] in self._values:
                yield "value", match.start(1)
        if self._births and any(word in data for word in _BIRTH_WORDS):
            for match in _BIRTH.finditer(data):
                if match[1] in self._births:
                    yield _BIRTH_DATE, match.start(1)
        if self._numbers:
            yield from self._find_numbers(data)
        if any(family in data for family in self._families):
            yield from self._find_families(data)

    def _find_numbers(self, data: bytes) -> Iterator[tuple[str, int]]:
        squeezed = data.translate(None, BETWEEN_DIGITS)
        for digits in self._squeezed.met(squeezed):
            for match in self._numbers[digits].finditer(data):
                if not is_something_else(match[0]):
                    yield "number", match.start()
        for match in _WRITTEN_OUT.finditer(data):
            if f"{abs(Decimal(match[1].decode())):.0f}".encode() in self._numbers:
                yield "number", match.start(1)

    def _find_families(self, data: bytes) -> Iterator[tuple[str, int]]:
        met = [family for family in self._families if len(family.decode()) >= SHORTEST_FAMILY and family in data]
        if not met:
            return
        word = re.compile(rb"(?<![a-z0-9\x80-\xff])(?:" + b"|".join(map(re.escape, met)) + rb")(?![a-z0-9\x80-\xff])")
        for text in _TEXT.finditer(data):
            for match in word.finditer(text[1]):
                yield "name", text.start(1) + match.start()

    def _find_values(self, data: bytes) -> Iterator[tuple[str, int]]:
        for match in _VALUE.finditer(data):
            if match[2] in self._values or (match[1] == b"family" and match[2] in self._families):
                yield "value", match.start(2)


class _Patterns:
    """Byte strings searched together. Any 15 bytes hold a whole aligned group of 8, any 7 bytes one of 4: so only the
    aligned groups of the data are looked up, in a table of the groups a pattern has at every alignment.
    """

    def __init__(self) -> None:
        self._kinds: dict[bytes, str] = {}
        # Per group length: which patterns hold a group, and at which byte of them.
        self._tables: dict[int, dict[int, list[tuple[bytes, int]]]] = {_LONG_GRAM: {}, _SHORT_GRAM: {}}
        self._groups: dict[int, set[int]] = {_LONG_GRAM: set(), _SHORT_GRAM: set()}

    def add(self, pattern: bytes, kind: str = "plain") -> None:
        """Search for this too. Shorter than 7 bytes it is not distinctive enough, and left out."""
        if len(pattern) < SHORTEST_ANYWHERE or pattern in self._kinds:
            return
        self._kinds[pattern] = kind
        gram = _LONG_GRAM if len(pattern) >= 2 * _LONG_GRAM - 1 else _SHORT_GRAM
        first = (len(pattern) - (2 * gram - 1)) // 2
        for start in range(first, first + gram):
            group = int.from_bytes(pattern[start : start + gram], sys.byteorder)
            self._tables[gram].setdefault(group, []).append((pattern, start))
            self._groups[gram].add(group)

    def add_base64(self, text: str) -> None:
        """Search for this inside anything that was Base64-encoded, as it is, in capitals and in small letters."""
        for spelling in {text, text.upper(), text.lower()}:
            for core in _base64_cores(spelling.encode()):
                self.add(core.lower(), "base64")
                self.add(core.translate(_URL_SAFE).lower(), "base64")

    def find(self, data: bytes) -> Iterator[tuple[str, int]]:
        """Kind and offset of every pattern in the data."""
        view = memoryview(data)
        for gram, table in self._tables.items():
            whole = view[: len(data) // gram * gram]
            aligned = whole.cast("Q") if gram == _LONG_GRAM else whole.cast("I")
            met = self._groups[gram].intersection(aligned)
            for place in [place for place, group in enumerate(aligned) if group in met] if met else ():
                for pattern, before in table[aligned[place]]:
                    start = place * gram - before
                    if (
                        start >= 0
                        and data.startswith(pattern, start)
                        and _stands_alone(data, start, pattern, self._kinds[pattern])
                    ):
                        yield self._kinds[pattern], start

    def met(self, data: bytes) -> set[bytes]:
        """The patterns that are in the data, whatever stands around them."""
        return {pattern for pattern in self._kinds if pattern in data} if self._any(data) else set()

    def _any(self, data: bytes) -> bool:
        view = memoryview(data)
        whole = {gram: view[: len(data) // gram * gram] for gram in self._groups}
        return not (
            self._groups[_LONG_GRAM].isdisjoint(whole[_LONG_GRAM].cast("Q"))
            and self._groups[_SHORT_GRAM].isdisjoint(whole[_SHORT_GRAM].cast("I"))
        )


def _stands_alone(data: bytes, start: int, pattern: bytes, kind: str) -> bool:
    """Whether digits, or a date, are no part of a longer number; anything else always does."""
    end = start + len(pattern)
    before, after = data[max(start - 2, 0) : start], data[end : end + 2]
    return not (pattern.isdigit() or kind == _BIRTH_DATE) or not (
        _NUMBER_BEFORE.search(before) or _NUMBER_AFTER.match(after)
    )


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """The characters that any Base64 text around `raw` must hold, for each place `raw` may have in a group of three."""
    for before, skip in ((0, 0), (1, 2), (2, 3)):
        yield b64encode(bytes(before) + raw)[skip : (len(raw) + before) * 8 // 6]


class _View(NamedTuple):
    """The data rewritten from another view of it: what stands from `places[i]` on comes from `origins[i]` there."""

    data: bytes
    places: list[int]
    origins: list[int]
    source: _View | None = None

    def offset(self, position: int) -> int:
        """Where in the data itself this place of the view comes from. Inside a replacement: where that begins."""
        index = bisect_right(self.places, position) - 1
        origin = self.origins[index] + position - self.places[index]
        return origin if self.source is None else self.source.offset(origin)

    def rewritten(self, pattern: re.Pattern[bytes], meaning: Callable[[re.Match[bytes]], bytes]) -> _View:
        """Every match replaced by its meaning."""
        pieces, places, origins, done, length = list[bytes](), [0], [0], 0, 0
        for match in pattern.finditer(self.data):
            new = meaning(match)
            pieces += [self.data[done : match.start()], new]
            length += match.start() - done
            done = match.end()
            places += [length, length + len(new)]
            origins += [match.start(), done]
            length += len(new)
        return _View(b"".join([*pieces, self.data[done:]]), places, origins, self)


def _views(data: bytes) -> Iterator[tuple[str, _View]]:
    view = _View(data, [0], [0])
    yield "", _folded(view)
    if b"\\" in data and _JSON_ESCAPE.search(data):
        view = view.rewritten(_JSON_ESCAPE, _unescaped)
        yield "json-escape", _folded(view)
    if b"%" in data and _PERCENT.search(data):
        view = view.rewritten(_PERCENT, lambda match: bytes.fromhex(match[0].replace(b"%", b"").decode()))
        yield "url", _folded(view)


def _folded(view: _View) -> _View:
    lower = view._replace(data=view.data.lower())
    return lower if lower.data.isascii() else lower.rewritten(_NOT_ASCII, _casefolded)


def _casefolded(match: re.Match[bytes]) -> bytes:
    return match[0].decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return chr(int(match[1], 16)).encode("utf-8", "surrogatepass") if match[1] else match[2]
