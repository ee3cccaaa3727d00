"""Our own catalogue as others see it (DSP 2025-1, catalog): paged, filtered, with the asker's expected yield."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

from catalog.description import read_description
from catalog.dsp import Service, rendered_catalog
from catalog.paging import CatalogRefusal, read_filter
from catalog.shelf import Shelf, Shelved, shelved
from connector.identity.members import Member
from connector.ports import Transaction
from connector.records import Dataset
from connector.services.context import Context
from connector.services.expected_yield import NOBODY, ExpectedYield
from contracts import edc
from contracts.messages import CatalogError, CatalogRequestMessage, MessageError

log = logging.getLogger("concord.catalogue")
Json = dict[str, Any]
_PORTION = 250
"""Datasets read at once: a catalogue of any size is never in memory as rows."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A dataset as written out from a row with this digest; None when it cannot be shown."""

    digest: bytes
    entry: Shelved | None


class Catalogue:
    """The provider's side of the catalog protocol."""

    def __init__(self, context: Context, expected: ExpectedYield) -> None:
        self._context = context
        self._expected = expected
        self._shelf: tuple[int, Shelf] | None = None
        self._written: dict[str, _Written] = {}
        self._filling = asyncio.Lock()

    async def request(
        self, member: Member, body: Mapping[str, Any], token: str | None
    ) -> tuple[int, Json | bytes, str | None]:
        """`POST /catalog/request`: status, body, and the value of the `Link` header if there is more than one page.

        A catalogue comes as the text of its JSON, an error as an object.
        """
        try:
            message = CatalogRequestMessage.read(body)
            asked = edc.without_query(message.filter)
            page, links = await self.catalog(member, asked, token)
        except MessageError as fault:
            return 400, _error("message-not-accepted", str(fault)), None
        except CatalogRefusal as refusal:
            return 400, _error(refusal.code, refusal.reason), None
        return 200, page, links

    async def catalog(self, member: Member, filter: object, token: str | None) -> tuple[bytes, str | None]:
        """One page of what passes the filter, as this member sees it. Raises CatalogRefusal."""
        wanted = read_filter(filter)
        page = (await self._on_offer()).page(wanted, token)
        expected = await self._expected.people(member.id)
        me = self._context.me
        shown = [one.text.text(expected.get(one.id, NOBODY)) for one in page.entries]
        root = rendered_catalog(f"{me.dsp}/catalog", me.id, self._service, shown)
        return root, page.links(f"{me.dsp}/catalog/request")

    async def dataset(self, member: Member, dataset: str) -> tuple[int, Json | bytes]:
        """`GET /catalog/datasets/:id`."""
        entry = (await self._on_offer()).get(dataset)
        if entry is None:
            return 404, _error("unknown-dataset", "there is no such dataset in this catalogue")
        return 200, entry.text.root((await self._expected.people(member.id)).get(dataset, NOBODY))

    @property
    def _service(self) -> Service:
        return Service(self._context.me.dsp, self._context.me.dsp)

    async def _on_offer(self) -> Shelf:
        """What is on offer, remembered until a dataset is published or taken back."""
        async with self._filling:
            rung = self._context.bells.count("datasets")
            if self._shelf is None or self._shelf[0] != rung:
                self._shelf = rung, await self._filled()
            return self._shelf[1]

    async def _filled(self) -> Shelf:
        """Read what is published, a portion at a time; what was written out before and has not changed stays."""
        written: dict[str, _Written] = {}
        last: str | None = ""
        while last is not None:
            portion, last = await self._context.store.read(partial(self._portion, after=last))
            written |= portion
        self._written = written
        return Shelf(_once_offered(one.entry for one in written.values() if one.entry is not None))

    def _portion(self, tx: Transaction, after: str) -> tuple[dict[str, _Written], str | None]:
        """The datasets with the next ids, and the last of these ids; None when there are no more."""
        rows = tx.find(Dataset, standing="published", id__gt=after, order="id", limit=_PORTION)
        written = {}
        for row in rows:
            digest = blake2b(repr((row.description, row.offer)).encode("utf-8", "surrogatepass")).digest()
            known = self._written.get(row.id)
            written[row.id] = known if known and known.digest == digest else _Written(digest, self._entry(row))
        return written, rows[-1].id if len(rows) == _PORTION else None

    def _entry(self, row: Dataset) -> Shelved | None:
        try:
            return shelved(read_description(row.description), (dict(row.offer or {}),), self._service)
        except ValueError:
            log.error("a stored dataset cannot be shown", extra={"dataset": row.id})
            return None


def _once_offered(entries: Iterable[Shelved]) -> Iterator[Shelved]:
    """Datasets without those whose offer stands under another one already: nobody could tell which was meant."""
    seen: set[str] = set()
    for entry in entries:
        if seen.isdisjoint(entry.offers):
            seen.update(entry.offers)
            yield entry
        else:
            log.error("an offer stands under two datasets", extra={"dataset": entry.id})


def _error(code: str, reason: str) -> Json:
    return CatalogError(code=code, reason=(reason,)).wire()
