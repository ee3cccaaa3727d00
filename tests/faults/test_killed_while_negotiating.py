"""Both connectors are killed again and again while they negotiate: whatever was promised comes true, once, at both."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest

from connector.records import Agreement, LogEntry, Negotiation
from tests.faults.pair import Pair, Side, verdict

KILLS = 15
BURST = 4
UNFINISHED = "select pid, state from negotiation where state not in ('FINALIZED', 'TERMINATED')"


@pytest.fixture
def pair(tmp_path):
    """A hospital with a dataset, and a research group with a study it approved: neither runs yet."""
    made = Pair.founded_in(tmp_path)
    yield made
    made.close()


class Asking:
    """Somebody at the research group who asks for contracts, and notes which were promised."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.promised: list[str] = []
        self._news = threading.Semaphore(0)

    def burst(self) -> threading.Thread:
        """Ask for several, one after the other, whatever happens meanwhile."""
        thread = threading.Thread(target=self._burst)
        thread.start()
        return thread

    def wait_for_a_promise(self) -> None:
        assert self._news.acquire(timeout=30)

    def _burst(self) -> None:
        for _ in range(BURST):
            status, answer = self._pair.research.call("POST", "/negotiations", self._pair.wanted)
            if status == 201:
                self.promised.append(answer["pid"])
                self._news.release()


def unfinished(side: Side) -> list[tuple[str, str]]:
    """Negotiations that are not over, seen from outside while the process runs."""
    with side.file() as file:
        return file.execute(UNFINISHED).fetchall()


def kept(side: Side) -> tuple[list[Negotiation], list[Agreement], Counter[str]]:
    """Negotiations, agreements, and how often each negotiation was logged as finalized."""
    with side.served.opened() as store:
        return store.read_now(
            lambda tx: (
                tx.find(Negotiation), tx.find(Agreement),
                Counter(entry.subject for entry in tx.find(LogEntry, kind="negotiation.finalized")),
            )
        )  # fmt: skip


def kill_again_and_again(pair: Pair, asking: Asking) -> None:
    chance = random.Random(20261122)
    for _ in range(KILLS):
        victim = chance.choice(pair.sides)
        burst = asking.burst()
        asking.wait_for_a_promise()
        time.sleep(chance.uniform(0, 0.08))
        victim.kill()
        victim.start()
        burst.join()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_was_promised_comes_true_once_at_both_sides(pair):
    for side in pair.sides:
        side.start()
    asking = Asking(pair)
    kill_again_and_again(pair, asking)
    deadline = time.monotonic() + 60
    while (left := [row for side in pair.sides for row in unfinished(side)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for side in pair.sides:
        side.served.stop()
    assert not left
    assert len(asking.promised) >= KILLS

    ours, mine, my_steps = kept(pair.research)
    theirs, yours, your_steps = kept(pair.hospital)
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
    for side in pair.sides:
        found = verdict(side)
        assert found.ok, found.what
        assert found.signed > 0
