"""A courier with a store of its own, and everybody it writes to."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import orjson

from connector.bells import LocalBells
from connector.jobs.courier import Courier
from connector.outbound.answer import Answer
from connector.records import OutboxMessage
from connector.services.delivery import Deliveries
from connector.services.tally import Tally
from connector.services.tracing import NO_TRACES
from connector.storage import SqliteStore
from tests.two_party.space import until


class Peers:
    """Everybody we write to: keeps what arrived, in order, and answers as told."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, int]] = []
        self.answers: dict[str, object] = {}
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()

    async def post(self, recipient, url, body, *, traced=False):
        self.at_once[recipient] += 1
        self.most_at_once[recipient] = max(self.most_at_once[recipient], self.at_once[recipient])
        try:
            await asyncio.sleep(0)
            answer = self.answers.get(recipient, 200)
            answer = answer(body) if callable(answer) else answer
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                answer = 200
            if isinstance(answer, Exception):
                raise answer
            self.arrived.append((recipient, body.get("n", -1)))
            status, content = answer if isinstance(answer, tuple) else (answer, {"n": body.get("n")})
            return Answer(status, {}, content if isinstance(content, bytes) else orjson.dumps(content))
        finally:
            self.at_once[recipient] -= 1

    async def learn(self, recipient) -> bool:
        return False

    def speaks_exchange(self, recipient) -> bool:
        return recipient != "stranger"

    def of(self, recipient) -> list[int]:
        return [number for name, number in self.arrived if name == recipient]


class Office:
    """A store, a courier and peers."""

    late = timedelta()
    """How far the courier's clock is ahead."""

    def __init__(self, path) -> None:
        self.bells = LocalBells(asyncio.get_running_loop())
        self.store = SqliteStore(path / "store.db", self.bells.ring_from_thread)
        self.peers = Peers()
        self.deliveries = Deliveries(self.clock)
        context = SimpleNamespace(
            store=self.store,
            bells=self.bells,
            members=self.peers,
            clock=self.clock,
            deliveries=self.deliveries,
            settings=SimpleNamespace(delivery_days=7),
            tally=Tally(),
            traces=NO_TRACES,
        )
        self.courier = Courier(context)
        self.task = None

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.late

    def start(self) -> None:
        self.task = asyncio.create_task(self.courier.run())

    async def send(self, *numbers, to="peer", lane="", kind="kind", **keys):
        def command(tx):
            for number in numbers:
                self.deliveries.send(tx, recipient=to, url="u", kind=kind, body={"n": number} | keys,
                                     about=lane or f"{to}-{number}")  # fmt: skip

        await self.store.write(command)

    async def messages(self, **conditions):
        return await self.store.read(lambda tx: tx.find(OutboxMessage, order="sequence", **conditions))

    async def settled(self):
        await until(self._nothing_waits, "everything to be settled")

    async def _nothing_waits(self):
        return not await self.messages(standing="waiting")

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        self.store.close()
