"""A first look at bytes, almost as fast as copying them: where could one of many patterns be?

Any five bytes hold a group of four that begins at an even place. So of every pattern two neighbouring groups are kept,
and of the data the groups at even places are looked up, all of them in a few vector operations: in one letter case
(one bit of each byte tells it), hashed, in a table of truth values. What is met there is compared with the groups
themselves, and the few places left are looked at exactly by whoever asked. No pattern is missed; a place may be told
for nothing.

A number may have marks between its digits: so the digits alone are looked through for how each number begins.
"""

from __future__ import annotations

import sys
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from threading import local
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_GROUP = 4
_BLOCK = 128 * 1024
_FEWEST_BITS, _MOST_BITS = 16, 24
_CASE = np.uint8(0x20)
_FIRST, _SECOND = np.uint32(2654435761), np.uint32(2246822519)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"\0", b"\0\0")
_SKIPPED = (0, 2, 3)
"""How many characters of Base64 depend on what stands before, by how many bytes of a group of three stand there."""
_ZERO, _TEN = np.uint8(ord("0")), np.uint8(10)
_EVERY = np.unique(np.arange(256, dtype=np.uint32) | np.uint32(_CASE))
"""Every byte, in one letter case."""
_OPENING = np.unique(np.frombuffer(b":[{(,;=> \t\n\r\x0b\x0c", np.uint8).astype(np.uint32) | np.uint32(_CASE))
"""What may stand before a value in quotes."""

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.uint32]
Places = NDArray[np.int64]
_ALIGNMENTS, _SKIPS = np.arange(3)[:, None], np.array(_SKIPPED)[:, None]
_NOTHING: Bytes = np.zeros(0, np.uint8)
_NOWHERE: Places = np.zeros(0, np.int64)
_LAST = np.arange(-_GROUP, 0)[:, None]
_FIVE = np.arange(_GROUP + 1)[:, None]


class _Desk(local):
    """Room for what is worked on, one block for each thread: new memory for every step costs more than the step."""

    def __init__(self) -> None:
        self.text = np.empty(2 * _BLOCK, np.uint8)
        self.groups = self.text.view(np.uint32)
        self.hashed = np.empty_like(self.groups)
        self.met = np.empty(self.groups.shape, np.bool_)
        self.digital = np.empty(_BLOCK, np.bool_)


_desk = _Desk()


