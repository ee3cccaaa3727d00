"""What was received and may be used now: the newest release of a contract with all it carries on from, and until when.

Everything unclear is a no: a file that was never verified, or a chain of which one release is gone, cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from connector.ports import Transaction
from connector.problems import Problem, conflict, missing
from connector.records import Agreement, ContractEnding, DutyOwed, ReceivedTransfer, Tombstone
from connector.services.chains import chain_of, newest_of
from connector.services.duties.occasions import over_for
from connector.services.received.objects import ELSEWHERE
from policy.odrl.duties import words

_DELETED = "Deleted:"
_MOST_CARRIED = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InUse:
    """What one question may look at: the files of a release, the one everything was carried on from first.

    `left_out` are the codes of people of whom nothing may be used any more, or for now.
    """

    agreement: Agreement
    rows: tuple[ReceivedTransfer, ...]
    left_out: frozenset[str]

    @property
    def transfers(self) -> list[str]:
        """The transfers they came in."""
        return [row.transfer for row in self.rows]


def in_use(tx: Transaction, now: datetime, agreement_id: str = "", transfer: str = "") -> InUse:
    """What may be used of a contract, or of one transfer and what it carries on from. Raises Problem 404, 409."""
    row = _received(tx, transfer) if transfer else None
    agreement = tx.get(Agreement, row.agreement if row is not None else agreement_id)
    if agreement is None or agreement.role != "consumer":
        raise missing("There is no such agreement here")
    if row is not None and agreement_id and agreement_id not in {one.id for one in chain_of(tx, agreement)}:
        raise missing("There is no such transfer under this agreement")
    _check_contract(tx, agreement, now)
    row = row or newest(tx, agreement)
    if row is None:
        raise conflict("Nothing has arrived under this contract that could be used", "nothing-received")
    rows = carried(tx, agreement, row)
    for one in rows:
        _check_file(tx, one, now)
    return InUse(agreement, rows, _left_out(tx, agreement))


def why_not(tx: Transaction, now: datetime, transfer: str) -> str:
    """Why one transfer may not be used now, in words; empty when it may."""
    try:
        in_use(tx, now, transfer=transfer)
    except Problem as problem:
        return problem.detail or problem.title
    return ""


def newest(tx: Transaction, agreement: Agreement) -> ReceivedTransfer | None:
    """The newest release under a contract (any terms of it) that is whole, as its sender signed, and still here."""
    found = [one for one in _of_chain(tx, agreement) if _is_whole(one)]
    return max(found, key=lambda one: (one.kind == "records", one.started_at or _NEVER, one.transfer), default=None)


def carried(tx: Transaction, agreement: Agreement, row: ReceivedTransfer) -> tuple[ReceivedTransfer, ...]:
    """A release after all that it carries on from, the first one first. Raises Problem 409 when one is not here."""
    known = {digest_of(one): one for one in _of_chain(tx, agreement) if digest_of(one)}
    chain = [row]
    while chain[-1].continues:
        before = known.get(chain[-1].continues)
        if before is None or before in chain or len(chain) > _MOST_CARRIED:
            raise conflict("What this release carries on from is not here", "chain-broken", "a whole release")
        chain.append(before)
    return tuple(reversed(chain))


def last_manifest(tx: Transaction, agreement: Agreement) -> str:
    """The digest of the manifest that a delta would carry on from. Raises Problem 409 when there is none."""
    row = newest(tx, agreement)
    if row is None or row.kind != "records" or not digest_of(row):
        raise conflict(
            "Nothing has arrived whole under this contract yet that changes could follow", "nothing-received",
            "a whole release first",
        )  # fmt: skip
    carried(tx, agreement, row)
    return digest_of(row)


def digest_of(row: ReceivedTransfer) -> str:
    """The digest by which a manifest names the one of this transfer; empty when it has none."""
    jws = (row.manifest or {}).get("jws")
    return sha256(jws.encode()).hexdigest() if isinstance(jws, str) and jws else ""


def use_ends(tx: Transaction, agreement: Agreement) -> datetime | None:
    """When the contract ends, under the terms that stand now; None when it has no end of its own."""
    newest_terms = newest_of(tx, agreement)
    ending = tx.get(ContractEnding, newest_terms.id)
    moments = [one for one in (newest_terms.until, ending.ended_at if ending else None) if one is not None]
    return min(moments, default=None)


def erase_by(tx: Transaction, agreement: Agreement, transfer: str) -> datetime | None:
    """By when what a transfer brought has to be deleted: by a duty, by the contract's end, or because it was asked."""
    chain = [one.id for one in chain_of(tx, agreement)]
    owed = tx.find(DutyOwed, agreement=chain, duty="delete", standing="open", occasion=["", transfer])
    ending = tx.get(ContractEnding, newest_of(tx, agreement).id)
    days = [one.due_at for one in owed if one.by == one.role]
    if ending is not None and ending.erased_at is None:
        days.append(ending.erase_by)
    return min((day for day in days if day is not None), default=None)


