"""People whose own record the source has deleted: of whom nothing is released, whatever else of theirs is still there.

Their consents, links and our own id for them stay: when the source brings the record back, they count again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connector.ports import Transaction
from connector.records import Person, SourceRecord
from policy.reasons import Reason

GONE: Final = Reason("patient-record-deleted", "The source has deleted this person's own record.", "rule")


def gone(tx: Transaction, source: str, people: Sequence[str]) -> frozenset[str]:
    """Those of these people (at most a portion, by our own ids) whose Patient the source has deleted."""
    named = {one.source_id: one.id for one in tx.find(Person, id=list(people), source=source)}
    rows = tx.find(SourceRecord, source=source, resource_type="Patient", id=list(named), deleted=True)
    return frozenset(named[row.id] for row in rows)
