"""Scenarios: one sentence each, run one after another on one stage, each printed as it ends."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

from tests.interop.stage import Stage

Act = Callable[[Stage], Awaitable[None]]
LONGEST = 60.0
"""Seconds after which a scenario has failed."""


@dataclass(frozen=True)
class Scenario:
    """What is shown, in words, and how."""

    says: str
    act: Act


ALL: list[Scenario] = []


def scenario(says: str) -> Callable[[Act], Act]:
    """Adds a scenario to its module; they run in the order in which they are written."""

    def added(act: Act) -> Act:
        ALL.append(Scenario(says, act))
        return act

    return added


@dataclass
class Outcome:
    """How one ended; `fault` is the whole traceback of a failure."""

    says: str
    seconds: float
    fault: str = ""

    @property
    def line(self) -> str:
        return f"{'FAILED' if self.fault else 'passed'}  {self.says} ({self.seconds:.1f} s)"


async def play(stage: Stage, acts: Sequence[ModuleType], wanted: Callable[[str], bool]) -> list[Outcome]:
    """Every scenario of these modules whose sentence is wanted."""
    outcomes = []
    order = [module.__name__ for module in acts]
    listed = [one for one in ALL if one.act.__module__ in order and wanted(one.says)]
    for one in sorted(listed, key=lambda one: order.index(one.act.__module__)):
        outcome = await _play(one, stage)
        outcomes.append(outcome)
        print(outcome.line, flush=True)
        if outcome.fault:
            print(outcome.fault, flush=True)
    return outcomes


async def _play(one: Scenario, stage: Stage) -> Outcome:
    begun = time.monotonic()
    fault = ""
    try:
        async with asyncio.timeout(LONGEST):
            await one.act(stage)
    except Exception:
        fault = traceback.format_exc(limit=-6)
    return Outcome(one.says, time.monotonic() - begun, fault)
