"""Random schedules of two real processes that are killed at random moments: `python -m tests.faults.killing`.

Negotiations and transfers are begun, paused, resumed and ended by the management API of either side; what it answered
with 2xx is a promise. After each schedule both stores must say the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.lock import running
from tests.faults.pair import WITHOUT_FETCHING, Pair, Side, verdict
from tests.faults.simulation.judge import FINAL, TABLES, Judge, Seen

QUIET_WITHIN = 60.0
OVER = {str(state) for states in FINAL.values() for state in states}


@dataclass
class Promises:
    """What a management API has said yes to."""

    begun: dict[str, list[str]] = field(default_factory=lambda: {"negotiation": [], "transfer": []})
    ended: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    kills: int = 0


class Killing:
    """Plays schedules with one pair of participants, one after the other."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.promises = Promises()
        self._acted = threading.Condition()
        self._done = 0

    def play(self, seed: str) -> list[str]:
        """One schedule; returns what is wrong at its end."""
        draw = random.Random(f"{seed}:killing")
        acting = [threading.Thread(target=self._people, args=(random.Random(f"{seed}:{number}"),)) for number in (1, 2)]
        for thread in acting:
            thread.start()
        for _ in range(draw.choice((1, 1, 2, 3))):
            self._wait_for_acts(draw.randint(1, 5))
            time.sleep(draw.uniform(0, 0.1))
            self._kill(draw.sample(self.pair.sides, draw.choice((1, 1, 2))))
        for thread in acting:
            thread.join()
        return self._quiet() or self._wrong()

    def _wait_for_acts(self, more: int) -> None:
        """Until people have done so much, or have gone home."""
        with self._acted:
            self._acted.wait_for(lambda: self._done >= more, timeout=10)
            self._done = 0

    def _kill(self, victims: list[Side]) -> None:
        for side in victims:
            side.kill()
            self.promises.kills += 1
        for side in victims:
            side.start()

    # --- people ------------------------------------------------------------------------------------------------------

    def _people(self, draw: random.Random) -> None:
        """Whoever acts does not know that somebody pulls plugs; what is not answered is done later or by somebody."""
        for number in range(draw.randint(6, 14)):
            time.sleep(draw.uniform(0, 0.12))
            if number < 2:
                self._ask()
            else:
                self._act(draw)

    def _act(self, draw: random.Random) -> None:
        chance = draw.random()
        if chance < 0.25:
            self._ask()
        elif chance < 0.35:
            self._end_negotiation(draw)
        elif chance < 0.6:
            self._want(draw)
        else:
            self._move(draw)

    def _said(self, side: Side, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """One call, by somebody who waits for a process that is down, and does not ask twice what was begun."""
        with self._acted:
            self._done += 1
            self._acted.notify_all()
        for _ in range(40):
            if running(side.served.directory) is not None:
                break
            time.sleep(0.25)
        status, answer = side.call(method, path, body)
        with self._acted:
            self.promises.answers[status] = self.promises.answers.get(status, 0) + 1
        return status, answer

    def _ask(self) -> None:
        status, answer = self._said(self.pair.research, "POST", "/negotiations", self.pair.wanted)
        if status == 201:
            self.promises.begun["negotiation"].append(answer["pid"])

    def _want(self, draw: random.Random) -> None:
        agreements = _column(self.pair.research, "select id from agreement where standing = 'active'")
        if not agreements:
            return
        # The newest, mostly: what has just been finalized may not be acknowledged yet.
        agreement = agreements[-1] if draw.random() < 0.7 else draw.choice(agreements)
        status, answer = self._said(self.pair.research, "POST", "/transfers", {"agreement": agreement})
        if status == 201:
            self.promises.begun["transfer"].append(answer["pid"])

    def _end_negotiation(self, draw: random.Random) -> None:
        side = draw.choice(self.pair.sides)
        going = _column(side, "select pid from negotiation where state not in ('FINALIZED', 'TERMINATED')")
        if going:
            status, _ = self._said(side, "POST", f"/negotiations/{going[-1]}/terminate", {"reason": "enough"})
            if status == 204:
                self.promises.ended.append(going[-1])

    def _move(self, draw: random.Random) -> None:
        side = draw.choice(self.pair.sides)
        going = _column(side, "select pid from transfer where state not in ('COMPLETED', 'TERMINATED')")
        if not going:
            return
        pid, act = draw.choice(going[-4:]), draw.choice(("suspend", "suspend", "resume", "resume", "end"))
        body = {"suspend": {"reason": "wait"}, "resume": None, "end": {"reason": draw.choice(("", "enough"))}}[act]
        status, _ = self._said(side, "POST", f"/transfers/{pid}/{act}", body)
        if status == 204 and act == "end":
            self.promises.ended.append(pid)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _quiet(self) -> list[str]:
        """Wait until nothing stands in an outbox and nothing is about to."""
        deadline, calm = time.monotonic() + QUIET_WITHIN, 0
        left: list[Any] = []
        while time.monotonic() < deadline:
            left = [row for side in self.pair.sides for row in _rows(side, _UNDER_WAY)]
            calm = 0 if left else calm + 1
            if calm == 3:
                return []
            time.sleep(0.1)
        return [f"after {QUIET_WITHIN} s there are still under way: {left}"]

    def _wrong(self) -> list[str]:
        judge = Judge(lambda _who, _what: None, lambda _process: None)
        with contextlib.ExitStack() as stack:
            files = {name: stack.enter_context(side.file()) for name, side in zip("AB", self.pair.sides, strict=True)}
            for name, file in files.items():
                judge.read(name, file)
            judge.quiet(files)
        known = {seen.pid: seen for seen in judge.processes.values()}
        return [*judge.findings, *self._unlawful(known), *self._broken(known)]

    @staticmethod
    def _unlawful(known: dict[str, Seen]) -> Iterator[str]:
        for seen in known.values():
            table, _, states = TABLES[seen.kind]
            before = None
            for state, _at, by in seen.steps:
                lawful = {str(to) for (start, _, sender), to in table.items() if (start, sender) == (before, by)}
                refused_at_once = before is None and state == "TERMINATED" and len(seen.steps) == 1
                if state not in lawful and state != before and not refused_at_once:
                    yield f"{seen.party}: the {seen.kind} {seen.pid} went from {before} to {state} by the {by}"
                before = states(state)

    def _broken(self, known: dict[str, Seen]) -> Iterator[str]:
        for kind, pids in self.promises.begun.items():
            for pid in pids:
                if pid not in known:
                    yield f"the {kind} {pid} was promised and is not there"
        for pid in self.promises.ended:
            if known[pid].state not in OVER:
                yield f"the end of {pid} was promised, and it is {known[pid].state}"


_UNDER_WAY = "select 'outbox', id, kind, attempts, error from outbox_message where standing = 'waiting'"


def _rows(side: Side, query: str) -> list[Any]:
    with side.file() as file:
        return file.execute(query).fetchall()


def _column(side: Side, query: str) -> list[str]:
    return [row[0] for row in _rows(side, query + " order by rowid")]


def play(directory: Path, count: int, first: int = 0, told: bool = False) -> tuple[list[str], Promises]:
    """Play so many schedules; returns what is wrong, with the seed, after the first that fails."""
    killing = Killing(Pair.founded_in(directory, WITHOUT_FETCHING))
    try:
        for side in killing.pair.sides:
            side.start()
        for seed in range(first, first + count):
            if wrong := killing.play(str(seed)):
                return [f"seed {seed}: {one}" for one in wrong], killing.promises
            if told:
                print(f"seed {seed}: as it should be", flush=True)
    finally:
        killing.pair.close()
    bad = [f"{side.name}: {found.what}" for side in killing.pair.sides if not (found := verdict(side)).ok]
    return bad, killing.promises


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        wrong, promises = play(Path(directory), chosen.count, chosen.first, told=True)
    for one in wrong:
        print(one)
    begun = {kind: len(pids) for kind, pids in promises.begun.items()}
    print(
        json.dumps({"begun": begun, "ended": len(promises.ended), "answers": promises.answers, "kills": promises.kills})
    )
    print(f"{chosen.count} schedules of real processes, {len(wrong)} findings, {time.monotonic() - began:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
