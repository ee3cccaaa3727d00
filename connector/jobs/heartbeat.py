"""A wallet tells every holder of its people that it is alive: consent copies of a silent wallet release nothing."""

from __future__ import annotations

from datetime import datetime

import orjson

from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import WalletLink
from connector.services.context import Context
from connector.services.wallet.repeating import Repeating
from contracts.exchange import Heartbeat as HeartbeatMessage
from contracts.exchange import HeartbeatTaken
from contracts.messages import MessageError

_EVERY = 1800.0
"""Seconds between two heartbeats; far below any sensible freshness term (default 24 h)."""


class Heartbeat:
    """Runs in wallets. A missed beat is not repeated: the next one says the same."""

    def __init__(self, context: Context, repeating: Repeating) -> None:
        self._context = context
        self._repeating = repeating

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
                await self._beat(holder, links)
            except (Problem, OutboundRefused, Unreachable):
                continue

    async def _beat(self, holder: str, links: int) -> None:
        """One, and what the holder asks for in its answer. Raises Problem, OutboundRefused, Unreachable."""
        members, store = self._context.members, self._context.store
        since = await store.read(lambda tx: self._repeating.said(tx, holder))
        beat = HeartbeatMessage(links=links, said_again=since)
        answer = await members.post(holder, f"{members.exchange(holder)}/heartbeat", beat.wire())
        asked = _asked(answer) if answer.ok else since
        if asked is not None and asked != since:
            await store.write(lambda tx: self._repeating.repeat(tx, holder, asked))
        elif since is not None and answer.ok and asked is None:
            await store.write(lambda tx: self._repeating.taken(tx, holder))


def _asked(answer: Answer) -> datetime | None:
    """Since when the holder wants to be told everything again; an answer that cannot be read asks for nothing."""
    try:
        return HeartbeatTaken.read(orjson.loads(answer.body or b"{}")).say_again
    except (orjson.JSONDecodeError, MessageError):
        return None


def _links_by_holder(tx: Transaction) -> dict[str, int]:
    counts: dict[str, int] = {}
    for link in tx.find(WalletLink, standing="active"):
        counts[link.holder] = counts.get(link.holder, 0) + 1
    return counts
