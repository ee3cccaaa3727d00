"""TORCH's period vectors: interval algebra, and which days several consents leave, under both named behaviours.

The behaviour ``torch`` has to say what the vectors say. Where ``concord`` differs on purpose (reference S12: a no also
takes from what a retrospective policy has extended) it must never allow more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from policy.directives.broad_days import Behaviour, Retrospective, Said, days_by_code
from policy.directives.windows import Window, intersect_all, merge, subtract, within
from policy.instants import day
from tests.vectors.scoring import Case

FILE = Path("consent/torch/period-vectors.json")


def periods(root: Path) -> Iterator[Case]:
    """Every vector of the file."""
    if (root / FILE).is_file():
        for one in json.loads((root / FILE).read_text("utf-8"))["vectors"]:
            yield Case(one["id"], partial(check, one))


def check(one: dict[str, Any]) -> None:
    """Run the operation the vector names and compare."""
    found, expected = OPERATIONS[one["op"]](one["input"]), one["expect"]
    if expected is None and "error" in one:
        assert found in ([], {}, False), f"expected no days ({one['error']}), found {found}"
    else:
        assert found == expected, f"expected {expected}, found {found}"


def days_left(value: dict[str, Any]) -> dict[str, list[list[str]]]:
    """What consents leave; ours never more than theirs."""
    consents = [[_said(one) for one in consent] for consent in value["consents"]]
    back = {code: _retrospective(one) for code, one in value.get("config", {}).items()}
    theirs = days_by_code(consents, value["codes"], back, Behaviour.TORCH)
    ours = days_by_code(consents, value["codes"], back, Behaviour.CONCORD)
    assert all(within(theirs.get(code, ()), days) for code, found in ours.items() for days in found), ours
    return {code: _written(found) for code, found in theirs.items()}


def _said(value: dict[str, str]) -> Said:
    return Said(value["code"], _window([value.get("start"), value.get("end")]), permits=value["type"] == "permit")


def _retrospective(value: dict[str, Any]) -> Retrospective:
    back = value.get("lookbackDate")
    return Retrospective(tuple(value.get("retroModifiers", ())), day(back) if back else date.max)


def _window(value: list[str | None]) -> Window:
    start, end = (None if one is None else day(one) for one in value)
    return Window(start or date.min, end or date.max)


def _windows(values: list[list[str | None]]) -> list[Window]:
    return [_window(one) for one in values]


def _written(windows: tuple[Window, ...]) -> list[list[str]]:
    return [[one.start.isoformat(), one.end.isoformat()] for one in windows]


def _subtracted(value: Any) -> list[list[str]]:
    """Of a pair of sets, or an object with two, the first without the second."""
    first, second = value.values() if isinstance(value, dict) else value
    return _written(subtract(_windows(first), _windows(second)))


def _intersected(value: Any) -> list[list[str]]:
    sets = value.get("by_code", value) if isinstance(value, dict) else value
    return _written(intersect_all([_windows(one) for one in (sets.values() if isinstance(sets, dict) else sets)]))


OPERATIONS = {
    "subtract_and_merge": days_left,
    "merge": lambda value: _written(merge(one for some in value for one in _windows(some))),
    "subtract": _subtracted,
    "intersect": _intersected,
    "within": lambda value: within(_windows(value["consent"]), _window(value["resource"])),
}

SETS = {"consent/torch": periods}
