"""One release by workers, two beside one: `python -m bench.release --only partitioned`, or this file with MEGABYTES.

A hospital on PostgreSQL, with Redis and `concord worker` processes that prepare the segments, in a process of its own:
plan, segments, manifest, by the clock on the wall, with one worker and with two. What is handed over is let go: how
fast HTTP is `bench.release_http` says. Beside it bare processes, one and two: each reads the same people from the same
database, de-identifies and scans them and puts the bytes of a segment into a file; one process reads the files in their
order and digests them. In turns, each three times. The ratio is the speed-up of ours over that of the bare ones.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from unittest.mock import patch

from bench.ratio import Ratio

if TYPE_CHECKING:
    from bench.release_hospital import Hospital, Pull
    from connector.storage.postgres import PostgresStore
# Nothing heavy above: a bare process loads this module anew.

BAR = 0.85
ROUNDS = 3
_RUN = "from connector.cli import main; main()"
_AS_OF = date(2026, 11, 22)


@dataclass(frozen=True)
class Share:
    """What one bare process does in one go: the people of a segment, and the file it makes."""

    people: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Of each: their id here, that in the source, and what would give them away."""
    source: str
    file: str


_STORES: list[PostgresStore] = []


def bare_ready(url: str) -> None:
    """In a bare process: open the database, and load what is needed."""
    from connector.storage.postgres import PostgresStore

    os.nice(5)  # as the workers of a release
    _STORES.append(PostgresStore(url))


def bare(share: Share) -> str:
    """Read, de-identify, scan, keep."""
    from connector.deidentify import load_profile
    from connector.deidentify.preparing import prepare
    from connector.ports import Parcel, Task
    from connector.records import SourceRecord
    from connector.vault import PersonCoder

    profile, parcels = load_profile("research-standard"), []
    for person, subject, identifiers in share.people:
        rows = _STORES[0].read_now(
            lambda tx, who=person: tx.rows(  # type: ignore[misc]
                SourceRecord, ("id", "body"), source=share.source, person=who, deleted=False
            )
        )
        coder = PersonCoder(sha256(person.encode()).digest())
        parcels.append(Parcel(coder, subject, tuple(body for _, body in sorted(rows)), identifiers))
    prepared = prepare(Task(profile.name, profile.digest, _AS_OF, tuple(parcels)))
    lines = [line for one in prepared for line in one.lines if isinstance(line, bytes)]
    Path(share.file).write_bytes(b"".join(lines))
    return share.file


def gathered(pool: ProcessPoolExecutor, shares: Sequence[Share]) -> tuple[float, int]:
    """Seconds until all of it was digested in its order, and how many bytes that were."""
    began, whole, size = perf_counter(), sha256(), 0
    for file in pool.map(bare, shares):
        data = Path(file).read_bytes()
        whole.update(data)
        size += len(data)
        Path(file).unlink()
    return perf_counter() - began, size


@contextmanager
def workers(directory: str, count: int) -> Iterator[list[int]]:
    """So many `concord worker` processes, each doing one job at a time; ready. Yields their numbers."""
    command = [sys.executable, "-P", "-c", _RUN, "worker", "--directory", directory, "--concurrency", "1", "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "CONCORD_LOG_LEVEL": "error"}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        for one in running:
            assert one.stdout is not None
            if not one.stdout.readline():
                raise SystemExit("a worker did not start")
        yield [one.pid for one in running]
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(60)
            assert one.stdout is not None
            one.stdout.close()


@dataclass(frozen=True)
class Run:
    """One release: seconds and bytes, processor seconds of the process that served it and of its workers."""

    seconds: float
    size: int
    serving: float
    working: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.serving:.1f} s processor serving, {self.working:.1f} s workers)"


def released(holder: Hospital, pull: Pull, count: int) -> Run:
    """One release with so many workers."""
    from bench.release_pulling import processor

    command = [sys.executable, "-m", "bench.release_pulling", holder.directory, *pull]
    with workers(holder.directory, count) as pids:
        before = sum(map(processor, pids))
        out = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        spent = sum(map(processor, pids)) - before
    seconds, size, serving = out.stdout.decode().split()[-3:]
    return Run(float(seconds), int(size), float(serving), spent)


