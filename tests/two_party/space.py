"""A whole data space on loopback: real connectors behind real servers, in this process, that a test may stop and ask.

`Space.add` founds a participant and serves it; `Space.introduce` lets everybody know everybody. A participant added
with `relayed=True` is reached through a `Relay`, which can be told to lose answers.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from fastapi import FastAPI

from connector.api.heads import HTTP
from connector.app import create
from connector.founding import STORE_FILE, Founded, found
from connector.identity.keys import read_fingerprint
from connector.records import OutboxMessage
from connector.services.actors import Actor
from connector.storage import SqliteStore
from connector.wiring import PRODUCTION, Participant, Plugs
from tests.two_party.relay import Relay

R = TypeVar("R")
ENGINE = os.environ.get("CONCORD_TEST_ENGINE", "sqlite")
"""Where participants keep their records: `sqlite`, or `postgresql` for a server that this process starts."""
PATIENCE = 20.0
"""Seconds after which a test stops waiting for something that ought to happen in milliseconds."""


class QuietServer(uvicorn.Server):
    """A server that leaves the signals of the test process alone, since several run side by side, and ends at once."""

    _leave = False
    _left: asyncio.Event | None = None

    @property
    def should_exit(self) -> bool:
        return self._leave

    @should_exit.setter
    def should_exit(self, leave: bool) -> None:
        self._leave = leave
        if leave and self._left is not None:
            self._left.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self._left = asyncio.Event()
        await self.on_tick(0)
        if not self.should_exit:
            await self._left.wait()


def listening(port: int = 0) -> socket.socket:
    """A socket bound to loopback, on a free port unless one is named."""
    # Named as TCP, since asyncio switches Nagle's delay off only for a socket that says so.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


async def until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until `holds()` (or what it awaits) is true, and return that; fails with `what` when it never is."""
    async with asyncio.timeout(seconds) as limit:
        try:
            while True:
                value = holds()
                value = await value if asyncio.iscoroutine(value) else value
                if value:
                    return value
                await asyncio.sleep(0.005)
        except TimeoutError:
            assert not limit.expired(), f"waited {seconds} s in vain for {what}"
            raise
        except asyncio.CancelledError:
            if limit.expired():
                raise AssertionError(f"waited {seconds} s in vain for {what}") from None
            raise


@dataclass
class Party:
    """One participant of the space: its directory, its server, and shortcuts into what runs."""

    founded: Founded
    port: int
    relay: Relay | None = None
    plugs: Plugs = PRODUCTION
    app: FastAPI | None = None
    _server: QuietServer | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        return self.founded.id

    @property
    def url(self) -> str:
        """The origin under which others reach it."""
        return self.founded.url

    @property
    def direct(self) -> str:
        """The server itself, past any relay."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> Participant:
        assert self.app is not None, f"{self.founded.name} is not running"
        participant: Participant = self.app.state.participant
        return participant

    @property
    def services(self) -> Any:
        return self.running.services

    @property
    def context(self) -> Any:
        return self.running.context

    @property
    def store(self) -> SqliteStore:
        return self.running.store

    def acting(self, role: str, account: str | None = None, name: str = "Somebody") -> Actor:
        """Somebody here in a role."""
        return Actor(account or role, name, role, self.id)

    async def get(self, kind: type[R], *key: object) -> R | None:
        return await self.store.read(lambda tx: tx.get(kind, *key))

    async def find(self, kind: type[R], /, **conditions: Any) -> list[R]:
        return await self.store.read(lambda tx: tx.find(kind, **conditions))

    async def add(self, *records: object) -> None:
        await self.store.write(lambda tx: [tx.add(record) for record in records])

    async def eventually(self, kind: type[R], *key: object, where: Callable[[R], Any] = lambda _record: True) -> R:
        """The record with this key, as soon as it is there and `where` holds."""

        async def look() -> R | None:
            record = await self.get(kind, *key)
            return record if record is not None and where(record) else None

        found: R = await until(look, f"a {kind.__name__} at {self.founded.name}")
        return found

    async def quiet(self) -> None:
        """Wait until nothing stands in the outbox any more."""
        await until(lambda: self._outbox_empty(), f"an empty outbox at {self.founded.name}")

    async def _outbox_empty(self) -> bool:
        return not await self.find(OutboxMessage, standing="waiting")

    async def start(self) -> None:
        """Serve the directory; returns when requests are answered."""
        with _environment("CONCORD_DIRECTORY", self.founded.directory):
            self.app = create(self.plugs)
        config = uvicorn.Config(self.app, http=HTTP, lifespan="on", access_log=False, log_config=None)
        self._server = QuietServer(config)
        self._task = asyncio.create_task(self._server.serve([listening(self.port)]))
        await until(self._up, f"{self.founded.name} to start")

    def _up(self) -> bool:
        assert self._server is not None
        assert self._task is not None
        assert not self._task.done(), "the server gave up"
        return self._server.started

    async def stop(self) -> None:
        """End it the orderly way."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._server = self._task = self.app = None


@dataclass
class Space:
    """Several participants that know each other."""

    directory: Path
    empty_store: Path
    client: httpx2.AsyncClient
    parties: dict[str, Party] = field(default_factory=dict)

    async def add(
        self, name: str, role: str, *, relayed: bool = False, plugs: Callable[[Founded], Plugs] | None = None
    ) -> Party:
        """Found a participant and serve it, with what a test plugs in."""
        with listening() as free:
            port = free.getsockname()[1]
        relay = await Relay.before(port) if relayed else None
        place = self.directory / name
        place.mkdir()
        shutil.copy(self.empty_store, place / STORE_FILE)
        url = f"http://127.0.0.1:{relay.port}" if relay else None
        founded = found(place, f"{name.capitalize()} One", role, port, url)
        if ENGINE == "postgresql":
            move_to_postgresql(place)
        party = Party(founded, port, relay, plugs(founded) if plugs else PRODUCTION)
        self.parties[name] = party
        await party.start()
        return party

    async def introduce(self, *parties: Party) -> None:
        """Everybody named (by default: everybody) adds everybody else to its members register."""
        known = parties or tuple(self.parties.values())
        for party in known:
            for other in known:
                if other is not party:
                    await party.context.members.add(
                        other.url, read_fingerprint(other.founded.fingerprint), allow_http=True
                    )

    async def close(self) -> None:
        """Stop everybody."""
        await asyncio.gather(*(party.stop() for party in self.parties.values()))
        await asyncio.gather(*(party.relay.close() for party in self.parties.values() if party.relay))


def move_to_postgresql(directory: Path) -> None:
    """Have a founded participant keep its records in a database of its own, on the server of this test process."""
    from tests import postgres

    address = postgres.needed().belonging_to(directory)
    with (directory / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\ndatabase_url = "{address}"\n')


@asynccontextmanager
async def opened(directory: Path, empty_store: Path) -> AsyncIterator[Space]:
    """A space that is stopped at the end, whatever happens in between."""
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        space = Space(directory, empty_store, client)
        try:
            yield space
        finally:
            await space.close()


def make_empty_store(directory: Path) -> Path:
    """A migrated, empty store to copy from: most of the time it takes to found a participant is spent on this."""
    path = directory / "empty.db"
    SqliteStore(path).close()
    return path


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
