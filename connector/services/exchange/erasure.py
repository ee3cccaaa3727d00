"""A recipient is told that a person stopped: it takes no more of theirs, deletes what it has, and states it, signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Agreement, Tombstone
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.exchange.withdrawal import WEIGHT
from connector.services.received.objects import STAYS, WAITING, WORKING, counted, objects_of, statement
from contracts import exchange as wire

SEND_STATEMENT = "exchange.statement"
LIFTED = "lifted"
"""A pause that is over: it bars nothing, and is remembered so that the same notice again changes nothing."""


class ErasureDesk:
    """The recipient's side of a withdrawal. Files themselves are rewritten by `connector.jobs.eraser`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/withdrawals`: note it durably, stop at once, answer *received*; deleting follows."""
        posted = speech.read_body(wire.WithdrawalNotice, body)
        notice = speech.hear(posted.notice, speech.NOTICE, sender, wire.Notice)
        now = self._context.clock()

        def command(tx: Transaction) -> Tombstone:
            agreement = tx.get(Agreement, notice.agreement)
            if agreement is None or agreement.counterparty != sender.id or agreement.role != "consumer":
                raise invalid("There is no such agreement between us", "agreement")
            known = tx.get(Tombstone, notice.agreement, notice.code)
            if known is not None and (known.notice == notice.notice or _weighs_more(known, notice)):
                return known
            stone = _stone(notice, now)
            tx.put(stone)
            if notice.kind is wire.Ending.ERASE:
                occasions.asked(tx, self._context, notice.agreement, notice.notice, notice.deadline)
            self._context.log(tx, "erasure.asked", notice.notice, {"agreement": notice.agreement, "from": sender.id})
            tx.ring("erase")
            return stone

        stone = await self._context.store.write(command)
        received = wire.Received(
            notice=notice.notice, agreement=notice.agreement, answer=wire.Answer.RECEIVED, at=stone.received_at or now
        )
        return {"statement": speech.say(self._context, speech.STATEMENT, received.wire())}

    def settle(self, tx: Transaction, stone: Tombstone) -> Tombstone:
        """State how a notice stands once the connector has done its part: all gone, some stays, or people have to act.

        Nothing is stated while the connector itself is at work. What stands already is not stated again.
        """
        stone = tx.get(Tombstone, stone.agreement, stone.code) or stone
        rows = objects_of(tx, stone.notice)
        standings = {row.standing for row in rows}
        if standings & {*WORKING}:
            return stone
        answer = WAITING if WAITING in standings else "exception" if STAYS in standings else "erased"
        changes: dict[str, Any] = {"answer": answer, **counted(stone, rows)}
        if answer == "erased":
            changes["erased_at"] = self._context.clock()
        stone = tx.change(stone, **changes)
        self.restate(tx, stone)
        tx.ring("received")
        return stone

    def restate(self, tx: Transaction, stone: Tombstone) -> None:
        """Say again, or for the first time, how a notice stands; nothing before use was stopped."""
        if (answer := _answer(stone)) is not None:
            self._state(tx, stone, answer)

    def said_last(self, tx: Transaction, stone: Tombstone) -> str:
        """How a notice stands, signed anew: for a holder that asks, since what was stated may have been lost."""
        context, answer = self._context, _answer(stone)
        if answer is None:
            claims: wire.Received | wire.Statement = wire.Received(
                notice=stone.notice, agreement=stone.agreement, answer=wire.Answer.RECEIVED,
                at=stone.received_at or context.clock(),
            )  # fmt: skip
        else:
            days = context.settings.own_backup_days
            claims = statement(stone, objects_of(tx, stone.notice), answer, context.clock(), days)
        return speech.say(context, speech.STATEMENT, claims.wire())

    def _state(self, tx: Transaction, stone: Tombstone, answer: wire.Answer) -> None:
        """Queue a signed statement about what was done; called in the transaction that records it."""
        context, agreement = self._context, tx.get(Agreement, stone.agreement)
        if agreement is None:
            return
        rows = objects_of(tx, stone.notice)
        claims = statement(stone, rows, answer, context.clock(), context.settings.own_backup_days)
        holder, jws = agreement.counterparty, speech.say(context, speech.STATEMENT, claims.wire())
        context.deliveries.send(
            tx, recipient=holder, url=f"{context.members.exchange(holder)}/statements", kind=SEND_STATEMENT,
            body={"statement": jws}, about=stone.notice, lane=f"statement:{stone.notice}",
        )  # fmt: skip
        counts = {"objects": claims.objects, "lines": claims.lines, "bytes": claims.bytes}
        if answer is wire.Answer.ERASED:
            occasions.erased(tx, context, stone.notice, counts, jws)
        context.log(tx, f"erasure.{answer}", stone.notice, counts)


def _answer(stone: Tombstone) -> wire.Answer | None:
    """What can be stated; nothing before use was stopped."""
    if stone.erased_at is not None:
        return wire.Answer.ERASED
    if stone.answer == "exception":
        return wire.Answer.EXCEPTION
    return wire.Answer.STOPPED if stone.stopped_at is not None else None


def _weighs_more(known: Tombstone, notice: wire.Notice) -> bool:
    """Messages may overtake one another: who has to erase is not told to rest instead, and no task is forgotten."""
    unfinished = known.kind == "erase" and known.erased_at is None and known.answer != "exception"
    return unfinished or WEIGHT.get(known.kind, 0) > WEIGHT[notice.kind]


def _stone(notice: wire.Notice, now: datetime) -> Tombstone:
    """What is to stand from now on."""
    return Tombstone(
        agreement=notice.agreement, code=notice.code, notice=notice.notice, kind=str(notice.kind),
        cut=dict(notice.cut), received_at=now, deadline=notice.deadline,
    )  # fmt: skip
