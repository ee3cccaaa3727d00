"""Both connectors are killed again and again while they negotiate: whatever was promised comes true, once, at both."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import sqlite3
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connector.founding import VAULT
from connector.provenance.entry import LogRow
from connector.provenance.note import NoteVerifier
from connector.provenance.verify import verify_log
from connector.records import Agreement, Dataset, LogCheckpoint, LogEntry, LogNode, Negotiation, Study
from connector.vault import FileVault, verify_signature
from connector.vault.vault import LOG_KEY
from contracts.study import StudyRequest, study_digest
from policy.offers import research_offer
from tests.faults.processes import Served, introduce
from tests.two_party import story

KILLS = 15
BURST = 4
FINAL = ("FINALIZED", "TERMINATED")


class Asking:
    """The research group's process: told how many negotiations to start, it says which it has promised."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.promised: list[str] = []
        self._news: queue.Queue[str] = queue.Queue()

    def start(self) -> None:
        self.served.start()
        threading.Thread(target=self._listen, args=(self.served.process.stdout,), daemon=True).start()

    def ask(self, number: int) -> None:
        self.served.process.stdin.write(f"{number}\n".encode())
        self.served.process.stdin.flush()

    def wait_for_a_promise(self) -> None:
        self._news.get(timeout=20)

    def drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._news.get_nowait()

    def _listen(self, output) -> None:
        with contextlib.suppress(ValueError):  # closed under our hands when the process is killed
            for line in output:
                if line.endswith(b"\n"):
                    self.promised.append(line.decode().strip())
                    self._news.put(line.decode())


@pytest.fixture
def two(tmp_path):
    """A hospital with a dataset, and a research group with a study it approved: neither runs yet."""
    hospital = Served.founded_in(tmp_path, "hospital", "hospital")
    research = Served.founded_in(tmp_path, "research", "research")
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
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    research.command = ("-m", "tests.faults.asking", str(research.port), str(tmp_path / "plan.json"))
    yield hospital, Asking(research)
    for served in (hospital, research):
        served.kill()


def unfinished(served: Served) -> list[tuple[str, str]]:
    """Negotiations that are not over, seen from outside while the process runs."""
    with contextlib.closing(sqlite3.connect(f"file:{served.directory}/store.db?mode=ro", uri=True)) as file:
        rows = file.execute("select pid, state from negotiation").fetchall()
    return [(pid, state) for pid, state in rows if state not in FINAL]


def verdict(served: Served):
    """What an auditor finds about the log of a participant that does not run."""
    name, public = served.founded.id, FileVault(served.directory / VAULT).keys.public(LOG_KEY)
    with served.opened() as store:
        return store.read_now(lambda tx: _verified(tx, NoteVerifier(name, public, verify_signature)))


def _verified(tx, verifier):
    integrated = [one for one in tx.find(LogEntry, order="sequence") if one.position is not None]
    waiting = tx.find(LogEntry, position=None, order="sequence")
    rows = [
        LogRow(place, one.at, one.kind, one.subject, one.commitment, one.salt, one.body, one.leaf_hash)
        for place, one in enumerate([*integrated, *waiting])
    ]
    assert [one.position for one in integrated] == list(range(len(integrated)))
    nodes = {(one.level, one.position): one.hash for one in tx.find(LogNode)}
    notes = [one.note for one in tx.find(LogCheckpoint)]
    return verify_log(rows, notes, verifier, lambda level, place: nodes[level, place])


def kept(served: Served) -> tuple[list[Negotiation], list[Agreement], Counter[str]]:
    """Negotiations, agreements, and how often each negotiation was logged as finalized."""
    with served.opened() as store:
        return store.read_now(
            lambda tx: (
                tx.find(Negotiation), tx.find(Agreement),
                Counter(entry.subject for entry in tx.find(LogEntry, kind="negotiation.finalized")),
            )
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_whatever_was_promised_comes_true_once_at_both_sides(two):
    hospital, asking = two
    chance = random.Random(20261122)
    hospital.start()
    asking.start()
    for served in (hospital, asking.served):
        served.wait_ready()
    for _ in range(KILLS):
        victim = chance.choice((hospital, asking.served))
        asking.drain()
        asking.ask(BURST)
        asking.wait_for_a_promise()
        time.sleep(chance.uniform(0, 0.08))
        victim.kill()
        if victim is hospital:
            victim.start()
        else:
            asking.start()
        victim.wait_ready()
    deadline = time.monotonic() + 60
    while (left := unfinished(hospital) + unfinished(asking.served)) and time.monotonic() < deadline:
        time.sleep(0.1)
    hospital.stop()
    asking.served.stop()
    assert not left
    assert len(asking.promised) > KILLS

    ours, mine, my_steps = kept(asking.served)
    theirs, yours, your_steps = kept(hospital)
    states = {negotiation.pid: negotiation.state for negotiation in ours}
    assert {states.get(pid) for pid in asking.promised} == {"FINALIZED"}
    assert {(one.their_pid, one.pid, one.state) for one in ours} == {
        (one.pid, one.their_pid, one.state) for one in theirs
    }
    assert Counter(one.negotiation for one in mine) == Counter(one.pid for one in ours)
    assert Counter(one.negotiation for one in yours) == Counter(one.pid for one in theirs)
    assert {(one.id, one.digest, one.standing) for one in mine} == {(one.id, one.digest, one.standing) for one in yours}
    assert {one.standing for one in mine} == {"active"}
    assert set(my_steps.values()) == set(your_steps.values()) == {1}
    for served in (hospital, asking.served):
        found = verdict(served)
        assert found.ok, found.what
        assert found.signed > 0
