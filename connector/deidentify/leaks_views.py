"""The same data read in other ways: with its JSON escapes, XML entities or percent codes resolved, in one letter case.

A view holds only the lines in which there was something to resolve, so that reading again costs nothing where there is
nothing. Each place of a view knows its place in the data. All of it is bytes of UTF-8, broken or not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from typing import NamedTuple

from connector.deidentify.spellings import plainly

_JSON_ESCAPE = re.compile(rb'\\(?:u([0-9A-Fa-f]{4})|([/"\\bfnrt]))')
_ENTITY = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ASCII = bytes(range(128))
_PART = 4096

Meaning = Callable[[re.Match[bytes]], bytes]
Telling = Callable[[str], str]
Span = tuple[int, int]


class View(NamedTuple):
    """Data rewritten from another view of it: what stands from `places[i]` on comes from `origins[i]` there."""

    data: bytes
    places: Sequence[int] = (0,)
    origins: Sequence[int] = (0,)
    source: View | None = None

    def offset(self, position: int) -> int:
        """Where in the data itself this place of the view comes from. Inside a replacement: where that begins."""
        index = bisect_right(self.places, position) - 1
        origin = self.origins[index] + position - self.places[index]
        return origin if self.source is None else self.source.offset(origin)

    def rewritten(self, spans: Iterator[Span], pattern: re.Pattern[bytes], meaning: Meaning) -> View | None:
        """Those spans of it, with every match replaced by its meaning; None when there is no span."""
        pieces, places, origins, length = list[bytes](), list[int](), list[int](), 0
        for start, end in spans:
            done = start
            for match in pattern.finditer(self.data, start, end):
                new = meaning(match)
                pieces += [self.data[done : match.start()], new]
                places += [length, length + match.start() - done]
                origins += [done, match.start()]
                length += match.start() - done + len(new)
                done = match.end()
            pieces.append(self.data[done:end])
            places.append(length)
            origins.append(done)
            length += end - done
        return View(b"".join(pieces), places, origins, self) if pieces else None


def views(data: bytes, *, by_line: bool = True) -> Iterator[tuple[str, View]]:
    """The data as it is (of no kind), then what of it is different when it is read as json-escape, entity or url.

    With `by_line` no line is read together with the next.
    """
    plain = View(data)
    yield "", plain
    yield from (("", cased) for cased in _cased(plain, by_line))
    yield from _resolved(plain, _RESOLVERS, by_line)


def _resolved(view: View, resolvers: Sequence[_Resolver], by_line: bool) -> Iterator[tuple[str, View]]:
    """Each way of reading it, and the later ways on top of each."""
    for number, (kind, mark, pattern, meaning) in enumerate(resolvers, 1):
        if mark not in view.data:
            continue
        read = view.rewritten(_spans(view.data, mark, pattern, by_line), pattern, meaning)
        if read is not None:
            yield kind, read
            yield from ((kind, cased) for cased in _cased(read, by_line))
            yield from _resolved(read, resolvers[number:], by_line)


def _cased(view: View, by_line: bool) -> Iterator[View]:
    """What has letters beyond ASCII that are not in the case all are compared in."""
    if view.data.isascii():
        return
    for told in (str.casefold, _as_it_looks):
        spans = _foreign(view.data, by_line, told)
        cased = view.rewritten(spans, _NOT_ASCII, lambda match, told=told: _retold(match, told))  # type: ignore[misc]
        if cased is not None:
            yield cased


def _spans(data: bytes, mark: bytes, pattern: re.Pattern[bytes], by_line: bool) -> Iterator[Span]:
    """The lines (with their ends) in which the pattern, which begins with the mark, is met."""
    place = data.find(mark)
    while place >= 0:
        start, end = _line(data, place) if by_line else (0, len(data))
        if pattern.match(data, place):
            yield start, end
            place = end - 1
        place = data.find(mark, place + 1)


def _line(data: bytes, place: int) -> Span:
    end = data.find(b"\n", place) + 1
    return data.rfind(b"\n", 0, place) + 1, end or len(data)


def _foreign(data: bytes, by_line: bool, told: Telling) -> Iterator[Span]:
    """The lines in which a letter beyond ASCII is told in another way."""
    start, part = 0, _PART if by_line else len(data)
    while start < len(data):
        if data[start : start + part].isascii():
            start += part
            continue
        start, end = _line(data, start)[0] if by_line else 0, _line(data, min(start + part, len(data)) - 1)[1]
        for line in data[start:end].splitlines(keepends=True) if by_line else [data]:
            if not line.isascii() and _changes(line.translate(None, _ASCII), told):
                yield start, start + len(line)
            start += len(line)


def _changes(letters: bytes, told: Telling) -> bool:
    text = letters.decode("utf-8", "surrogateescape")
    return told(text) != text


def _retold(match: re.Match[bytes], told: Telling) -> bytes:
    return told(match[0].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _as_it_looks(text: str) -> str:
    return plainly(text).casefold()


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return chr(int(match[1], 16)).encode("utf-8", "surrogatepass")
    return _CONTROLS.get(match[2], match[2])


def _entity(match: re.Match[bytes]) -> bytes:
    return unescape(match[0].decode()).encode("utf-8", "surrogatepass")


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0].replace(b"%", b"").decode())


_Resolver = tuple[str, bytes, re.Pattern[bytes], Meaning]
_RESOLVERS: tuple[_Resolver, ...] = (
    ("json-escape", b"\\", _JSON_ESCAPE, _unescaped),
    ("entity", b"&", _ENTITY, _entity),
    ("url", b"%", _PERCENT, _percent),
)
