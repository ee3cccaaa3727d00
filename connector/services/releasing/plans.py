"""Plans in the making: one at a time per transfer, going on while whoever asked for it asks again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from connector.ports import Renderer, Transaction
from connector.records import Release
from connector.services.context import Context
from connector.services.releasing.asked import Asked
from connector.services.releasing.closing import cut_short
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Over
from connector.services.releasing.deltas import Carrying, carrying_of, mark_at
from connector.services.releasing.lanes import Lanes
from connector.services.releasing.opening import Door, Opening
from connector.services.releasing.permitting import assessed, permit
from connector.services.releasing.planning import Planning, keyed_of
from connector.services.releasing.validators import Keyed

PATIENCE = 10.0
"""Seconds a request waits for a plan."""


@dataclass(frozen=True, slots=True)
class _Making:
    asked: Asked
    task: asyncio.Task[None]


class Plans:
    """Makes plans. `end_others` ends what else runs of a transfer when a new release of it begins."""

    def __init__(
        self,
        context: Context,
        door: Door,
        lanes: Lanes,
        renderer: Renderer,
        end_others: Callable[[Transaction, Release], None],
    ) -> None:
        self._context = context
        self._door = door
        self._lanes = lanes
        self._renderer = renderer
        self._end_others = end_others
        self._making: dict[str, _Making] = {}

    def making(self, transfer: str) -> Asked | None:
        """What a plan is being made for, or could not be made for; None when none is."""
        known = self._making.get(transfer)
        return known.asked if known is not None else None

    async def made(self, opening: Opening, asked: Asked, patience: float = PATIENCE) -> bool:
        """Have a plan made; False while it takes longer. Raises what keeps it from being made, once."""
        known = self._making.get(opening.transfer)
        if known is not None and known.asked != asked:
            known.task.cancel()
            known = None
        if known is None:
            known = _Making(asked, asyncio.create_task(self._make(opening, asked)))
            self._making[opening.transfer] = known
            known.task.add_done_callback(_heard)
        await asyncio.wait({known.task}, timeout=patience)
        if not known.task.done():
            return False
        if self._making.get(opening.transfer) is known:
            del self._making[opening.transfer]
        known.task.result()
        return True

    def drop(self, transfer: str) -> None:
        """Make no plan for a transfer any more."""
        known = self._making.pop(transfer, None)
        if known is not None:
            known.task.cancel()

    async def close(self) -> None:
        """Stop."""
        tasks = [one.task for one in self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, opening: Opening, asked: Asked) -> None:
        context = self._context
        async with self._lanes.taken(opening.transfer, endless=True) as stopping:  # it is made anew elsewhere
            contract, release, carrying, keyed = await context.store.write(lambda tx: self._begin(tx, opening, asked))
            try:
                found = await permit(context, contract, release, self._door.still_open(opening, contract))
                release = await assessed(context, self._renderer, contract, release, found.subjects)
                planning = Planning(context, contract, release, asked, carrying, keyed, stopping)
                gone = await context.store.read(lambda tx: carrying.left_behind(tx, context, contract))
                await planning.run(found.subjects, gone)
            except Over as over:
                await self._cut_short(contract, release, over.standing)
                if over.problem is not None:
                    raise over.problem from None
                self._lanes.require_open()
            except BaseException:
                await asyncio.shield(self._cut_short(contract, release, "broken"))
                raise

    def _begin(self, tx: Transaction, opening: Opening, asked: Asked) -> tuple[Contract, Release, Carrying, Keyed]:
        contract, release = self._door.begin(tx, opening, format=asked.format, continues=asked.continues)
        if asked.since:
            release = replace(release, begin=mark_at(tx, contract.source, asked.moment))
            tx.alter(Release, {"begin": release.begin}, id=release.id)
        planned = replace(release, asked=asked.json())
        self._end_others(tx, release)
        return contract, release, carrying_of(tx, contract, planned), keyed_of(self._context, contract, tx)

    async def _cut_short(self, contract: Contract, release: Release, standing: str) -> None:
        context = self._context
        over = replace(release, standing=standing, finished_at=context.clock())
        await context.store.write(lambda tx: cut_short(tx, context, contract, over, ()))


def _heard(task: asyncio.Task[None]) -> None:
    """Whoever asks next is told why there is no plan; that nobody does is no fault."""
    if not task.cancelled():
        task.exception()
