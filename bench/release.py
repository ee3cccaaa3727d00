"""What a release costs beside its floors: `python -m bench.release [MEGABYTES]` (`make bench-release`).

The floor is orjson reading and writing the same lines, nothing else, on one core and in the same run, in turns. Input
are the bundles of the demonstration as an import stores them, repeated with fresh ids to MEGABYTES (default 100). In a
release every record is judged under the person's consent, de-identified, searched for what would give anybody away,
and digested for the manifest. With worker processes the lines go to two of them, and so does the floor. Then whole
releases of a hospital in a process of its own: over HTTP beside the same without (`bench.release_http`), and the memory
of one of 1 GB (`bench.release_memory`; `--memory-mb` takes less), and one whose segments workers prepare
(`bench.release_partitioned`; needs PostgreSQL and Redis servers to start). `--only` measures one part. Exit code 1 if a
bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from hashlib import sha256
from multiprocessing import get_context
from statistics import median
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

import orjson

from bench.ratio import Ratio
from bench.release_input import Person, repeated, shipped
from connector.deidentify import Deidentifier, load_profile
from connector.deidentify.forms import names_in
from connector.deidentify.preparing import prepare
from connector.ports import Parcel, Task
from connector.services.releasing.selecting import Selecting
from policy.categories import CATEGORIES
from policy.residual import ALLOW_ALL, Residual, Scope

AS_OF = date(2026, 11, 22)
PROFILE = load_profile("research-standard")
ROUNDS = 3
PARTS = ("pipeline", "processes", "http", "memory", "partitioned")
TASK = 1024 * 1024
TURN = 20
"""People done in one turn before it is the other's: what else runs on the machine then slows both."""
KINDS = tuple(sorted(key for key, one in CATEGORIES.items() if one.source == "record"))
CONSENT = Residual.of([Scope("records", KINDS, date(1900, 1, 1), None), Scope(None, KINDS, None, AS_OF)])

Figures = tuple[float, float]


