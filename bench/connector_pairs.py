"""Whole negotiations between two connectors: beside the bare exchanges they need, on PostgreSQL, and over how many
connections.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.negotiation import Pair, connectors, floor, measure
from bench.ratio import Ratio, show
from bench.tracing import installed, traced
from connector.outbound.lanes import PoolSizes
from connector.storage.postgres import PostgresStore
from tests.faults.processes import Served
from tests.postgres import Server, programs

COUNT, DEPTH = 200, 16
ROUNDS = 3
HUNDRED = 100
_CONNECT = re.compile(r"connect\(\d+(?:<[^>]*>)?, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\)")


def negotiation() -> list[Ratio]:
    """Four messages, at 16 in flight and one after the other, beside the floor program's."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        room = Path(directory)
        (room / "floor").mkdir()
        pairs = {
            "ours": stack.enter_context(connectors(room / "ours")),
            "floor": stack.enter_context(floor(room / "floor")),
        }
        found = measure(pairs, COUNT)
    ours, bare = found["ours"], found["floor"]
    speed = Ratio("negotiations per second", bare["load ms per"] / ours["load ms per"], 0.5, at_least=True)
    rates = [f"{1e3 / one['load ms per']:.0f}/s" for one in (ours, bare)]
    return [
        show(speed.name, rates[0], rates[1], speed),
        *(_beside(f"negotiation, CPU of the {side}", ours, bare, f"{side} CPU", 2.0) for side in _SIDES),
        _beside("negotiation when idle, p50", ours, bare, "idle ms", 3.0),
    ]


_SIDES = ("consumer", "provider")


def _beside(name: str, ours: dict[str, float], bare: dict[str, float], key: str, bar: float) -> Ratio:
    ratio = Ratio(name, ours[key] / bare[key], bar, at_least=False)
    return show(name, f"{ours[key]:.2f} ms", f"{bare[key]:.2f} ms", ratio)


@dataclass
class OnPostgres(Served):
    """A participant that keeps its records in a database of its own."""

    database: str = ""

    @classmethod
    def founded_in(cls, directory: Path, name: str, role: str, command: tuple[str, ...] = Served.command) -> Served:
        """Found it, and name the database in its settings."""
        made = super().founded_in(directory, name, role, command)
        assert isinstance(made, OnPostgres)
        made.database = _server[0].created(name)
        with (made.directory / "concord.toml").open("a") as settings:
            settings.write(f'\ndatabase_url = "{made.database}"\n')
        return made

    @contextmanager
    def opened(self) -> Iterator[PostgresStore]:  # type: ignore[override] # another engine's store
        """Its store, while it does not run."""
        store = PostgresStore(self.database)
        try:
            yield store
        finally:
            store.close()


_server: list[Server] = []
"""The server of this process, while it measures."""


def postgres() -> list[Ratio]:
    """CPU of both connectors on PostgreSQL beside the same on SQLite; the server's own CPU is not counted."""
    if (room := programs()) is None:
        print("PostgreSQL beside SQLite: skipped, PostgreSQL is not installed")
        return []
    server = Server(room, durable=True)
    server.found()
    _server.append(server)
    try:
        with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
            pairs = {
                "postgresql": stack.enter_context(connectors(Path(directory) / "postgresql", OnPostgres)),
                "sqlite": stack.enter_context(connectors(Path(directory) / "sqlite")),
            }
            found = _loaded(pairs)
    finally:
        _server.clear()
        server.remove()
    ratio = Ratio("negotiation on PostgreSQL, CPU", found["postgresql"] / found["sqlite"], 1.5, at_least=False)
    return [show(ratio.name, f"{found['postgresql']:.2f} ms", f"{found['sqlite']:.2f} ms", ratio)]


def _loaded(pairs: dict[str, Pair]) -> dict[str, float]:
    """CPU milliseconds of a negotiation, both sides; turn by turn, the best of some rounds."""
    best = dict.fromkeys(pairs, float("inf"))
    for pair in pairs.values():
        pair.run(f"load {DEPTH} {COUNT // 2}")
    for _ in range(ROUNDS):
        for name, pair in pairs.items():
            load = pair.run(f"load {DEPTH} {COUNT}")
            best[name] = min(best[name], (load["cpu"] + load["their_cpu"]) / COUNT * 1e3)
    return best


def connections() -> list[Ratio]:
    """Connections opened to one peer for a hundred negotiations, the first one included; counted by strace."""
    if not installed():
        print("connections per 100 negotiations: skipped, strace is not installed")
        return []
    pool = PoolSizes().messages
    with tempfile.TemporaryDirectory() as directory, connectors(Path(directory) / "ours") as pair:
        provider, consumer = pair.ports
        with (
            traced(pair.consumer.pid, "connect", Path(directory) / "consumer") as theirs,
            traced(pair.provider, "connect", Path(directory) / "provider") as ours,
        ):
            pair.run(f"load {DEPTH} {HUNDRED}")
        most = max(_opened(theirs, provider), _opened(ours, consumer))
    ratio = Ratio("connections per 100 negotiations", most / pool, 1.0, at_least=False)
    return [show(ratio.name, f"{most} opened", f"pool of {pool}", ratio)]


def _opened(lines: list[str], port: int) -> int:
    return [found[1] for line in lines if (found := _CONNECT.search(line))].count(str(port))
