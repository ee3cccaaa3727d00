"""What a statement about a notice says of the objects that held a person, made from the records of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.ports import Transaction
from connector.records import (
    Agreement,
    ContractEnding,
    Derivation,
    ErasedObject,
    ReceivedPerson,
    ReceivedTransfer,
    Tombstone,
)
from connector.services.chains import newest_of
from connector.services.delivery import new_id
from connector.services.received.graph import parents_of, transfers_below
from contracts.erasing import MOST_LISTED, Answer, HeldObject, ObjectKind, Statement

WORKING = ("held", "counted")
"""Standings at which the connector itself still has something to do."""
WAITING, STAYS = "waiting", "stays"
ELSEWHERE = "elsewhere"
"""Kind of a transfer whose provider puts the data somewhere else, such as an object store: none of it came here."""
LONGEST = 4000
_NOUNS = {"received": "received file", "opaque": "file of a foreign connector"}


def objects_of(tx: Transaction, notice: str) -> list[ErasedObject]:
    """Everything that held the person of a notice, always in the same order."""
    return tx.find(ErasedObject, notice=notice, order="id")


def object_about(tx: Transaction, notice: str, about: str) -> ErasedObject | None:
    """The object that is about one transfer or derivation."""
    found = tx.find(ErasedObject, notice=notice, about=about, limit=1)
    return found[0] if found else None


def made(stone: Tombstone, kind: str, about: str, **facts: Any) -> ErasedObject:
    """A new object under a notice, with a random id."""
    return ErasedObject(
        notice=stone.notice, id=new_id(), agreement=stone.agreement, kind=kind, about=about, code=stone.code, **facts
    )


def transfers_with(tx: Transaction, agreement: str, code: str) -> set[str]:
    """The transfers somebody came in, also those they were erased from since, and those nobody here can look into."""
    came = {row.transfer for row in tx.find(ReceivedPerson, agreement=agreement, code=code)}
    gone = tx.find(ErasedObject, agreement=agreement, code=code, kind=["received", "opaque"])
    opaque = tx.find(ReceivedTransfer, agreement=agreement, kind=["opaque", ELSEWHERE])
    return came | {row.about for row in gone} | {row.transfer for row in opaque}


def known_below(tx: Transaction, parents: Sequence[str]) -> tuple[set[str], set[str]]:
    """Whose rows something made of these transfers may have, and who of them may not come back: two sets of codes."""
    known, stones = set[str](), set[str]()
    for row in (tx.get(ReceivedTransfer, transfer) for transfer in parents):
        if row is not None:
            known |= {one.code for one in tx.find(ReceivedPerson, transfer=row.transfer)}
            stones |= {one.code for one in tx.find(Tombstone, agreement=row.agreement, kind="erase")}
    return known - stones, stones


def parents_below(tx: Transaction, one: Derivation) -> list[str]:
    """The transfers that something was made of, through whatever lies between."""
    own = parents_of(one, "transfers")
    return sorted({*own, *transfers_below(tx.find(Derivation), parents_of(one, "derivations"))})


def ended_below(tx: Transaction, one: Derivation) -> ContractEnding | None:
    """The end of a contract that something was made under: then it has to go; None while all of them go on."""
    for transfer in parents_below(tx, one):
        row = tx.get(ReceivedTransfer, transfer)
        agreement = tx.get(Agreement, row.agreement) if row is not None else None
        ending = tx.get(ContractEnding, newest_of(tx, agreement).id) if agreement is not None else None
        if ending is not None:
            return ending
    return None


def counted(stone: Tombstone, rows: Sequence[ErasedObject]) -> dict[str, int]:
    """The counts of a notice, of its objects. Late bytes that no object holds are in the tombstone's own count."""
    return {
        "objects": len(rows), "lines": sum(row.lines for row in rows), "bytes": sum(row.bytes for row in rows),
        "bytes_after": stone.bytes_after,
    }  # fmt: skip


def statement(
    stone: Tombstone, rows: Sequence[ErasedObject], answer: Answer, now: datetime, own_backup_days: int | None
) -> Statement:
    """The claims to sign."""
    final = answer is not Answer.STOPPED
    since = max((row.erased_at for row in rows if row.erased_at is not None), default=now)
    held = tuple(
        HeldObject(id=row.id, kind=ObjectKind(row.kind), lines=row.lines, bytes=row.bytes) for row in rows[:MOST_LISTED]
    )
    return Statement(
        notice=stone.notice, agreement=stone.agreement, answer=answer, at=now, **counted(stone, rows), held=held,
        remaining=_remaining(stone, rows, answer), ground=_ground(rows) if answer is Answer.EXCEPTION else None,
        backups_by=since + timedelta(days=own_backup_days) if own_backup_days and final else None,
    )  # fmt: skip


def _remaining(stone: Tombstone, rows: Sequence[ErasedObject], answer: Answer) -> tuple[str, ...]:
    """What is not gone, by kind, in words; never what somebody called it."""
    said = []
    if answer is not Answer.ERASED:
        until = f" by {stone.deadline:%d %B %Y}" if stone.deadline is not None else ""
        said += _counted_words(rows, WAITING, f"to be rebuilt or erased by people there{until}")
        said += _counted_words(rows, STAYS, "made of the data, which stays")
    return tuple(said)


def _counted_words(rows: Sequence[ErasedObject], standing: str, rest: str) -> list[str]:
    kinds = Counter(row.kind for row in rows if row.standing == standing)
    return [
        f"{count} {_NOUNS.get(kind, kind)}{'' if count == 1 else 's'} {rest}." for kind, count in sorted(kinds.items())
    ]


def _ground(rows: Sequence[ErasedObject]) -> str:
    grounds = sorted({row.why for row in rows if row.standing == STAYS})
    return " ".join(grounds)[:LONGEST] or "No ground was given."
