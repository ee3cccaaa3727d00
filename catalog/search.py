"""Search in listings: words and facets, in memory. Built for thousands of datasets; a search takes milliseconds."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from catalog.listing import Listing
from policy.categories import words as category_words

FACETS: Mapping[str, Callable[[Listing], Sequence[str]]] = MappingProxyType(
    {
        "category": lambda listing: listing.categories,
        "kind": lambda listing: (listing.kind,) if listing.kind else (),
        "publisher": lambda listing: (listing.publisher,) if listing.publisher else (),
        "language": lambda listing: listing.languages,
        "country": lambda listing: listing.countries,
    }
)
"""Facets a researcher can narrow by, and how to read the values of each."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """The listings found, best first, and per facet how many datasets each value would leave.

    The counts of one facet ignore the choice made in that facet itself, so that a person can widen it again.
    """

    listings: tuple[Listing, ...]
    facets: Mapping[str, Mapping[str, int]]


class Search:
    """An index over listings. Every word asked for must begin a word of the listing; accents and case do not matter."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._entries = [(listing, _weights(listing)) for listing in listings]

    def find(self, text: str = "", chosen: Mapping[str, Collection[str]] | None = None) -> Found:
        """Find by words and facets. A facet name not in `FACETS` finds nothing: an unknown wish is not ignored."""
        wanted = {facet: frozenset(values) for facet, values in (chosen or {}).items() if values}
        if wanted.keys() - FACETS.keys():
            return Found((), {facet: {} for facet in FACETS})
        asked = list(_words(text))
        scored = [(listing, _score(weights, asked)) for listing, weights in self._entries]
        hits = [(listing, score) for listing, score in scored if score is not None]
        shown = sorted(
            (hit for hit in hits if _kept(hit[0], wanted)), key=lambda hit: (-hit[1], hit[0].title, hit[0].id)
        )
        return Found(tuple(listing for listing, _ in shown), _counts([listing for listing, _ in hits], wanted))


def _weights(listing: Listing) -> dict[str, int]:
    """Return each word of a listing with the weight of the best place it stands in."""
    places = (
        (listing.description, 1),
        (" ".join(map(category_words, listing.categories)), 2),
        (listing.publisher, 2),
        (" ".join((*listing.categories, *listing.keywords)), 4),
        (listing.title, 8),
    )
    return {word: weight for text, weight in places for word in _words(text)}


def _score(weights: Mapping[str, int], asked: Iterable[str]) -> int | None:
    total = 0
    for word in asked:
        best = max((weight for known, weight in weights.items() if known.startswith(word)), default=0)
        if not best:
            return None
        total += best
    return total


def _kept(listing: Listing, wanted: Mapping[str, frozenset[str]], but: str = "") -> bool:
    return all(not values.isdisjoint(FACETS[facet](listing)) for facet, values in wanted.items() if facet != but)


def _counts(hits: Sequence[Listing], wanted: Mapping[str, frozenset[str]]) -> dict[str, dict[str, int]]:
    return {facet: _tally(facet, (hit for hit in hits if _kept(hit, wanted, but=facet))) for facet in FACETS}


def _tally(facet: str, hits: Iterable[Listing]) -> dict[str, int]:
    counter = Counter(value for hit in hits for value in set(FACETS[facet](hit)))
    return dict(sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])))


def _words(text: str) -> Iterable[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))
