"""What an examination (`concord doctor`) needs from the store: whom we listen to, and the last time written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.ports import Transaction
from connector.records import LogEntry, MemberEntry


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """A member that is listened to, where it is, and the key it is known by."""

    id: str
    name: str
    origin: str
    fingerprint: str
    allow_http: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whom we listen to, and the time of the newest entry of our log (None while it is empty)."""

    members: list[MemberSeen]
    last_at: datetime | None


def seen_in(tx: Transaction) -> Surroundings:
    """Read it."""
    rows = [one.entry or {} for one in tx.find(MemberEntry, standing="active", order="id")]
    newest = tx.find(LogEntry, order="-sequence", limit=1)
    members = [
        MemberSeen(str(row.get("id")), str(row.get("name")), str(row.get("origin")), str(row.get("fingerprint")),
                   row.get("allow_http") is True)
        for row in rows
    ]  # fmt: skip
    return Surroundings(members, datetime.fromisoformat(newest[0].at) if newest else None)
