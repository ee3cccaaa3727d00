"""What a large catalogue costs: `python -m bench.catalogue [DATASETS]` (`make bench-catalogue`).

A hospital in its own process, with 10,000 datasets unless told otherwise, is asked by a member for one page, a page of
what a common and a rare word find, and every page in turn by its `Link`. The floor is the same server, client and token
asking for a dataset that does not exist: what is left is the catalogue's own. Printed, not asserted.
"""

import asyncio
import gzip
import re
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx2
import orjson

from bench.negotiation import cpu_of, prepared
from connector.identity import tokens
from connector.records import Dataset
from connector.services.signing import KeySigner
from connector.vault import FileVault
from connector.vault.vault import PARTICIPANT_KEY
from tests.faults.processes import Served
from tests.two_party import story

SAMPLES = 60
_MESSAGE = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"}
_NEXT = re.compile(r'<([^>]+)>; rel="next"')
_DESCRIBED: dict[str, Any] = {
    "title": "Records of routine care", "keywords": ["routine care", "diabetes"],
    "description": "Illnesses, medicines and laboratory results of people treated here since the year 2010.",
    "categories": ["conditions", "medications", "laboratory"], "publisher_name": "St. Elisabeth Hospital",
    "contact": {"name": "Data office", "email": "data@hospital.example"}, "spatial": ["BEL"],
    "licence": "https://hospital.example/terms", "kind": "records", "source": "ehr", "version": "1.0",
    "provenance": "Exported from the patient record system every night.", "modified": "2026-06-01T00:00:00Z",
    "health_category": "EHRS", "number_of_people": 20,
}  # fmt: skip


class Asker:
    """A member that asks, each time with a token of its own."""

    def __init__(self, asker: Served, holder: Served, client: httpx2.AsyncClient) -> None:
        self._signer = KeySigner(FileVault(asker.directory / "vault").keys.signing_key(PARTICIPANT_KEY))
        self._asker, self._holder, self._client = asker, holder, client
        self.requested = f"{holder.url}/dsp/2025-1/catalog/request"

    def _headers(self, body: bytes, **others: str) -> dict[str, str]:
        token = tokens.mint(self._signer, self._asker.founded.id, self._holder.founded.id, body, datetime.now(UTC))
        return {"authorization": f"Bearer {token}", "content-type": "application/json", **others}

    async def page(self, url: str, filter: list[Any] | None = None, encoding: str = "identity") -> httpx2.Response:
        """One page."""
        body = orjson.dumps(_MESSAGE | ({} if filter is None else {"filter": filter}))
        headers = self._headers(body, **{"accept-encoding": encoding})
        answer = await self._client.post(url, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    async def nothing(self) -> None:
        """Ask for a dataset that does not exist."""
        url = f"{self._holder.url}/dsp/2025-1/catalog/datasets/urn:none"
        assert (await self._client.get(url, headers=self._headers(b""))).status_code == 404

    async def everything(self) -> tuple[int, int]:
        """Every page, parsed; how many datasets in how many bytes."""
        url, datasets, size = self.requested, 0, 0
        while url:
            answer = await self.page(url)
            datasets, size = datasets + len(orjson.loads(answer.content)["dataset"]), size + len(answer.content)
            found = _NEXT.search(answer.headers.get("link", ""))
            url = found[1] if found else ""
        return datasets, size


def fill(hospital: Served, count: int) -> None:
    """Publish so many datasets, each with its own offer; one in a hundred is about asthma."""
    began = datetime(2020, 1, 1, tzinfo=UTC)
    with hospital.opened() as store:
        pattern = store.read_now(lambda tx: tx.get(Dataset, story.RECORDS))
        assert pattern is not None

        def some(numbers: range) -> None:
            store.submit(lambda tx: [tx.put(row(pattern, n, began)) for n in numbers]).result()

        for start in range(0, count, 500):
            some(range(start, min(start + 500, count)))


def row(pattern: Dataset, number: int, began: datetime) -> Dataset:
    """The dataset with this number."""
    id = f"urn:concord:dataset:{number:06}"
    issued = (began + timedelta(hours=number)).isoformat()
    title = f"Records of {'asthma' if number % 100 == 0 else 'routine'} care {number}"
    described = _DESCRIBED | {"id": id, "title": title, "issued": issued}
    offer = {**(pattern.offer or {}), "@id": f"urn:concord:offer:{number:06}"}
    return replace(pattern, id=id, title=title, description=described, offer_id=offer["@id"], offer=offer)


async def timed(act: Any, samples: int = SAMPLES) -> float:
    """The median milliseconds of one."""
    taken = []
    for _ in range(samples):
        began = perf_counter()
        await act()
        taken.append((perf_counter() - began) * 1e3)
    return median(taken)


async def run(hospital: Served, asker: Asker, pid: int) -> None:
    """Ask, and print."""
    began = perf_counter()
    first = await asker.page(asker.requested)
    print(f"{'first of all':<22}{(perf_counter() - began) * 1e3:>10.1f} ms (reads and writes out everything once)")
    shown = len(orjson.loads(first.content)["dataset"])
    cases: dict[str, Any] = {
        f"a page of {shown}": lambda: asker.page(asker.requested),
        "a common word": lambda: asker.page(asker.requested, [{"text": "routine"}]),
        "a rare word": lambda: asker.page(asker.requested, [{"text": "asthma"}]),
        "a category": lambda: asker.page(asker.requested, [{"category": "laboratory"}]),
        "a page in gzip": lambda: asker.page(asker.requested, encoding="gzip"),
    }
    floor = await timed(asker.nothing)
    for name, act in cases.items():
        before, floor = cpu_of(pid), min(floor, await timed(asker.nothing))
        before, took = cpu_of(pid), await timed(act)
        cpu = (cpu_of(pid) - before) / SAMPLES * 1e3
        print(f"{name:<22}{took:>10.2f} ms {took / floor:>8.1f} times the floor {cpu:>8.2f} ms CPU")
    print(f"{'floor':<22}{floor:>10.2f} ms")
    packed = len(gzip.compress(first.content, 1))
    print(f"{'size of a page':<22}{len(first.content) / 1e3:>10.0f} kB, {packed / 1e3:.0f} kB in gzip")
    for _ in range(3):
        began = perf_counter()
        datasets, size = await asker.everything()
        took = perf_counter() - began
        print(f"{'all of it':<22}{took * 1e3:>10.0f} ms {datasets} datasets, {size / 1e6:.1f} MB")
    print(f"{'memory':<22}{hospital.memory() / 1e6:>10.0f} MB")


async def main() -> None:
    """Everything in a directory that is thrown away."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as directory:
        hospital, research = prepared(Path(directory))
        fill(hospital, count)
        hospital.start()
        hospital.wait_ready()
        assert hospital.process is not None
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
                await run(hospital, Asker(research, hospital, client), hospital.process.pid)
        finally:
            hospital.stop()


if __name__ == "__main__":
    asyncio.run(main())
