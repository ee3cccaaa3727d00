"""`concord why`: why one thing stands as it does, and what is wrong or waits now, for whoever may see it.

A steward sees what we provide, a researcher what we get, the operator and the data protection officer everything but
people. What somebody may not see is not there for them (404).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.problems import missing
from connector.records import (
    Agreement,
    Amendment,
    Delivery,
    DutyOwed,
    Job,
    MemberEntry,
    Negotiation,
    Notice,
    OutboxMessage,
    Quarantined,
    Release,
    RiskReport,
    Source,
    Study,
    Tombstone,
    Transfer,
)
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.why import people, processes, things, views
from connector.services.why.finding import Thing, found
from connector.services.why.surroundings import Surroundings, seen_in
from connector.services.why.views import TroubleRow, Why

if TYPE_CHECKING:
    from connector.services.holding.syncing import Syncing
    from connector.services.signing_in import SigningIn

SIGN_IN, CALLERS = "sign-in", "callers"
"""What has no id of its own: sign-ins and participants that were refused since this process started."""
_EVERYTHING = ("operator", "dpo")
_SIDES = {"steward": "provider", "researcher": "consumer"}
_OFFICER_ONLY = ("withdrawal", "answer")
_STEWARD_ONLY = ("message", "participant", "source", "quarantine", "risk report", "job")
_MOST = 200
_RECENT = timedelta(days=30)
_GOING = ("", "REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED")
_FIRST = (views.HELD_UP, views.FAILED, views.WAITING)


class WhyDesk:
    """Explains."""

    def __init__(self, context: Context, syncing: Syncing, signing_in: SigningIn) -> None:
        self._context = context
        self._syncing = syncing
        self._signing_in = signing_in

    async def explain(self, actor: Actor, id: str) -> Why:
        """Why the thing of this id stands as it does. Raises Problem 403, 404."""
        require(actor, *_EVERYTHING, *_SIDES)
        if id in (SIGN_IN, CALLERS):
            require(actor, *_EVERYTHING)
            return self._refused(id)
        why = await self._context.store.read(lambda tx: self._explained(tx, actor, id))
        if why is None:
            raise missing("Nothing of this id is known here, or not to you", "unknown-subject")
        return why

    async def troubles(self, actor: Actor) -> list[TroubleRow]:
        """What is held up, what failed within 30 days, and what waits: at most 200 of each kind. Raises Problem 403."""
        require(actor, *_EVERYTHING, *_SIDES)
        rows = await self._context.store.read(lambda tx: self._troubles(tx, actor))
        return sorted(rows, key=lambda row: (_FIRST.index(row.standing), -(row.at.timestamp() if row.at else 0.0)))

    async def surroundings(self, actor: Actor) -> Surroundings:
        """What an examination needs to know. Raises Problem 403."""
        require(actor, "operator")
        return await self._context.store.read(seen_in)

    def _refused(self, id: str) -> Why:
        if id == SIGN_IN:
            seen = self._signing_in.refused
            return people.refusals(self._context, SIGN_IN, "Refused sign-ins", seen, "sign-in-untroubled")
        away = self._context.members.turned_away
        return people.refusals(self._context, CALLERS, "Refused participants", away, "callers-untroubled", "caller-")

    def _explained(self, tx: Transaction, actor: Actor, id: str) -> Why | None:
        thing = found(tx, id)
        if thing is None:
            return None
        why = self._of(tx, actor, thing)
        if not self._sees(tx, actor, why, thing):
            return None
        return replace(why, related=[one for one in why.related if one.id and one.id != why.id])

    def _of(self, tx: Transaction, actor: Actor, thing: Thing) -> Why:
        context, exact = self._context, actor.role in ("steward", *_EVERYTHING)
        match thing:
            case Negotiation():
                return processes.negotiation(context, tx, thing)
            case Transfer():
                return processes.transfer(context, tx, thing, exact=exact)
            case Release():
                return things.release(context, tx, thing, exact=exact)
            case Source():
                return people.source(context, tx, thing, reading=thing.id in self._syncing.running)
        explain: Callable[[Context, Transaction, Thing], Why] = _OTHERS[type(thing)]
        return explain(context, tx, thing)

    def _sees(self, tx: Transaction, actor: Actor, why: Why, thing: Thing) -> bool:
        if actor.role in _EVERYTHING:
            return True
        if why.kind in _OFFICER_ONLY:
            return False
        if actor.role == "researcher" and isinstance(thing, OutboxMessage):
            about = found(tx, thing.about)
            return isinstance(about, Negotiation | Transfer) and about.role == "consumer"
        if why.kind in _STEWARD_ONLY:
            return actor.role == "steward"
        return why.role in ("", _SIDES[actor.role])

    # --- everything at once -------------------------------------------------------------------------------------------

    def _troubles(self, tx: Transaction, actor: Actor) -> list[TroubleRow]:
        rows, named = list[TroubleRow](), set[str]()
        for thing in self._candidates(tx):
            if isinstance(thing, OutboxMessage) and thing.about in named:
                continue
            why = self._of(tx, actor, thing)
            if why.standing not in _FIRST or why.id in named or not self._sees(tx, actor, why, thing):
                continue
            named.add(why.id)
            at = max((one.at for one in why.steps if one.at), default=None)
            rows.append(TroubleRow(why.id, why.kind, why.title, why.counterparty, why.standing, why.causes[0].code,
                                   why.headline, at))  # fmt: skip
        return rows

    def _candidates(self, tx: Transaction) -> Iterable[Thing]:
        since, now = self._context.clock() - _RECENT, self._context.clock()
        yield from tx.find(Negotiation, state=_GOING, order="-updated_at", limit=_MOST)
        yield from tx.find(Negotiation, state="TERMINATED", updated_at__ge=since, order="-updated_at", limit=_MOST)
        yield from tx.find(Transfer, state=["", "REQUESTED", "STARTED", "SUSPENDED"], order="-updated_at", limit=_MOST)
        yield from tx.find(Transfer, state="TERMINATED", updated_at__ge=since, order="-updated_at", limit=_MOST)
        yield from tx.find(Agreement, standing=["suspended", "pending"], limit=_MOST)
        yield from tx.find(Notice, order="-effective_at", limit=_MOST)
        yield from tx.find(Tombstone, answer="waiting", limit=_MOST)
        yield from tx.find(Amendment, standing=["open", "answering"], limit=_MOST)
        yield from tx.find(DutyOwed, standing="open", due_at__le=now, limit=_MOST)
        yield from tx.find(Study, standing=["waiting", "published"], limit=_MOST)
        yield from tx.find(Source, limit=_MOST)
        yield from tx.find(Quarantined, standing="held", limit=_MOST)
        yield from tx.find(MemberEntry, standing="suspended", limit=_MOST)
        yield from tx.find(Delivery, standing=["waiting", "refused"], limit=_MOST)
        yield from tx.find(Job, standing="waiting", error__ne="", order="due_at", limit=_MOST)
        yield from tx.find(Job, standing="failed", ended_at__ge=since, order="-ended_at", limit=_MOST)
        yield from tx.find(OutboxMessage, standing="waiting", failing_since__ne=None, order="sequence", limit=_MOST)


_OTHERS: dict[type[Thing], Callable[..., Why]] = {
    Agreement: things.agreement,
    OutboxMessage: things.message,
    Quarantined: things.quarantined,
    RiskReport: things.risk,
    Amendment: things.amendment,
    DutyOwed: things.duty,
    Job: things.job,
    MemberEntry: things.member,
    Notice: people.notice,
    Tombstone: people.erasure,
    Study: people.study,
    Delivery: people.answer,
}
