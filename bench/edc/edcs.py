"""EDC's side: two connectors from their published jars, everything in memory, the mock identity and a policy `use`."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.edc.side import Flood, Idle, Json
from bench.edc.wire import Events, Wire
from contracts.edc import NAMESPACE
from tests.interop.edc import Edc
from tests.interop.management import DSP, ODRL
from tests.interop.process import cpu_seconds, proportional, resident
from tests.interop.source import Source

CONTEXTS = ["https://w3id.org/dspace/2025/1/context.jsonld", "https://w3id.org/edc/dspace/v0.0.1"]
ASSET = "asset-1"
OVER = ("FINALIZED", "TERMINATED")
LATE = 65.0
"""Seconds after which nothing is heard of a negotiation any more; EDC takes a lost step up again after sixty."""


@dataclass
class Edcs:
    """Implements `Side`."""

    name: str
    directory: Path
    jars: Path
    polling: int | None
    heap: str = ""
    """The JVM's own limit when empty: a quarter of the memory."""

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self._client = httpx2.AsyncClient(trust_env=False, timeout=120)
        self.provider, self.consumer = (
            Edc(name, self.directory / name, self.jars, self._client, self.polling, self.heap)
            for name in ("edc-provider", "edc-consumer")
        )
        self._events, self._source = Events(), Source()
        self._dsp, self._data = Wire(self.provider.protocol), Wire(self.provider.data)
        self._asks, self._decides = Wire(self.consumer.management.base), Wire(self.provider.management.base)
        self._asked = b""

    async def start(self) -> float:
        """See the port."""
        began = time.perf_counter()
        self.provider.launch()
        await self._answered(began)
        taken = time.perf_counter() - began
        self.consumer.launch()
        await asyncio.gather(self.provider.ready(), self.consumer.ready())
        self._source = await Source.opened()
        await self._events.open()
        operator = self.provider.management
        await operator.add_asset(ASSET, self._source.url)
        await operator.add_policy("use", {"permission": [{"action": "use"}]})
        await operator.add_offer("all", "use")
        await self._offer()
        return taken

    async def _offer(self) -> None:
        """The request for a contract, written once: an offer of EDC's can be used any number of times."""
        found = await self.consumer.management.dataset(self.provider, ASSET)
        offers = found["hasPolicy"]
        offer = offers[0] if isinstance(offers, list) else offers
        ends = ["contract.negotiation.finalized", "contract.negotiation.terminated"]
        told = {"transactional": False, "uri": self._events.url, "events": ends}
        policy = {"@context": ODRL, **offer, "assigner": self.provider.id, "target": ASSET}
        self._asked = _written(
            {"@type": "ContractRequest", **self._peer, "policy": policy, "callbackAddresses": [told]}
        )

    @property
    def _peer(self) -> Json:
        return {"counterPartyId": self.provider.id, "counterPartyAddress": self.provider.dsp, "protocol": DSP}

    async def stop(self) -> None:
        """See the port."""
        for wire in (self._dsp, self._data, self._asks, self._decides):
            wire.close()
        for one in (self.provider, self.consumer):
            await asyncio.to_thread(one.stop)
        await self._events.close()
        await self._source.close()
        await self._client.aclose()

    async def negotiate(self) -> tuple[str | None, float]:
        """See the port."""
        began = time.perf_counter()
        pid = await self._begun()
        if await self._events.wait(pid, LATE) != "ContractNegotiationFinalized":
            return None, time.perf_counter() - began
        at_consumer = time.perf_counter()
        found = await self.consumer.management.negotiation(pid)
        asking = time.perf_counter() - at_consumer
        path = f"{_path(self.provider.dsp)}/negotiations/{found['correlationId']}"
        both = await self._dsp.becomes(path, "FINALIZED", lambda: self._mock)
        return str(found["contractAgreementId"]), both - began - asking

    async def flood(self, width: int, seconds: float) -> Flood:
        """See the port."""
        flood, end = Flood(seconds), time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                outcome = await self._events.wait(await self._begun(), LATE)
                if outcome == "ContractNegotiationFinalized":
                    flood.finalized += 1
                    flood.within += time.perf_counter() <= end
                else:
                    flood.lost += 1
                    flood.why.append(outcome or "nothing heard of it")

        await asyncio.gather(*(client() for _ in range(width)))
        await asyncio.sleep(0.5)
        rows = await self.provider.management.negotiations()
        open_still = sum(row["state"] not in OVER for row in rows)
        flood.lost += open_still
        flood.why += ["not final at the provider"] * bool(open_still)
        return flood

    async def transfer(self, agreement: str) -> tuple[float, Json]:
        """See the port. EDC tells nobody that data can be had: its address is looked for every few milliseconds."""
        began = time.perf_counter()
        kind = {"@type": "TransferRequest", "contractId": agreement, "transferType": "HttpData-PULL"}
        begun = await self._asks.json("POST", f"{self._api}/v3/transferprocesses", _context(kind | self._peer))
        while True:
            status, data = await self._asks.ask("GET", f"{self._api}/v3/edrs/{begun['@id']}/dataaddress")
            if status == 200:
                break
            await asyncio.sleep(0.003)
        address = json.loads(data)
        status, first = await self._data.first_byte(_path(address["endpoint"]), _authorized(address["authorization"]))
        if status != 200:
            raise RuntimeError(f"the pull was answered {status}")
        found = await self.consumer.management.ask("GET", f"/v3/transferprocesses/{begun['@id']}")
        return first - began, address | {"theirs": found["correlationId"]}

    async def revoke(self, transfer: Json) -> float:
        """See the port."""
        path, headers = _path(transfer["endpoint"]), _authorized(transfer["authorization"])
        asked = _context({"@type": "TerminateTransfer", "reason": "consent withdrawn"})
        began = time.perf_counter()
        await self._decides.json("POST", f"{self._api}/v3/transferprocesses/{transfer['theirs']}/terminate", asked)
        return await self._data.refused(path, headers) - began

    async def idle(self, seconds: float) -> Idle:
        """See the port."""
        assert self.provider.process is not None
        pid = self.provider.process.pid
        cpu, began = cpu_seconds(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        return Idle(proportional(pid), (cpu_seconds(pid) - cpu) / (time.perf_counter() - began))

    def resident(self) -> int:
        """Bytes resident in the provider's tree."""
        assert self.provider.process is not None
        return resident(self.provider.process.pid)

    async def add_asset(self, asset: str) -> None:
        """One asset more, with nothing behind it."""
        address = {"type": "HttpData", "baseUrl": "http://127.0.0.1:9/data"}
        named = {"name": asset, "contenttype": "application/json"}
        body = _context({"@id": asset, "properties": named, "dataAddress": address})
        await self._decides.json("POST", f"{self._api}/v3/assets", body)

    async def catalogue(self, query: Json) -> tuple[int, float]:
        """One request for a catalogue, straight at the protocol's door: datasets, seconds. Raises RuntimeError."""
        whole = {"@type": "QuerySpec", "offset": 0, "sortOrder": "ASC", "filterExpression": []} | query
        body = _written({"@context": CONTEXTS, "@type": "CatalogRequestMessage", "filter": [whole]})
        began = time.perf_counter()
        status, data = await self._dsp.ask("POST", f"{_path(self.provider.dsp)}/catalog/request", body, self._mock)
        if status != 200:
            raise RuntimeError(f"the catalogue was answered {status}: {data[:200]!r}")
        return len(json.loads(data).get("dataset", [])), time.perf_counter() - began

    @property
    def _api(self) -> str:
        return _path(self.consumer.management.base)

    @property
    def _mock(self) -> str:
        said = {"region": "eu", "audience": self.provider.dsp, "clientId": self.consumer.id}
        return _authorized(json.dumps(said, separators=(",", ":")))

    async def _begun(self) -> str:
        status, data = await self._asks.ask("POST", f"{self._api}/v3/contractnegotiations", self._asked)
        if status != 200:
            raise RuntimeError(f"EDC's management API answered {status}: {data[:200]!r}")
        return str(json.loads(data)["@id"])

    async def _answered(self, began: float) -> None:
        while time.perf_counter() - began < 120:
            try:
                await self.catalogue({"limit": 50})
            except (OSError, RuntimeError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)
            else:
                return
        raise RuntimeError("EDC did not answer in time")


@dataclass
class EdcCatalogue:
    """Implements `Catalogued` for an EDC that offers `count` assets."""

    side: Edcs
    count: int

    async def fill(self) -> None:
        """Add what is missing, through the management API as anybody must."""
        have, _ = await self.side.catalogue({"limit": 1_000_000})

        async def add(numbers: range) -> None:
            for number in numbers:
                await self.side.add_asset(f"needle-{number}")

        await asyncio.gather(*(add(range(have + part, self.count, 8)) for part in range(8)))

    async def whole(self) -> tuple[int, float]:
        """In one answer."""
        return await self.side.catalogue({"limit": self.count + 10})

    async def page(self) -> tuple[int, float]:
        """The first fifty."""
        return await self.side.catalogue({"limit": 50})

    async def filtered(self) -> tuple[int, float]:
        """The one asset with a name."""
        wanted = {"@type": "Criterion", "operandLeft": f"{NAMESPACE}name", "operator": "=",
                  "operandRight": f"needle-{self.count // 2}"}  # fmt: skip
        return await self.side.catalogue({"limit": 50, "filterExpression": [wanted]})


def _context(body: Json) -> Json:
    return {"@context": {"@vocab": NAMESPACE}, **body}


def _written(body: Json) -> bytes:
    return json.dumps(body if "@context" in body else _context(body)).encode()


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def _authorized(value: str) -> str:
    return f"Authorization: {value}\r\n"
