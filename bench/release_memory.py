"""How much memory a release takes, by its size and by its reader: `python -m bench.release_memory [MEGABYTES]`.

A hospital in a process of its own releases 10 MB, then (started anew) MEGABYTES (default 1000) to a reader as fast as
can be, then the first 100 MB of those to one that takes 2 MB a second. What is compared is the most that was resident
at any time (VmHWM), of the serving process and of its release workers together. The process that measures the risk
before the first byte has ended by then and is not counted; it holds a row of a few words for each person.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from bench.ratio import Ratio
from bench.release_hospital import Hospital, hospital
from bench.release_pulling import Pulled, children, over_http

SMALL = 10_000_000
SLOW = 2_000_000
"""Bytes a second."""
FIRST = 100_000_000
BAR = 32
"""MiB."""

Peaks = dict[str, float]
Pulling = Callable[[str, str, str], Awaitable[Pulled]]


def peak(pid: int) -> float:
    """The most memory that was resident, in MiB, of a process and of those it started."""
    sizes = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text()) for one in (pid, *children(pid))]
    return sum(int(found[1]) for found in sizes if found) / 1024


async def peak_of(holder: Hospital, name: str, pulling: Pulling) -> float:
    """The peak of a fresh process that serves one release."""
    (pull,) = await holder.pulls(1)
    process = holder.served()
    process.start()
    try:
        process.wait_ready()
        assert process.process is not None
        done = await pulling(process.url, *pull)
        found = peak(process.process.pid)
    finally:
        process.stop()
    print(f"  {name:<40}{done.bytes / 1e6:>9,.0f} MB {done.rate:>7.1f} MB/s {found:>9.1f} MiB at most", flush=True)
    return found


async def slowly(url: str, pid: str, token: str) -> Pulled:
    """The first bytes at a slow reader's pace; the planning before the first byte takes its time."""
    began: list[float] = []
    came = 0

    async def wait(size: int) -> None:
        nonlocal came
        began.append(perf_counter()) if not began else None
        came += size
        await asyncio.sleep(max(0.0, began[0] + came / SLOW - perf_counter()))

    return await over_http(url, pid, token, wait, FIRST)


async def measured(megabytes: int) -> list[Ratio]:
    """Set up in a directory that is thrown away, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        async with hospital(Path(folder)) as holder:
            await holder.fill(SMALL)
            small = await peak_of(holder, "memory: 10 MB, a fast reader", over_http)
            await holder.fill(megabytes * 1_000_000)
            fast = await peak_of(holder, f"memory: {megabytes} MB, a fast reader", over_http)
            slow = await peak_of(holder, "memory: the first of it, at 2 MB/s", slowly)
    return [judged("peak memory, a fast reader", fast - small), judged("peak memory, a slow reader", slow - small)]


def judged(name: str, more: float) -> Ratio:
    """One line of the table."""
    ratio = Ratio(name, more, BAR, at_least=False)
    print(f"{name:<42}{f'{more:+.1f} MiB':>14}{'':>22}  {'met' if ratio.met else 'MISSED'} ({BAR:g})", flush=True)
    return ratio


def main() -> None:
    """Measure, print, and end with 1 when a bar was missed."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    load = os.getloadavg()
    ratios = asyncio.run(measured(megabytes))
    print(f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    raise SystemExit(0 if all(ratio.met for ratio in ratios) else 1)


if __name__ == "__main__":
    main()
