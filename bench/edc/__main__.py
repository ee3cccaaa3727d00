"""Concord beside Eclipse EDC: `python -m bench.edc [--quick] [--json FILE]` (`make bench-edc`).

Same machine, same run, taking turns: three rounds of Concord as `concord serve` ships it, EDC at its defaults and EDC
with every state machine looking each 50 ms. Printed as a table and as one line of ratios, medians of the rounds, each
against EDC's better setting unless it says otherwise. EDC runs with the JVM's own limits, which is where it is fastest;
the memory that counts against us is the smaller of that and of a JVM held to 256 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.edc.concords import ConcordCatalogue, Concords, Prepared
from bench.edc.edcs import EdcCatalogue, Edcs
from bench.edc.measuring import QUICK, Effort, Figures, measure, measure_catalogue
from bench.edc.report import DEFAULT, FAST, OURS, merged, ratios, table
from bench.edc.side import Side
from tests.interop.jars import Missing, class_path

SMALL_HEAP = "256m"


class Comparison:
    """All rounds."""

    def __init__(self, scratch: Path, jars: Path, effort: Effort) -> None:
        self._scratch, self._jars, self._effort = scratch, jars, effort
        self._prepared = Prepared(scratch)
        self._made = 0
        self.rounds: list[dict[str, Figures]] = []

    async def run(self) -> None:
        """Measure; `rounds` fills up."""
        await self._prepared.make()
        for number in range(self._effort.rounds):
            found: dict[str, Figures] = {}
            turns: list[tuple[str, Callable[[], Side]]] = [
                (OURS, lambda: Concords(self._prepared, self._place())),
                (DEFAULT, lambda: Edcs(DEFAULT, self._place(), self._jars, None)),
                (FAST, lambda: Edcs(FAST, self._place(), self._jars, 50)),
            ]
            for name, make in turns[number % 3 :] + turns[: number % 3]:
                found[name] = await self._measured(make(), long=number == self._effort.rounds - 1, slow=name == DEFAULT)
                _say(number, name, found[name])
            found[FAST] |= await self._small_heap(found[FAST])
            await self._catalogues(number, found)
            self.rounds.append(found)

    async def _measured(self, side: Side, *, long: bool, slow: bool) -> Figures:
        try:
            return await measure(side, self._effort, long=long, slow=slow)
        finally:
            await side.stop()

    async def _small_heap(self, found: Figures) -> Figures:
        """The memory of an EDC that may use little."""
        side = Edcs("EDC, small heap", self._place(), self._jars, 50, SMALL_HEAP)
        try:
            await side.start()
            await asyncio.sleep(self._effort.settle)
            small = (await side.idle(1.0)).memory / 1e6
        finally:
            await side.stop()
        unlimited = found["memory_mb"]
        return {"memory_unlimited_mb": unlimited, "memory_mb": min(unlimited, small)}

    async def _catalogues(self, number: int, found: dict[str, Figures]) -> None:
        """Polling makes no difference here, so EDC is asked in one setting."""
        for count in self._effort.sizes:
            ours = ConcordCatalogue(self._prepared, self._place(), count)
            try:
                await ours.side.start()
                found[OURS] |= await measure_catalogue(ours, count, self._effort)
            finally:
                await ours.side.stop()
        side = Edcs(FAST, self._place(), self._jars, 50)
        try:
            await side.start()
            for count in self._effort.sizes:
                theirs = EdcCatalogue(side, count)
                await theirs.fill()
                found[FAST] |= await measure_catalogue(theirs, count, self._effort)
        finally:
            await side.stop()
        for name in (OURS, FAST):
            _say(number, name, {key: value for key, value in found[name].items() if "_10" in key})

    def _place(self) -> Path:
        self._made += 1
        return self._scratch / f"run-{self._made}"


def _say(number: int, name: str, found: Figures) -> None:
    shown = ", ".join(f"{key} {value:.4g}" for key, value in found.items())
    print(f"round {number + 1}, {name}: {shown}", flush=True)


def machine() -> dict[str, object]:
    """What it ran on."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // (1 << 20)
    return {
        "cores": os.cpu_count(), "memory_gb": memory, "python": platform.python_version(),
        "kernel": platform.release(), "load_before": os.getloadavg(), "at": datetime.now(UTC).isoformat(),
    }  # fmt: skip


def main() -> int:
    """See the module. Exit code 1 when a bar is missed; a quick run is too short to be judged."""
    parser = argparse.ArgumentParser(prog="python -m bench.edc")
    parser.add_argument("--quick", action="store_true", help="one short round, up to 1,000 datasets")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--json", type=Path, default=Path("bench/results/edc.json"), help="where the figures go")
    options = parser.parse_args()
    # A plain kill too must stop the processes it started: it becomes an exception that everything is closed after.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        jars = class_path()
    except Missing as fault:
        print(f"bench-edc cannot run: {fault}", file=sys.stderr)
        return 2
    effort = QUICK if options.quick else Effort()
    effort = Effort(**{**vars(effort), "rounds": options.rounds}) if options.rounds else effort
    where = machine()
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as scratch:
        comparison = Comparison(Path(scratch), jars, effort)
        asyncio.run(comparison.run())
    found = merged(comparison.rounds)
    line, met = ratios(found)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": where, "rounds": comparison.rounds, "medians": found, "ratios": line}
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{table(found)}\n\nfigures in {options.json}\n{line}")
    return 0 if met or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
