"""EDC's management API (v3) as its operator uses it: assets and offers, negotiations, transfers, events."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

import httpx2

from contracts.edc import NAMESPACE

ODRL = "http://www.w3.org/ns/odrl.jsonld"
DSP = "dataspace-protocol-http:2025-1"
PULL, PUSH = "HttpData-PULL", "HttpData-PUSH"
PATIENCE = 20.0
Json = dict[str, Any]


class Peer(Protocol):
    """Whom EDC is told to speak to: a participant id and where its DSP 2025-1 endpoints are."""

    @property
    def id(self) -> str: ...

    @property
    def dsp(self) -> str: ...


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"EDC's management API answered {status}: {body[:600]}")
        self.status = status


class Management:
    """The operator's side of one EDC."""

    def __init__(self, client: httpx2.AsyncClient, base: str) -> None:
        self._client = client
        self.base = base

    async def ask(self, method: str, path: str, body: Json | None = None, seconds: float = 60.0) -> Any:
        """One request. Raises Refused."""
        sent = None if body is None else {"@context": {"@vocab": NAMESPACE}, **body}
        answer = await self._client.request(method, self.base + path, json=sent, timeout=seconds)
        if not answer.is_success:
            raise Refused(answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def data_plane_available(self) -> bool:
        """Whether a data plane has registered itself."""
        try:
            planes = await self.ask("GET", "/v3/dataplanes")
        except (httpx2.HTTPError, Refused):
            return False
        return any(plane.get("state") == "AVAILABLE" for plane in planes)

    async def add_asset(self, asset: str, url: str) -> None:
        """Data behind its data plane."""
        await self.ask("POST", "/v3/assets", {
            "@id": asset,
            "properties": {"name": asset, "contenttype": "application/fhir+ndjson"},
            "dataAddress": {"type": "HttpData", "baseUrl": url},
        })  # fmt: skip

    async def add_policy(self, policy: str, rules: Json) -> None:
        """A policy, in ODRL's own context."""
        await self.ask(
            "POST", "/v3/policydefinitions", {"@id": policy, "policy": {"@context": ODRL, "@type": "Set", **rules}}
        )

    async def add_offer(self, definition: str, policy: str, asset: str | None = None) -> None:
        """Offer an asset (or every asset) under a policy."""
        await self._define(definition, policy, [_criterion("=", asset)] if asset else [])

    async def add_offer_like(self, definition: str, policy: str, pattern: str) -> None:
        """Offer every asset whose id fits a pattern, with `%` for any text."""
        await self._define(definition, policy, [_criterion("like", pattern)])

    async def _define(self, definition: str, policy: str, chosen: list[Json]) -> None:
        await self.ask("POST", "/v3/contractdefinitions", {
            "@id": definition, "accessPolicyId": policy, "contractPolicyId": policy, "assetsSelector": chosen,
        })  # fmt: skip

    async def catalogue(self, peer: Peer) -> Json:
        """A peer's catalogue as this EDC reads it."""
        found: Json = await self.ask("POST", "/v3/catalog/request", {"@type": "CatalogRequest", **_at(peer)})
        return found

    async def dataset(self, peer: Peer, dataset: str) -> Json:
        """One dataset of a peer as this EDC reads it."""
        asked = {"@type": "DatasetRequest", "@id": dataset, **_at(peer)}
        found: Json = await self.ask("POST", "/v3/catalog/dataset/request", asked)
        return found

    async def negotiate(self, peer: Peer, offer: Json, told: str | None = None) -> str:
        """Ask a peer for a contract; returns this EDC's negotiation id. `told` is called when it has ended."""
        asked: Json = {"@type": "ContractRequest", **_at(peer), "policy": {"@context": ODRL, **offer}}
        if told:
            ends = ["contract.negotiation.finalized", "contract.negotiation.terminated"]
            asked["callbackAddresses"] = [{"transactional": False, "uri": told, "events": ends}]
        return str((await self.ask("POST", "/v3/contractnegotiations", asked))["@id"])

    async def negotiation(self, id: str) -> Json:
        """One negotiation."""
        found: Json = await self.ask("GET", f"/v3/contractnegotiations/{id}")
        return found

    async def negotiations(self, limit: int = 100_000) -> list[Json]:
        """All of them."""
        query = {"@type": "QuerySpec", "offset": 0, "limit": limit}
        found: list[Json] = await self.ask("POST", "/v3/contractnegotiations/request", query, 300)
        return found

    async def negotiated(self, id: str, *states: str, seconds: float = PATIENCE, pause: float = 0.02) -> Json:
        """A negotiation once it stands in one of these states (FINALIZED when none is named)."""
        wanted = states or ("FINALIZED",)
        deadline = time.monotonic() + seconds
        while (found := await self.negotiation(id))["state"] not in wanted:
            ended = found["state"] in ("TERMINATED", "FINALIZED")
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"negotiation is {found['state']}, not {wanted}: {found.get('errorDetail')}")
            await asyncio.sleep(pause)
        return found

    async def end_negotiation(self, id: str, reason: str) -> None:
        """Terminate a negotiation."""
        asked = {"@type": "TerminateNegotiation", "@id": id, "reason": reason}
        await self.ask("POST", f"/v3/contractnegotiations/{id}/terminate", asked)

    async def transfer(self, peer: Peer, agreement: str, push_to: str | None = None) -> str:
        """Ask for the data of an agreement, pulled, or pushed to an address; returns this EDC's transfer id."""
        asked: Json = {"@type": "TransferRequest", **_at(peer), "contractId": agreement, "transferType": PULL}
        if push_to:
            asked |= {"transferType": PUSH, "dataDestination": {"type": "HttpData", "baseUrl": push_to}}
        return str((await self.ask("POST", "/v3/transferprocesses", asked))["@id"])

    async def transfer_of(self, their_pid: str) -> str:
        """This EDC's id of the transfer that its peer calls `their_pid`."""
        return await self._of("/v3/transferprocesses/request", their_pid)

    async def negotiation_of(self, their_pid: str) -> str:
        """This EDC's id of the negotiation that its peer calls `their_pid`."""
        return await self._of("/v3/contractnegotiations/request", their_pid)

    async def _of(self, path: str, their_pid: str) -> str:
        chosen = {"@type": "Criterion", "operandLeft": "correlationId", "operator": "=", "operandRight": their_pid}
        query = {"@type": "QuerySpec", "filterExpression": [chosen]}
        deadline = time.monotonic() + PATIENCE
        while not (found := await self.ask("POST", path, query)):
            assert time.monotonic() < deadline, f"EDC knows nothing that its peer calls {their_pid}"
            await asyncio.sleep(0.02)
        return str(found[0]["@id"])

    async def transfer_state(self, id: str) -> str:
        """Where a transfer stands."""
        return str((await self.ask("GET", f"/v3/transferprocesses/{id}/state"))["state"])

    async def transferred(self, id: str, state: str, seconds: float = PATIENCE, pause: float = 0.02) -> None:
        """Wait until a transfer stands so; the provider's goes on from its end to be cleared away, by itself."""
        deadline = time.monotonic() + seconds
        while (found := await self.transfer_state(id)) != state:
            if state in ("COMPLETED", "TERMINATED") and found.startswith("DEPROVISION"):
                return
            assert time.monotonic() < deadline, f"transfer is {found}, not {state}"
            await asyncio.sleep(pause)

    async def move_transfer(self, id: str, what: str, reason: str = "because") -> None:
        """`suspend`, `resume`, `terminate`."""
        kind = {"suspend": "SuspendTransfer", "terminate": "TerminateTransfer"}.get(what)
        body = {"@type": kind, "reason": reason} if kind else None
        await self.ask("POST", f"/v3/transferprocesses/{id}/{what}", body)

    async def address(self, id: str, seconds: float = PATIENCE, pause: float = 0.02) -> Json:
        """Where the data of a transfer can be pulled, once it has started."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found: Json = await self.ask("GET", f"/v3/edrs/{id}/dataaddress")
                return found
            except Refused as refused:
                if refused.status != 404 or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(pause)


def _criterion(operator: str, text: str) -> Json:
    return {"@type": "Criterion", "operandLeft": f"{NAMESPACE}id", "operator": operator, "operandRight": text}


def _at(peer: Peer) -> Json:
    return {"counterPartyId": peer.id, "counterPartyAddress": peer.dsp, "protocol": DSP}
