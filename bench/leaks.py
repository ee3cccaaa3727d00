"""The leak scan of one person after the other, made anew for each, beside reading and writing the same lines.

    python -m bench.leaks [FOLDER]

Over Synthea bundles, de-identified. Per figure the best of rounds that take turns, in process time of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import orjson

from bench.deidentify import AS_OF, ROUNDS, SHIPPED, Domain, seconds
from connector.deidentify import Deidentifier, LeakScanner, load_profile
from connector.deidentify.leaks import scan_together
from connector.sources.fhir import prepare, read_bundles

TASK = 1024 * 1024
Person = tuple[frozenset[str], bytes]


def people_of(folder: Path) -> list[Person]:
    """Per bundle what names the people in it, and what would leave."""
    deidentifier = Deidentifier(load_profile("research-standard"), Domain(), as_of=AS_OF)
    found = []
    for piece in map(prepare, read_bundles(folder)):
        bodies = [deidentifier.apply(one.body, one.subject).body for one in piece.records if one.subject]
        found.append((frozenset(piece.identifiers), b"\n".join(bodies) + b"\n"))
    return found


def tasks_of(people: list[Person]) -> list[list[Person]]:
    """A few people together, about a megabyte, as workers get them."""
    tasks: list[list[Person]] = [[]]
    for one in people:
        if tasks[-1] and sum(len(data) for _, data in tasks[-1]) + len(one[1]) > TASK:
            tasks.append([])
        tasks[-1].append(one)
    return tasks


def main() -> None:
    """Read, measure, print."""
    people = people_of(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    lines, tasks = [line for _, data in people for line in data.splitlines()], tasks_of(people)
    size = sum(len(data) for _, data in people)
    ways: dict[str, Callable[[], object]] = {
        "read and write (floor)": lambda: [orjson.dumps(orjson.loads(line)) for line in lines],
        "one by one": lambda: [LeakScanner(known).scan(data, "") for known, data in people],
        "a task at once": lambda: [scan_together(task) for task in tasks],
        "  making scanners": lambda: [LeakScanner(known) for known, _ in people],
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        best = {name: min(best[name], seconds(act)) for name, act in ways.items()}
    floor = best["read and write (floor)"]
    print(f"{len(people)} people, {sum(len(known) for known, _ in people)} identifiers, {size / 1e6:.1f} MB")
    for name, took in best.items():
        print(
            f"{name:<24}{took * 1e3:8.1f} ms {took / size * 1e9:6.2f} ns/byte {took / floor:6.2f} of the floor's time"
        )


if __name__ == "__main__":
    main()
