"""One inbound message: its cost beside a bare FastAPI with the same durable insert, and how often the disk is asked.

A hospital in its own process takes contract requests and terminations of them, one after the other in pairs, signed by
a member. It decides nothing afterwards (a course that never wants anything), so that receipt alone is measured: size,
JSON, token, schema, replay, step, save, answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from bench.negotiation import cpu_of, prepared
from bench.ratio import Ratio, show
from bench.tracing import installed, traced
from connector.identity import tokens
from connector.services.contracting.wording import Parties, for_study
from connector.services.signing import KeySigner
from connector.vault import FileVault
from connector.vault.vault import PARTICIPANT_KEY
from contracts.messages import ContractNegotiationTerminationMessage, ContractRequestMessage
from contracts.study import StudyRequest
from tests.faults.processes import Served, free_port
from tests.two_party import story
from tests.two_party.space import until

if TYPE_CHECKING:
    from fastapi import FastAPI

DEPTH, PAIRS, ROUNDS = 16, 150, 3
MANY = 64
"""In flight, for the disk."""
ALONE = 10
"""Messages one by one, for the disk."""
_NEGOTIATIONS = "/dsp/2025-1/negotiations"
_SYNCS = "fdatasync,fsync"
_SYNC = re.compile(r"(?:fdatasync|fsync)\(\d+<([^>]*)>")


class Unwilling:
    """The course of a participant that takes every message and wants nothing."""

    insistent = False

    def at_once(self, process: Any) -> None:
        """Nothing."""

    async def next(self, process: Any) -> None:
        """Nothing."""


def unwilling() -> FastAPI:
    """The hospital's application (`uvicorn bench.connector_messages:unwilling --factory`)."""
    from connector.app import create
    from connector.services.registry import Deciding
    from connector.wiring import Plugs

    return create(Plugs(deciding=Deciding(negotiating=lambda _context: Unwilling())))


