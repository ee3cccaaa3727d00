"""What people read about duties: plain frozen values, and how a duty stands at some moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector.records import DutyOwed

GRACE = timedelta(hours=1)
"""How long a statement of the other side may be under way before it is late itself."""


class Standing(StrEnum):
    """How a duty stands: words that the evaluator's reports use too (`policy.odrl.monitoring`), and one of our own.

    pending: not yet pressing; due: to be done now, in time; overdue: its time is over; fulfilled: done in time;
    violated: done, too late; stated-late: in time by the word of whoever owed it, a word that came too late itself.
    """

    PENDING = "pending"
    DUE = "due"
    OVERDUE = "overdue"
    FULFILLED = "fulfilled"
    VIOLATED = "violated"
    STATED_LATE = "stated-late"


@dataclass(frozen=True, slots=True)
class DutyRow:
    """One duty. `by` is provider or consumer, `by_us` whether that is us; `can_state`: a person here says it is done.

    `sentence` is what it asks; `occasion` the transfer or notice it is owed for, empty where it is owed once.
    """

    id: str
    agreement: str
    duty: str
    sentence: str
    state: str
    by: str
    by_us: bool
    by_name: str
    due_at: datetime | None
    done_at: datetime | None
    reminded_at: datetime | None
    can_state: bool
    occasion: str = ""
    counterparty_name: str = ""


@dataclass(frozen=True, slots=True)
class DutyView:
    """One duty with its proof. `evidence`: leaf of our log ("log"), the signed statement, and what was given."""

    row: DutyRow
    pointer: str
    evidence: dict[str, Any]


def standing(row: DutyOwed, now: datetime) -> Standing:
    """How a duty stands. What lies exactly at the last instant is in time."""
    if row.done_at is not None:
        return _done(row, row.done_at)
    if row.due_at is not None and row.due_at < now:
        return Standing.OVERDUE
    return Standing.PENDING if row.opens_at is None or now < row.opens_at else Standing.DUE


def _done(row: DutyOwed, done_at: datetime) -> Standing:
    """When it was done is what its ower says; when that came to be known here is not theirs to choose."""
    if row.due_at is None:
        return Standing.FULFILLED
    if done_at > row.due_at:
        return Standing.VIOLATED
    known = (row.evidence or {}).get("known_at")
    late = known is not None and datetime.fromisoformat(known) > row.due_at + GRACE
    return Standing.STATED_LATE if late else Standing.FULFILLED
