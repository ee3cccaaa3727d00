"""Consents from a source that nobody can read or rely on: the data protection officer's queue, and its two ways out.

The source writes the consent anew and it is imported again; or the officer finds that it is no consent of the person at
all, says why, and it counts no more. Until then every decision about that person ends in a no (reference S1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Source, SourceConsent
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.gate import closed_for
from connector.services.holding.broad_stops import BroadStops
from connector.services.holding.source_consents import READABLE, SET_ASIDE, UNREADABLE
from connector.services.releasing.standing import doubts as doubts_about
from connector.services.rooms.names import moment

LONGEST_REASON = 2000
MOST = 500


@dataclass(frozen=True, slots=True)
class Unclear:
    """One consent that stops somebody. `fault` says what is wrong with it; the person is not named."""

    source: str
    source_name: str
    id: str
    version: int
    standing: str
    fault: str
    digest: str
    imported_at: datetime
    supplied_by: str


class SourceConsents:
    """The queue."""

    def __init__(self, context: Context, broad_stops: BroadStops) -> None:
        self._context = context
        self._broad_stops = broad_stops

    async def unclear(self, actor: Actor) -> list[Unclear]:
        """What stops somebody now, newest first, at most 500: not readable, not understood, or about strangers."""
        require(actor, "dpo", "steward", "operator")
        return await self._context.store.read(self._unclear)

    def _unclear(self, tx: Transaction) -> list[Unclear]:
        names = {source.id: source.name for source in tx.find(Source)}
        rows = tx.find(SourceConsent, current=True, standing=[READABLE, UNREADABLE], order="-imported_at")
        doubts = doubts_about(tx, self._context, rows, self._context.clock())
        found = [
            Unclear(
                row.source, names.get(row.source, row.source), row.id, row.version, row.standing,
                doubts[row.source, row.id], row.digest, moment(row.imported_at), row.supplied_by,
            )
            for row in rows
            if (row.source, row.id) in doubts
        ]  # fmt: skip
        return found[:MOST]

    async def set_aside(self, actor: Actor, source: str, id: str, digest: str, reason: str) -> None:
        """This is no consent of the person: it counts no more. `digest` is what was looked at. Raises Problem.

        Whoever received the person because of it is told, in the same transaction.
        """
        require(actor, "dpo")
        reason = reason.strip()
        if not reason or len(reason) > LONGEST_REASON:
            raise invalid("Say why this is not a consent", "reason", f"1 to {LONGEST_REASON} characters")

        def command(tx: Transaction) -> None:
            found = tx.find(SourceConsent, source=source, id=id, current=True, limit=1)
            if not found:
                raise missing("There is no such consent")
            row = found[0]
            if row.digest != digest or row.standing == SET_ASIDE:
                raise conflict("It has changed since you looked at it", accepted="the consent as it stands now")
            tx.change(
                row, standing=SET_ASIDE, settled_at=self._context.clock(), settled_by=actor.account, settled_why=reason
            )
            self._context.log(
                tx, "source.consent-set-aside", f"{source}/{id}",
                {"version": row.version, "digest": row.digest, "by": actor.entry},
            )  # fmt: skip
            self._broad_stops.heard(tx, [row])
            tx.ring("consents")

        spoken = await self._context.store.read(lambda tx: tx.find(SourceConsent, source=source, id=id, current=True))
        async with closed_for(self._context.gate, {one.person for one in spoken}):
            await self._context.store.write(command)
