"""Everything on offer, written out once and kept in order: a page is a slice of it, joined.

A shelf is made anew when a dataset is published or taken back; what did not change is taken over from the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.description import DatasetDescription
from catalog.dsp import OfferError, Rendered, Service, rendered
from catalog.paging import PAGE_SIZE, CatalogPage, Filter, in_order, page_of_ordered, searched

_REMEMBERED = 32
"""Filters whose result is kept, so that the pages after the first cost no search."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """One dataset on offer: its place, what filters look at, the ids of its offers, and its text."""

    issued: datetime
    id: str
    words: str
    categories: tuple[str, ...]
    offers: tuple[str, ...]
    text: Rendered


def shelved(about: DatasetDescription, offers: Sequence[Mapping[str, object]], service: Service) -> Shelved:
    """Write one dataset out. Raises `OfferError`, or ValueError for text that is not Unicode."""
    text = rendered(about, offers, service)
    return Shelved(
        about.issued, about.id, searched(about), about.categories, tuple(str(one["@id"]) for one in offers), text
    )


class Shelf:
    """What is on offer at one moment. Raises `OfferError` when one offer stands under two datasets."""

    def __init__(self, entries: Iterable[Shelved]) -> None:
        self._ordered = in_order(entries)
        self._by_id = {entry.id: entry for entry in self._ordered}
        self._filtered: dict[Filter, list[Shelved]] = {}
        offers = [offer for entry in self._ordered for offer in entry.offers]
        if len(set(offers)) != len(offers):
            raise OfferError("an offer belongs to exactly one dataset")

    def get(self, id: str) -> Shelved | None:
        """The dataset with this id."""
        return self._by_id.get(id)

    def page(self, wanted: Filter, token: str | None = None, size: int = PAGE_SIZE) -> CatalogPage[Shelved]:
        """One page of what passes a filter. Raises `CatalogRefusal` for a token that is not ours."""
        return page_of_ordered(self._passing(wanted), token, size)

    def _passing(self, wanted: Filter) -> list[Shelved]:
        if wanted == Filter():
            return self._ordered
        if wanted not in self._filtered:
            if len(self._filtered) >= _REMEMBERED:
                self._filtered.clear()
            self._filtered[wanted] = [one for one in self._ordered if wanted.passes(one.words, one.categories)]
        return self._filtered[wanted]
