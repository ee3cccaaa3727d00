"""Waiting until something has come about: woken by bells, never looking again on a clock.

Whatever changes a state also writes to the log, so the log's bell covers what has no bell of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Delivery, ReceivedTransfer, Study, StudyDecision, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.rooms.reading import Rooms
from connector.services.rooms.transfers import row_of

LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """What was waited for, as it is now. `kind` is negotiation, transfer, study or consent; `row` its fields.

    `states` holds every word that describes it: a consumer's transfer is `started` and its file `receiving`; a
    negotiation that waits for people here is `waiting` as well.
    """

    about: str
    kind: str
    state: str
    states: list[str]
    reached: bool
    row: dict[str, Any]


class Waiting:
    """`GET /api/wait`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rooms = Rooms(context)

    async def until(self, actor: Actor, about: str, states: Collection[str], seconds: float) -> Awaited:
        """What `about` names, once in one of these states or when time is up. Raises Problem 404 if it never was."""
        require(actor, "operator")
        bells, names = self._context.bells, (f"about:{about}", "log", "received")
        loop = asyncio.get_running_loop()
        ends = loop.time() + min(max(seconds, 0.0), LONGEST)
        while True:
            seen = {name: bells.count(name) for name in names}
            remaining = ends - loop.time()
            found = await self._looked(about, states, last=remaining <= 0)
            if found is not None and (found.reached or remaining <= 0):
                return found
            if remaining <= 0:
                raise missing("There is nothing of this name here", "unknown-subject")
            waits = [asyncio.ensure_future(bells.wait(name, remaining, seen[name])) for name in names]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()

    async def _looked(self, about: str, wanted: Collection[str], *, last: bool) -> Awaited | None:
        return await self._context.store.read(lambda tx: self._look(tx, about, wanted, last=last))

    def _look(self, tx: Transaction, about: str, wanted: Collection[str], *, last: bool) -> Awaited | None:
        states = self._rooms.states(tx, about)
        if states and not last and not any(one in wanted for one in states):
            return Awaited(about, "negotiation", states[0], states, False, {})  # looked at again: no need to word it
        for read in (self._negotiation, self._transfer, self._study, self._consent):
            if (found := read(tx, about)) is not None:
                kind, states, row = found
                return Awaited(about, kind, states[0], states, any(one in wanted for one in states), row)
        return None

    def _negotiation(self, tx: Transaction, about: str) -> tuple[str, list[str], dict[str, Any]] | None:
        states = self._rooms.states(tx, about)
        return ("negotiation", states, asdict(self._rooms.negotiation(tx, about))) if states else None

    def _transfer(self, tx: Transaction, about: str) -> tuple[str, list[str], dict[str, Any]] | None:
        found = tx.get(Transfer, about)
        if found is None:
            return None
        row, received = row_of(tx, found, exact=False), tx.get(ReceivedTransfer, about)
        states = [row.state, *([received.standing] if received else [])]
        return "transfer", states, asdict(row)

    def _study(self, tx: Transaction, about: str) -> tuple[str, list[str], dict[str, Any]] | None:
        """At its publisher a study is approved once every holder it asks has approved it."""
        found = tx.get(Study, about)
        if found is None:
            return None
        decided = tx.find(StudyDecision, study=about, order="holder")
        everybody = bool(decided) and all(one.answer == "approved" for one in decided)
        approved = ["approved"] if found.standing == "published" and everybody else []
        approvals = [{"holder": one.holder, "state": one.answer, "at": one.at} for one in decided]
        row = {"id": found.id, "standing": found.standing, "approvals": approvals}
        return "study", [*approved, found.standing], row

    def _consent(self, tx: Transaction, about: str) -> tuple[str, list[str], dict[str, Any]] | None:
        newest = tx.find(Delivery, consent=about, order="-version", limit=1)
        if not newest:
            return None
        one = newest[0]
        row = {"consent": one.consent, "version": one.version, "holder": one.holder, "standing": one.standing,
               "acknowledged_at": one.acknowledged_at}  # fmt: skip
        return "consent", [one.standing], row
