"""How others fare while a release runs: `python -m bench.release_load [MEGABYTES]` (`make bench-release-load`).

A hospital in its own process releases about a gigabyte of records to a reader in another. Meanwhile a research group
asks for the catalogue and people withdraw through their wallet; both are compared with the same hospital idle. Printed,
not asserted: only the ratio travels from machine to machine (it should stay below 5).
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from uuid import uuid4

import httpx2

from connector.records import Consent, Delivery, Link, Person, SourceRecord
from policy.canonical import digest
from tests.two_party.releases import BUNDLES, Stage, hospital_stage, opened_by_hand
from tests.two_party.space import Space, make_empty_store, until

SAMPLES = 40
WITHDRAWALS = 5
CATALOGUE = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"}
READER = """
import socket, sys, time
port, path, token = int(sys.argv[1]), sys.argv[2], sys.argv[3]
s = socket.create_connection(("127.0.0.1", port))
lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", "Connection: close", "", ""]
s.sendall("\\r\\n".join(lines).encode())
began, size = time.perf_counter(), 0
while data := s.recv(1 << 20):
    size += len(data)
print(size, time.perf_counter() - began)
"""
_ID = re.compile(rb'"id":"([^"]+)"')


async def fill(stage: Stage, wanted: int) -> int:
    """Copy people, under fresh ids and with the same consent, until the source holds so many bytes."""
    store = stage.holder.store
    people = await stage.holder.find(Person, source=stage.source)
    patterns = [(person, await stage.records_of(person.source_id)) for person in people]
    size = sum(len(row.body) for _, rows in patterns for row in rows)
    given = (await stage.holder.find(Consent, state="given"))[0]
    while size < wanted:
        for person, rows in patterns:
            copies = clone(person, rows, given, stage.wallet.id)
            size += sum(len(one.body) for one in copies if isinstance(one, SourceRecord))
            await store.write(lambda tx, some=copies: [tx.add(one) for one in some])
            if size >= wanted:
                break
        print(f"\r  {size / 1e6:,.0f} MB", end="", flush=True)
    print()
    return size


def clone(person: Person, rows: list[SourceRecord], given: Consent, wallet: str) -> list[object]:
    """Somebody new with the same records, linked and agreeing."""
    new = replace(person, id=f"urn:uuid:{uuid4()}", source_id=str(uuid4()))
    link = Link(id=f"urn:uuid:{uuid4()}", person=new.id, wallet=wallet, linked_at=datetime.now(UTC))
    record = {**(given.record or {}), "id": f"urn:uuid:{uuid4()}", "link": link.id}
    consent = replace(
        given, id=record["id"], link=link.id, person=new.id, record=record, digest=digest(record), jws="copied"
    )
    old, fresh = person.source_id.encode(), new.source_id.encode()
    records = []
    for row in rows:
        id = fresh.decode() if row.resource_type == "Patient" else str(uuid4())
        body = _ID.sub(b'"id":"' + id.encode() + b'"', row.body.replace(old, fresh), count=1)
        records.append(replace(row, id=id, person=new.id, body=body))
    return [new, link, consent, *records]


async def catalogue(stage: Stage) -> float:
    """Seconds of one catalogue request."""
    began = perf_counter()
    answer = await stage.research.context.members.post(
        stage.holder.id, f"{stage.holder.url}/dsp/2025-1/catalog/request", CATALOGUE
    )
    assert answer.ok, answer.body
    return perf_counter() - began


async def withdrawal(stage: Stage, source_id: str) -> float:
    """Seconds from the person's click to the holder's acknowledgement, which follows its commit."""
    acknowledged = len(await stage.wallet.find(Delivery, standing="acknowledged"))
    began = perf_counter()
    await stage.withdraw(source_id)

    async def heard() -> bool:
        return len(await stage.wallet.find(Delivery, standing="acknowledged")) > acknowledged

    await until(heard, "the acknowledgement", 60)
    return perf_counter() - began


async def measure(stage: Stage, people: list[str]) -> tuple[list[float], list[float]]:
    """Catalogue requests and withdrawals, mixed."""
    asked, stopped = [], []
    for turn in range(SAMPLES):
        asked.append(await catalogue(stage))
        if turn % (SAMPLES // len(people)) == 0 and len(stopped) < len(people):
            stopped.append(await withdrawal(stage, people[len(stopped)]))
        await asyncio.sleep(0.05)
    return asked, stopped


def shown(name: str, idle: list[float], loaded: list[float]) -> None:
    """One line."""
    quiet, busy = median(idle) * 1000, median(loaded) * 1000
    print(
        f"{name:<14} idle {quiet:8.1f} ms   releasing {busy:8.1f} ms (worst {max(loaded) * 1000:8.1f})   "
        f"ratio {busy / quiet:5.2f}"
    )


def resident(pid: int) -> int:
    """Resident megabytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024


