"""Who may not come in by hand: an import of what was received, or of a copy of it, must not bring anybody back."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.records import Tombstone

if TYPE_CHECKING:
    from connector.sources.fhir import Prepared

REFUSED = "somebody in it stopped under a contract and was erased here; import it without them"


def erased_codes(tx: Transaction) -> frozenset[str]:
    """The codes of everybody who was erased here, under any contract."""
    return frozenset(stone.code for stone in tx.find(Tombstone, kind="erase"))


def brings_back(prepared: Prepared, erased: Collection[str]) -> bool:
    """Whether records about somebody who was erased are among these."""
    if not erased:
        return False
    subjects = {record.subject for record in prepared.records if record.subject}
    return any(id in erased for id in subjects | {person.id for person in prepared.people})
