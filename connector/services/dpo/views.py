"""What a data protection officer reads: plain frozen values. People stand in them by code, never by name or id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.services.membership import AcceptanceRow
from connector.services.rooms.views import ContractRoom


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice of withdrawal to one recipient (which may be us). `overdue`: past its deadline and not done."""

    notice: str
    at: datetime
    recipient_name: str
    kind: str
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    deadline: datetime | None
    overdue: bool
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """How long the log is; `signed` entries stand under the newest checkpoint."""

    entries: int
    signed: int = 0
    checkpoint_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DpoHome:
    """The first page: what is overdue, then numbers. `by_hand`: whose erasures nobody proves, so that people must."""

    contracts: int
    overdue: list[NoticeRow]
    refused_decisions: int
    log: LogState
    by_hand: list[AcceptanceRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry. `index` is its place in the tree, None until it is `integrated`."""

    index: int | None
    at: datetime
    kind: str
    words: str
    subject: str
    integrated: bool


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision about one person, who stands here by the code the recipient knows them by."""

    id: str
    at: datetime
    person_code: str
    outcome: str
    first_reason: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that happened under one contract."""

    room: ContractRoom
    entries: list[LogRow]
    decisions: list[DecisionRow]


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision as a tree to read: reasons (source, code, text, pointer), limits, duties, what would change it."""

    id: str
    at: datetime
    outcome: str
    reasons: list[tuple[str, str, str, str]]
    residual: list[str]
    obligations: list[str]
    unknown: list[str]
    valid_until: datetime | None
    inputs: dict[str, Any]
    would_change: str | None
    agreement: str = ""
    person_code: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """The same rules run again on the inputs kept; `same` compares the canonical bytes of both decisions."""

    same: bool
    at: datetime
    outcome: str
    differences: list[str]


@dataclass(frozen=True, slots=True)
class LogEntryView:
    """One entry with its proof: hashes in hexadecimal, the checkpoint as signed."""

    row: LogRow
    leaf_hash: str
    proof: list[str]
    root: str
    size: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What checking the whole log found."""

    ok: bool
    entries: int
    first_bad: int | None
    what: str
    at: datetime
    signed: int = 0
    erased: int = 0
