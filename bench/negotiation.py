"""Negotiations between two connectors, each a process: `python -m bench.negotiation [N]` (`make bench-negotiation`).

A hospital and a research group, founded as `concord init` does and served by uvicorn on SQLite with synchronous=FULL,
negotiate N times one after the other and N times with 16 in flight. Beside them, in the same run and turn by turn, two
processes do nothing but the bare exchanges such a negotiation needs (`bench.floor`). What travels from machine to
machine is the ratio of CPU seconds; times are printed for orientation.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import uvicorn
import uvloop

from bench.floor import obey
from connector.api.heads import HTTP
from connector.app import create
from connector.records import Agreement, Dataset, Negotiation, Study
from connector.services.actors import Actor
from contracts.study import StudyRequest, study_digest
from policy.offers import research_offer
from tests.faults.processes import REPOSITORY, Served, free_port, introduce
from tests.two_party import story
from tests.two_party.space import until

IDLE, DEPTH, ROUNDS = 30, 16, 3
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Pair:
    """Two processes, of which the consumer obeys."""

    consumer: subprocess.Popen[str]
    provider: int
    ports: tuple[int, int] = (0, 0)
    """Of the provider and of the consumer."""

    def run(self, asked: str) -> dict[str, Any]:
        """What came of one order, with the CPU seconds of both sides."""
        before = cpu_of(self.provider)
        assert self.consumer.stdin is not None
        assert self.consumer.stdout is not None
        self.consumer.stdin.write(asked + "\n")
        self.consumer.stdin.flush()
        answer: dict[str, Any] = json.loads(self.consumer.stdout.readline())
        return answer | {"their_cpu": cpu_of(self.provider) - before}


def cpu_of(pid: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def prepared(folder: Path, served: type[Served] = Served) -> tuple[Served, Served]:
    """A hospital with a dataset and a research group whose study it approved, neither running."""
    hospital = served.founded_in(folder, "hospital", "hospital")
    research = served.founded_in(folder, "research", "research")
    introduce(hospital, research)
    offer = research_offer(story.urn(), [story.RESEARCH], datetime.now(UTC) + timedelta(days=365))
    claims = story.study_claims(research.founded.id, (hospital.founded.id, story.RECORDS))
    request = StudyRequest.read(claims)
    study = {"id": request.id, "organisation": research.founded.id, "digest": study_digest(request), "document": claims}
    dataset = Dataset(id=story.RECORDS, source="s", title="Records", offer_id=offer["@id"], offer=offer, profile="p:0a")
    with hospital.opened() as store:
        store.submit(lambda tx: (tx.add(dataset), tx.add(Study(**study, standing="approved")))).result()
    with research.opened() as store:
        store.submit(lambda tx: tx.add(Study(**study, standing="published"))).result()
    plan = {"provider": hospital.founded.id, "dataset": story.RECORDS, "offer": offer, "study": request.id,
            "purpose": story.RESEARCH}  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    return hospital, research


@contextmanager
def started(arguments: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours that has said it is ready; it ends with its input, so never later than we do."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | environment,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


@contextmanager
def connectors(folder: Path, served: type[Served] = Served) -> Iterator[Pair]:
    """The two connectors."""
    folder.mkdir(exist_ok=True)
    hospital, research = prepared(folder, served)
    hospital.start()
    hospital.wait_ready()
    assert hospital.process is not None
    try:
        plan = str(folder / "plan.json")
        with started(
            ["bench.negotiation", "consumer", str(research.port), plan], CONCORD_DIRECTORY=str(research.directory)
        ) as consumer:
            yield Pair(consumer, hospital.process.pid, (hospital.port, research.port))
    finally:
        hospital.stop()
        for side in (hospital, research):
            with side.opened() as store:
                lost = store.read_now(lambda tx: tx.count(Negotiation) - tx.count(Negotiation, state="FINALIZED"))
                active = store.read_now(lambda tx: tx.count(Agreement, standing="active"))
            print(f"{side.founded.name:<14} {active} agreements, {lost} negotiations not finalized", flush=True)


@contextmanager
def floor(folder: Path) -> Iterator[Pair]:
    """The two processes that do the least."""
    ports = free_port(), free_port()
    for side in ("consumer", "provider"):
        (folder / side).mkdir()
    with ExitStack() as stack:
        consumer, provider = (
            stack.enter_context(started(["bench.floor", role, str(mine), str(other), str(folder / role)]))
            for role, mine, other in (("consumer", *ports), ("provider", *ports[::-1]))
        )
        yield Pair(consumer, provider.pid)


async def consume(port: int, plan: dict[str, Any]) -> None:
    """The research group's process: serve, and negotiate on order."""
    app = create()
    server = uvicorn.Server(uvicorn.Config(app, port=port, http=HTTP, access_log=False, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the server")
    participant = app.state.participant
    actor = Actor("researcher", "Researcher", "researcher", participant.identity.id)

    async def negotiate() -> None:
        pid = await participant.services.asking.start(actor, **plan)
        bells, store = participant.context.bells, participant.store
        while True:
            seen = bells.count(f"about:{pid}")
            found = await store.look(lambda tx: tx.get(Negotiation, pid))
            if found.state in story.OVER:
                break
            await bells.wait(f"about:{pid}", timeout=30, seen=seen)

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await obey(negotiate)
    server.should_exit = True
    await serving


def measure(pairs: dict[str, Pair], count: int) -> dict[str, dict[str, float]]:
    """Turn by turn; the best of some rounds each."""
    found: dict[str, dict[str, float]] = {name: {} for name in pairs}
    for pair in pairs.values():
        pair.run(f"load {DEPTH} {count // 4}")
    for _ in range(ROUNDS):
        for name, pair in pairs.items():
            idle, load = pair.run(f"idle {IDLE}"), pair.run(f"load {DEPTH} {count}")
            seen = {
                "idle ms": median(idle["taken"]) * 1e3,
                "idle CPU ms": (idle["cpu"] + idle["their_cpu"]) / IDLE * 1e3,
                "load ms per": load["seconds"] / count * 1e3,
                "load p99 ms": sorted(load["taken"])[int(len(load["taken"]) * 0.99)] * 1e3,
                "load CPU ms": (load["cpu"] + load["their_cpu"]) / count * 1e3,
                "consumer CPU": load["cpu"] / count * 1e3,
                "provider CPU": load["their_cpu"] / count * 1e3,
            }
            found[name] = {key: min(value, found[name].get(key, value)) for key, value in seen.items()}
    return found


def report(found: dict[str, dict[str, float]]) -> None:
    """Print the table and the ratio that counts."""
    keys = list(found["floor"])
    print(f"{'':<12}" + "".join(f"{key:>14}" for key in [*keys, "per second"]))
    for name, values in found.items():
        rate = 1e3 / values["load ms per"]
        print(f"{name:<12}" + "".join(f"{values[key]:>14.2f}" for key in keys) + f"{rate:>14.0f}")
    ratio = {key: found["connectors"][key] / found["floor"][key] for key in keys}
    print(f"{'ratio':<12}" + "".join(f"{ratio[key]:>14.2f}" for key in keys))


def main() -> None:
    """Everything in a directory that is thrown away."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 320
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        for name in ("connectors", "floor"):
            (Path(directory) / name).mkdir()
        pairs = {
            "connectors": stack.enter_context(connectors(Path(directory) / "connectors")),
            "floor": stack.enter_context(floor(Path(directory) / "floor")),
        }
        report(measure(pairs, count))


if __name__ == "__main__":
    if sys.argv[1:2] == ["consumer"]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consume(int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())))
    else:
        main()
