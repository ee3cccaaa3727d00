"""PostgreSQL is killed and started again while contracts are negotiated: whatever was promised comes true, once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.records import Agreement, LogEntry, Negotiation, OutboxMessage
from tests import postgres
from tests.faults.pair import Pair, Side, verdict

RESTARTS = 4
BURST = 4


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A server of this test alone, which loses nothing it has confirmed when it is killed."""
    found = postgres.programs()
    if found is None:
        pytest.skip(postgres.WHY)
    made = postgres.Server(found, durable=True)
    made.found()
    yield made
    made.remove()


@pytest.fixture
def pair(tmp_path: Path, server: postgres.Server) -> Iterator[Pair]:
    """A hospital and a research group, each in a database of its own on that server."""

    def moved(directory: Path) -> None:
        with (directory / "concord.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\ndatabase_url = "{server.belonging_to(directory)}"\n')

    made = Pair.founded_in(tmp_path, moved=moved)
    yield made
    made.close()


class Asking(threading.Thread):
    """Somebody who asks for contracts, one after the other, and notes which were promised and what was answered."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair, self.promised, self.answers = pair, list[str](), Counter[int]()
        self.enough = False
        self._news = threading.Semaphore(0)

    def run(self) -> None:
        while not self.enough:
            status, answer = self.pair.research.call("POST", "/negotiations", self.pair.wanted)
            self.answers[status] += 1
            if status == 201:
                self.promised.append(answer["pid"])
                self._news.release()

    def wait_for_promises(self, count: int) -> None:
        for _ in range(count):
            assert self._news.acquire(timeout=60), self.answers


def kept(side: Side) -> tuple[list[Negotiation], list[Agreement], Counter[str], list[OutboxMessage]]:
    """Negotiations, agreements, how often each was logged as finalized, and what was given up."""
    with side.served.opened() as store:
        return store.read_now(
            lambda tx: (
                tx.find(Negotiation), tx.find(Agreement),
                Counter(entry.subject for entry in tx.find(LogEntry, kind="negotiation.finalized")),
                tx.find(OutboxMessage, standing="dead"),
            )
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_was_promised_comes_true_once_though_the_database_is_killed_in_between(
    pair: Pair, server: postgres.Server
):
    for side in pair.sides:
        side.start()
    before = [side.served.process for side in pair.sides]
    chance, asking = random.Random(20261123), Asking(pair)
    asking.start()
    for _ in range(RESTARTS):
        asking.wait_for_promises(BURST)
        time.sleep(chance.uniform(0, 0.05))  # any moment of a negotiation
        server.stop("immediate")
        server.start()
    asking.wait_for_promises(BURST)
    asking.enough = True
    asking.join()
    pair.wait_until_quiet()
    assert [side.served.process for side in pair.sides] == before
    assert all(one is not None and one.poll() is None for one in before), "nobody dies of a lost database"
    for side in pair.sides:
        side.served.stop()

    ours, mine, my_steps, my_dead = kept(pair.research)
    theirs, yours, your_steps, your_dead = kept(pair.hospital)
    states = {negotiation.pid: negotiation.state for negotiation in ours}
    assert len(asking.promised) >= BURST * (RESTARTS + 1)
    assert {states.get(pid) for pid in asking.promised} == {"FINALIZED"}
    assert {(one.their_pid, one.pid, one.state) for one in ours} == {
        (one.pid, one.their_pid, one.state) for one in theirs
    }
    assert {(one.id, one.digest, one.standing) for one in mine} == {(one.id, one.digest, one.standing) for one in yours}
    assert Counter(one.negotiation for one in mine) == Counter(one.pid for one in ours)
    assert set(my_steps.values()) == set(your_steps.values()) == {1}
    assert (my_dead, your_dead) == ([], [])
    for side in pair.sides:
        found = verdict(side)
        assert found.ok, found.what
        assert found.signed > 0
