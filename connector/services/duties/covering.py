"""Whether a statement of the recipient's can be about all that a duty is owed for, as far as the provider knows that.

The provider cannot look into the recipient's disk, but it knows what it handed over, and when: a signature that is
older than that, or there before anything was, proves nothing about it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.identity.tokens import SKEW
from connector.ports import Transaction
from connector.records import Agreement, DutyOwed, LogEntry, Release, Transfer
from connector.services.chains import chain_of
from connector.services.exchange.ending import GOING_ON

_CHUNK = "release.chunk"


def objection_to(tx: Transaction, row: DutyOwed, at: datetime, now: datetime) -> str | None:
    """Why a duty to us cannot have been done at `at`, in words; None when nothing we know of speaks against it."""
    if row.duty != "delete" and not row.occasion:
        return None
    chain = _chain(tx, row)
    transfers = _transfers(tx, row, chain)
    pids = {one.pid for one in transfers}
    releases = [one for one in tx.find(Release, agreement=[one.id for one in chain]) if one.transfer in pids]
    if row.occasion and all(_is_after(one.started_at, at) for one in releases):
        return "Nothing of this transfer had been handed over"
    return _of_deleting(tx, row, chain, transfers, releases, at, now) if row.duty == "delete" else None


def _of_deleting(
    tx: Transaction,
    row: DutyOwed,
    chain: list[Agreement],
    transfers: list[Transfer],
    releases: list[Release],
    at: datetime,
    now: datetime,
) -> str | None:
    if any(one.state in GOING_ON for one in transfers) or any(one.standing == "running" for one in releases):
        return "A transfer of what is to be deleted is not over"
    if any(_went_on(tx, one, at) for one in releases):
        return "More was handed over after that"
    over = any(one.standing == "ended" for one in chain)
    if not releases and not over and not _is_pressing(row, now):
        return "Nothing was handed over that could be deleted, and its time has not come"
    return None


def _chain(tx: Transaction, row: DutyOwed) -> list[Agreement]:
    agreement = tx.get(Agreement, row.agreement)
    return chain_of(tx, agreement) if agreement is not None else []


def _transfers(tx: Transaction, row: DutyOwed, chain: list[Agreement]) -> list[Transfer]:
    only: dict[str, Any] = {"their_pid": row.occasion} if row.occasion else {}
    return tx.find(Transfer, agreement=[one.id for one in chain], role="provider", **only)


def _went_on(tx: Transaction, release: Release, at: datetime) -> bool:
    """Whether data of a release left after `at`. Each portion is in our log; a release may be closed long after."""
    if not release.bytes or not (release.finished_at is None or _is_after(release.finished_at, at)):
        return False
    last = tx.find(LogEntry, subject=release.id, kind=_CHUNK, order="-sequence", limit=1)
    return bool(last) and _is_after(datetime.fromisoformat(last[0].at), at)


def _is_pressing(row: DutyOwed, now: datetime) -> bool:
    return row.due_at is not None and row.opens_at is not None and row.opens_at <= now + SKEW


def _is_after(moment: datetime | None, at: datetime) -> bool:
    """Later by more than the clocks of two parties may differ."""
    return moment is not None and moment > at + SKEW
