"""What a text may be: how large, how deep, of which signs; and how a fault in it is told."""

import re
from typing import NoReturn

from policy.odrl.model import PolicyError
from policy.odrl.reading import MAX_DEPTH, MAX_VALUES

MAX_TEXT = 1_000_000
"""Signs (or bytes) of a text: six times the largest published policy (160 kB)."""
MAX_NESTING = 2 * MAX_DEPTH
"""Brackets within brackets: each level of a policy may stand in an object and in a list."""
MAX_STATEMENTS = MAX_VALUES

_BARRED = re.compile("[\x00\ud800-\udfff]")
_NO_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`\ud800-\udfff]")


def place(text: str, offset: int) -> str:
    """Return a place in a text the way people count: line and column from 1."""
    before = text[: max(offset, 0)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def refused(text: str, offset: int, why: str) -> NoReturn:
    """Raise :class:`PolicyError` that names a place in a text."""
    raise PolicyError(why, place(text, offset))


def text_of(source: str | bytes) -> str:
    """Return a source as text. Raises :class:`PolicyError` if it is too large, not UTF-8, or holds barred signs."""
    if len(source) > MAX_TEXT:
        raise PolicyError(f"larger than {MAX_TEXT} bytes")
    if isinstance(source, bytes):
        source = _decoded(source)
    text = source.removeprefix("\ufeff")
    barred = _BARRED.search(text)
    if barred:
        refused(text, barred.start(), "a null or half a surrogate pair is no text")
    return text


def _decoded(source: bytes) -> str:
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8")
        refused(before, len(before), "not UTF-8")


def barred(text: str) -> bool:
    """Whether a text that escapes have written holds what no text may hold."""
    return _BARRED.search(text) is not None


class NoIriError(PolicyError):
    """What stands where an IRI should, and is none."""

    def __init__(self, text: str, pointer: str = "") -> None:
        wrong = _NO_IRI.search(text)
        holds = f"may not hold {wrong[0]!r}" if wrong else "may not be empty"
        super().__init__(f"an IRI {holds}: {text[:100]!r}", pointer)
        self.text = text


def iri_of(text: str) -> str:
    """Return a text that can stand as an IRI. Raises :class:`NoIriError` if it cannot."""
    if _NO_IRI.search(text) or not text:
        raise NoIriError(text)
    return text
