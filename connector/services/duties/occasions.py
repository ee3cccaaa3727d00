"""The turns of a contract at which duties arise or are done, each called in the transaction of that turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Agreement, DutyOwed, ReceivedTransfer, Release, Transfer
from connector.services.chains import chain_of, domain_of
from connector.services.context import Context
from connector.services.duties.book import DutyBook
from connector.services.duties.executors import Executor, Moved
from contracts.names import Role
from policy.instants import instant
from policy.odrl import PolicyError, read
from policy.odrl.duties import Duty, stated


def owed_under(policy: Mapping[str, Any] | None) -> tuple[Duty, ...]:
    """The duties an agreement states; none where it cannot be read, for then nothing moves under it either."""
    terms = policy or {}
    if not _may_owe(terms):
        return ()
    try:
        return stated(read(terms))
    except PolicyError:
        return ()


def _may_owe(terms: Mapping[str, Any]) -> bool:
    """A look without reading: most contracts of others owe nothing."""
    rules = [one for value in terms.values() if isinstance(value, list) for one in value if isinstance(one, Mapping)]
    return any(key.endswith(("obligation", "duty")) for one in (terms, *rules) for key in one)


def agreed(tx: Transaction, context: Context, agreement: Agreement) -> None:
    """A contract counts from now on."""
    since = _made(tx, agreement) or context.clock()
    for executor, duty in _each(context, agreement):
        executor.agreed(tx, DutyBook(context), agreement, duty, since)


def begun(tx: Transaction, context: Context, transfer: Transfer, since: datetime) -> None:
    """Data of a transfer begins to be handed over, or to arrive; said again it changes nothing."""
    agreement = tx.get(Agreement, transfer.agreement)
    if agreement is not None:
        moved = Moved(occasion_of(transfer), since)
        for executor, duty in _each(context, agreement):
            executor.begun(tx, DutyBook(context), agreement, duty, moved)


def released(tx: Transaction, context: Context, release: Release) -> None:
    """Provider: a release is over, and something of it was handed over."""
    agreement = tx.get(Agreement, release.agreement)
    if agreement is not None and release.bytes:
        for executor, duty in _each(context, agreement):
            executor.released(tx, DutyBook(context), agreement, duty, release)


def asked(tx: Transaction, context: Context, agreement_id: str, notice: str, due: datetime | None) -> None:
    """A person stopped, and what was received about them under this contract has to go."""
    agreement = tx.get(Agreement, agreement_id)
    if agreement is not None:
        for executor, duty in _each(context, agreement):
            executor.asked(tx, DutyBook(context), agreement, duty, notice, due)


def erased(tx: Transaction, context: Context, notice: str, facts: Mapping[str, Any], statement: str) -> None:
    """What a notice asked for is deleted, as the recipient's statement says."""
    # A consumer chooses what its transfers are called: only what is owed for notices is done by this.
    for row in tx.find(DutyOwed, occasion=notice, duty="erase-on-withdrawal", standing="open"):
        DutyBook(context).done(tx, row, facts, statement=statement)


def ended(tx: Transaction, context: Context, agreements: Sequence[str], erase_by: datetime) -> None:
    """A contract, named with all of its chain, is over; what is held of it has to go by then."""
    for row in _open(tx, agreements):
        executor = context.executors.get(row.duty)
        if executor is not None:
            executor.ended(tx, DutyBook(context), row, erase_by)


def cleared(tx: Transaction, context: Context, agreements: Sequence[str], facts: Mapping[str, Any]) -> None:
    """Consumer: everything received under a contract is deleted, and so is whatever was to be deleted later."""
    for row in _open(tx, agreements):
        if row.duty == "delete" and row.by == row.role:
            DutyBook(context).done(tx, row, facts)


def replaced(tx: Transaction, context: Context, before: Agreement, after: Agreement) -> None:
    """Changed terms: theirs take the place of what is open, also for what was sent under the earlier ones."""
    chain = [one.id for one in chain_of(tx, before)]
    book = DutyBook(context)
    for row in _open(tx, chain):
        executor = context.executors.get(row.duty)
        if executor is not None and executor.renewed:
            book.drop(tx, row)
    agreed(tx, context, after)
    for moved in _moved(tx, before.role, chain):
        for executor, duty in _each(context, after):
            done = {"agreement": chain, "occasion": moved.occasion, "duty": duty.key, "standing": "done"}
            if executor.renewed and not tx.count(DutyOwed, **done):
                executor.begun(tx, book, after, duty, moved)


def over_for(agreement: Agreement, now: datetime) -> Duty | None:
    """The duty by which everything sent under a contract had to be deleted before now: nothing is sent any more."""
    for duty in owed_under(agreement.policy):
        if duty.key == "delete" and duty.until is not None and duty.until <= now:
            return duty
    return None


def occasion_of(transfer: Transfer) -> str:
    """What both sides call a transfer: the consumer's pid."""
    return transfer.pid if transfer.role == Role.CONSUMER else transfer.their_pid or transfer.pid


def _each(context: Context, agreement: Agreement) -> Iterator[tuple[Executor, Duty]]:
    for duty in owed_under(agreement.policy):
        executor = context.executors.get(duty.key)
        if executor is not None:
            yield executor, duty


def _open(tx: Transaction, agreements: Sequence[str]) -> list[DutyOwed]:
    return tx.find(DutyOwed, agreement=list(agreements), standing="open")


def _made(tx: Transaction, agreement: Agreement) -> datetime | None:
    """When the first contract of a chain was made, as it says itself: the same at both sides."""
    first = tx.get(Agreement, domain_of(agreement)) or agreement
    try:
        return instant((first.policy or {}).get("timestamp"))
    except ValueError:
        return first.made_at


def _moved(tx: Transaction, role: str, agreements: Sequence[str]) -> Iterator[Moved]:
    """Every transfer under some agreements of which data was sent or received."""
    for transfer in tx.find(Transfer, agreement=list(agreements), role=role):
        if role == Role.CONSUMER:
            row = tx.get(ReceivedTransfer, transfer.pid)
            since = row.started_at if row is not None and row.path else None  # without a file nothing ever came
        else:
            first = tx.find(Release, transfer=transfer.pid, order="started_at", limit=1)
            since = first[0].started_at if first else None
        if since is not None:
            yield Moved(occasion_of(transfer), since)
