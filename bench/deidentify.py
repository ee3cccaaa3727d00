"""What de-identification costs: `python -m bench.deidentify [FOLDER]` prints resources per second beside the floor.

The floor is what any reading and writing costs: orjson loads and dumps of the same lines, nothing else. Input are the
bundles of FOLDER (default: those shipped for the demonstration), prepared as an import stores them; organizations and
practitioners are left out, as a release leaves them out. Every pair runs interleaved, each de-identifier fresh (no code
and no vocabulary remembered), best of seven, on process time; only the ratio travels from machine to machine.
"""

import gc
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from time import process_time

import orjson

from connector.deidentify import Deidentifier, LeakScanner, load_profile
from connector.sources.fhir import prepare, read_bundles
from connector.vault import PersonCoder

SHIPPED = Path(__file__).parents[1] / "connector" / "demo" / "data" / "bundles"
AS_OF = date(2026, 11, 22)
ROUNDS = 7

Line = tuple[bytes, str]


class Domain:
    """The pseudonyms of one agreement, as the vault makes them."""

    def person(self, person: str) -> PersonCoder:
        """Keyed by the person only: this is a measurement."""
        return PersonCoder(sha256(person.encode()).digest())


def seconds(act: Callable[[], object]) -> float:
    """Process time of one run."""
    before = process_time()
    act()
    return process_time() - before


def deidentify(lines: Iterable[Line]) -> list[bytes]:
    """All lines through a fresh de-identifier."""
    deidentifier = Deidentifier(load_profile("research-standard"), Domain(), as_of=AS_OF)
    found = []
    for person, some in groupby(lines, key=itemgetter(1)):
        found += deidentifier.lines([body for body, _ in some], person, person)
    return [line for line in found if isinstance(line, bytes)]


def floor(lines: Iterable[Line]) -> None:
    """The least that any reading and writing costs."""
    for body, _ in lines:
        orjson.dumps(orjson.loads(body))


def compare(name: str, lines: list[Line], ours: Callable[[], object]) -> None:
    """Print one line: ours, floor, ratio."""
    pairs = [(seconds(ours), seconds(lambda: floor(lines))) for _ in range(ROUNDS)]
    mine, bare = (min(times) for times in zip(*pairs, strict=True))
    rate, limit = len(lines) / mine, len(lines) / bare
    print(f"{name:<28}{len(lines):>7} {rate:>10,.0f}/s   floor {limit:>10,.0f}/s   {bare / mine:5.2f}")


def main() -> None:
    """Read, measure, print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    pieces = [prepare(file) for file in read_bundles(folder)]
    lines, kinds = list[Line](), defaultdict[str, list[Line]](list)
    for record in (record for piece in pieces for record in piece.records):
        if record.subject:
            lines.append((record.body, record.subject))
            kinds[record.resource_type].append(lines[-1])
    gc.freeze()
    print(f"{len(pieces)} pieces, {sum(len(body) for body, _ in lines) / 1e6:.1f} MB")
    compare("de-identify", lines, lambda: deidentify(lines))
    for kind in sorted(kinds, key=lambda kind: -len(kinds[kind]))[:10]:
        compare(f"  {kind}", kinds[kind], lambda kind=kind: deidentify(kinds[kind]))
    known = set().union(*(piece.identifiers for piece in pieces))
    scanner, chunk = LeakScanner(known), b"\n".join(deidentify(lines))
    print(f"scan for {len(known)} identifiers in {len(chunk) / 1e6:.1f} MB: {len(scanner.scan(chunk, 'chunk'))} found")
    compare("  scan alone", lines, lambda: scanner.scan(chunk, "chunk"))
    compare("  making the scanner", lines, lambda: LeakScanner(known))


if __name__ == "__main__":
    main()
