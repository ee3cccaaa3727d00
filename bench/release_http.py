"""End to end over HTTP beside the same release without HTTP: `python -m bench.release_http [MEGABYTES]`.

A hospital in a process of its own (uvicorn, as `concord serve` starts it) hands a whole release over to a client on
loopback: plan, segments, manifest; nothing is prepared before the first request. The floor is the same participant,
on the same store and as a process of its own too, whose services are called without a server; what they hand over is
let go. Everything else is done in both: decisions, workers, a durable log entry for each chunk. In turns, each three
times, by the clock on the wall.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.ratio import Ratio
from bench.release_hospital import Hospital, Pull, hospital
from bench.release_pulling import Pulled, over_http, processor

BAR = 0.7
ROUNDS = 3


async def served(holder: Hospital, pull: Pull) -> Pulled:
    """One release over HTTP."""
    process = holder.served()
    process.start()
    try:
        process.wait_ready()
        assert process.process is not None
        pid = process.process.pid
        before = processor(pid)
        done = await over_http(process.url, *pull)
        return Pulled(done.seconds, done.bytes, processor(pid) - before)
    finally:
        process.stop()


async def inside(holder: Hospital, pull: Pull) -> Pulled:
    """The same without a server and a client."""
    command = [sys.executable, "-m", "bench.release_pulling", holder.directory, *pull]
    out = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=True)
    seconds, size, spent = out.stdout.decode().split()[-3:]
    return Pulled(float(seconds), int(size), float(spent))


async def compared(holder: Hospital) -> tuple[list[Pulled], list[Pulled]]:
    """Three of each in turns, after one that warms the files up."""
    pulls = await holder.pulls(2 * ROUNDS + 1)
    await inside(holder, pulls.pop())
    without, over = [], []
    for _ in range(ROUNDS):
        without.append(await inside(holder, pulls.pop()))
        over.append(await served(holder, pulls.pop()))
    if len({one.bytes for one in (*without, *over)}) != 1:
        raise SystemExit("the two ways did not release the same bytes")
    return without, over


def judged(without: list[Pulled], over: list[Pulled]) -> Ratio:
    """The medians, and what they say."""
    ratio = Ratio(
        "end to end over HTTP", median(one.rate for one in over) / median(one.rate for one in without), BAR, True
    )  # fmt: skip
    ours, floor = (f"{median(one.rate for one in some):,.1f} MB/s" for some in (over, without))
    print(
        f"{ratio.name:<42}{ours:>14}{floor:>14}{ratio.value:>8.2f}  {'met' if ratio.met else 'MISSED'} ({BAR:g})",
        flush=True,
    )
    spent = [f"{median(one.processor for one in some):.1f} s" for some in (over, without)]
    print(f"{'  processor time of the hospital':<42}{spent[0]:>14}{spent[1]:>14}")
    return ratio


async def measured(megabytes: int) -> Ratio:
    """Set up in a directory that is thrown away, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        async with hospital(Path(folder)) as holder:
            await holder.fill(megabytes * 1_000_000)
            return judged(*await compared(holder))


def main() -> None:
    """Measure, print, and end with 1 when the bar was missed."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    load = os.getloadavg()
    ratio = asyncio.run(measured(megabytes))
    print(f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after")
    raise SystemExit(0 if ratio.met else 1)


if __name__ == "__main__":
    main()
