"""Concord's side: a hospital and a research group as `concord serve` runs them, prepared once and copied for each run.

The hospital has synthetic patients who consented to an approved study; what EDC has is a policy that says `use` and a
few bytes. So every negotiation here is judged against the study, and every first byte is decided and de-identified.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.edc.side import Flood, Idle, Json
from bench.edc.wire import Wire
from connector.api.heads import HTTP
from connector.founding import STORE_FILE, VAULT, Founded
from connector.identity import tokens
from connector.lock import running
from connector.records import Dataset
from connector.services.signing import KeySigner
from connector.storage import SqliteStore
from connector.vault import FileVault
from connector.vault.vault import PARTICIPANT_KEY
from contracts.names import CONTEXT_URL
from tests.interop.process import cpu_seconds, proportional, resident
from tests.two_party import releases, story
from tests.two_party.space import make_empty_store, opened

DSP = "/dsp/2025-1"
CATALOGUE = json.dumps({"@context": [CONTEXT_URL], "@type": "CatalogRequestMessage"}).encode()
SERVE = ("-P", "-c", "from connector.cli import main; main()", "serve")
DRIVEN = ("-m", "uvicorn", "bench.edc.driven:create", "--factory", "--http", HTTP, "--loop", "uvloop",
          "--log-level", "warning", "--no-access-log")  # fmt: skip
ANSWERING = 60.0
OVER = ("FINALIZED", "TERMINATED")


class Prepared:
    """The two directories every run begins with."""

    def __init__(self, scratch: Path) -> None:
        self.directory = scratch / "prepared"
        self.hospital: Founded
        self.research: Founded
        self.asked: Json = {}

    async def make(self) -> Prepared:
        """Play the story up to the point where a contract can be asked for."""
        self.directory.mkdir()
        async with opened(self.directory, make_empty_store(self.directory.parent)) as space:
            hospital, research, wallet = [await space.add(role, role) for role in ("hospital", "research", "wallet")]
            await space.introduce()
            report = await hospital.services.importing.import_fhir(
                hospital.acting("steward"), releases.BUNDLES, "Records"
            )
            stage = releases.Stage(hospital, research, wallet, "", report.source)
            await releases.publish(stage)
            for source_id in await stage.source_ids():
                await stage.answer(source_id)
            dataset = await hospital.get(Dataset, stage.dataset)
            assert dataset is not None
            self.asked = {"provider": hospital.id, "dataset": dataset.id, "offer": dataset.offer,
                          "study": stage.study, "purpose": story.RESEARCH}  # fmt: skip
            self.hospital, self.research = hospital.founded, research.founded
        return self

    def copied(self, place: Path) -> Path:
        """A fresh pair of directories."""
        shutil.copytree(self.directory, place)
        return place


class Concords:
    """Implements `Side`."""

    name = "Concord"

    def __init__(self, prepared: Prepared, place: Path) -> None:
        self._prepared = prepared
        self._place = prepared.copied(place)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.provider = Wire(prepared.hospital.url)
        self.consumer = Wire(prepared.research.url)
        self._signer = KeySigner(FileVault(self._place / "research" / VAULT).keys.signing_key(PARTICIPANT_KEY))
        self._asked = json.dumps(prepared.asked).encode()

    async def start(self) -> float:
        """See the port."""
        began = time.perf_counter()
        self._serve("hospital", SERVE)
        await self._answered(self.provider, began)
        taken = time.perf_counter() - began
        self._serve("research", (*DRIVEN, "--port", self._prepared.research.url.rpartition(":")[2]))
        await self._up(self.consumer, time.perf_counter())
        return taken

    async def stop(self) -> None:
        """See the port."""
        for wire in (self.provider, self.consumer):
            wire.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            await asyncio.to_thread(process.wait, 30)

    async def negotiate(self) -> tuple[str | None, float]:
        """See the port."""
        began = time.perf_counter()
        begun = await self.consumer.json("POST", "/bench/ask", self._prepared.asked)
        ended = await self.consumer.json("POST", "/bench/ended", begun)
        if ended["state"] != "FINALIZED":
            return None, time.perf_counter() - began
        path = f"{DSP}/negotiations/{ended['theirs']}"
        both = await self.provider.becomes(path, "FINALIZED", lambda: self._signed(b""))
        return str(ended["agreement"]), both - began

    async def flood(self, width: int, seconds: float) -> Flood:
        """See the port."""
        flood, end = Flood(seconds), time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < end:
                _, begun = await self.consumer.ask("POST", "/bench/ask", self._asked)
                ended = json.loads((await self.consumer.ask("POST", "/bench/ended", begun))[1])
                if ended["state"] != "FINALIZED":
                    flood.lost += 1
                    flood.why.append(str(ended["why"])[:200])
                    continue
                flood.finalized += 1
                flood.within += time.perf_counter() <= end

        await asyncio.gather(*(client() for _ in range(width)))
        await self._agreed_by_both(flood)
        return flood

    async def _agreed_by_both(self, flood: Flood) -> None:
        """What is not final at the provider a little later was lost, whatever the consumer says."""
        await asyncio.sleep(0.5)
        rows = await self._managed("GET", "/api/negotiations?role=provider")
        open_still = sum(row["state"].upper() not in OVER for row in rows)
        flood.lost += open_still
        flood.why += ["not final at the provider"] * bool(open_still)

    async def transfer(self, agreement: str) -> tuple[float, Json]:
        """See the port."""
        began = time.perf_counter()
        begun = await self.consumer.json("POST", "/bench/transfer", {"agreement": agreement})
        started = await self.consumer.json("POST", "/bench/started", begun)
        path = started["endpoint"].removeprefix(self._prepared.hospital.url)
        status, first = await self.provider.first_byte(path, _authorized(started["authorization"]))
        if status != 200:
            raise RuntimeError(f"the pull was answered {status}")
        return first - began, started | {"path": path}

    async def revoke(self, transfer: Json) -> float:
        """See the port."""
        began = time.perf_counter()
        await self._managed("POST", f"/api/transfers/{transfer['theirs']}/end", {"reason": "consent withdrawn"})
        return await self.provider.refused(transfer["path"], _authorized(transfer["authorization"])) - began

    async def idle(self, seconds: float) -> Idle:
        """See the port."""
        pid = self._processes[0].pid
        cpu, began = cpu_seconds(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        return Idle(proportional(pid), (cpu_seconds(pid) - cpu) / (time.perf_counter() - began))

    def resident(self) -> int:
        """Bytes resident in the provider's tree."""
        return resident(self._processes[0].pid)

    async def catalogue_page(self, path: str, body: bytes) -> tuple[dict[str, str], Json]:
        """One request for a catalogue, as the research group. Raises RuntimeError."""
        status, fields, data = await self.provider.exchange("POST", path, body, self._signed(body))
        if status != 200:
            raise RuntimeError(f"the catalogue was answered {status}: {data[:200]!r}")
        return fields, json.loads(data)

    def _serve(self, role: str, command: tuple[str, ...]) -> None:
        directory = self._place / role
        arguments = [sys.executable, *command]
        arguments += ["--directory", str(directory)] if command is SERVE else []
        environment = os.environ | {"CONCORD_DIRECTORY": str(directory), "PYTHONPATH": str(Path.cwd())}
        with (directory / "bench.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    async def _answered(self, wire: Wire, began: float) -> None:
        """Until the catalogue is answered. A token made before the process began opens nothing, so each is new."""
        await self._patiently(
            lambda: wire.ask("POST", f"{DSP}/catalog/request", CATALOGUE, self._signed(CATALOGUE)), began
        )

    async def _up(self, wire: Wire, began: float) -> None:
        await self._patiently(lambda: wire.ask("GET", "/health/ready"), began)

    async def _patiently(self, ask: Callable[[], Awaitable[tuple[int, bytes]]], began: float) -> None:
        """Until the answer is 200. Raises RuntimeError with the end of the logs when it never is."""
        status = 0
        while time.perf_counter() - began < ANSWERING and all(one.poll() is None for one in self._processes):
            try:
                status, _ = await ask()
            except (OSError, asyncio.IncompleteReadError):
                status = 0
            if status == 200:
                return
            await asyncio.sleep(0.01)
        logs = "\n".join(path.read_text()[-1500:] for path in self._place.glob("*/bench.log"))
        raise RuntimeError(f"Concord did not answer (status {status}):\n{logs}")

    async def _managed(self, method: str, path: str, body: Any = None) -> Any:
        note = running(self._place / "hospital")
        assert note is not None, "the hospital does not run"
        return await self.provider.json(method, path, body, _authorized(f"Bearer {note.token}"))

    def _signed(self, body: bytes) -> str:
        token = tokens.mint(
            self._signer, self._prepared.research.id, self._prepared.hospital.id, body, datetime.now(UTC)
        )
        return _authorized(f"Bearer {token}")


class ConcordCatalogue:
    """Implements `Catalogued` for a hospital that offers `count` datasets."""

    def __init__(self, prepared: Prepared, place: Path, count: int) -> None:
        self.side = Concords(prepared, place)
        self.count = count
        _many(place / "hospital" / STORE_FILE, prepared.asked["dataset"], count)

    async def whole(self) -> tuple[int, float]:
        """Page after page, as `Link` leads."""
        began, found, path = time.perf_counter(), 0, f"{DSP}/catalog/request"
        while path:
            fields, page = await self.side.catalogue_page(path, CATALOGUE)
            found += len(page["dataset"])
            path = _next(fields.get("link", ""))
        return found, time.perf_counter() - began

    async def page(self) -> tuple[int, float]:
        """The first page."""
        return await self._one(CATALOGUE)

    async def filtered(self) -> tuple[int, float]:
        """The one dataset whose title holds a word."""
        asked = json.loads(CATALOGUE) | {"filter": [{"text": f"needle-{self.count // 2}"}]}
        return await self._one(json.dumps(asked).encode())

    async def _one(self, body: bytes) -> tuple[int, float]:
        began = time.perf_counter()
        _, page = await self.side.catalogue_page(f"{DSP}/catalog/request", body)
        return len(page.get("dataset", [])), time.perf_counter() - began


def _many(store: Path, like: str, count: int) -> None:
    """Publish copies of a dataset until there are `count`, each with an offer of its own."""
    filled = SqliteStore(store)
    try:
        for start in range(1, count, 500):
            numbers = range(start, min(start + 500, count))
            filled.submit(partial(_copies, like=like, numbers=numbers)).result()
    finally:
        filled.close()


def _copies(tx: Any, like: str, numbers: range) -> None:
    one = tx.get(Dataset, like)
    for number in numbers:
        id, offer, title = f"{like}-{number:05}", f"{one.offer_id}-{number}", f"{one.title} needle-{number}"
        described = dict(one.description) | {"id": id, "title": title}
        tx.add(
            replace(one, id=id, title=title, offer_id=offer, offer={**one.offer, "@id": offer}, description=described)
        )


def _next(link: str) -> str:
    """The path of the next page."""
    for part in link.split(","):
        if 'rel="next"' in part:
            return "/" + part.partition("<")[2].partition(">")[0].split("/", 3)[3]
    return ""


def _authorized(value: str) -> str:
    return f"Authorization: {value}\r\n"
