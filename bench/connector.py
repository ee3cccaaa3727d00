"""What two connectors cost beside the floors: `python -m bench.connector [--only NAME ...] [--json FILE]`.

Every figure is a ratio with something measured in the same run, in turns, or a count; each name by itself takes less
than two minutes. `--json` writes all of them with the load and the stolen time of the machine; ends with 1 when a bar
was missed (`make bench-connector`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import connector_messages, connector_pairs, connector_standing
from bench.ratio import Ratio

PARTS: dict[str, Callable[[], list[Ratio]]] = {
    "message": connector_messages.message,
    "fsyncs": connector_messages.disk,
    "negotiation": connector_pairs.negotiation,
    "connections": connector_pairs.connections,
    "postgres": connector_pairs.postgres,
    "start": connector_standing.start,
    "idle": connector_standing.idle,
}
_STEAL = 8
"""The field of /proc/stat that counts what the machine's host took."""


def arguments() -> argparse.Namespace:
    """What is measured, and where it is written."""
    asked = argparse.ArgumentParser(prog="python -m bench.connector", description="What connectors cost.")
    asked.add_argument("--only", action="append", choices=tuple(PARTS), help="measure this alone (may be repeated)")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    return asked.parse_args()


def stolen() -> float:
    """Per cent of all processor time since the machine started that its host took."""
    times = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return times[_STEAL - 1] / sum(times) * 100


def written(ratios: list[Ratio], before: float) -> dict[str, object]:
    """All figures as JSON: `value` must be at least (or at most) `bar`."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "stolen_percent": round(stolen(), 2),
        "figures": [ratio._asdict() | {"value": round(ratio.value, 4), "met": ratio.met} for ratio in ratios],
    }


def main() -> None:
    """Measure, print, and end with 1 when a bar was missed."""
    asked, before = arguments(), os.getloadavg()[0]
    print(f"{'':<42}{'ours':>18}{'floor':>20}{'ratio':>10}")
    ratios = [ratio for name in asked.only or PARTS for ratio in PARTS[name]()]
    if asked.json is not None:
        asked.json.write_text(json.dumps(written(ratios, before), indent=1) + "\n")
    missed = [str(ratio) for ratio in ratios if not ratio.met]
    print(f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after; missed: {', '.join(missed) or 'none'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
