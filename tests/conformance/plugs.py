"""What the fixture plugs into the connector's ordinary ports: identity, decisions, data plane, a slow disk.

Everything else of it is the product: doors, receipt, state tables, outbox, courier, store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin, Origin
from connector.problems import unauthenticated
from connector.records import Dataset, Negotiation, Transfer
from connector.services.processes import moves
from connector.services.trust import Members
from connector.storage import SqliteStore
from contracts.messages import DataAddress
from tests.conformance import ids, scripts

DELAY = 0.35
"""Seconds between reaching a state and the scripted move: the kit opens an ear for a message only after its own."""
WHY = ("The script says so",)
TERMS: dict[str, Any] = {"permission": [{"action": "use"}]}


class KitIdentity:
    """Whoever sends any `Authorization` is the kit; it may be called back at any address on this machine."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """See `PeerIdentity`."""
        if not (authorization or "").strip():
            raise unauthenticated("An Authorization header is needed", "no-token")
        return self._members.active(ids.KIT)

    def authorization(self, recipient: Member, body: bytes) -> str:
        """See `PeerIdentity`. The kit does not look at it."""
        return f"the fixture of {ids.CONNECTOR}"

    def destination(self, member: Member, url: str) -> Destination:
        """See `PeerIdentity`. Loopback or nothing: not even a public address is called."""
        try:
            origin = Origin.parse(url)
        except OutboundRefused:
            return Destination.of_operator()
        return Destination.of_operator(*([NamedOrigin(origin, allow_http=True)] if origin.is_loopback else []))


class ScriptedNegotiations:
    """Plays `scripts.NEGOTIATIONS`, where a move of ours may follow another."""

    insistent = True

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay

    def at_once(self, process: Negotiation) -> moves.NegotiationMove | None:
        """Nothing follows by itself: every move is scripted, and made with a delay."""
        return None

    async def next(self, process: Negotiation) -> moves.NegotiationMove | None:
        """The scripted move, once the kit has had time to listen for it."""
        word = scripts.cue(scripts.NEGOTIATIONS.get(process.dataset, {}), states_of(process))
        if word is None:
            return None
        await asyncio.sleep(self._delay)
        return _NEGOTIATING[word](process)


class ScriptedTransfers:
    """Plays `scripts.TRANSFERS`, where a move of ours may follow another."""

    insistent = True

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay

    def at_once(self, process: Transfer) -> moves.TransferMove | None:
        """Nothing follows by itself."""
        return None

    async def next(self, process: Transfer) -> moves.TransferMove | None:
        """The scripted move, once the kit has had time to listen for it."""
        word = scripts.cue(scripts.TRANSFERS.get(process.agreement, {}), states_of(process))
        if word is None:
            return None
        await asyncio.sleep(self._delay)
        return _TRANSFERRING[word]


class NullDataPlane:
    """Names an address at which nothing is, and takes every request: no byte moves in the fixture."""

    def address(self, process: Transfer, token: str) -> DataAddress | None:
        """See `DataPlane`."""
        return DataAddress(endpoint_type="https://w3id.org/idsa/v4.1/HTTP", endpoint="http://127.0.0.1:9/nothing")

    def refusal(self, dataset: Dataset | None, format: str, address: DataAddress | None) -> str | None:
        """See `DataPlane`."""
        return None if format == ids.FORMAT else f"this format is not offered; accepted: {ids.FORMAT}"


class SlowStore(SqliteStore):
    """A store whose disk takes `delay` seconds longer for every commit."""

    def __init__(self, path: Path, on_commit: Callable[[set[str]], None], delay: float) -> None:
        self._delay = delay
        super().__init__(path, on_commit)

    def _commit(self, connection: Any, group: Any) -> None:
        time.sleep(self._delay)
        super()._commit(connection, group)


def offer_of(dataset: str, id: str | None = None) -> dict[str, Any]:
    """The offer of a dataset as a message carries it: its terms are those of every policy in the fixture."""
    return {"@id": id or ids.offer_id(dataset), "@type": "Offer", "target": dataset, **TERMS}


def states_of(process: Negotiation | Transfer) -> list[str]:
    """Every state a process has been in, the present one last."""
    return [str(step[0]) for step in (process.steps or {}).get("steps", [])]


_NEGOTIATING: dict[str, Callable[[Negotiation], moves.NegotiationMove]] = {
    "offer": lambda process: moves.MakeOffer(offer_of(process.dataset)),
    # Where the connector is the consumer, the kit's mock answers only to offers called "offer" and the dataset.
    "request": lambda process: moves.MakeRequest(offer_of(process.dataset, f"offer{process.dataset}")),
    "accept": lambda _process: moves.Accept(),
    "agree": lambda _process: moves.Agree(),
    "verify": lambda _process: moves.Verify(),
    "finalize": lambda _process: moves.Finalize(),
    "terminate": lambda _process: moves.Terminate("script", WHY),
}
_TRANSFERRING: dict[str, moves.TransferMove] = {
    "start": moves.Start(),
    "suspend": moves.Suspend("script", WHY),
    "complete": moves.Complete(),
    "terminate": moves.Terminate("script", WHY),
}
