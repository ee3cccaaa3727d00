"""Random schedules of two participants in one process, each drawn from its seed: `python -m tests.faults.schedules`.

Real receipt, courier and SQLite files; the clock, the network and death are simulated (`tests.faults.simulation`).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from tests.faults.simulation.faults import Fault, Faults
from tests.faults.simulation.judge import FINAL
from tests.faults.simulation.party import NAMES, OwnFaults, make_file, task_factory
from tests.faults.simulation.script import SILENT_DAYS, WEATHER, Playing, Script
from tests.faults.simulation.virtual_time import VirtualLoop
from tests.faults.simulation.world import World

TROUBLE = 400.0
"""Virtual seconds after which the network heals and nobody dies any more."""
LONGEST = 4 * 3600.0
"""Virtual seconds after which everything that was due must have been delivered."""
OVER = {str(state) for states in FINAL.values() for state in states}
MOST_EVENTS = 20_000
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Less:
    """What is left out of a schedule, to show its fault with less around it."""

    faults: frozenset[Fault | str] = frozenset()
    acts: frozenset[int] = frozenset()


WHOLE = Less()


@dataclass
class Outcome:
    """What came of one schedule."""

    seed: str
    script: Script
    findings: list[str]
    trace: list[tuple[float, str, str]]
    faults: list[Fault]
    counted: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{at:10.3f} {who:>8} {what}" for at, who, what in _named(self.trace)]
        head = f"seed {self.seed}, weather {self.script.weather}, within {self.script.scale} s"
        return "\n".join([head, *lines, *(f"FINDING: {what}" for what in self.findings)])


def _named(trace: list[tuple[float, str, str]]) -> Iterator[tuple[float, str, str]]:
    """The trace with short names for the ids, in the order in which they come up."""
    names: dict[str, str] = {}
    for at, who, what in trace:
        words = []
        for word in what.split(" "):
            bare = word.strip("'\",;:()[]")
            if bare.startswith("urn:uuid:"):
                short = names.setdefault(bare, f"#{len(names) + 1}")
                words.append(word.replace(bare, short))
            else:
                words.append(word)
        yield at, who, " ".join(words)


class Stage:
    """Empty files for both participants, copied for every schedule."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.templates: dict[bool, dict[str, Path]] = {}
        for speaks in (False, True):
            self.templates[speaks] = {name: directory / f"empty-{name}-{speaks:d}.db" for name in NAMES}
            for name, path in self.templates[speaks].items():
                make_file(path, name, speaks=speaks)

    def play(self, seed: str, less: Less = WHOLE) -> Outcome:
        """Play one schedule to its end."""
        script = Script.drawn(seed)
        faults = Faults(seed, WEATHER[script.weather], less.faults)
        ids = random.Random(f"{seed}:ids")
        random.seed(seed)
        loop = VirtualLoop()
        loop.set_task_factory(task_factory)
        try:
            with patch("connector.services.delivery.uuid4", lambda: UUID(int=ids.getrandbits(128), version=4)):
                return loop.run_until_complete(self._played(seed, script, faults, less))
        finally:
            loop.close()

    async def _played(self, seed: str, script: Script, faults: Faults, less: Less) -> Outcome:
        world = World(seed, faults, self.directory, self.templates[script.speaks], script.clocks)
        if script.weather == "silent":
            world.patience = SILENT_DAYS
        playing = Playing(world, script, less.acts)
        for party in world.parties.values():
            await party.start()
        playing.begin()
        await _settled(world, playing)
        if not world.judge.findings:
            await _ended(world, playing)
        await world.close()
        return Outcome(seed, script, world.judge.findings, world.trace, faults.happened, Counter(world.judge.counted))


