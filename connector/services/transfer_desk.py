"""Transfers as people move them, either side in its own role: ask for a pull or a push, look, pause, go on, end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.identity import access
from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, Derivation, ReceivedTransfer, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.processes.moves import Complete, Start, Suspend, Terminate
from connector.services.processes.transfers import PUSH, STORE_PUSH, Transfers
from connector.services.received.objects import ELSEWHERE
from connector.services.received.usable import last_manifest
from connector.services.releasing.plane import inbox_address
from connector.services.rooms.transfers import row_of
from connector.services.rooms.views import TransferRow
from contracts.object_store import ObjectStore, store_address

_ROLES: Mapping[str, tuple[str, ...]] = {"consumer": ("researcher", "operator"), "provider": ("steward", "operator")}
_LONGEST_NAME = 200


class TransferDesk:
    """For the researcher who receives, the steward who releases, and the operator of either."""

    def __init__(self, context: Context, transfers: Transfers) -> None:
        self._context = context
        self._transfers = transfers

    async def ask(
        self,
        actor: Actor,
        agreement_id: str,
        *,
        push: bool = False,
        since_last: bool = False,
        store: ObjectStore | None = None,
    ) -> str:
        """Ask for the data of a contract, to be pulled or pushed to us; returns our pid. Raises Problem 400, 404, 409.

        `since_last`: only what changed since the last release that is here; it is pulled. `store`: the provider shall
        put it there.
        """
        require(actor, *_ROLES["consumer"])
        agreement = await self._context.store.read(lambda tx: tx.get(Agreement, agreement_id))
        if agreement is None or agreement.role != "consumer":
            raise missing("There is no such agreement here")
        if agreement.standing != "active":
            raise conflict(f"The agreement is {agreement.standing}")
        by = {"actor": actor.entry}
        if since_last and (push or store):
            raise invalid("Changes alone are not pushed", "push", "either of the two")
        if push and store:
            raise invalid("It is pushed to one place", "push", "to us, or to an object store")
        if since_last:
            return await self._changes(agreement, by)
        if store is not None:
            return await self._into_store(agreement, store, by, actor)
        if not push:
            return await self._transfers.ask(agreement, by=by)
        pid, token = new_id(), access.new_token()
        address = inbox_address(self._context.me.origin, pid, token)
        return await self._transfers.ask(
            agreement, format=PUSH, push_to=address, pid=pid, token_hash=access.token_hash(token), by=by
        )

    async def _changes(self, agreement: Agreement, by: Mapping[str, Any]) -> str:
        """Ask for what changed; what it carries on from is noted first, for the puller to say. Raises Problem 409."""
        pid = new_id()

        def command(tx: Transaction) -> None:
            before = last_manifest(tx, agreement)
            tx.add(
                ReceivedTransfer(
                    transfer=pid, agreement=agreement.id, continues=before, started_at=self._context.clock()
                )
            )

        await self._context.store.write(command)
        return await self._transfers.ask(agreement, pid=pid, by=by)

    async def _into_store(self, agreement: Agreement, store: ObjectStore, by: Mapping[str, Any], actor: Actor) -> str:
        """Ask for a push into a store of ours. What lies there is noted first, as something that may hold anybody.

        So a person who stops reaches it: somebody here is asked to erase it, and the wallet is told once they have.
        """
        pid, now = new_id(), self._context.clock()

        def command(tx: Transaction) -> None:
            tx.add(
                ReceivedTransfer(
                    transfer=pid, agreement=agreement.id, kind=ELSEWHERE, started_at=now,
                    finding=f"The provider puts it into the object store {store.place}.",
                )
            )  # fmt: skip
            tx.add(
                Derivation(
                    id=new_id(), agreement=agreement.id, name=f"Object store {store.place}"[:_LONGEST_NAME],
                    parents={"transfers": [pid], "derivations": []}, registered_at=now, registered_by=actor.account,
                )
            )  # fmt: skip
            tx.ring("received")

        await self._context.store.write(command)
        return await self._transfers.ask(agreement, format=STORE_PUSH, push_to=store_address(store), pid=pid, by=by)

    async def transfers(self, actor: Actor, agreement: str | None = None) -> list[TransferRow]:
        """Transfers this role may see, newest first."""
        role = _side(actor)
        wanted: dict[str, Any] = ({"agreement": agreement} if agreement else {}) | ({"role": role} if role else {})
        return await self._context.store.read(
            lambda tx: [
                row_of(tx, one, exact=one.role == "provider")
                for one in tx.find(Transfer, order="-created_at", **wanted)
            ]
        )

    async def transfer(self, actor: Actor, pid: str) -> TransferRow:
        """One of them. Raises Problem 403, 404."""
        found = await self._own(actor, pid)
        return await self._context.store.read(lambda tx: row_of(tx, found, exact=found.role == "provider"))

    async def suspend(self, actor: Actor, pid: str, reason: str) -> None:
        """Pause a transfer that runs; at the provider nothing more leaves from now on. Raises Problem 403, 404, 409."""
        await self._own(actor, pid)
        await self._transfers.move(pid, Suspend("paused-by-people", (reason,)), {"actor": actor.entry})

    async def resume(self, actor: Actor, pid: str) -> None:
        """Let it go on; only who paused it can. Raises Problem 403, 404, 409."""
        found = await self._own(actor, pid)
        if found.state == "SUSPENDED" and found.suspended_by not in (None, found.role):
            who = found.suspended_by
            raise conflict(f"The {who} paused this transfer, so only the {who} can let it go on", "not-ours-to-resume")
        await self._context.store.read(lambda tx: _still_agreed(tx, found))
        await self._transfers.move(pid, Start(), {"actor": actor.entry})

    async def end(self, actor: Actor, pid: str, reason: str = "") -> None:
        """End it: a consumer completes what runs and calls off the rest, a provider always calls off.

        Raises Problem 403, 404, or 409 when it is over.
        """
        found = await self._own(actor, pid)
        if found.state in ("COMPLETED", "TERMINATED"):
            raise conflict(f"This transfer is over: it is {found.state.lower()}")
        if found.role == "consumer" and found.state == "STARTED" and not found.held and not reason:
            await self._transfers.close(pid, Complete(), {"actor": actor.entry})
            return
        why = reason or f"the {found.role} called the transfer off"
        await self._transfers.close(pid, Terminate(f"ended-by-{found.role}", (why,)), {"actor": actor.entry})

    async def _own(self, actor: Actor, pid: str) -> Transfer:
        """The transfer, if this actor's role may move it. Raises Problem 403, 404."""
        require(actor, "researcher", "steward", "operator")
        found = await self._context.store.look(lambda tx: tx.get(Transfer, pid))
        if found is None or actor.role not in _ROLES[found.role]:
            raise missing("There is no such transfer here")
        return found


def _side(actor: Actor) -> str | None:
    """Which transfers a role sees; None: both."""
    require(actor, "researcher", "steward", "operator")
    return {"researcher": "consumer", "steward": "provider"}.get(actor.role)


def _still_agreed(tx: Transaction, transfer: Transfer) -> None:
    agreement = tx.get(Agreement, transfer.agreement)
    if agreement is None or agreement.standing != "active":
        raise conflict(f"The agreement is {agreement.standing if agreement else 'not here'}")
