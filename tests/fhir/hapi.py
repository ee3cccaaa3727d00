"""A real FHIR server for tests: HAPI's JPA server from its jars, on loopback, started and ended by whoever asks."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.fhir.jars import HERE

JSON = "application/fhir+json"
_START = 480.0
_LINES_A_FILE = 400


@dataclass
class Hapi:
    """A server with a directory of its own, in which its data outlive its process."""

    jars: Path
    directory: Path
    port: int = 0
    _process: asyncio.subprocess.Process | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    async def start(self) -> None:
        """Returns when it answers: at the same port as before, if it has had one."""
        told, log = self.directory / "port", (self.directory / "server.log").open("ab")
        told.unlink(missing_ok=True)
        properties = {
            "port": self.port, "portFile": told, "database": f"jdbc:h2:file:{self.directory / 'data'}",
            "exportFileResources": _LINES_A_FILE, "org.slf4j.simpleLogger.defaultLogLevel": "warn",
        }  # fmt: skip
        given = [f"-D{name}={value}" for name, value in properties.items()]
        self._process = await asyncio.create_subprocess_exec(
            "java", "-Xmx1g", *given, "-cp", f"{self.jars}/*", str(HERE / "FhirServer.java"), stdout=log, stderr=log
        )
        async with asyncio.timeout(_START):
            while not told.exists() or not told.read_text():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the FHIR server ended; see {log.name}")
                await asyncio.sleep(0.2)
            self.port = int(told.read_text())
            await self._answering()

    async def _answering(self) -> None:
        async with self._client() as client:
            (await client.get("/metadata")).raise_for_status()

    async def end(self, *, hard: bool = False) -> None:
        """End its process; `hard`: in the middle of whatever it does."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            await self._process.wait()

    def kill(self) -> None:
        """End it at once, without waiting for its process to be gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def put(self, bodies: Iterable[bytes], portion: int = 200) -> None:
        """Store resources under their own ids, some hundred in a transaction."""
        waiting = list(bodies)
        async with self._client() as client:
            for start in range(0, len(waiting), portion):
                entries = b",".join(map(_put, waiting[start : start + portion]))
                bundle = b'{"resourceType":"Bundle","type":"transaction","entry":[%s]}' % entries
                answer = await client.post("", content=bundle, headers={"content-type": JSON})
                assert answer.status_code == 200, answer.text[:500]

    async def delete(self, kind: str, id: str) -> None:
        async with self._client() as client:
            assert (await client.delete(f"/{kind}/{id}")).status_code in (200, 204)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.base, timeout=300, trust_env=False, headers={"accept": JSON})


def _put(body: bytes) -> bytes:
    """An entry with the resource exactly as written: numbers keep their digits on their way."""
    resource = json.loads(body)
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    return b'{"resource":%s,"request":%s}' % (body, json.dumps(request).encode())


@asynccontextmanager
async def running(jars: Path, directory: Path) -> AsyncIterator[Hapi]:
    """A server that is ended in the end; its directory is made."""
    await asyncio.to_thread(directory.mkdir)
    server = Hapi(jars, directory)
    try:
        await server.start()
        yield server
    finally:
        await server.end(hard=True)