class Grams:
    """Patterns (folded, at least 3 bytes; shorter than 5 only with a quote or a slash in them), `raw` ones as Base64,
    and numbers (seven digits or more).

    Patterns are numbered: first those given, then the ways in which raw ones stand in Base64 in small letters.
    """

    def __init__(self, patterns: Sequence[bytes], raw: Sequence[bytes], numbers: Iterable[bytes]) -> None:
        self._given = len(patterns)
        encoded, starts, lengths = _base64(raw) if raw else (b"", _NOWHERE, _NOWHERE)
        given = np.fromiter(map(len, patterns), np.int64, self._given)
        first = b"".join(patterns)
        self._blob = first + encoded
        self._starts = np.concatenate([np.cumsum(given) - given, starts + len(first)])
        self._lengths = np.concatenate([given, lengths])
        self._starting: dict[int, list[tuple[bytes, bytes, int]]] = {}
        for number in numbers:
            for spelt in _spellings(number):
                for inside in (0, 1):
                    group = int.from_bytes(spelt[inside : inside + _GROUP], sys.byteorder)
                    self._starting.setdefault(group, []).append((spelt, number, inside))
        self._learn()

    def pattern(self, number: int) -> tuple[bytes, bool]:
        """A pattern, and whether it is one in Base64."""
        start = int(self._starts[number])
        return self._blob[start : start + int(self._lengths[number])], number >= self._given

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Numbers of patterns that may be in the data, each with the byte at which it would begin (also before it)."""
        text = np.frombuffer(data, np.uint8)
        met = self._met_in(text)
        return self._belonging(text, *map(np.concatenate, zip(*met, strict=True))) if met else iter(())

    def find_digits(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Numbers whose digits follow each other in the data, whatever is between them, and the byte of the first."""
        if not self._starting:
            return
        text = np.frombuffer(data, np.uint8)
        stream = _digits(text)
        digits: bytes = stream.tobytes()
        places: Places | None = None
        for begins, groups in self._met_in(stream):
            for begin, group in zip(begins.tolist(), groups.tolist(), strict=True):
                for spelt, number, inside in self._starting.get(group, ()):
                    if begin >= inside and digits.startswith(spelt, begin - inside):
                        places = ((text - _ZERO) < _TEN).nonzero()[0] if places is None else places
                        yield number, int(places[begin - inside])

    def _learn(self) -> None:
        """Note the groups. Who they belong to is put together when one is met: mostly none is."""
        folded = np.frombuffer(self._blob, np.uint8) | _CASE
        self._long = (self._lengths > _GROUP).nonzero()[0]
        self._middle = (self._lengths[self._long] - _GROUP - 1) // 2
        five = folded.take(_FIVE + (self._starts.take(self._long) + self._middle))
        groups = [_groups(five[:-1]), _groups(five[1:])]
        self._short = list[_Short]()
        for number in (self._lengths <= _GROUP).nonzero()[0].tolist():
            self._short += _short(folded[self._starts[number] :][: self._lengths[number]], number)
        self._group = np.concatenate([*groups, *(short.groups for short in self._short)])
        every = np.concatenate([self._group, np.fromiter(self._starting, np.uint32, len(self._starting))])
        bits = min(max(_FEWEST_BITS, int(every.size).bit_length() + 6), _MOST_BITS)
        self._any, self._shift = every.size > 0, np.uint32(32 - bits)
        self._met, self._sure = np.zeros(1 << bits, np.bool_), np.zeros(1 << bits, np.bool_)
        self._met[(every * _FIRST) >> self._shift] = True
        self._sure[(every * _SECOND) >> self._shift] = True
        self._whose: tuple[Numbers, Places, Places] | None = None

    def _met_in(self, data: Bytes) -> list[tuple[Places, Numbers]]:
        """Where in the data groups stand that are known, but for a few."""
        desk, found = _desk, list[tuple[Places, Numbers]]()
        for start in range(0, data.size if self._any else 0, _BLOCK):
            size = min(_BLOCK, data.size - start)
            count = -(-size // _GROUP)
            # Twice one after the other: from the first byte, and from the third.
            for begin, here in ((start, 0), (start + 2, count * _GROUP)):
                part = data[begin : begin + size]
                desk.text[here + part.size : here + count * _GROUP] = _CASE
                np.bitwise_or(part, _CASE, out=desk.text[here : here + part.size])
            aligned, looked, met = desk.groups[: 2 * count], desk.hashed[: 2 * count], desk.met[: 2 * count]
            np.multiply(aligned, _FIRST, out=looked)
            np.right_shift(looked, self._shift, out=looked)
            self._met.take(looked, out=met, mode="clip")
            places = met.nonzero()[0]
            group = aligned.take(places)
            sure = self._sure.take((group * _SECOND) >> self._shift)
            if sure.any():
                places, group = places[sure], group[sure]
                found.append((places * _GROUP + np.where(places < count, start, start + 2 - count * _GROUP), group))
        return found

    def _belonging(self, data: Bytes, places: Places, groups: Numbers) -> Iterator[tuple[int, int]]:
        """Whose these groups are, where of that pattern the last four bytes are in the data too."""
        if self._whose is None:
            self._whose = self._owners()
        known, owners, inside = self._whose
        first = known.searchsorted(groups, "left")
        count = known.searchsorted(groups, "right") - first
        which = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        owners, begins = owners[which], np.repeat(places, count) - inside[which]
        # The last four bytes, or all three.
        last = np.maximum(_LAST, -self._lengths[owners]) + self._lengths[owners]
        there = data.take(begins + last, mode="clip")
        folded = np.frombuffer(self._blob, np.uint8).take(self._starts[owners] + last)
        same = ((there ^ folded) & ~_CASE == 0).all(axis=0)
        return zip(owners[same].tolist(), begins[same].tolist(), strict=True)

    def _owners(self) -> tuple[Numbers, Places, Places]:
        """The groups in order, whose each is, and where in it."""
        owners = [self._long, self._long, *(np.full(one.groups.shape, one.owner) for one in self._short)]
        inside = [self._middle, self._middle + 1, *(np.full(one.groups.shape, one.place) for one in self._short)]
        order = self._group.argsort()
        return self._group[order], np.concatenate(owners)[order], np.concatenate(inside)[order]


def _digits(text: Bytes) -> Bytes:
    """All digits there are. Eight bytes without one are passed over at once: they are most of a record."""
    kept = list[Bytes]()
    for start in range(0, text.size, _BLOCK):
        part = text[start : start + _BLOCK]
        whole = part.size // 8
        met = (_digital(part)[: whole * 8].view(np.uint64) != 0).nonzero()[0]
        some = part[: whole * 8].view(np.uint64).take(met).view(np.uint8)
        kept += [one.take(_digital(one).nonzero()[0]) for one in (some, part[whole * 8 :])]
    return np.concatenate([_NOTHING, *kept])


def _digital(text: Bytes) -> NDArray[np.bool_]:
    """Which of at most a block of bytes are digits; told until the next call."""
    above = np.subtract(text, _ZERO, out=_desk.text[: text.size])
    return np.less(above, _TEN, out=_desk.digital[: text.size])


def _spellings(number: bytes) -> Iterator[bytes]:
    """The digits of a number as they begin when it is written out: its last zeros an exponent, or rounded up to it."""
    shorter = number.rstrip(b"0")
    yield shorter if len(shorter) > _GROUP else number
    if int(number):
        yield b"%0*d" % (len(number), int(number) - 1)


def hides(number: bytes) -> bool:
    """Whether so many zeros are at its end that in scientific notation hardly a digit is left of it."""
    return len(number.rstrip(b"0")) <= _GROUP


def _groups(columns: Bytes) -> Numbers:
    """The groups of four whose first bytes are the first row, their second bytes the second, and so on."""
    return np.ascontiguousarray(columns.T).view(np.uint32)[:, 0]


class _Short(NamedTuple):
    """Groups of one that has no five bytes, with what may stand beside it."""

    groups: Numbers
    owner: int
    place: int


def _short(pattern: Bytes, number: int) -> Iterator[_Short]:
    known = np.uint32(int.from_bytes(pattern[-3:].tobytes(), "little"))
    yield _Short(known | _EVERY << np.uint32(24), number, len(pattern) - 3)
    if len(pattern) == _GROUP:
        yield _Short(pattern.view(np.uint32), number, 0)
    else:
        yield _Short(_OPENING | known << np.uint32(8), number, -1)


def _base64(raw: Sequence[bytes]) -> tuple[bytes, Places, Places]:
    """Base64 text of all of them, and where in it are the characters that any Base64 around them must hold.

    For each place one may have in a group of three bytes; as it is, in capitals, in small letters; in both alphabets.
    """
    joined = b"".join([one + _PADDING[-len(one) % 3] for one in raw])
    lengths = np.fromiter(map(len, raw), np.int64, len(raw))
    padded = (lengths + 2) // 3 * 4
    begins = np.cumsum(padded) - padded
    texts, offsets, alignments = list[bytes](), list[int](), list[int]()
    size = 0
    for case in dict.fromkeys((joined, joined.upper(), joined.lower())):
        for before in range(3):
            text = b2a_base64(_PADDING[before] + case, newline=False)
            for spelt in (text, text.translate(_URL_SAFE)) if b"+" in text or b"/" in text else (text,):
                texts.append(spelt)
                offsets.append(size + _SKIPPED[before])
                alignments.append(before)
                size += len(spelt)
    starts = np.array(offsets)[:, None] + begins
    sizes = (((lengths + _ALIGNMENTS) * 8 // 6) - _SKIPS)[alignments]
    return b"".join(texts).lower(), starts.ravel(), sizes.ravel()