class Domain:
    """The pseudonyms of one agreement."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def person(self, person: str) -> Any:
        """The coder put in."""
        return self.known[person]


def floor(people: Iterable[Person]) -> int:
    """The least that any reading and writing costs."""
    return sum(len(orjson.dumps(orjson.loads(row.body))) for person in people for row in person.rows)


def judged(selecting: Selecting, person: Person) -> list[bytes]:
    """The records of a person that may leave under their consent."""
    decision: Any = SimpleNamespace(residual=CONSENT)
    return [row.body for row in selecting.judged(person.rows, decision)]


def tasks(people: Iterable[Person]) -> Iterator[Task]:
    """As a release makes them: about a megabyte of records each, of as many people as that are."""
    contract: Any = SimpleNamespace(dataset="records", source="bench", belongs=ALLOW_ALL, selected=ALLOW_ALL)
    selecting = Selecting(contract)
    parcels: list[Parcel] = []
    size = 0
    for person in people:
        bodies = judged(selecting, person)
        parcels.append(Parcel(person.coder(), person.id, tuple(bodies), person.identifiers))
        size += person.size
        if size >= TASK:
            yield Task(PROFILE.name, PROFILE.digest, AS_OF, tuple(parcels))
            parcels, size = [], 0
    if parcels:
        yield Task(PROFILE.name, PROFILE.digest, AS_OF, tuple(parcels))


def finished(task: Task) -> tuple[int, int, bytes]:
    """De-identified, scanned, digested and counted: lines, members left behind, the digest."""
    digest, withheld, lines, dropped = sha256(), Counter[str](), 0, 0
    for parcel in prepare(task):
        if parcel.leaks:
            raise SystemExit("an identifier was found in what would leave")
        kept = [line for line in parcel.lines if isinstance(line, bytes)]
        withheld.update(line for line in parcel.lines if isinstance(line, str))
        digest.update(b"".join(kept))
        lines += len(kept)
        dropped += parcel.dropped
    return lines, dropped, digest.digest()


def release(people: Iterable[Person]) -> int:
    """All of it, in this process."""
    return sum(finished(task)[0] for task in tasks(people))


def deidentified(deidentifier: Deidentifier, domain: Domain, people: Iterable[Person]) -> int:
    """De-identification alone."""
    lines = 0
    for person in people:
        domain.known = {person.id: person.coder()}
        bodies = [row.body for row in person.rows]
        lines += len(deidentifier.lines(bodies, person.id, person.id, names_in(person.identifiers)))
    return lines


def seconds(act: Callable[[], object]) -> float:
    """Processor time of one run."""
    before = process_time()
    act()
    return process_time() - before


def in_turns(groups: Sequence[list[Person]], ours: Callable[[list[Person]], object]) -> Figures:
    """Processor seconds of ours and of the floor over all groups, turn by turn."""
    mine = bare = 0.0
    for group in groups:
        mine += seconds(lambda some=group: ours(some))
        bare += seconds(lambda some=group: floor(some))
    return mine, bare


def compare(name: str, groups: Sequence[list[Person]], ours: Callable[[list[Person]], object], bar: float) -> Ratio:
    """The median of three runs, as one line."""
    size = sum(person.size for group in groups for person in group)
    ours(groups[0])
    pairs = [in_turns(groups, ours) for _ in range(ROUNDS)]
    mine, bare = (median(times) for times in zip(*pairs, strict=True))
    ratio = Ratio(name, median(floor / own for own, floor in pairs), bar, at_least=True)
    return printed(name, f"{size / mine / 1e6:,.1f} MB/s", f"{size / bare / 1e6:,.1f} MB/s", ratio)


def printed(name: str, ours: str, floor: str, ratio: Ratio) -> Ratio:
    """One line of the table."""
    print(
        f"{name:<42}{ours:>14}{floor:>14}{ratio.value:>8.2f}  {'met' if ratio.met else 'MISSED'} ({ratio.bar:g})",
        flush=True,
    )
    return ratio


def _bare(bodies: list[bytes]) -> int:
    return sum(len(orjson.dumps(orjson.loads(body))) for body in bodies)


def _ready(_: int) -> None:
    prepare(Task(PROFILE.name, PROFILE.digest, AS_OF, ()))


def two_processes(people: list[Person]) -> Ratio:
    """How much more two worker processes do than one, beside how much more two bare ones do."""
    whole = list(tasks(people))
    bodies = [[body for parcel in task.parcels for body in parcel.records] for task in whole]
    gains: dict[str, list[float]] = {"ours": [], "bare": []}
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as one,
        ProcessPoolExecutor(2, get_context("spawn")) as two,
    ):
        for pool in (one, two):
            list(pool.map(_ready, range(8)))
            list(pool.map(finished, whole[:8]))
        for _ in range(ROUNDS):
            for name, act, work in (("ours", finished, whole), ("bare", _bare, bodies)):
                alone, both = (_wall(pool, act, work) for pool in (one, two))
                gains[name].append(alone / both)
    ours, bare = median(gains["ours"]), median(gains["bare"])
    ratio = Ratio("two worker processes", ours / bare, 0.85, at_least=True)
    return printed(ratio.name, f"x {ours:.2f}", f"x {bare:.2f}", ratio)


def _wall(pool: ProcessPoolExecutor, act: Callable[..., object], work: Sequence[object]) -> float:
    began = perf_counter()
    list(pool.map(act, work))
    return perf_counter() - began


def pipeline(people: list[Person]) -> list[Ratio]:
    """De-identification alone and the whole of it, on one core."""
    groups = [people[start : start + TURN] for start in range(0, len(people), TURN)]
    gc.collect()
    gc.freeze()
    records, size = sum(len(person.rows) for person in people), sum(person.size for person in people)
    print(f"{len(people)} people, {records:,} records, {size / 1e6:.1f} MB; processor time of one core")
    deidentifier = Deidentifier(PROFILE, domain := Domain(), as_of=AS_OF)
    return [
        compare("de-identification alone", groups, lambda some: deidentified(deidentifier, domain, some), 0.5),
        compare("consent, de-identification, scan, digest", groups, release, 0.35),
    ]


def arguments() -> argparse.Namespace:
    """What is measured, and how much of it."""
    asked = argparse.ArgumentParser(prog="python -m bench.release", description="What a release costs.")
    asked.add_argument("megabytes", nargs="?", type=int, default=100, help="of records (default: 100)")
    asked.add_argument("--memory-mb", type=int, default=1000, help="megabytes of the large release (default: 1000)")
    asked.add_argument("--only", choices=PARTS, help="measure one part alone")
    return asked.parse_args()


def main() -> None:
    """Measure, print, and end with 1 when a bar was missed."""
    asked, load, ratios = arguments(), os.getloadavg(), list[Ratio]()
    parts = [asked.only] if asked.only else PARTS
    if {"pipeline", "processes"} & set(parts):
        people = list(repeated(shipped(), asked.megabytes * 1_000_000))
        ratios += pipeline(people) if "pipeline" in parts else []
        ratios += [two_processes(people[: max(len(people) // 2, TURN)])] if "processes" in parts else []
        people.clear()
    # Loaded here: a worker of the parts above loads this module anew.
    from bench import release_http, release_memory, release_partitioned

    if "http" in parts:
        ratios.append(asyncio.run(release_http.measured(asked.megabytes)))
    if "memory" in parts:
        ratios += asyncio.run(release_memory.measured(asked.memory_mb))
    if "partitioned" in parts and (found := asyncio.run(release_partitioned.measured(asked.megabytes))) is not None:
        ratios.append(found)
    missed = [ratio.name for ratio in ratios if not ratio.met]
    print(f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after; missed: {', '.join(missed) or 'none'}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
