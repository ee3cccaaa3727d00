"""What a recipient hears after a notice: somebody who had paused goes on, or an answer of its own is overdue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import invalid, missing
from connector.records import Agreement, Tombstone
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.exchange.erasure import LIFTED, ErasureDesk
from contracts import exchange as wire


class Resuming:
    """The recipient's side of a resumption and of a reminder."""

    def __init__(self, context: Context, desk: ErasureDesk) -> None:
        self._context = context
        self._desk = desk

    async def resumed(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/resumptions`: take what comes under a code again. Only the pause it names is lifted.

        Where more than a pause was asked for since, nothing is lifted; that it was heard is answered all the same.
        """
        jws = speech.read_body(wire.ResumptionNotice, body).resumption
        claims = speech.hear(jws, speech.RESUMPTION, sender, wire.Resumption)

        def command(tx: Transaction) -> None:
            agreement = tx.get(Agreement, claims.agreement)
            if agreement is None or agreement.counterparty != sender.id or agreement.role != "consumer":
                raise invalid("There is no such agreement between us", "agreement")
            stone = tx.get(Tombstone, claims.agreement, claims.code)
            lifts = stone is not None and stone.notice == claims.notice and stone.kind == str(wire.Ending.PAUSE)
            if stone is not None and lifts:
                tx.change(stone, kind=LIFTED, deadline=None)
                tx.ring("erase")
            self._context.log(tx, "erasure.resumed", claims.notice, {"lifted": lifts, "from": sender.id})

        await self._context.store.write(command)
        return self._received(claims.notice, claims.agreement)

    async def reminded(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/reminders`: what was asked for is overdue. How it stands is the answer."""
        jws = speech.read_body(wire.ReminderNotice, body).reminder
        claims = speech.hear(jws, speech.REMINDER, sender, wire.Reminder)

        def command(tx: Transaction) -> str:
            agreement = tx.get(Agreement, claims.agreement)
            stones = tx.find(Tombstone, notice=claims.notice, agreement=claims.agreement, limit=1)
            if agreement is None or agreement.counterparty != sender.id or not stones:
                raise missing("There is no such notice here")
            self._context.log(tx, "erasure.reminded", claims.notice, {"from": sender.id, "statement": jws})
            tx.ring("erase")
            return self._desk.said_last(tx, stones[0])

        return {"statement": await self._context.store.write(command)}

    def _received(self, notice: str, agreement: str) -> dict[str, Any]:
        claims = wire.Received(
            notice=notice, agreement=agreement, answer=wire.Answer.RECEIVED, at=self._context.clock()
        )
        return {"statement": speech.say(self._context, speech.STATEMENT, claims.wire())}