async def _settled(world: World, playing: Playing) -> None:
    """Wait until nothing is under way any more, then compare both sides."""
    loop = asyncio.get_running_loop()
    pause, greeted = 0.25, False
    while not world.judge.findings:
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 30)
        world.faults.healed |= loop.time() > TROUBLE
        if len(world.trace) > MOST_EVENTS:
            world.judge.finds("they never come to an end")
        if world.busy or not all(party.up for party in world.parties.values()):
            continue
        left = [one for party in world.parties.values() for one in world.judge.waiting(party.life.store.raw)]
        if not left and not any(party.life.working for party in world.parties.values()):
            world.judge.quiet({name: party.life.store.raw for name, party in world.parties.items()})
            world.doors()
            return
        cut = loop.time() < world.network.cut_until
        # Only a sign of life from the peer makes a letter leave that was given up.
        if left and not cut and any(given_up for _, given_up, *_ in left) and not greeted:
            greeted = True
            world.faults.healed = True
            await playing.greet()
        if loop.time() > LONGEST:
            world.judge.finds(f"never delivered: {left}")


async def _ended(world: World, playing: Playing) -> None:
    """Whatever is still open can be ended from either side, and then has ended at both."""
    world.faults.healed = True
    sides = random.Random(f"{world.seed}:last")
    open_now = [one for one in world.judge.processes.values() if one.their_pid and one.state not in OVER]
    for process in [one for one in open_now if one.role == "provider"]:
        theirs = world.judge.processes[world.other(process.party).name, process.their_pid or ""]
        await playing.end(sides.choice((process, theirs)))
    await _settled(world, playing)
    for was in open_now:
        process = world.judge.processes[was.party, was.pid]
        if process.state not in OVER:
            world.judge.finds(f"{was.party}: the {was.kind} {was.pid} cannot be ended, it is {process.state}")


def smallest(stage: Stage, outcome: Outcome) -> Outcome:
    """The same fault with as few faults and acts around it as a simple search finds."""
    less = Less()
    kinds = sorted({kind for kind, _ in outcome.faults})
    for kind in kinds:
        tried = Less(less.faults | {kind}, less.acts)
        if (found := stage.play(outcome.seed, tried)).findings:
            less, outcome = tried, found
    for fault in list(outcome.faults):
        tried = Less(less.faults | {fault}, less.acts)
        if (found := stage.play(outcome.seed, tried)).findings:
            less, outcome = tried, found
    for act in [*range(4), *range(101, 131)]:
        tried = Less(less.faults, less.acts | {act})
        if (found := stage.play(outcome.seed, tried)).findings:
            less, outcome = tried, found
    return outcome


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage in memory where the machine has that."""
    log, watching = logging.getLogger("concord"), OwnFaults(logging.ERROR)
    before = log.level, log.propagate
    log.addHandler(watching)
    log.setLevel(logging.ERROR)
    log.propagate = False
    try:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
            yield Stage(Path(directory))
    finally:
        log.removeHandler(watching)
        log.level, log.propagate = before


def main() -> int:
    """Play many; print the first that fails, made small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first seed")
    parser.add_argument("--seed", help="play this one only, and print it")
    parser.add_argument("--keep-on", action="store_true", help="go on after a finding; print each one's first line")
    parser.add_argument("--whole", action="store_true", help="do not make it small")
    chosen = parser.parse_args()
    with staged() as stage:
        if chosen.seed is not None:
            outcome = stage.play(chosen.seed)
            print(outcome if chosen.whole or not outcome.findings else smallest(stage, outcome))
            return bool(outcome.findings)
        return _many(stage, chosen)


def _many(stage: Stage, chosen: argparse.Namespace) -> int:
    began, counted, failed = time.process_time(), Counter[str](), 0
    for number in range(chosen.first, chosen.first + chosen.count):
        outcome = stage.play(str(number))
        counted += outcome.counted
        counted += Counter(kind for kind, _ in outcome.faults)
        if outcome.findings:
            failed += 1
            if not chosen.keep_on:
                print(outcome if chosen.whole else smallest(stage, outcome))
                break
            print(f"seed {number} ({outcome.script.weather}): {outcome.findings[0]}", flush=True)
    for what, count in sorted(counted.items()):
        print(f"  {what:32} {count}")
    seconds = time.process_time() - began
    print(f"{chosen.count} schedules from seed {chosen.first}, {failed} failed, {seconds:.0f} s of CPU")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
