"""The book of duties: what is owed under which agreement, what was done, and the proof of it.

Everything is written in a transaction of the caller's. What is done leaves an entry in our log and, where we owed it
to the other side, a signed statement that goes there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connector.ports import Transaction
from connector.records import Agreement, DutyOwed, OutboxMessage
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.duties.views import GRACE
from connector.services.exchange import speech
from contracts.duties import NO_PROOF, DutyDone, Proof, duty_id
from contracts.names import Role
from policy.odrl.duties import Duty, words

SEND_DONE = "exchange.duty-done"
BELL = "duties"
_AHEAD = timedelta(hours=1)
"""How long before its last instant something is begun that happens by itself; of a short time, a tenth."""


class DutyBook:
    """Opens, settles and states duties."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(
        self,
        tx: Transaction,
        agreement: Agreement,
        duty: Duty,
        occasion: str = "",
        *,
        due: datetime | None = None,
        opens: datetime | None = None,
    ) -> DutyOwed:
        """Write down that a duty is owed, once: asked again it is the one that stands there."""
        id = duty_id(agreement.id, duty.pointer, occasion)
        known = tx.get(DutyOwed, id)
        if known is not None:
            return known
        now = self._context.clock()
        opens = opens or (_before(due, now) if due is not None else now)
        row = DutyOwed(
            id=id, agreement=agreement.id, duty=duty.key, by=str(duty.by), role=agreement.role,
            counterparty=agreement.counterparty, pointer=duty.pointer, occasion=occasion, words=words(duty),
            made_at=now, opens_at=opens, due_at=due,
        )  # fmt: skip
        row = replace(row, next_at=self._next(row))
        tx.add(row)
        self._ring(tx, row)
        return row

    def again(
        self, tx: Transaction, agreement: Agreement, duty: Duty, occasion: str = "", *, due: datetime | None = None
    ) -> DutyOwed:
        """It is owed for what comes now: done for what came before, it is open again, and due anew.

        What was stated before stays in the evidence; a statement of ours that has not left says too much by now.
        """
        row = self.open(tx, agreement, duty, occasion, due=due)
        if row.standing != "done":
            return row
        now = self._context.clock()
        self._log(tx, "duty.reopened", row, {"due": _text(due)})
        self._unsay(tx, row)
        opened = replace(row, due_at=due, opens_at=_before(due, now) if due is not None else now)
        row = tx.change(
            row, standing="open", due_at=due, opens_at=opened.opens_at, next_at=self._next(opened), done_at=None,
            missed_at=None, reminded_at=None, evidence=_earlier(row),
        )  # fmt: skip
        self._ring(tx, row)
        return row

    def ours(self, row: DutyOwed) -> bool:
        """Whether we owe it, and it is not done."""
        return row.standing == "open" and row.by == row.role

    def set_due(self, tx: Transaction, row: DutyOwed, due: datetime) -> DutyOwed:
        """It is due at another time than was known."""
        row = replace(row, due_at=due, opens_at=_before(due, self._context.clock()))
        row = tx.change(
            tx.get(DutyOwed, row.id) or row, due_at=due, opens_at=row.opens_at, next_at=self._next(row)
        )  # fmt: skip
        self._ring(tx, row)
        return row

    def done(
        self,
        tx: Transaction,
        row: DutyOwed,
        facts: Mapping[str, Any],
        *,
        proof: Proof = NO_PROOF,
        statement: str | None = None,
        at: datetime | None = None,
    ) -> DutyOwed:
        """It is done: an entry in the log, and where we owed it to the other side our signed statement.

        Only what is open is done by this: what other terms took the place of stays dropped. `statement` is what proves
        it already, ours or theirs; then nothing further is said. `facts` go into the log.
        """
        if row.standing != "open":
            return row
        leaf = self._log(tx, "duty.done", row, {**facts, "link": proof.link, "sha256": proof.digest})
        if statement is None and row.by == row.role == str(Role.CONSUMER):
            statement = self._say(row, facts, proof, leaf)
            self._send(tx, row, statement)
        return self._settled(tx, row, at or self._context.clock(), facts, proof, leaf, statement)

    def tell(self, tx: Transaction, row: DutyOwed) -> DutyOwed:
        """The statement itself is what is owed: done when it has arrived."""
        if row.evidence is not None:
            return row
        leaf = self._log(tx, "duty.telling", row, {})
        statement = self._say(row, {}, NO_PROOF, leaf)
        self._send(tx, row, statement)
        return tx.change(row, evidence={"statement": statement})

    def arrived(self, tx: Transaction, row: DutyOwed) -> None:
        """The other side has taken our statement about a duty that consists in it."""
        if row.standing == "open":
            self.done(tx, row, {}, statement=str((row.evidence or {}).get("statement")))

    def missed(self, tx: Transaction, row: DutyOwed) -> DutyOwed:
        """Its time is over and it is not known to be done: noted once, for both sides to see."""
        self._log(tx, "duty.overdue", row, {"due": _text(row.due_at), "by": row.by})
        row = tx.change(row, missed_at=self._context.clock(), next_at=None)
        self._ring(tx, row)
        return row

    def reminded(self, tx: Transaction, row: DutyOwed) -> DutyOwed:
        """Half of the time is over, and a person here has to do something."""
        self._log(tx, "duty.reminded", row, {"due": _text(row.due_at)})
        row = tx.change(row, reminded_at=self._context.clock(), next_at=row.due_at)
        self._ring(tx, row)
        return row

    def drop(self, tx: Transaction, row: DutyOwed) -> None:
        """Other terms took the place of those it was owed under."""
        self._log(tx, "duty.dropped", row, {})
        tx.change(row, standing="dropped", next_at=None)

    def done_in_chain(self, tx: Transaction, agreement: Agreement, duty: str) -> bool:
        """Whether a duty was done under earlier terms of the same contract."""
        chain = [one.id for one in chain_of(tx, agreement)]
        return tx.count(DutyOwed, agreement=chain, duty=duty, standing="done") > 0

    def _next(self, row: DutyOwed) -> datetime | None:
        if row.by != row.role:
            return row.due_at + GRACE if row.due_at is not None else None
        return row.opens_at if row.due_at is not None else None

    def _settled(
        self,
        tx: Transaction,
        row: DutyOwed,
        at: datetime,
        facts: Mapping[str, Any],
        proof: Proof,
        leaf: str,
        statement: str | None,
    ) -> DutyOwed:
        given = {**proof.wire(), "statement": statement}
        evidence = {**facts, **{name: value for name, value in given.items() if value}, "log": leaf}
        evidence["known_at"] = _text(self._context.clock())
        if row.evidence is not None and "earlier" in row.evidence:
            evidence["earlier"] = row.evidence["earlier"]
        row = tx.change(row, standing="done", done_at=at, next_at=None, evidence=evidence)
        self._ring(tx, row)
        return row

    def _log(self, tx: Transaction, kind: str, row: DutyOwed, facts: Mapping[str, Any]) -> str:
        """An entry about a duty; returns its leaf (hex). Words of a person stay out of it."""
        about = {"agreement": row.agreement, "duty": row.duty, "pointer": row.pointer, "occasion": row.occasion}
        return self._context.log(tx, kind, row.id, about | {name: value for name, value in facts.items() if value})

    def _say(self, row: DutyOwed, facts: Mapping[str, Any], proof: Proof, leaf: str) -> str:
        claims = DutyDone(
            duty=row.id, agreement=row.agreement, pointer=row.pointer, key=row.duty, occasion=row.occasion or None,
            by=self._context.me.id, at=self._context.clock(), objects=facts.get("objects", 0),
            lines=facts.get("lines", 0), bytes=facts.get("bytes", 0), proof=proof, log=leaf,
        )  # fmt: skip
        return speech.say(self._context, speech.DUTY_DONE, claims.wire())

    def _send(self, tx: Transaction, row: DutyOwed, statement: str) -> None:
        context = self._context
        if context.members.speaks_exchange(row.counterparty):
            context.deliveries.send(
                tx, recipient=row.counterparty, url=f"{context.members.exchange(row.counterparty)}/duties",
                kind=SEND_DONE, body={"statement": statement}, about=row.id, lane=f"duty:{row.id}",
            )  # fmt: skip

    def _unsay(self, tx: Transaction, row: DutyOwed) -> None:
        dead = {"standing": "dead", "dead_at": self._context.clock(), "reason": "dropped", "body": None}
        dead["error"] = "more was received since"
        tx.alter(OutboxMessage, dead, about=row.id, kind=SEND_DONE, standing="waiting")

    @staticmethod
    def _ring(tx: Transaction, row: DutyOwed) -> None:
        for bell in (BELL, f"about:{row.id}"):
            tx.ring(bell)


def _before(due: datetime, now: datetime) -> datetime:
    return due - min(_AHEAD, max(due - now, timedelta()) / 10)


def _earlier(row: DutyOwed) -> dict[str, Any] | None:
    """The statements about what came before, as evidence of a duty that is open again."""
    known = row.evidence or {}
    said = [*known.get("earlier", []), *([known["statement"]] if known.get("statement") else [])]
    return {"earlier": said} if said else None


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