@dataclass
class Sender:
    """A member that sends pairs of messages, each signed."""

    member: Served
    holder: Served
    client: httpx2.AsyncClient
    offer: dict[str, Any]
    to: str

    def __post_init__(self) -> None:
        self._signer = KeySigner(FileVault(self.member.directory / "vault").keys.signing_key(PARTICIPANT_KEY))

    async def pair(self) -> None:
        """A request, and the termination of what it began: two messages, two transitions."""
        pid = story.urn()
        request = ContractRequestMessage(
            id=story.urn(), consumer_pid=pid, callback_address=f"{self.member.url}/dsp/2025-1", offer=self.offer
        )
        begun = await self._post(f"{_NEGOTIATIONS}/request", request.wire())
        theirs = begun["providerPid"]
        end = ContractNegotiationTerminationMessage(id=story.urn(), provider_pid=theirs, consumer_pid=pid, code="bench")
        await self._post(f"{_NEGOTIATIONS}/{theirs}/termination", end.wire())

    async def _post(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        body = orjson.dumps(message)
        token = tokens.mint(self._signer, self.member.founded.id, self.holder.founded.id, body, datetime.now(UTC))
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = await self.client.post(f"{self.to}{path}", content=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = orjson.loads(answer.content)
        return found

    async def pairs(self, count: int, depth: int) -> None:
        """So many pairs, so many at a time."""
        left = iter(range(count))

        async def lane() -> None:
            for _ in left:
                await self.pair()

        await asyncio.gather(*(lane() for _ in range(depth)))


@contextmanager
def bare(file: Path) -> Iterator[tuple[str, int]]:
    """The floor's process: its address and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.connector_floor:create", "--factory", "--loop", "uvloop",
               "--http", "httptools", "--no-access-log", "--log-level", "warning", "--port", str(port)]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | {"CONCORD_FLOOR": str(file)})
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


@asynccontextmanager
async def hospital(folder: Path) -> AsyncIterator[tuple[Sender, int]]:
    """The hospital's process, and who sends to it."""
    holder, member = prepared(folder)
    holder.command = tuple("bench.connector_messages:unwilling" if "create" in one else one for one in holder.command)
    holder.start()
    holder.wait_ready()
    plan = orjson.loads((folder / "plan.json").read_bytes())
    parties = Parties(holder.founded.id, member.founded.id, plan["dataset"])
    with member.opened() as store:
        from connector.records import Study

        study = store.read_now(lambda tx: tx.get(Study, plan["study"]))
    assert study is not None
    offer = for_study(plan["offer"], parties, StudyRequest.read(study.document), plan["purpose"])
    assert holder.process is not None
    limits = httpx2.Limits(max_connections=MANY, max_keepalive_connections=MANY)
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
            yield Sender(member, holder, client, offer, holder.url), holder.process.pid
    finally:
        holder.stop()


async def _receipt() -> list[Ratio]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        floor_url, floor_pid = stack.enter_context(bare(Path(directory) / "floor.db"))
        async with hospital(Path(directory) / "ours") as (ours, pid):
            floor = Sender(ours.member, ours.holder, ours.client, ours.offer, floor_url)
            await _answers(floor)
            best = {"ours": float("inf"), "floor": float("inf")}
            for sender in (ours, floor):
                await sender.pairs(PAIRS, DEPTH)
            for _ in range(ROUNDS):
                for name, sender, process in (("ours", ours, pid), ("floor", floor, floor_pid)):
                    before = cpu_of(process)
                    await sender.pairs(PAIRS, DEPTH)
                    best[name] = min(best[name], (cpu_of(process) - before) / (2 * PAIRS) * 1e3)
    ratio = Ratio("inbound message, CPU", best["ours"] / best["floor"], 2.5, at_least=False)
    return [show(ratio.name, f"{best['ours']:.3f} ms", f"{best['floor']:.3f} ms", ratio)]


async def _answers(sender: Sender) -> None:
    async def there() -> bool:
        try:
            return (await sender.client.get(f"{sender.to}/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    await until(there, "the floor")


def message() -> list[Ratio]:
    """CPU of one inbound message beside the floor's."""
    return asyncio.run(_receipt())


def _files(lines: list[str]) -> Counter[str]:
    """How often which file was asked for."""
    return Counter(Path(found[1]).name for line in lines if (found := _SYNC.search(line)))


def _checkpoints(store: Path) -> int:
    """How many checkpoints of the log there are; a reader of its own disturbs no writer."""
    reader = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return int(reader.execute("select count(*) from log_checkpoint").fetchone()[0])
    finally:
        reader.close()


async def _disk() -> list[Ratio]:
    with tempfile.TemporaryDirectory() as directory:
        async with hospital(Path(directory) / "ours") as (sender, pid):
            store = sender.holder.directory / "store.db"
            quiet = partial(_quiet, store)
            await sender.pairs(20, 4)
            await quiet()
            pairs = 5 * MANY
            with traced(pid, _SYNCS, Path(directory) / "many") as lines:
                await sender.pairs(pairs, MANY)
            many = _files(lines).total()
            await quiet()
            before = _checkpoints(store)
            with traced(pid, _SYNCS, Path(directory) / "alone") as lines:
                for _ in range(ALONE):
                    await sender.pair()
                    await quiet()
            alone = _files(lines)
            commits = alone["store.db-wal"] - (_checkpoints(store) - before) - 2 * alone["store.db"]
    together = Ratio("fsyncs per transition, 64 in flight", many / (2 * pairs), 0.25, at_least=False)
    single = Ratio("fsyncs per transition, alone", commits / (2 * ALONE), 1.0, at_least=False)
    exact = single._replace(at_least=single.value < 1)  # exactly one: fewer is as wrong as more
    return [
        show(together.name, f"{many} syncs", f"{2 * pairs} messages", together),
        show(exact.name, f"{commits} syncs", f"{2 * ALONE} messages", exact),
    ]


async def _quiet(store: Path) -> None:
    """Wait until every entry of the log is under a checkpoint, so that no commit is shared with the sequencer."""
    reader = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    waiting = "select count(*) from log_entry where position is null"
    try:
        await until(lambda: reader.execute(waiting).fetchone()[0] == 0, "the sequencer")
    finally:
        reader.close()


def disk() -> list[Ratio]:
    """How often a message asks the disk, alone and with many others. Nothing where strace is not installed."""
    if not installed():
        print("fsyncs per transition: skipped, strace is not installed")
        return []
    return asyncio.run(_disk())
