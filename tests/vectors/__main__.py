"""`python -m tests.vectors`: every third-party vector there is, with a score per set (`make vectors`).

`--vectors DIR[:DIR]` names folders of the layout of the shared specifications (default: the shared ones where they are
present, else the project's own copies); `--json FILE` writes `{set: {passed, total, failed: [case]}}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from tests.vectors.scoring import Case, Score, score

OWN = Path(__file__).parent
SHARED = tuple(OWN.parents[2] / "shared" / name for name in ("spec", "data"))


def modules() -> Iterator[ModuleType]:
    """The modules that each hold some sets."""
    for name in sorted(found.name for found in iter_modules([str(OWN / "sets")])):
        yield import_module(f"tests.vectors.sets.{name}")


def sets() -> Iterator[tuple[str, Callable[[Path], Iterator[Case]]]]:
    """Every set there is, by name."""
    for module in modules():
        yield from module.SETS.items()


def bars() -> dict[str, float]:
    """Which share of a set has to pass, for those few where that is not all of it; its module says why."""
    return {name: bar for module in modules() for name, bar in getattr(module, "BARS", {}).items()}


def main(arguments: list[str]) -> int:
    """Run, print a line per set and every failure.

    Returns 0 when enough passed (all, where a set has no bar), 1 when not, 2 when there was nothing to run.
    """
    stated = _stated(arguments)
    roots = [Path(one) for one in stated.vectors.split(":") if one] or list(standard())
    missing = [str(root) for root in roots if not root.is_dir()]
    if missing:
        print(f"not a folder: {', '.join(missing)}", file=sys.stderr)
        return 2
    found = score(roots, [one for one in sets() if one[0].startswith(stated.only)])
    _print(found)
    if stated.json:
        Path(stated.json).write_text(json.dumps(_written(found), indent=2) + "\n", "utf-8")
    if not found:
        print("no vectors here", file=sys.stderr)
        return 2
    needed = bars()
    return int(any(one.share < needed.get(name, 1.0) for name, one in found.items()))


def standard() -> tuple[Path, ...]:
    """Where vectors are looked for when nothing else is said: the shared ones, without them our own copies."""
    return tuple(root for root in SHARED if root.is_dir()) or (OWN,)


def _stated(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors", description=__doc__)
    parser.add_argument("--vectors", default="", metavar="DIR[:DIR]", help="folders laid out like the shared specs")
    parser.add_argument("--json", default="", metavar="FILE", help="write the scores as JSON")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only the sets whose name begins so")
    return parser.parse_args(arguments)


def _print(found: dict[str, Score]) -> None:
    for name, one in sorted(found.items()):
        print(f"{name:28} {one.passed:5} of {one.total}")
        for case, why in sorted(one.failed.items()):
            print(f"    failed  {case}: {why}")


def _written(found: dict[str, Score]) -> dict[str, dict[str, object]]:
    return {
        name: {"passed": one.passed, "total": one.total, "failed": sorted(one.failed)}
        for name, one in sorted(found.items())
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