def is_deleted(row: ReceivedTransfer) -> bool:
    """Whether its file was deleted, as it says itself."""
    return _DELETED in row.finding


def _check_contract(tx: Transaction, agreement: Agreement, now: datetime) -> None:
    """Raises Problem 409 unless the contract allows use now."""
    terms = newest_of(tx, agreement)
    ending = tx.get(ContractEnding, terms.id)
    if ending is not None:
        raise _no(f"The contract is over{_since(ending.ended_at)}: what was received under it has to be deleted")
    if terms.standing != "active":
        raise _no(f"The contract is {terms.standing}")
    if terms.until is not None and terms.until <= now:
        raise _no(f"The contract ran out{_since(terms.until)}")
    if (duty := over_for(terms, now)) is not None:
        raise _no(f"What was received under this contract had to be deleted already. {words(duty)}")


def _check_file(tx: Transaction, row: ReceivedTransfer, now: datetime) -> None:
    """Raises Problem 409 unless this file may be used now."""
    if row.kind == ELSEWHERE:
        raise _no("It was put somewhere else, and lies there")
    if row.kind == "opaque":
        raise _no("These are bytes of a foreign connector, of which nobody can tell whose they are")
    if is_deleted(row):
        raise _no("What was received is deleted")
    if row.kind == "records" and not _is_whole(row):
        raise _no("It has not arrived whole, or is not what its sender signed")
    agreement = tx.get(Agreement, row.agreement)
    due = erase_by(tx, agreement, row.transfer) if agreement is not None else None
    if due is not None and due <= now:
        raise _no(f"It had to be deleted by {due:%d %B %Y}")


def _is_whole(row: ReceivedTransfer) -> bool:
    if is_deleted(row):
        return False
    return row.kind == "stream" or (row.kind == "records" and row.standing == "complete" and row.verified is True)


def _left_out(tx: Transaction, agreement: Agreement) -> frozenset[str]:
    """Whoever stopped or paused, whether or not the eraser has come to them yet."""
    chain = [one.id for one in chain_of(tx, agreement)]
    return frozenset(one.code for one in tx.find(Tombstone, agreement=chain) if one.kind in ("erase", "stop", "pause"))


def _received(tx: Transaction, transfer: str) -> ReceivedTransfer:
    row = tx.get(ReceivedTransfer, transfer)
    if row is None:
        raise missing("There is no such transfer among those received here")
    return row


def _of_chain(tx: Transaction, agreement: Agreement) -> list[ReceivedTransfer]:
    return tx.find(ReceivedTransfer, agreement=[one.id for one in chain_of(tx, agreement)])


def _no(why: str) -> Problem:
    return conflict(why, "not-usable", "a contract that allows use now, and data that is still here")


def _since(moment: datetime | None) -> str:
    return f" since {moment:%d %B %Y}" if moment is not None else ""
