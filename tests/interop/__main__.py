"""`python -m tests.interop [WORDS]` (`make interop`): Concord and Eclipse EDC, both real, in every direction.

One line per scenario; the last line is `N passed, N failed`, and the exit code is 0 only when none failed. WORDS runs
the scenarios whose sentence holds them. The first run fetches EDC's jars through Maven.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from tests.interop import catalogues, edc_asks, negotiations, we_ask
from tests.interop.jars import Missing, class_path
from tests.interop.scenario import play
from tests.interop.stage import set_up

ACTS = (catalogues, negotiations, edc_asks, we_ask)
"""In this order: what negotiations prepare, transfers use."""


async def run(jars: Path, words: str) -> int:
    """Play everything; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="concord-interop-") as scratch:
        async with set_up(Path(scratch), jars) as stage:
            outcomes = await play(stage, ACTS, lambda says: words.lower() in says.lower())
    failed = sum(bool(one.fault) for one in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed or not outcomes else 0


def main() -> int:
    """See the module."""
    # A plain kill too must stop the Java processes: it becomes an exception that everything is closed after.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        jars = class_path()
    except Missing as fault:
        print(f"interop cannot run: {fault}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    return asyncio.run(run(jars, " ".join(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
