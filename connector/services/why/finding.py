"""Which thing an id names: our own number of it, or the other side's, whichever somebody has at hand."""

from __future__ import annotations

from collections.abc import Callable

from connector.ports import Transaction
from connector.records import (
    Agreement,
    Amendment,
    Delivery,
    DutyOwed,
    Job,
    MemberEntry,
    Negotiation,
    Notice,
    OutboxMessage,
    Quarantined,
    ReceivedTransfer,
    Release,
    RiskReport,
    Source,
    Study,
    Tombstone,
    Transfer,
)

Thing = (
    Negotiation | Transfer | Agreement | Release | OutboxMessage | Notice | Tombstone | Study | Source | Quarantined
    | RiskReport | Amendment | DutyOwed | MemberEntry | Delivery | Job
)  # fmt: skip
_BY_ID: tuple[type[Thing], ...] = (
    Negotiation, Transfer, Agreement, Release, OutboxMessage, Notice, Study, Source, Quarantined, RiskReport, Amendment,
    DutyOwed, MemberEntry, Job,
)  # fmt: skip


def found(tx: Transaction, id: str) -> Thing | None:
    """The thing of this id, None when there is none here."""
    for kind in _BY_ID:
        if (one := tx.get(kind, id)) is not None:
            return one
    searches: tuple[Callable[[], list[Thing]], ...] = (
        lambda: [*tx.find(Negotiation, their_pid=id, limit=1)],
        lambda: [*tx.find(Transfer, their_pid=id, limit=1)],
        lambda: [*tx.find(Tombstone, notice=id, limit=1)],
        lambda: [*tx.find(Delivery, consent=id, order="-version", limit=1)],
        lambda: [*tx.find(Source, name=id, limit=1)],
        lambda: _sender_s_release(tx, id),
    )
    return next((rows[0] for search in searches if (rows := search())), None)


def _sender_s_release(tx: Transaction, id: str) -> list[Thing]:
    """At a recipient a release of the sender's is known by the transfer it came in."""
    rows = tx.find(ReceivedTransfer, release=id, limit=1)
    transfer = tx.get(Transfer, rows[0].transfer) if rows else None
    return [transfer] if transfer is not None else []
