"""Notes about what arrives: whose lines came, how far it is, and, once all is here, what the check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector.jobs.eraser import NOTE
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import ReceivedPerson, ReceivedTransfer, Tombstone, Transfer
from connector.services.exchange import speech
from connector.services.received.arrived import Arrived, verdict
from connector.services.received.chain import extended
from connector.services.releasing.manifest import Manifest

if TYPE_CHECKING:
    from datetime import datetime

    from connector.dataplane.tally import Contents, Tally
    from connector.services.context import Context


def note_people(tx: Transaction, transfer: Transfer, waiting: Mapping[str, Tally], now: datetime) -> None:
    """Whose lines are in the file now, beside those noted before; nobody who was erased is noted again."""
    gone = {stone.code for stone in tx.find(Tombstone, agreement=transfer.agreement, kind="erase")}
    for code, tally in waiting.items():
        if code in gone:
            continue
        known = tx.get(ReceivedPerson, transfer.pid, code) or ReceivedPerson(
            transfer=transfer.pid, code=code, agreement=transfer.agreement
        )
        tx.put(
            replace(
                known, lines=known.lines + tally.lines, bytes=known.bytes + tally.bytes, last_at=now,
                end_offset=max(known.end_offset, tally.end),
            )
        )  # fmt: skip


def compared(context: Context, transfer: Transfer, arrived: Arrived, jws: str) -> dict[str, Any]:
    """What is noted about a transfer once it was compared with its sender's signed manifest. Raises Problem."""
    member = context.members.active(transfer.counterparty)
    try:
        manifest = speech.hear(jws, speech.MANIFEST, member, Manifest)
    except Problem as fault:
        return {
            "verified": False, "finding": f"The sender's manifest does not verify: {fault.detail}.", "manifest": {}
        }  # fmt: skip
    verified, finding = verdict(transfer, arrived, manifest)
    return {"verified": verified, "finding": finding, "manifest": {**manifest.wire(), "jws": jws}}


async def completed(
    context: Context, transfer: Transfer, lines: int, found: Mapping[str, Any], less: Contents | None = None
) -> None:
    """All of it is here. `less` is what the file is, where lines of people who had stopped were kept out of it."""
    now = context.clock()
    manifest = found.get("manifest")
    proof = {"sha256": found["digest"]} if manifest is None else {"manifest": manifest.get("jws", "")}

    def command(tx: Transaction) -> None:
        row = tx.get(ReceivedTransfer, transfer.pid)
        if row is None:
            return
        row = tx.change(row, standing="complete", finished_at=now, **found)
        if less is not None:
            revisions = extended(context, row, less, None, lines - less.lines)
            row = tx.change(row, revisions=revisions, finding=row.finding + NOTE)
        context.log(
            tx, "transfer.received", transfer.pid,
            {"agreement": transfer.agreement, "lines": row.lines, "bytes": row.bytes, "verified": found["verified"],
             **proof},
        )  # fmt: skip
        tx.ring("received")

    await context.store.write(command)


def knows_earlier(tx: Transaction, row: ReceivedTransfer) -> bool:
    """Whether a manifest under the same agreement was here before this transfer began: then its own names one."""
    began = row.started_at
    others = [
        one for one in tx.find(ReceivedTransfer, agreement=row.agreement, standing="complete")
        if one.transfer != row.transfer and (one.manifest or {}).get("jws")
    ]  # fmt: skip
    return any(one.finished_at is not None and began is not None and one.finished_at < began for one in others)
