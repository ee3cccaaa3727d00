"""What is owed under agreements, and what was done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyOwed:
    """One duty of one agreement, owed once or (then `occasion` names it) for one transfer or one withdrawal.

    `standing`: open, done, or dropped (other terms took its place). `duty` is a key of `policy.odrl.duties.KNOWN`, `by`
    who owes it (provider, consumer), `role` ours. `opens_at` is when it becomes pressing, `next_at` when there is
    something to do about it here next. `evidence` holds the leaf in our log, the signed statement, and what was given.
    """

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str]
    duty: str
    by: str
    role: str
    counterparty: str = ""
    pointer: str = ""
    occasion: Indexed[str] = ""
    words: str = ""
    standing: Indexed[str] = "open"
    made_at: datetime | None = None
    opens_at: datetime | None = None
    due_at: datetime | None = None
    next_at: Indexed[datetime | None] = None
    reminded_at: datetime | None = None
    missed_at: datetime | None = None
    done_at: datetime | None = None
    evidence: Json | None = None
