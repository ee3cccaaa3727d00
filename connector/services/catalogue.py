"""Our own catalogue as others see it (DSP 2025-1, catalog): paged, filtered, with the asker's expected yield."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.description import DatasetDescription, DescriptionError, read_description
from catalog.dsp import OnOffer, Service, catalog_json, root_dataset_json
from catalog.paging import CatalogRefusal, page_of, read_filter
from connector.identity.members import Member
from connector.records import Dataset
from connector.services.context import Context
from connector.services.expected_yield import ExpectedYield
from contracts.messages import CatalogError, CatalogRequestMessage, MessageError

log = logging.getLogger("concord.catalogue")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Entry:
    description: DatasetDescription
    offer: Mapping[str, Any]


class Catalogue:
    """The provider's side of the catalog protocol."""

    def __init__(self, context: Context, expected: ExpectedYield) -> None:
        self._context = context
        self._expected = expected
        self._entries: tuple[int, dict[str, _Entry]] | None = None

    async def request(self, member: Member, body: Mapping[str, Any], token: str | None) -> tuple[int, Json, str | None]:
        """`POST /catalog/request`: status, body, and the value of the `Link` header if there is more than one page."""
        try:
            message = CatalogRequestMessage.read(body)
            asked = None if message.filter is None else list(message.filter)
            page, links = await self.catalog(member, asked, token)
        except MessageError as fault:
            return 400, _error("message-not-accepted", str(fault)), None
        except CatalogRefusal as refusal:
            return 400, _error(refusal.code, refusal.reason), None
        return 200, page, links

    async def catalog(self, member: Member, filter: object, token: str | None) -> tuple[Json, str | None]:
        """One page of what passes the filter, as this member sees it. Raises CatalogRefusal."""
        wanted = read_filter(filter)
        entries = await self._published()
        page = page_of((one.description for one in entries.values() if wanted.keeps(one.description)), token)
        expected = await self._expected.people(member.id)
        shown = [_on_offer(entries[one.id], expected) for one in page.entries]
        root = catalog_json(f"{self._context.me.dsp}/catalog", self._context.me.id, self._service, shown)
        return root, page.links(f"{self._context.me.dsp}/catalog/request")

    async def dataset(self, member: Member, dataset: str) -> tuple[int, Json]:
        """`GET /catalog/datasets/:id`."""
        entry = (await self._published()).get(dataset)
        if entry is None:
            return 404, _error("unknown-dataset", "there is no such dataset in this catalogue")
        return 200, root_dataset_json(_on_offer(entry, await self._expected.people(member.id)), self._service)

    @property
    def _service(self) -> Service:
        return Service(self._context.me.dsp, self._context.me.dsp)

    async def _published(self) -> dict[str, _Entry]:
        """What is on offer, remembered until a dataset is published or taken back."""
        rung = self._context.bells.count("datasets")
        if self._entries is None or self._entries[0] != rung:
            rows = await self._context.store.read(lambda tx: tx.find(Dataset, standing="published"))
            self._entries = rung, {row.id: entry for row in rows if (entry := _read(row)) is not None}
        return self._entries[1]


def _read(row: Dataset) -> _Entry | None:
    try:
        return _Entry(read_description(row.description), dict(row.offer or {}))
    except DescriptionError:
        log.error("a stored description cannot be read", extra={"dataset": row.id})
        return None


def _on_offer(entry: _Entry, expected: Mapping[str, int]) -> OnOffer:
    return OnOffer(entry.description, (entry.offer,), expected.get(entry.description.id, 0))


def _error(code: str, reason: str) -> Json:
    return CatalogError(code=code, reason=(reason,)).wire()
