"""The management API of one participant of the demonstration, through deaths and restarts of its process.

Reading is repeated until it succeeds. Doing is not: who does something looks first whether it is done (`ensure`), so
that an act whose answer was lost is neither lost nor done twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from connector.demo.crews import Crew
from connector.outbound.answer import MIB, Answer, Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.problems import Problem

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds after which something that should happen is given up."""
_CAPS = Caps(total=300.0, idle=90.0, body=64 * MIB)
_LATER = frozenset({401, 502, 503, 504})
_LATER_CODES = frozenset({"trust-unreachable", "trust-no-document"})
"""Answers that say "later": a process that has just started, or another participant's that is about to."""


class Interrupted(Exception):
    """The process went away while it was asked: whether it did what was asked is for a second look to say."""


class Unfulfilled(Exception):
    """Something that the story needs did not happen in time; says what."""


class Staff:
    """Whoever works at one participant, calling its management API."""

    def __init__(self, served: Crew, outbound: Outbound) -> None:
        self.served = served
        self._outbound = outbound

    @property
    def id(self) -> str:
        """The participant's id."""
        return self.served.home.participant_id

    @property
    def name(self) -> str:
        """The participant's name."""
        return self.served.home.character.name

    @property
    def url(self) -> str:
        """The participant's origin."""
        return self.served.home.url

    async def get(self, path: str, **params: object) -> Any:
        """Read something, however often the process has to be started for it. Raises Problem, Unfulfilled."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return await again(lambda: self.once("GET", path, params=given), f"an answer of {self.name}")

    async def once(
        self, method: str, path: str, body: Mapping[str, object] | None = None, params: Mapping[str, str] | None = None
    ) -> Any:
        """One call, made once. Raises Problem for a refusal, Interrupted when no answer came."""
        return _value(await self._answered(method, path, body, params))

    async def _answered(
        self, method: str, path: str, body: Mapping[str, object] | None, params: Mapping[str, str] | None
    ) -> Answer:
        await self.served.ready()
        found = self.served.reached()
        if found is None:
            raise Interrupted
        url = f"{found.url}{path}" + (f"?{urlencode(params)}" if params else "")
        headers = {"authorization": f"Bearer {found.token}"}
        if body is not None:
            headers["content-type"] = "application/json"
        content = b"" if body is None else json.dumps(body, default=str).encode()
        there = Destination.of_operator(NamedOrigin.parse(found.url, allow_http=True))
        try:
            return await self._outbound.send(method, url, to=there, headers=headers, content=content, caps=_CAPS)
        except Unreachable:
            raise Interrupted from None

    async def lines(self, path: str, body: Mapping[str, object]) -> AsyncIterator[Any]:
        """One call whose answer comes line by line. Raises Problem, Interrupted."""
        # The whole answer is read: it holds one short line per file.
        answer = await self._answered("POST", path, body, None)
        if not answer.ok:
            _value(answer)
        for line in answer.body.splitlines():
            yield json.loads(line)

    async def ensure(
        self, look: Callable[[], Awaitable[T | None]], path: str, body: Mapping[str, object], what: str
    ) -> T:
        """What `look` finds; while it finds nothing, POST `body` to `path` and look again."""

        async def attempt() -> T | None:
            found = await look()
            if found is not None:
                return found
            await self.once("POST", path, body)
            return await look()

        return await until(lambda: again(attempt, what), what)


async def again(act: Callable[[], Awaitable[T]], what: str) -> T:
    """Repeat an act that can be repeated until it is not interrupted. Raises Unfulfilled when it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await act()
                except Interrupted:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unfulfilled(what) from None


async def until(look: Callable[[], Awaitable[T | None]], what: str, patience: float = PATIENCE) -> T:
    """What `look` finds, looking until it finds something. Raises Unfulfilled when it takes too long."""
    pause = 0.01
    try:
        async with asyncio.timeout(patience):
            while True:
                found = await look()
                if found is not None:
                    return found
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.25)
    except TimeoutError:
        raise Unfulfilled(what) from None


def _value(answer: Answer) -> Any:
    if answer.ok:
        return json.loads(answer.body) if answer.body else None
    if answer.status in _LATER:
        raise Interrupted
    try:
        told = json.loads(answer.body)
        code, title, detail = told["type"].rpartition(":")[2], told["title"], told.get("detail", "")
    except (ValueError, KeyError, TypeError):
        code, title, detail = f"status-{answer.status}", f"status {answer.status}", ""
    if code in _LATER_CODES:
        raise Interrupted
    raise Problem(answer.status, code, title, detail)
