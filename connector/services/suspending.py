"""A contract rests: nothing is pulled, streamed, pushed or newly asked for under it until it is lifted.

Every contract in which we provide to a recipient rests together, when it does not answer what people asked of it. What
runs stops at the next chunk: each looks at the contract as it is committed now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import conflict, missing
from connector.records import Agreement, Notice
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.exchange.ending import checked_reason
from connector.services.exchange.ladder import is_overdue
from contracts import exchange as wire
from contracts.names import Role

SEND_SUSPENSION = "exchange.suspension"
UNANSWERED = "A withdrawal was not answered in time."


@dataclass(frozen=True, slots=True)
class SuspendedContract:
    """A contract that rests. `open_notices` are withdrawals its recipient has still to answer before it is lifted."""

    agreement: str
    counterparty: str
    counterparty_name: str
    dataset: str
    role: str
    at: datetime
    why: str
    open_notices: list[str]


class Suspending:
    """Both sides: we suspend as provider, and hear of it as recipient."""

    def __init__(self, context: Context) -> None:
        self._context = context
        context.deliveries.on(SEND_SUSPENSION)

    @staticmethod
    def active(tx: Transaction, recipient: str) -> list[Agreement]:
        """The contracts with this recipient that would rest; the gate is closed under them while that is committed."""
        return tx.find(Agreement, role=str(Role.PROVIDER), counterparty=recipient, standing="active", order="made_at")

    def suspend(self, tx: Transaction, recipient: str, why: str = UNANSWERED) -> list[Agreement]:
        """Let every contract with this recipient rest, in the caller's transaction; returns those that now do."""
        made = [self._rest(tx, one, why) for one in self.active(tx, recipient)]
        for one in made:
            body = {"counterparty": recipient, "why": why}
            self._context.log(tx, "agreement.suspended", one.id, body)
        return made

    async def lift(self, actor: Actor, agreement_id: str, reason: str) -> list[str]:
        """Let every contract with the recipient of this one go on, once it has answered.

        Raises Problem 400, 403, 404, 409.
        """
        require(actor, "dpo", "operator")
        words = checked_reason(reason)

        def command(tx: Transaction) -> list[str]:
            named = tx.get(Agreement, agreement_id)
            if named is None or named.role != Role.PROVIDER:
                raise missing("There is no such contract in which we provide")
            resting = tx.find(Agreement, role=str(Role.PROVIDER), counterparty=named.counterparty, standing="suspended")
            if named.standing != "suspended":
                raise conflict(f"This contract is {named.standing}", accepted="a contract that is suspended")
            if waiting := self._unanswered(tx, named.counterparty):
                raise conflict(
                    f"{len(waiting)} withdrawals are still not answered by this recipient", "still-overdue",
                    "each of them answered, or its answer noted by hand",
                )  # fmt: skip
            for one in resting:
                self._go_on(tx, one, words, actor)
            return [one.id for one in resting]

        return await self._context.store.write(command)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/suspensions`: the provider lets a contract rest, or go on."""
        jws = speech.read_body(wire.SuspensionNotice, body).suspension
        claims = speech.hear(jws, speech.SUSPENSION, sender, wire.Suspension)

        def command(tx: Transaction) -> None:
            found = tx.get(Agreement, claims.agreement)
            if found is None or found.counterparty != sender.id or found.role != Role.CONSUMER:
                raise missing("There is no such agreement between us")
            rests = claims.standing is wire.Standing.SUSPENDED
            if found.standing != ("active" if rests else "suspended"):
                return  # it has ended, was replaced, or stands like that already
            tx.change(
                found, standing=str(claims.standing), suspended_at=claims.at if rests else None,
                suspended_why=claims.why if rests else "",
            )  # fmt: skip
            kind = "agreement.suspended" if rests else "agreement.resumed"
            self._context.log(tx, kind, found.id, {"by": sender.id, "statement": jws})
            for bell in ("agreements", "transfers"):
                tx.ring(bell)

        await self._context.store.write(command)
        return {}

    def _rest(self, tx: Transaction, one: Agreement, why: str) -> Agreement:
        now = self._context.clock()
        one = tx.change(one, standing="suspended", suspended_at=now, suspended_why=why)
        self._tell(tx, one, wire.Standing.SUSPENDED, why)
        return one

    def _go_on(self, tx: Transaction, one: Agreement, words: str, actor: Actor) -> None:
        one = tx.change(one, standing="active", suspended_at=None, suspended_why="")
        self._tell(tx, one, wire.Standing.ACTIVE, words)
        self._context.log(tx, "agreement.resumed", one.id, {"by": actor.entry, "why": words})

    def _tell(self, tx: Transaction, one: Agreement, standing: wire.Standing, why: str) -> None:
        """Whatever waits at the transfers looks again; the other side learns why nothing opens."""
        context = self._context
        for bell in ("agreements", "transfers", "notices", "endings"):
            tx.ring(bell)
        if not context.members.speaks_exchange(one.counterparty):
            return
        claims = wire.Suspension(agreement=one.id, standing=standing, why=why, at=context.clock())
        context.deliveries.send(
            tx, recipient=one.counterparty, url=f"{context.members.exchange(one.counterparty)}/suspensions",
            kind=SEND_SUSPENSION, body={"suspension": speech.say(context, speech.SUSPENSION, claims.wire())},
            about=one.id, lane=f"suspend:{one.id}",
        )  # fmt: skip

    def _unanswered(self, tx: Transaction, recipient: str) -> list[Notice]:
        now = self._context.clock()
        return [one for one in tx.find(Notice, recipient=recipient, overdue_at__ne=None) if is_overdue(one, now)]

    async def list(self, actor: Actor) -> list[SuspendedContract]:
        """Every contract that rests, the longest first."""
        require(actor, "dpo", "steward", "researcher", "operator")

        def query(tx: Transaction) -> list[SuspendedContract]:
            found = tx.find(Agreement, standing="suspended", order="suspended_at")
            return [self._row(tx, one) for one in found]

        return await self._context.store.read(query)

    def _row(self, tx: Transaction, one: Agreement) -> SuspendedContract:
        waiting = [notice.id for notice in self._unanswered(tx, one.counterparty)] if one.role == "provider" else []
        return SuspendedContract(
            one.id, one.counterparty, self._context.members.name_of(one.counterparty), one.dataset, one.role,
            one.suspended_at or self._context.clock(), one.suspended_why, waiting,
        )  # fmt: skip