def in_turns(holder: Hospital, pulls: list[Pull], shares: Sequence[Share], url: str) -> tuple[list[float], list[float]]:
    """The speed-up of ours and of the bare processes, as often as there are rounds."""
    ours, floor = [], []
    context = get_context("spawn")
    with (
        ProcessPoolExecutor(1, context, bare_ready, (url,)) as alone,
        ProcessPoolExecutor(2, context, bare_ready, (url,)) as both,
    ):
        for pool in (alone, both):
            gathered(pool, shares[:4])
        released(holder, pulls.pop(), 2)
        for _ in range(ROUNDS):
            one, two = released(holder, pulls.pop(), 1), released(holder, pulls.pop(), 2)
            bare_one, bare_two = gathered(alone, shares), gathered(both, shares)
            if one.size != two.size:
                raise SystemExit("with two workers other bytes were released than with one")
            ours.append(one.seconds / two.seconds)
            floor.append(bare_one[0] / bare_two[0])
            print(f"  {one.size / 1e6:.0f} MB: one {one}, two {two}", flush=True)
            print(f"  bare, {bare_one[1] / 1e6:.0f} MB: {bare_one[0]:.2f} s, {bare_two[0]:.2f} s", flush=True)
    return ours, floor


def judged(ours: Sequence[float], floor: Sequence[float]) -> Ratio:
    """The medians, and what they say."""
    mine, bare_ones = median(ours), median(floor)
    ratio = Ratio("a release on two workers", mine / bare_ones, BAR, at_least=True)
    print(
        f"{ratio.name:<42}{f'x {mine:.2f}':>14}{f'x {bare_ones:.2f}':>14}{ratio.value:>8.2f}"
        f"  {'met' if ratio.met else 'MISSED'} ({BAR:g})", flush=True,
    )  # fmt: skip
    return ratio


def shares_of(holder: Hospital, folder: Path) -> list[Share]:
    """Everybody who agrees, in groups of a segment's size."""
    from connector.services.releasing.planning import TARGET

    groups: list[list[tuple[str, str, tuple[str, ...]]]] = [[]]
    size = 0
    for person, one in holder.added.items():
        if groups[-1] and size + one.size > TARGET:
            groups.append([])
            size = 0
        groups[-1].append((person, one.id, one.identifiers))
        size += one.size
    return [Share(tuple(group), holder.stage.source, str(folder / f"bare-{at}")) for at, group in enumerate(groups)]


async def measured(megabytes: int) -> Ratio | None:
    """Set up in a directory that is thrown away, on servers of our own; measure, print. None where there are none."""
    from bench.release_hospital import hospital
    from tests import brokers, postgres

    database, broker = postgres.server(), brokers.broker()
    if database is None or broker is None:
        print("a release on two workers: not measured, no PostgreSQL or Redis server is installed")
        return None
    with tempfile.TemporaryDirectory() as folder, patch("tests.two_party.space.ENGINE", "postgresql"):
        async with hospital(Path(folder)) as holder:
            await holder.fill(megabytes * 1_000_000)
            pulls = await holder.pulls(2 * ROUNDS + 1)
            settings = Path(holder.directory) / "concord.toml"
            with settings.open("a", encoding="utf-8") as file:
                file.write(f'\njobs = "celery"\nbroker_url = "{broker.url}"\n')
            url = database.belonging_to(Path(holder.directory))
            shares = shares_of(holder, Path(folder))
            return judged(*await asyncio.to_thread(in_turns, holder, pulls, shares, url))


def main() -> None:
    """Measure, print, and end with 1 when the bar was missed."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    load = os.getloadavg()
    ratio = asyncio.run(measured(megabytes))
    print(f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    raise SystemExit(0 if ratio is None or ratio.met else 1)


if __name__ == "__main__":
    main()
