"""The data protection officer as the portal and the API call it. Nothing here changes a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from connector.ports import Transaction
from connector.records import Agreement, DecisionMade, LogCheckpoint, LogEntry, Notice, Release, Tombstone, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.dpo.decisions import Decisions
from connector.services.dpo.views import (
    DecisionView,
    DpoHome,
    History,
    LogEntryView,
    LogRow,
    LogState,
    LogVerdict,
    NoticeRow,
    Replay,
)
from connector.services.dpo.wording import entry_words
from connector.services.evidence import Evidence, Exported
from connector.services.exchange.ladder import due_of, is_overdue
from connector.services.membership import acceptance_rows
from connector.services.rooms.names import moment
from connector.services.rooms.reading import Rooms
from connector.services.rooms.views import AgreementRow

_PAGE_LIMIT = 500
_HISTORY_LIMIT = 2000
_PORTION = 400


class Dpo:
    """Contracts, decisions, log and withdrawals of one participant, in whichever role it has."""

    def __init__(self, context: Context, evidence: Evidence) -> None:
        self._context = context
        self._evidence = evidence
        self._rooms = Rooms(context)
        self._decisions = Decisions(context)

    async def home(self, actor: Actor) -> DpoHome:
        """What is overdue, then numbers."""
        require(actor, "dpo")
        return await self._context.store.read(self._home)

    def _home(self, tx: Transaction) -> DpoHome:
        overdue = [row for row in self._withdrawals(tx) if row.overdue]
        refused = tx.count(DecisionMade, outcome__ne="permit")
        newest = tx.find(LogCheckpoint, order="-size", limit=1)
        state = LogState(
            tx.count(LogEntry), newest[0].size if newest else 0, newest[0].at if newest else None
        )  # fmt: skip
        by_hand = [row for row in acceptance_rows(tx, self._context) if row.contracts or row.standing == "in-force"]
        return DpoHome(tx.count(Agreement), overdue, refused, state, by_hand)

    async def contracts(self, actor: Actor) -> list[AgreementRow]:
        """Every contract of this participant, newest first."""
        require(actor, "dpo")
        return await self._context.store.read(self._rooms.agreements)

    async def history(self, actor: Actor, agreement_id: str) -> History:
        """Everything that happened under one contract. Raises Problem 404."""
        require(actor, "dpo")
        return await self._context.store.read(lambda tx: self._history(tx, agreement_id))

    def _history(self, tx: Transaction, agreement_id: str) -> History:
        found = self._rooms.agreement(tx, agreement_id)
        subjects = _subjects(tx, found)
        entries: list[LogEntry] = []
        for start in range(0, len(subjects), _PORTION):
            entries += tx.find(LogEntry, subject=subjects[start : start + _PORTION], order="sequence")
        entries.sort(key=lambda one: one.sequence)
        # A receiver is not provider staff: the numbers in its contracts stay rounded for its own officer too.
        room = self._rooms.room(tx, found, exact=found.role == "provider")
        rows = [_row(one) for one in entries[-_HISTORY_LIMIT:]]
        return History(room, rows, self._decisions.rows(tx, agreement_id))

    async def decision(self, actor: Actor, decision_id: str) -> DecisionView:
        """One decision, as a tree to read. Raises Problem 404."""
        require(actor, "dpo")
        return await self._context.store.read(lambda tx: self._decisions.view(tx, decision_id))

    async def replay(self, actor: Actor, decision_id: str) -> Replay:
        """The same rules run again on the inputs kept. Raises Problem 404."""
        require(actor, "dpo")
        return await self._context.store.read(lambda tx: self._decisions.replay(tx, decision_id))

    async def log(self, actor: Actor, after: int, limit: int) -> list[LogRow]:
        """Entries after an index (-1: from the start), oldest first; those not integrated yet come last."""
        require(actor, "dpo")
        size = max(1, min(limit, _PAGE_LIMIT))

        def query(tx: Transaction) -> list[LogRow]:
            found = tx.find(LogEntry, position__gt=after, order="position", limit=size)
            if len(found) < size:
                found += tx.find(LogEntry, position=None, order="sequence", limit=size - len(found))
            return [_row(one) for one in found]

        return await self._context.store.read(query)

    async def entry(self, actor: Actor, index: int) -> LogEntryView:
        """One entry with the proof that it is in the signed log. Raises Problem 404."""
        require(actor, "dpo")
        proof = await self._evidence.proof(index)
        return LogEntryView(
            _row(proof.entry), proof.entry.leaf_hash.hex(), proof.path, proof.root, proof.size, proof.checkpoint
        )

    async def verify(self, actor: Actor, kept: Sequence[str] = ()) -> LogVerdict:
        """The whole log checked now, also against checkpoints that somebody kept elsewhere."""
        require(actor, "dpo")
        found = await self._evidence.verify(kept)
        return LogVerdict(
            found.ok, found.entries, found.first_bad, found.what, self._context.clock(), found.signed, found.erased
        )

    async def export(self, actor: Actor, directory: Path) -> Exported:
        """Write the log out, with what is needed to verify it without us. Raises Problem 400, 409."""
        require(actor, "dpo")
        made = await self._evidence.export(directory)
        context, body = self._context, {"entries": made.entries, "signed": made.signed, "by": actor.entry}
        await context.store.write(lambda tx: context.log(tx, "log.exported", context.me.id, body))
        return made

    async def withdrawals(self, actor: Actor) -> list[NoticeRow]:
        """Who was told that a person stopped, and what they answered, newest first."""
        require(actor, "dpo")
        return await self._context.store.read(self._withdrawals)

    def _withdrawals(self, tx: Transaction) -> list[NoticeRow]:
        now, name_of = self._context.clock(), self._context.members.name_of
        told = [
            NoticeRow(
                one.id, moment(one.effective_at), name_of(one.recipient), one.kind, one.received_at, one.stopped_at,
                one.erased_at, due_of(one) or one.deadline, is_overdue(one, now), one.exception,
            )
            for one in tx.find(Notice, order="-effective_at")
        ]  # fmt: skip
        heard = [
            NoticeRow(
                one.notice, moment(one.received_at), self._context.me.name, one.kind, one.received_at, one.stopped_at,
                one.erased_at, None, False,
            )
            for one in tx.find(Tombstone, order="-received_at")
        ]  # fmt: skip
        return sorted(told + heard, key=lambda row: row.at, reverse=True)


def _subjects(tx: Transaction, agreement: Agreement) -> list[str]:
    """What the log calls everything that belongs to a contract."""
    transfers = [one.pid for one in tx.find(Transfer, agreement=agreement.id)]
    releases = [one.id for one in tx.find(Release, agreement=agreement.id)]
    notices = [one.id for one in tx.find(Notice, agreement=agreement.id)]
    heard = [one.notice for one in tx.find(Tombstone, agreement=agreement.id)]
    named = [agreement.id, agreement.negotiation, *([agreement.study] if agreement.study else [])]
    return list(dict.fromkeys([*named, *transfers, *releases, *notices, *heard]))


def _row(entry: LogEntry) -> LogRow:
    at = datetime.fromisoformat(entry.at)
    return LogRow(entry.position, at, entry.kind, entry_words(entry.kind), entry.subject, entry.position is not None)
