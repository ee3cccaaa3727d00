"""Messages on their way to others, for the operator: what waits and why, what is dead, and what can be done about it.

A message is shown by what it is about and where it goes, never by what it says. One refused for good has had its
consequences and cannot be sent again; one whose recipient was silent for too long can.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import OutboxMessage
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.departures import BELL
from connector.services.rooms.names import moment

STANDINGS = ("waiting", "failing", "unreachable", "refused", "dropped")
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that has not arrived. `standing`: waiting (not tried yet), failing (it will be tried again at
    `due_at`), unreachable (dead until the recipient is heard of or somebody says retry), refused, dropped (both final).

    `about` is the process, notice or contract it belongs to; `host` where it goes. `status` is the last HTTP status,
    0 when there was no answer. `stubborn`: it is never given up, so it cannot be dropped.
    """

    id: str
    kind: str
    about: str
    recipient: str
    recipient_name: str
    host: str
    standing: str
    attempts: int
    status: int
    first_error: str
    last_error: str
    failing_since: datetime | None
    created_at: datetime
    due_at: datetime | None
    dead_at: datetime | None
    stubborn: bool
    can_retry: bool
    can_drop: bool


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """How many messages have not arrived, by standing."""

    waiting: int
    failing: int
    unreachable: int
    refused: int


class DeliveriesDesk:
    """Lists, retries and drops."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, actor: Actor, standing: str | None = None) -> list[Letter]:
        """Messages that have not arrived, the newest first, at most 500; those in one standing if it is named.

        Raises Problem 400, 403.
        """
        require(actor, "operator", "steward")
        if standing not in (None, *STANDINGS):
            raise invalid("There is no such standing", "standing", ", ".join(STANDINGS))
        found = await self._context.store.read(_unsettled)
        letters = [self._letter(one) for one in found]
        return [one for one in letters if standing in (None, one.standing)][:_SHOWN]

    async def counts(self, actor: Actor) -> LetterCounts:
        """How many there are."""
        letters = await self.list(actor)
        by = [one.standing for one in letters]
        return LetterCounts(*(by.count(one) for one in STANDINGS[:4]))

    async def show(self, actor: Actor, id: str) -> Letter:
        """One of them. Raises Problem 403, 404."""
        require(actor, "operator", "steward")
        return self._letter(await self._context.store.read(lambda tx: _found(tx, id)))

    async def retry(self, actor: Actor, id: str) -> None:
        """Send it now, with the same `@id`. Raises Problem 403, 404, 409."""
        require(actor, "operator", "steward")
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            found = _found(tx, id)
            if not self._letter(found).can_retry:
                raise conflict(
                    "This message was refused or given up, and what follows from that is done",
                    accepted="a message that waits, or whose recipient could not be reached",
                )
            changes: dict[str, object] = {"due_at": now}
            if found.dead_at is not None:
                changes |= {"dead_at": None, "reason": "", "failing_since": now, "attempts": 0}
            tx.alter(OutboxMessage, changes, id=id)
            self._context.log(tx, "delivery.retried", found.about, {"kind": found.kind, "by": actor.entry})
            tx.ring(BELL)

        await self._context.store.write(command)

    async def drop(self, actor: Actor, id: str) -> None:
        """Give it up: what follows from a refusal follows from this. Raises Problem 403, 404, 409."""
        require(actor, "operator", "steward")
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            found = _found(tx, id)
            if found.standing == "dead":
                raise conflict("This message is given up already", accepted="a message that waits")
            handlers = self._context.deliveries.handlers(found.kind)
            if handlers.stubborn(found):
                raise conflict("This message is never given up: somebody's right depends on it")
            given_up = {"standing": "dead", "dead_at": now, "reason": "dropped", "error": "given up here", "body": None}
            tx.alter(OutboxMessage, given_up, id=id)
            handlers.refused(tx, found, 0, {"detail": "It could not be delivered and was given up."})
            self._context.log(tx, "delivery.dropped", found.about, {"kind": found.kind, "by": actor.entry})
            for bell in (f"about:{found.about}", BELL):
                tx.ring(bell)

        await self._context.store.write(command)

    def _letter(self, one: OutboxMessage) -> Letter:
        standing, waits = _standing(one), one.standing == "waiting"
        stubborn = waits and self._context.deliveries.handlers(one.kind).stubborn(one)
        return Letter(
            one.id, one.kind, one.about, one.recipient, self._context.members.name_of(one.recipient), _host(one.url),
            standing, one.attempts, one.status, one.first_error or "", one.error or "", one.failing_since,
            moment(one.created_at), one.due_at if waits and one.dead_at is None else None, one.dead_at, stubborn, waits,
            waits and not stubborn,
        )  # fmt: skip


def _unsettled(tx: Transaction) -> list[OutboxMessage]:
    waiting = tx.find(OutboxMessage, standing="waiting", order="-sequence", limit=_SHOWN)
    dead = tx.find(OutboxMessage, standing="dead", dead_at__ne=None, order="-sequence", limit=_SHOWN)
    return sorted([*waiting, *dead], key=lambda one: one.sequence, reverse=True)


def _found(tx: Transaction, id: str) -> OutboxMessage:
    found = tx.get(OutboxMessage, id)
    if found is None or found.standing == "delivered":
        raise missing("There is no such message that has not arrived")
    return found


def _standing(one: OutboxMessage) -> str:
    if one.standing == "waiting":
        return "unreachable" if one.dead_at is not None else "failing" if one.failing_since is not None else "waiting"
    return one.reason or "dropped"


def _host(url: str) -> str:
    """Only where it goes: a path may name a process, and never needs to be read here."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
