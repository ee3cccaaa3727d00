"""A holder that was put back from a backup has forgotten what it heard since: a stop, perhaps.

So it releases nothing on what a wallet said until that wallet has said it again. It asks for that in the answer to a
heartbeat; the wallet says so in a later one, and only then counts as heard.
"""

from __future__ import annotations

from datetime import datetime

from connector.ports import Transaction
from connector.records import MemberEntry, Setting

_MARK = "restored:"


def forget(tx: Transaction, now: datetime) -> int:
    """The store was put back: no member has been heard of since. Returns how many there are."""
    members = tx.find(MemberEntry)
    for one in members:
        tx.put(Setting(name=_MARK + one.id, value=now.isoformat()))
        tx.alter(MemberEntry, {"heard_at": None}, id=one.id)
    return len(members)


def asked_since(tx: Transaction, member: str) -> datetime | None:
    """Since when this member has been asked to say again what it said; None: nothing is asked."""
    kept = tx.get(Setting, _MARK + member)
    return datetime.fromisoformat(kept.value) if kept is not None else None


def said_again(tx: Transaction, member: str, since: datetime | None) -> bool:
    """It says that it has, since the time it was asked; whether that is so, and nothing is asked any more."""
    if since is None or asked_since(tx, member) != since:
        return False
    return tx.remove(Setting, name=_MARK + member) > 0