async def served(stage: Stage, space: Space) -> subprocess.Popen[bytes]:
    """The hospital again, in a process of its own."""
    await stage.holder.stop()
    command = [
        sys.executable, "-m", "uvicorn", "--factory", "connector.app:create", "--port", str(stage.holder.port),
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: ASYNC220 - a server, not a call
        command, env={**os.environ, "CONCORD_DIRECTORY": stage.holder.founded.directory}
    )

    async def up() -> bool:
        try:
            return (await space.client.get(f"{stage.holder.url}/health/ready")).status_code == 200
        except httpx2.HTTPError:
            return False

    await until(up, "the hospital", 60)
    return process


async def run(space: Space, megabytes: int) -> None:
    """Set up, measure idle, measure while releasing."""
    names = ("hospital", "research", "wallet")
    trio = SimpleNamespace(space=space, **{name: await space.add(name, name) for name in names})
    await space.introduce()
    print("Setting up")
    stage = await hospital_stage(trio, BUNDLES)
    people = (await stage.source_ids())[: 2 * WITHDRAWALS]
    for source_id in people:
        await stage.answer(source_id)
    pid, token = await opened_by_hand(stage)
    size = await fill(stage, megabytes * 1_000_000)
    process = await served(stage, space)
    try:
        idle = await measure(stage, people[:WITHDRAWALS])
        before = resident(process.pid)
        reader = subprocess.Popen(  # noqa: ASYNC220 - it runs beside us
            [sys.executable, "-c", READER, str(stage.holder.port), f"/data/releases/{pid}", token],
            stdout=subprocess.PIPE,
        )
        await asyncio.sleep(3)
        loaded = await measure(stage, people[WITHDRAWALS:])
        assert reader.poll() is None, "the release was over before the measurement: ask for more megabytes"
        during = resident(process.pid)
        out, _ = await asyncio.to_thread(reader.communicate)
        report(size, out, idle, loaded, (before, during, resident(process.pid)))
    finally:
        process.terminate()
        process.wait()


def report(size: int, out: bytes, idle: tuple, loaded: tuple, memory: tuple[int, int, int]) -> None:
    """Print what was measured."""
    released, seconds = int(out.split()[0]), float(out.split()[1])
    shown("catalogue", idle[0], loaded[0])
    shown("withdrawal", idle[1], loaded[1])
    rate = size / 1e6 / seconds
    print(f"{'release':<14} {size / 1e6:,.0f} MB -> {released / 1e6:,.0f} MB in {seconds:.1f} s, {rate:.1f} MB/s")
    print(f"{'memory':<14} {memory[0]} MB before, {memory[1]} MB during, {memory[2]} MB after")


async def main() -> None:
    """Everything in a directory that is thrown away."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            space = Space(folder, make_empty_store(folder), client)
            try:
                await run(space, megabytes)
            finally:
                await space.close()


if __name__ == "__main__":
    asyncio.run(main())
