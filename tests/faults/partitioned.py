"""A hospital on PostgreSQL whose segments are prepared by `concord worker` processes, all of which a test may kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg

from connector.records import HandedOver, Job, OutboxMessage, Release
from connector.replicas import replicate
from connector.services.releasing.partition import KIND
from connector.settings import load
from tests import brokers, postgres
from tests.faults.pair import Side, verdict
from tests.faults.processes import REPOSITORY, SERVE, Served, free_port
from tests.two_party.releases import Stage, hospital_stage, many_records, opened_by_hand, pulling, smallest_bundles
from tests.two_party.segments import Fetcher
from tests.two_party.space import until

SMALL = tuple("tests.faults.small_segments:create" if part == "connector.app:create" else part for part in SERVE)
_RUN = "from connector.cli import main; main()"


@dataclass
class Worker:
    """One `concord worker`."""

    process: subprocess.Popen[bytes]

    @classmethod
    def started(cls, directory: Path) -> Worker:
        """Ready; blocks."""
        with (directory / f"worker-{free_port()}.log").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _RUN, "worker", "--directory", str(directory), "--concurrency", "1",
                 "--json"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline(), Path(errors.name).read_text()[-2000:]
        return cls(process)

    def signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(which)

    async def end(self) -> None:
        """As a power cut would."""
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait, 30)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Room:
    """The hospital's processes, the fetcher of one release, and what the whole release is."""

    stage: Stage
    served: Served
    fetcher: Fetcher
    whole: bytes
    workers: list[Worker] = field(default_factory=list)
    others: list[Served] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.served.directory

    async def worker(self) -> Worker:
        made = await asyncio.to_thread(Worker.started, self.directory)
        self.workers.append(made)
        return made

    async def replica(self) -> Served:
        """A second serving process, started."""
        port, place = free_port(), self.directory.with_name("hospital-again")
        replicate(load(self.directory), place, port)
        founded = replace(self.served.founded, directory=str(place), url=f"http://127.0.0.1:{port}")
        made = Served(founded, port, SMALL)
        self.others.append(made)
        await begun(made)
        return made

    def by(self, served: Served) -> Fetcher:
        """The same fetcher, asking another process."""
        holder = replace(self.stage.holder, founded=served.founded)
        return replace(self.fetcher, stage=replace(self.stage, holder=holder))

    def asked(self, what: str, *about: object) -> list[Any]:
        """What stands in the database now."""
        with psycopg.connect(postgres.needed().belonging_to(self.directory)) as connection:
            return connection.execute(what, about).fetchall()

    async def held(self) -> str:
        """The id of a segment's job that a worker has taken, once there is one."""
        query = "select id from job where kind = %s and standing = 'waiting' and lease <> ''"
        rows: list[Any] = await until(lambda: self.asked(query, KIND), "a worker to take a segment")
        return str(rows[0][0])

    async def settled(self) -> None:
        """Everything was released once, is logged, and nothing waits any more."""
        waiting = (
            "select kind, attempts, error, lease, leased_until, due_at from outbox_message where standing = 'waiting'"
        )
        try:
            await until(lambda: not self.asked(waiting), "an empty outbox", 45)
        except AssertionError:
            raise AssertionError(f"still to be delivered: {self.asked(waiting)}") from None
        await until(lambda: not any((self.directory / "segments").glob("*")), "no file to be left")
        for one in (self.served, *self.others):
            await asyncio.to_thread(one.stop)
        for one in self.workers:
            await one.end()
        found = verdict(Side("hospital", self.served))
        assert found.ok, found.what
        with self.served.opened() as store:
            (release,) = store.read_now(lambda tx: tx.find(Release, transfer=self.fetcher.pid))
            received = store.read_now(lambda tx: tx.find(HandedOver, release=release.id))
            assert not store.read_now(lambda tx: tx.find(OutboxMessage, standing="waiting"))
            assert not store.read_now(lambda tx: tx.find(Job, standing="failed"))
        assert (release.standing, release.bytes) == ("complete", len(self.whole))
        assert sum(one.resources for one in received) == release.resources == self.whole.count(b"\n")

    async def close(self) -> None:
        for worker in self.workers:
            await worker.end()
        for one in (self.served, *self.others):
            await asyncio.to_thread(one.kill)


async def begun(served: Served) -> None:
    """Start a process; returns when it answers."""
    await asyncio.to_thread(served.start)
    await asyncio.to_thread(served.wait_ready)


@asynccontextmanager
async def room(trio: Any, folder: Path) -> AsyncIterator[Room]:
    """Three people with many records; the hospital serves in a process of its own, no worker runs yet."""
    stage = await hospital_stage(trio, smallest_bundles(folder / "bundles", 3))
    await stage.everybody_agrees()
    await many_records(stage, 400)
    async with pulling(stage.holder, *await opened_by_hand(stage)) as reader:
        whole = await reader.to_the_end()
    fetcher = await Fetcher.opened(stage)
    await stage.holder.stop()
    served = Served(stage.holder.founded, stage.holder.port, SMALL)
    with (served.directory / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\njobs = "celery"\nbroker_url = "{brokers.needed().url}"\n')
    found = Room(stage, served, fetcher, whole)
    await begun(served)
    try:
        yield found
    finally:
        await found.close()


def on_postgresql() -> Any:
    """Participants of the space keep their records in PostgreSQL; skips where servers are not installed."""
    postgres.needed()
    brokers.needed()
    return patch("tests.two_party.space.ENGINE", "postgresql")
