"""Pages of a catalogue and the filter of a catalogue request (DSP 2025-1, catalog.binding.https, 3.2 and 3.3).

A page continues after the last dataset of the one before (order: issued, id), not at a number, so that datasets
published or taken back in between neither repeat nor vanish. The continuation token says where; it carries no right
and no secret, so it is checked but not signed.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from catalog.description import DatasetDescription
from policy.categories import CATEGORIES
from policy.instants import instant, wire

PAGE_SIZE = 100
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,20000}", re.ASCII)
_FILTERS = '"filter" with entries {"text": "words"} and {"category": "a category of data"}'


class CatalogRefusal(ValueError):
    """A catalogue request we cannot serve: `code` for the CatalogError, `reason` in words with what is accepted."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Placed(Protocol):
    """What has a place in the order of a catalogue."""

    @property
    def issued(self) -> datetime:
        """When it was first published."""

    @property
    def id(self) -> str:
        """Its id, which decides between those issued at the same time."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two datasets: after (or, going `back`, before) the dataset issued then with this id."""

    issued: datetime
    id: str
    back: bool


@dataclass(frozen=True, slots=True)
class CatalogPage(Generic[P]):
    """One page in order, and the tokens of its neighbours (None where there is none)."""

    entries: tuple[P, ...]
    next: str | None
    previous: str | None

    def links(self, url: str) -> str | None:
        """Return the value of the HTTP `Link` header (RFC 8288) for a request to `url`, or None for a single page."""
        found = [(self.next, "next"), (self.previous, "previous")]
        return ", ".join(f'<{url}?continuationToken={t}>; rel="{rel}"' for t, rel in found if t) or None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a requester wants to see: every word somewhere in the description, and one of the categories if any."""

    words: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()

    def keeps(self, about: DatasetDescription) -> bool:
        """Tell whether a dataset passes."""
        return self.passes(searched(about), about.categories)

    def passes(self, text: str, categories: Iterable[str]) -> bool:
        """The same for a text that `searched` returned, and categories."""
        return (not self.categories or not self.categories.isdisjoint(categories)) and all(
            word in text for word in self.words
        )


def searched(about: DatasetDescription) -> str:
    """The text of a description in which a filter looks for words."""
    return " ".join((about.title, about.description, *about.keywords)).casefold()


def page_of(datasets: Iterable[P], token: str | None = None, size: int = PAGE_SIZE) -> CatalogPage[P]:
    """Return the page a token asks for, the first without one. Raises `CatalogRefusal` for a token that is not ours."""
    return page_of_ordered(in_order(datasets), token, size)


def in_order(datasets: Iterable[P]) -> list[P]:
    """Return datasets in the order of a catalogue: by when they were issued, then by id."""
    return sorted(datasets, key=_key)


def page_of_ordered(ordered: Sequence[P], token: str | None = None, size: int = PAGE_SIZE) -> CatalogPage[P]:
    """The same for datasets that stand in order already. Raises `CatalogRefusal`."""
    start, stop = _bounds(ordered, read_token(token) if token is not None else None, size)
    shown = tuple(ordered[start:stop])
    return CatalogPage(
        shown,
        write_token(Position(*_key(shown[-1]), False)) if shown and stop < len(ordered) else None,
        write_token(Position(*_key(shown[0]), True)) if shown and start > 0 else None,
    )


def _key(about: Placed) -> tuple[datetime, str]:
    return about.issued, about.id


def _bounds(ordered: Sequence[Placed], position: Position | None, size: int) -> tuple[int, int]:
    if position is None:
        return 0, size
    here = (position.issued, position.id)
    if position.back:
        stop = bisect_left(ordered, here, key=_key)
        return max(0, stop - size), stop
    start = bisect_right(ordered, here, key=_key)
    return start, start + size


def write_token(position: Position) -> str:
    """Return the continuation token of a position: unpadded base64url, opaque to others."""
    text = json.dumps([1, "<" if position.back else ">", wire(position.issued), position.id])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str) -> Position:
    """Read a continuation token. Raises `CatalogRefusal` for anything `write_token` did not make."""
    try:
        if not _TOKEN.fullmatch(token):
            raise ValueError(token)
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        _, direction, issued, identifier = json.loads(raw)
        position = Position(instant(issued), str(identifier), direction == "<")
    except (ValueError, TypeError, RecursionError):
        position = None
    # Writing it again catches every other spelling, so that one place has one token.
    if position is None or write_token(position) != token:
        raise CatalogRefusal("bad-continuation-token", "this page does not exist; accepted: a link we gave, unchanged")
    return position


def read_filter(value: object) -> Filter:
    """Read `filter` of a CatalogRequestMessage; absent (None) or empty means everything.

    Raises `CatalogRefusal` for any other form: DSP demands status 400 for a filter that is not supported.
    """
    if value is None:
        return Filter()
    if not isinstance(value, list) or len(value) > 20:
        raise CatalogRefusal("filter-not-supported", f"this filter is not supported; accepted: {_FILTERS}")
    words: set[str] = set()
    categories: set[str] = set()
    for entry in value:
        match entry:
            case {"text": str(text), **rest} if not rest and len(text) <= 200:
                words |= set(text.casefold().split())
            case {"category": str(key), **rest} if not rest and key in CATEGORIES:
                categories.add(key)
            case _:
                raise CatalogRefusal("filter-not-supported", f"this filter is not supported; accepted: {_FILTERS}")
    return Filter(frozenset(words), frozenset(categories))
