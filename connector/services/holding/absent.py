"""What a source has not any more, found by reading all of it: whatever was kept and did not come again is deleted.

Only for a source that was read whole and without a refusal: what could not be read is not absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.records import SourceRecord
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.holding.taking import Taking
from connector.sources.fhir_changes import Gone
from connector.sources.fhir_reading import Prepared
from connector.sources.fhir_subject import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection

_PORTION = 400


class Absent:
    """Notes what came. It holds eight bytes of hash for a record, not its id: a source may have many millions.

    Two ids with the same hash would only keep a record that ought to go; the next reading has other hashes.
    """

    def __init__(self, context: Context, taking: Taking, source: str) -> None:
        self._context = context
        self._taking = taking
        self._source = source
        self._seen = set[int]()

    def saw(self, prepared: Prepared) -> None:
        """These records came."""
        self._seen.update(hash((record.resource_type, record.id)) for record in prepared.records)

    async def delete(self, actor: Actor, kinds: Collection[str] = KINDS) -> int:
        """Delete what did not come, among these kinds of resource; returns how many records that were."""
        count = 0
        for kind in sorted(kinds):
            last = ""
            while ids := await self._context.store.read(lambda tx, k=kind, after=last: self._next(tx, k, after)):  # type: ignore[misc]
                last = ids[-1]
                if gone := tuple(self._missing(kind, ids)):
                    taken = await self._taking.take(self._source, Prepared((), (), frozenset(), gone), actor)
                    count += taken.deleted
        return count

    def _next(self, tx: Transaction, kind: str, after: str) -> list[str]:
        rows = tx.find(
            SourceRecord, source=self._source, resource_type=kind, id__gt=after, deleted=False, order="id",
            limit=_PORTION,
        )  # fmt: skip
        return [row.id for row in rows]

    def _missing(self, kind: str, ids: list[str]) -> Iterator[Gone]:
        return (Gone(kind, id) for id in ids if hash((kind, id)) not in self._seen)
