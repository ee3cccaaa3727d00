"""Negotiations and contracts as the people of one side see them; the operator sees both sides."""

from __future__ import annotations

from connector.ports import Transaction
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.processes.moves import Terminate
from connector.services.processes.negotiations import Negotiations
from connector.services.rooms.reading import Rooms
from connector.services.rooms.views import AgreementRow, ContractRoom, NegotiationRow, NegotiationView

_SIDES = {"steward": "provider", "researcher": "consumer"}


class Contracts:
    """Reads an actor's side and ends what is not final. A steward sees what we provide, a researcher what we get."""

    def __init__(self, context: Context, negotiations: Negotiations) -> None:
        self._context = context
        self._negotiations = negotiations
        self._rooms = Rooms(context)

    async def negotiations(self, actor: Actor, role: str | None = None) -> list[NegotiationRow]:
        """Negotiations in which we play this role (None: either), newest first."""
        side = _side(actor, role)
        return await self._context.store.read(lambda tx: self._rooms.negotiations(tx, side))

    async def negotiation(self, actor: Actor, pid: str) -> NegotiationView:
        """One of them, step by step. Raises Problem 404."""
        side = _side(actor)
        return await self._context.store.read(lambda tx: self._rooms.negotiation(tx, pid, side))

    async def terminate(self, actor: Actor, pid: str, reason: str) -> None:
        """End a negotiation that is not final, with a reason for the other side. Raises Problem 404, 409."""
        await self.negotiation(actor, pid)
        await self._negotiations.move(pid, Terminate("ended-by-people", (reason,)), {"actor": actor.entry})

    async def agreements(self, actor: Actor, role: str | None = None) -> list[AgreementRow]:
        """Contracts in which we play this role (None: either), newest first."""
        side = _side(actor, role)
        return await self._context.store.read(lambda tx: self._rooms.agreements(tx, side))

    async def room(self, actor: Actor, agreement_id: str) -> ContractRoom:
        """One contract with what happened under it. Raises Problem 404."""
        side = _side(actor)
        return await self._context.store.read(lambda tx: self._room(tx, agreement_id, side))

    def _room(self, tx: Transaction, agreement_id: str, side: str | None) -> ContractRoom:
        found = self._rooms.agreement(tx, agreement_id, side)
        return self._rooms.room(tx, found, exact=found.role == "provider")


def _side(actor: Actor, role: str | None = None) -> str | None:
    """The protocol role whose processes this actor may see; None: both. Raises Problem 403."""
    require(actor, "operator", *_SIDES)
    return _SIDES.get(actor.role, role)
