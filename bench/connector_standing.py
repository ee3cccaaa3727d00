"""What a connector pays for what merely stands: to start with 10,000 open processes, to rest on 10,000 agreements."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.negotiation import cpu_of, prepared
from bench.ratio import Ratio, show
from connector.records import Agreement, Negotiation, OutboxMessage
from contracts.messages import ContractNegotiationEventMessage
from contracts.names import NegotiationEvent
from tests.faults.processes import Served
from tests.two_party import story

MANY, ROUNDS = 10_000, 3
SETTLED, WATCHED = 10.0, 40.0
"""Seconds for which a connector that has just started is left alone, and for which it is watched."""
_AT_ONCE = 500


def kept(served: Served, records: Iterable[object]) -> None:
    """Write records into the store of a participant that does not run."""
    whole = list(records)
    with served.opened() as store:
        for start in range(0, len(whole), _AT_ONCE):
            some = whole[start : start + _AT_ONCE]
            store.submit(lambda tx, some=some: [tx.add(one) for one in some]).result()


def facts(folder: Path, member: Served) -> dict[str, Any]:
    """What every process of the hospital with this member has in common."""
    plan = json.loads((folder / "plan.json").read_text())
    now = datetime.now(UTC)
    offers = {"offers": [{"by": "consumer", "at": now.isoformat(), "policy": plan["offer"], "selection": None}]}
    return {
        "role": "provider", "counterparty": member.founded.id, "callback": f"{member.url}/dsp/2025-1",
        "dataset": plan["dataset"], "offer": plan["offer"], "offers": offers, "study": plan["study"],
        "purposes": {"purposes": [plan["purpose"]]}, "created_at": now, "updated_at": now,
        "steps": {"steps": [["REQUESTED", now.isoformat(), "consumer"]]},
    }  # fmt: skip


def open_processes(folder: Path, member: Served) -> Iterable[object]:
    """Half wait for the other side's word; of the other half our last message waits for a peer that is away."""
    common, now = facts(folder, member), datetime.now(UTC)
    for number in range(MANY):
        state = "OFFERED" if number % 2 else "VERIFIED"
        mine, theirs = story.urn(), story.urn()
        yield Negotiation(pid=mine, their_pid=theirs, state=state, **common)
        if state == "VERIFIED":
            message = ContractNegotiationEventMessage(
                id=story.urn(), provider_pid=mine, consumer_pid=theirs, event_type=NegotiationEvent.FINALIZED
            )
            yield OutboxMessage(
                id=str(message.id), lane=mine, sequence=number + 1, recipient=member.founded.id,
                origin=member.url.partition("//")[2], url=f"{common['callback']}/negotiations/{theirs}/events",
                kind="dsp.negotiation", about=mine, body=dict(message.wire()), created_at=now, attempts=3,
                failing_since=now, due_at=now + timedelta(minutes=4),
            )  # fmt: skip


def agreements(folder: Path, member: Served) -> Iterable[object]:
    """Contracts that count, each with the negotiation it came from."""
    common, now = facts(folder, member), datetime.now(UTC)
    for _ in range(MANY):
        pid, id = story.urn(), story.urn()
        yield Negotiation(pid=pid, their_pid=story.urn(), state="FINALIZED", agreement=id, **common)
        yield Agreement(
            id=id, role="provider", counterparty=member.founded.id, negotiation=pid, dataset=common["dataset"],
            policy=common["offer"] | {"@id": id, "@type": "Agreement"}, study=common["study"],
            purposes=common["purposes"], profile="p:0a", profile_digest="0a", made_at=now,
            until=now + timedelta(days=300),
        )  # fmt: skip


def begun(served: Served) -> tuple[float, float]:
    """Start it: the seconds until it takes requests, and the CPU seconds it has used by then."""
    start = time.perf_counter()
    served.start()
    served.wait_ready()
    taken = time.perf_counter() - start
    assert served.process is not None
    cpu = cpu_of(served.process.pid)
    served.stop()
    return taken, cpu


def start() -> list[Ratio]:
    """Until ready, with 10,000 open processes beside none, turn by turn."""
    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        sides = {}
        for name in ("full", "empty"):
            (folder := Path(directory) / name).mkdir()
            sides[name], member = prepared(folder)
            if name == "full":
                kept(sides[name], open_processes(folder, member))
        for _ in range(ROUNDS):
            for name, served in sides.items():
                taken, cpu = begun(served)
                before = best.get(name, (taken, cpu))
                best[name] = min(before[0], taken), min(before[1], cpu)
    return [
        _compared("start with 10,000 open processes", best, 0),
        _compared("start with 10,000 open processes, CPU", best, 1),
    ]


def _compared(name: str, best: dict[str, tuple[float, float]], which: int) -> Ratio:
    full, empty = best["full"][which], best["empty"][which]
    ratio = Ratio(name, full / empty, 2.0, at_least=False)
    return show(name, f"{full:.2f} s", f"{empty:.2f} s", ratio)


def idle() -> list[Ratio]:
    """Per cent of a core that a connector with 10,000 agreements uses while nobody asks it for anything."""
    with tempfile.TemporaryDirectory() as directory:
        hospital, member = prepared(Path(directory))
        kept(hospital, agreements(Path(directory), member))
        hospital.start()
        hospital.wait_ready()
        assert hospital.process is not None
        try:
            time.sleep(SETTLED)
            before = cpu_of(hospital.process.pid)
            time.sleep(WATCHED)
            used = (cpu_of(hospital.process.pid) - before) / WATCHED * 100
        finally:
            hospital.stop()
    ratio = Ratio("idle CPU with 10,000 agreements", used, 1.0, at_least=False)
    return [show(ratio.name, f"{used:.2f} %", "of a core", ratio)]
