"""Negotiations and contracts in either role, for the operator; other roles have doors of their own."""

from __future__ import annotations

from connector.ports import Transaction
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.processes.moves import Terminate
from connector.services.processes.negotiations import Negotiations
from connector.services.rooms.reading import Rooms
from connector.services.rooms.views import AgreementRow, ContractRoom, NegotiationRow, NegotiationView


class Contracts:
    """Reads both sides; ends what is not final."""

    def __init__(self, context: Context, negotiations: Negotiations) -> None:
        self._context = context
        self._negotiations = negotiations
        self._rooms = Rooms(context)

    async def negotiations(self, actor: Actor, role: str | None = None) -> list[NegotiationRow]:
        """Negotiations in which we play this role (None: either), newest first."""
        require(actor, "operator")
        return await self._context.store.read(lambda tx: self._rooms.negotiations(tx, role))

    async def negotiation(self, actor: Actor, pid: str) -> NegotiationView:
        """One of them, step by step. Raises Problem 404."""
        require(actor, "operator")
        return await self._context.store.read(lambda tx: self._rooms.negotiation(tx, pid))

    async def terminate(self, actor: Actor, pid: str, reason: str) -> None:
        """End a negotiation that is not final, with a reason for the other side. Raises Problem 404, 409."""
        require(actor, "operator")
        await self._negotiations.move(pid, Terminate("ended-by-people", (reason,)), {"actor": actor.entry})

    async def agreements(self, actor: Actor, role: str | None = None) -> list[AgreementRow]:
        """Contracts in which we play this role (None: either), newest first."""
        require(actor, "operator")
        return await self._context.store.read(lambda tx: self._rooms.agreements(tx, role))

    async def room(self, actor: Actor, agreement_id: str) -> ContractRoom:
        """One contract with what happened under it. Raises Problem 404."""
        require(actor, "operator")
        return await self._context.store.read(lambda tx: self._room(tx, agreement_id))

    def _room(self, tx: Transaction, agreement_id: str) -> ContractRoom:
        found = self._rooms.agreement(tx, agreement_id)
        return self._rooms.room(tx, found, exact=found.role == "provider")
