"""A wallet tells every holder of its people that it is alive: consent copies of a silent wallet release nothing."""

from __future__ import annotations

from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import WalletLink
from connector.services.context import Context
from contracts.exchange import Heartbeat as HeartbeatMessage

_EVERY = 1800.0
"""Seconds between two heartbeats; far below any sensible freshness term (default 24 h)."""


class Heartbeat:
    """Runs in wallets. A missed beat is not repeated: the next one says the same."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Beat at the start, whenever links change, and every half hour."""
        bells = self._context.bells
        while True:
            seen = bells.count("links")
            await self.beat()
            await bells.wait("links", timeout=_EVERY, seen=seen)

    async def beat(self) -> None:
        """One heartbeat to every holder with a link."""
        for holder, links in (await self._context.store.read(_links_by_holder)).items():
            try:
                address = self._context.members.exchange(holder)
                await self._context.members.post(holder, f"{address}/heartbeat", HeartbeatMessage(links=links).wire())
            except (Problem, OutboundRefused, Unreachable):
                continue


def _links_by_holder(tx: Transaction) -> dict[str, int]:
    counts: dict[str, int] = {}
    for link in tx.find(WalletLink, standing="active"):
        counts[link.holder] = counts.get(link.holder, 0) + 1
    return counts
