"""One round of measurements of one side, and of one side's catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from bench.edc.side import Catalogued, Side

WARMING = 3
WIDTH = 16
STORED = 1500
"""Finalized negotiations in the store before a connector's idleness is looked at."""
Figures = dict[str, float]


@dataclass(frozen=True)
class Effort:
    """How much of everything."""

    rounds: int = 3
    negotiations: int = 15
    transfers: int = 8
    flood_seconds: float = 20.0
    sizes: tuple[int, ...] = (1_000, 10_000)
    requests: int = 5
    settle: float = 4.0
    idle_seconds: float = 10.0
    stored: int = STORED


QUICK = Effort(1, 5, 3, 5.0, (1_000,), 3, 2.0, 5.0, 200)


async def measure(side: Side, effort: Effort, *, long: bool, slow: bool) -> Figures:
    """Everything but catalogues. `slow` takes fewer samples, `long` fills the store and looks at idleness again."""
    found: Figures = {"ready_s": await side.start()}
    await asyncio.sleep(effort.settle)
    idle = await side.idle(2.0)
    found |= {"memory_mb": idle.memory / 1e6, "idle_empty_percent": idle.cpu * 100}
    agreement, lost = await _warm(side)
    few = 3 if slow else effort.negotiations
    taken, more = await _negotiations(side, few)
    found |= {"negotiation_ms": median(taken) * 1000, "lost": float(lost + more), "begun": float(WARMING + few)}
    found |= await _transfers(side, agreement, min(3, effort.transfers) if slow else effort.transfers)
    stored = WARMING + few + await _flood(side, effort.flood_seconds, found)
    if long and not slow:
        while stored < effort.stored:
            stored += await _flood(side, effort.flood_seconds, found, counted=False)
        await asyncio.sleep(effort.settle)
        later = await side.idle(effort.idle_seconds)
        found |= {"idle_full_percent": later.cpu * 100, "memory_full_mb": later.memory / 1e6, "stored": float(stored)}
    return found


async def measure_catalogue(catalogue: Catalogued, count: int, effort: Effort) -> Figures:
    """The whole, a page, a filter."""
    found: Figures = {}
    for what, ask in (("page", catalogue.page), ("filtered", catalogue.filtered), ("whole", catalogue.whole)):
        listed, seconds = await _several(ask, effort.requests if what != "whole" else min(2, effort.requests))
        found |= {f"{what}_{count}_ms": seconds * 1000, f"{what}_{count}_datasets": float(listed)}
    return found


async def _several(ask: Callable[[], Awaitable[tuple[int, float]]], times: int) -> tuple[int, float]:
    await ask()
    runs = [await ask() for _ in range(times)]
    return runs[-1][0], median(seconds for _, seconds in runs)


async def _warm(side: Side) -> tuple[str, int]:
    """A few negotiations that are not measured; an agreement, and how many were lost."""
    made = [(await side.negotiate())[0] for _ in range(WARMING)]
    agreements = [one for one in made if one is not None]
    if not agreements:
        raise RuntimeError(f"{side.name} finalizes nothing")
    return agreements[-1], len(made) - len(agreements)


async def _negotiations(side: Side, count: int) -> tuple[list[float], int]:
    taken, lost = [], 0
    while len(taken) < count and lost < count:
        agreement, seconds = await side.negotiate()
        if agreement is None:
            lost += 1
        else:
            taken.append(seconds)
    return taken, lost


async def _transfers(side: Side, agreement: str, count: int) -> Figures:
    first, shut = [], []
    for _ in range(count + 1):
        seconds, transfer = await side.transfer(agreement)
        first.append(seconds)
        shut.append(await side.revoke(transfer))
    return {"first_byte_ms": median(first[1:]) * 1000, "revoke_ms": median(shut[1:]) * 1000}


async def _flood(side: Side, seconds: float, found: Figures, *, counted: bool = True) -> int:
    """Sixteen at a time; adds to what was begun and lost, and (`counted`) says the rate."""
    flood = await side.flood(WIDTH, seconds)
    if counted:
        found["rate"] = flood.rate
    found["begun"] += flood.finalized + flood.lost
    found["lost"] += flood.lost
    return flood.finalized
