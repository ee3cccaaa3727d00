"""Looking at what is really there: for a holder that asks whether something is gone, and for checking manifests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from catalog.smallnumbers import at_least_ten
from connector.dataplane.tally import NotByRow
from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import missing
from connector.records import Agreement, Derivation, ErasedObject, ReceivedTransfer, Tombstone
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.received import chain
from connector.services.received.objects import ELSEWHERE, STAYS
from connector.services.received.shelf import Shelf, nothing_here
from connector.services.received.usable import erase_by, is_deleted, use_ends, why_not
from connector.services.received.views import HeldRow
from contracts.erasing import ObjectLookedAt, ObjectState

if TYPE_CHECKING:
    from connector.dataplane.tally import Contents

_AT_A_TIME = 2
"""Looks that read files side by side: whoever asks often waits."""
_READERS = ("researcher", "operator", "dpo")


class Looking:
    """Reads files at the moment it is asked. `shelf` is handed in by wiring, where something is fetched at all."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self.shelf: Shelf | None = None

    async def look(self, sender: Member, notice: str, object_id: str) -> ObjectLookedAt | None:
        """`GET /consent/erasures/{notice}/{object}`: None when the person is not in it, as the file itself shows.

        For the sender of the notice only. Raises Problem 404, 503.
        """
        row, derivation = await self._context.store.read(lambda tx: self._asked(tx, sender, notice, object_id))
        state = await self._state(row, derivation)
        return None if state is None else ObjectLookedAt(notice=notice, object=object_id, state=state)

    def _asked(
        self, tx: Transaction, sender: Member, notice: str, object_id: str
    ) -> tuple[ErasedObject, Derivation | None]:
        row = tx.get(ErasedObject, notice, object_id)
        agreement = tx.get(Agreement, row.agreement) if row is not None else None
        if row is None or agreement is None or agreement.counterparty != sender.id or agreement.role != "consumer":
            raise missing("There is no such object under a notice of yours")
        return row, tx.get(Derivation, row.about)

    async def _state(self, row: ErasedObject, derivation: Derivation | None) -> ObjectState | None:
        if row.standing == STAYS:
            return ObjectState.STAYS
        shelf = self._open()
        async with self._turns:
            if row.kind == "received":
                file = shelf.received.open(row.agreement, row.about)
                return ObjectState.HERE if await asyncio.to_thread(file.holds, [row.code]) else None
            if row.kind == "opaque":
                size = await asyncio.to_thread(shelf.received.opaque_size, row.agreement, row.about)
                return ObjectState.HERE if size is not None else None
            return await asyncio.to_thread(_derived, shelf, row, derivation)

    def _open(self) -> Shelf:
        if self.shelf is None:
            raise nothing_here()
        return self.shelf

    async def held(self, actor: Actor) -> list[HeldRow]:
        """What was received and is here, newest first, and until when. Raises Problem 403."""
        require(actor, *_READERS)
        return await self._context.store.read(self._held)

    def _held(self, tx: Transaction) -> list[HeldRow]:
        rows = [row for row in tx.find(ReceivedTransfer, order="-started_at") if row.path and not is_deleted(row)]
        found = [(row, agreement) for row in rows if (agreement := tx.get(Agreement, row.agreement)) is not None]
        return [self._one_held(tx, row, agreement) for row, agreement in found]

    def _one_held(self, tx: Transaction, row: ReceivedTransfer, agreement: Agreement) -> HeldRow:
        return HeldRow(
            transfer=row.transfer, agreement=row.agreement, kind=row.kind, path=row.path,
            counterparty_name=self._context.members.name_of(agreement.counterparty), people=at_least_ten(row.people),
            resources=row.lines, bytes=row.bytes, verified=row.verified, received_at=row.finished_at or row.started_at,
            use_ends=use_ends(tx, agreement), erase_by=erase_by(tx, agreement, row.transfer),
            not_usable=why_not(tx, self._context.clock(), row.transfer),
        )  # fmt: skip

    async def verify(self, actor: Actor, transfer: str | None = None) -> list[chain.Chain]:
        """Check received files against their manifests: one, or all. Raises Problem 403, 404, 503."""
        require(actor, *_READERS)
        rows = await self._context.store.read(lambda tx: received_rows(tx, transfer))
        return [await self._checked(row) for row in rows]

    async def _checked(self, row: ReceivedTransfer) -> chain.Chain:
        shelf, context = self._open(), self._context
        agreement, stones = await context.store.read(lambda tx: known_of(tx, row))
        file = shelf.received.open(row.agreement, row.transfer)
        size = chain.claimed_bytes(row) if row.kind == "stream" else None
        async with self._turns:
            contents = await asyncio.to_thread(file.contents, size)
            slices = await asyncio.to_thread(file.slices, chain.cuts(row))
            back = await asyncio.to_thread(file.holds, stones)
            loose = await asyncio.to_thread(shelf.received.opaque_size, row.agreement, row.transfer)
        if row.kind == "opaque":
            return chain.opaque(row, loose)
        sender = context.members.known(agreement.counterparty) if agreement is not None else None
        theirs = sender.statement_keys if sender else ()
        ours = context.members.myself.statement_keys if context.members.myself else ()
        return judged(row, contents, theirs, ours, slices, back=back)


def judged(
    row: ReceivedTransfer, contents: Contents | None, theirs: Any, ours: Any,
    slices: Sequence[Contents] | None, *, back: bool,
) -> chain.Chain:  # fmt: skip
    """The verdict on one file; somebody who was erased and is back outweighs everything."""
    found = chain.checked(row, contents, theirs, ours, slices)
    if back:
        return chain.Chain(
            found.transfer, ok=False, what="Somebody who stopped is in the file again", manifests=found.manifests,
            path=found.path,
        )  # fmt: skip
    return found


def received_rows(tx: Transaction, transfer: str | None) -> list[ReceivedTransfer]:
    """What has arrived, or one of it. Raises Problem 404."""
    if transfer is None:
        found = tx.find(ReceivedTransfer, order="started_at", standing=["complete", "ended", "broken"])
        return [row for row in found if row.kind != ELSEWHERE]
    row = tx.get(ReceivedTransfer, transfer)
    if row is None:
        raise missing("There is no such transfer among those received here")
    if row.kind == ELSEWHERE:
        raise missing("It was put into an object store: check it there, against the manifest beside it")
    return [row]


def known_of(tx: Transaction, row: ReceivedTransfer) -> tuple[Agreement | None, list[str]]:
    """The contract of a file, and who may not be in it."""
    stones = tx.find(Tombstone, agreement=row.agreement, kind="erase")
    return tx.get(Agreement, row.agreement), [one.code for one in stones if one.erased_at or one.answer]


def _derived(shelf: Shelf, row: ErasedObject, derivation: Derivation | None) -> ObjectState | None:
    """What cannot be read by row is never called gone, unless its file is."""
    done = row.standing in ("erased", "rebuilt", "gone")
    if derivation is None or not derivation.path:
        return ObjectState.STATED if done else ObjectState.HERE
    try:
        if shelf.derived.contents(derivation.path) is None:
            return None if done else ObjectState.HERE
        held = shelf.derived.holds(derivation.path, [row.code])
        return ObjectState.HERE if held or not done else None
    except (NotByRow, OSError):
        return ObjectState.STATED if done else ObjectState.HERE
