"""A recipient is told that a person stopped: it takes no more of theirs, deletes what it has, and states it, signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Agreement, Tombstone
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import speech
from contracts import exchange as wire

SEND_STATEMENT = "exchange.statement"


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
            if known is not None and known.notice == notice.notice:
                return known
            stone = Tombstone(
                agreement=notice.agreement, code=notice.code, notice=notice.notice, kind=str(notice.kind),
                cut=dict(notice.cut), received_at=now,
            )  # fmt: skip
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

    def state(self, tx: Transaction, stone: Tombstone, answer: wire.Answer, remaining: tuple[str, ...] = ()) -> None:
        """Queue a signed statement about what was done; called in the transaction that records it."""
        agreement = tx.get(Agreement, stone.agreement)
        if agreement is None:
            return
        claims = wire.Statement(
            notice=stone.notice, agreement=stone.agreement, answer=answer, at=self._context.clock(),
            objects=stone.objects, lines=stone.lines, bytes=stone.bytes, bytes_after=stone.bytes_after,
            remaining=remaining, ground=None,
        )  # fmt: skip
        holder, jws = agreement.counterparty, speech.say(self._context, speech.STATEMENT, claims.wire())
        self._context.deliveries.send(
            tx, recipient=holder, url=f"{self._context.members.exchange(holder)}/statements", kind=SEND_STATEMENT,
            body={"statement": jws}, about=stone.notice, lane=f"statement:{stone.notice}",
        )  # fmt: skip
        if answer is wire.Answer.ERASED:
            occasions.erased(tx, self._context, stone.notice, _counts(claims), jws)
        self._context.log(
            tx,
            f"erasure.{answer}",
            stone.notice,
            {"objects": stone.objects, "lines": stone.lines, "bytes": stone.bytes},
        )


def _counts(claims: wire.Statement) -> dict[str, int]:
    return {"objects": claims.objects, "lines": claims.lines, "bytes": claims.bytes}
