"""The network between simulated participants: it delays, loses, doubles and reorders, and hears a process die.

A request is handed to the receipt functions of the other side as the door does (`connector.api.dsp`): authenticated,
parsed, answered. What was on its way when its sender died arrives all the same.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from connector.outbound.answer import Answer
from connector.outbound.faults import Unreachable, Why
from contracts.names import MessageType

if TYPE_CHECKING:
    from tests.faults.simulation.party import Life
    from tests.faults.simulation.world import World

PATIENCE = 30.0
"""Seconds after which the client gives up, as the real one does (`connector.outbound.answer.Caps`)."""
BASE = "/dsp/2025-1/"
NEGOTIATION = {
    "request": MessageType.CONTRACT_REQUEST, "offers": MessageType.CONTRACT_OFFER,
    "agreement": MessageType.CONTRACT_AGREEMENT, "agreement/verification": MessageType.CONTRACT_VERIFICATION,
    "events": MessageType.CONTRACT_EVENT, "termination": MessageType.CONTRACT_TERMINATION,
}  # fmt: skip
TRANSFER = {
    "request": MessageType.TRANSFER_REQUEST, "start": MessageType.TRANSFER_START,
    "completion": MessageType.TRANSFER_COMPLETION, "suspension": MessageType.TRANSFER_SUSPENSION,
    "termination": MessageType.TRANSFER_TERMINATION,
}  # fmt: skip


class Network:
    """Carries requests between the lives of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.under_way = 0
        self.cut_until = 0.0

    async def post(self, sender: Life, url: str, body: bytes, authorization: str) -> Answer:
        """What the outbound client does, with whatever befalls it. Raises Unreachable."""
        world, to = self._world, self._world.at(url)
        faults, request = world.faults, Request(url, body, authorization)
        world.judge.sent(request.message)
        world.note(sender.name, f"sends {request}")
        await asyncio.sleep(faults.between("way", 0.0005, 0.02))
        if faults.strikes("slow"):
            await asyncio.sleep(faults.between("how slow", 0.1, 20))
        if not to.up or self._cut():
            world.note(sender.name, f"cannot connect for {request}")
            raise Unreachable(Why.CONNECT)
        if faults.strikes("request lost"):
            await self._vanished(sender, request)
        if faults.strikes("busy"):
            world.note(sender.name, f"is told 503 for {request}")
            return Answer(503, {}, b"busy")
        if faults.strikes("twice"):
            self._copy(request, faults.between("second copy", 0.001, 100))
        if faults.strikes("late"):
            self._copy(request, faults.between("late copy", 0.001, 100))
            await self._vanished(sender, request)
        return await self._exchange(sender, to.life, request)

    async def _exchange(self, sender: Life, to: Life, request: Request) -> Answer:
        faults = self._world.faults
        answer = await self._handed_over(to, request)
        if answer is None:
            self._world.note(sender.name, f"finds the connection broken for {request}")
            raise Unreachable(Why.CONNECTION)
        if faults.strikes("answer lost"):
            await self._vanished(sender, request, "no answer to")
        await asyncio.sleep(faults.between("way back", 0.0005, 0.02))
        if faults.strikes("slow answer"):
            await asyncio.sleep(faults.between("how slow", 0.1, 20))
        if self._world.crash(sender, "between answer and settling"):
            raise asyncio.CancelledError
        self._world.note(sender.name, f"hears {answer.status} for {request}")
        return answer

    async def _vanished(self, sender: Life, request: Request, what: str = "no trace of") -> None:
        """A broken connection is noticed at once, a silent one when patience ends."""
        silent = self._world.faults.number("silence") < 0.4
        if silent:
            await asyncio.sleep(PATIENCE)
        self._world.note(sender.name, f"gets {what} {request}")
        raise Unreachable(Why.TIME if silent else Why.CONNECTION)

    def _copy(self, request: Request, after: float) -> None:
        self.under_way += 1

        async def arrive() -> None:
            try:
                await asyncio.sleep(after)
                to = self._world.at(request.url)
                if to.up:
                    self._world.note(to.name, f"gets a late copy of {request}")
                    await self._handed_over(to.life, request)
            finally:
                self.under_way -= 1

        self._world.background(arrive())

    async def _handed_over(self, to: Life, request: Request) -> Answer | None:
        """The other side's answer; None when it died over it."""
        handling = to.run(request.handle(to))
        await asyncio.wait({handling})
        if handling.cancelled() or not to.alive:
            return None
        if (fault := handling.exception()) is not None:
            return self._failed(to, request, fault)
        status, body, then = handling.result()
        answer = Answer(status, {}, body)
        self._world.judge.answered(to.name, to.store.raw, request.authorization, request.message, answer)
        if not self._world.crash(to, "after its answer") and then is not None:
            to.run(self._afterwards(to, then))
        return answer

    async def _afterwards(self, to: Life, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What follows an answer; of its faults the server only writes a line."""
        try:
            await then()
        except Exception as error:
            if to.alive and not isinstance(error, sqlite3.Error):
                self._world.judge.finds(f"{to.name} breaks after an answer: {error!r}")

    def _failed(self, to: Life, request: Request, fault: BaseException) -> Answer:
        """A receipt that breaks is answered 500; only a full disk may break it."""
        if not isinstance(fault, sqlite3.Error):
            self._world.judge.finds(f"{to.name} breaks over {request}: {fault!r}")
        return Answer(500, {}, b"")

    def _cut(self) -> bool:
        return asyncio.get_running_loop().time() < self.cut_until


class Request:
    """One HTTP request to a participant."""

    def __init__(self, url: str, body: bytes, authorization: str) -> None:
        self.url, self.body, self.authorization = url, body, authorization
        self.message: Mapping[str, Any] = orjson.loads(body)
        kind, _, rest = urlsplit(url).path.removeprefix(BASE).partition("/")
        self._of = kind
        pid, _, tail = rest.partition("/")
        self.pid, self.tail = (None, pid) if rest in ("request", "offers") else (pid, tail)

    def __str__(self) -> str:
        return f"{self._of[:-1]} {self.tail} {self.message.get('@id')} about {self.pid or 'a new one'}"

    async def handle(self, to: Life) -> tuple[int, bytes, Callable[[], Coroutine[Any, Any, None]] | None]:
        """As the door does it: status and body of the answer, and what follows once it is out."""
        member = await to.context.members.authenticate(self.authorization, self.body)
        service: Any = to.negotiations if self._of == "negotiations" else to.transfers
        kind = (NEGOTIATION if self._of == "negotiations" else TRANSFER)[self.tail]
        answer = await service.receive(member, kind, self.pid, orjson.loads(self.body))
        return answer.status, orjson.dumps(answer.body), answer.then
