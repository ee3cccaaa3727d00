"""What stands beside the vault: who may be found again, by whom it was asked, and what records are matched on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingEntry:
    """What a person is matched on inside the vault: sealed quasi-identifiers, and keyed blocks to find candidates by.

    `sealed` opens only for this source and pseudonym; `block` is a keyed digest of one blocking rule's value, so that
    equal values meet without being told.
    """

    key_width: ClassVar[int] = 3
    source: str
    pseudonym: str
    rule: str
    block: Indexed[str] = ""
    sealed: bytes = b""
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationCase:
    """A request to find out whose code it is. Opened only when two others approved it, before its deadline.

    `standing`: asked, approved, opened, refused, lapsed. `approvals` is {"approvals": [{"by", "at", "note"}, ...]}.
    What was found is told to who opens it and never kept here; `told_at` is when the person's wallet was told.
    """

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str] = ""
    code: str = ""
    ground: str = ""
    reason: str = ""
    asked_by: str = ""
    asked_at: datetime | None = None
    deadline: Indexed[datetime | None] = None
    approvals: Json | None = None
    standing: Indexed[str] = "asked"
    settled_at: datetime | None = None
    settled_by: str = ""
    settled_why: str = ""
    opened_at: datetime | None = None
    opened_by: str = ""
    person: Indexed[str] = ""
    told_at: datetime | None = None
