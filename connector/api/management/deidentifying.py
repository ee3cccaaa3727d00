"""`POST /api/deidentify`, and the rule files that it may be asked for.

The door itself is no route of FastAPI's: it takes FHIR, which has its own strictness, and is used for one resource
after the other, so what a route costs would be most of its price. The process's token is checked as everywhere below
`/api`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI
from pydantic import Field
from starlette.requests import Request

from connector.api import faults
from connector.api.bodies import SECONDS, read_bytes
from connector.api.management.door import OPERATOR, Called, ManagementRoute, Operator, Sent, check_authorization
from connector.deidentify.foreign.reading import LONGEST
from connector.problems import Problem, invalid, unavailable
from connector.services.actors import Actor
from connector.services.deidentifying import Done, RuleFileReport, RuleSetRow

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from connector.wiring import Participant

router = APIRouter(route_class=ManagementRoute, tags=["provider"])

PATH = "/api/deidentify"
PROFILE = "research-standard"
_NAMED = re.compile(rb"profile=([A-Za-z0-9-]+)")
_FHIR = (b"content-type", b"application/fhir+json")
_JSON = (b"application/fhir+json", b"application/json")


class RulesSent(Sent):
    """A rule file, as text: Microsoft's JSON or miracum's YAML."""

    text: str = Field(max_length=LONGEST)


class NamedRulesSent(RulesSent):
    """The same with the name by which it is asked for."""

    name: str = Field(max_length=60)


@router.get("/deidentify/rules")
async def rule_sets(called: Called, actor: Operator) -> list[RuleSetRow]:
    """The rule files that were added."""
    return await called.deidentifying.rows(actor)


@router.post("/deidentify/rules", status_code=201)
async def add(called: Called, actor: Operator, sent: NamedRulesSent) -> RuleSetRow:
    """Keep a rule file under a name; one that cannot be compiled is refused, with every reason."""
    return await called.deidentifying.add(actor, sent.name, sent.text)


@router.post("/deidentify/rules/check")
async def check(called: Called, actor: Operator, sent: RulesSent) -> RuleFileReport:
    """What can be compiled of a rule file, and what not."""
    return await called.deidentifying.check(actor, sent.text)


@router.delete("/deidentify/rules/{name}", status_code=204)
async def remove(called: Called, actor: Operator, name: Annotated[str, Field(max_length=60)]) -> None:
    """Take a rule file away."""
    await called.deidentifying.remove(actor, name)


class Application(FastAPI):
    """FastAPI's application, but for `POST /api/deidentify[?profile=NAME]`, which is answered before all that stands
    around a route: a FHIR resource or Bundle in, the same without what identifies out.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `fastapi.FastAPI`."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await super().__call__(scope, receive, send)
            return
        try:
            done = await self._deidentified(scope, receive)
        except Problem as problem:
            await _refuse(problem, scope, receive, send)
            return
        except Exception as error:
            await _refuse(faults.unforeseen(error, PATH), scope, receive, send)
            return
        headers = [_FHIR, (b"content-length", b"%d" % len(done.body))]
        if done.withheld:
            headers.append((b"concord-withheld", b"%d" % done.withheld))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": done.body})

    async def _deidentified(self, scope: Scope, receive: Receive) -> Done:
        """Token, then what is asked, then the body. Raises Problem 400, 401, 404, 405, 408, 413, 415, 422."""
        stated, kind = b"", b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                stated = value
            elif name == b"content-type":
                kind = value
        check_authorization(self.state, stated.decode("latin-1"))
        if scope["method"] != "POST":
            raise Problem(405, "method", "This address takes POST", accepted="a FHIR resource by POST")
        if kind not in _JSON and kind.partition(b";")[0].strip().lower() not in _JSON:
            raise Problem(415, "media-type", "The body is of another kind", accepted="application/fhir+json")
        profile = _profile(scope["query_string"])
        participant: Participant | None = getattr(self.state, "participant", None)
        if participant is None:
            raise unavailable("This participant is starting")
        body = await _body(scope, receive, participant.settings.body_limit)
        return await participant.services.deidentifying.apply(_owner(participant.identity.id), body, profile)


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """A problem document; after it the connection ends where the body was not read to its end."""
    answer = faults.answer(problem)
    if problem.status in faults.UNREAD:
        answer.headers["connection"] = "close"
    await answer(scope, receive, send)


@lru_cache(maxsize=4)
def _owner(participant: str) -> Actor:
    """The owner of this machine."""
    return Actor(OPERATOR, OPERATOR, OPERATOR, participant)


def _profile(query: bytes) -> str:
    plain = _NAMED.fullmatch(query)
    if plain is not None:
        return plain[1].decode()
    if not query:
        return PROFILE
    stated = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if len(stated) != 1 or stated[0][0] != "profile":
        raise invalid("This is not known here", "query", "profile=NAME, once")
    return stated[0][1]


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises Problem 408, 413.

    Most bodies are there already, in one piece: then nothing has to be timed.
    """
    begun = receive()
    try:
        waiting = begun.send(None)  # type: ignore[attr-defined] # a coroutine, as uvicorn's is
    except StopIteration as there:
        first: Message = there.value
    else:
        first = await _later(_Resumed(begun, waiting))
    body: bytes = first.get("body", b"")
    if first["type"] == "http.request" and not first.get("more_body") and len(body) <= limit:
        return body
    left = [first]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return await read_bytes(Request(scope, again), limit)


class _Resumed:
    """A coroutine that has begun, and waits for something, to be awaited to its end."""

    def __init__(self, begun: Any, waiting: object) -> None:
        self._begun = begun
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, Message]:
        waiting = self._waiting
        while True:
            try:
                told = yield waiting
            except BaseException as stopped:
                step, value = self._begun.throw, stopped
            else:
                step, value = self._begun.send, told
            try:
                waiting = step(value)
            except StopIteration as there:
                return there.value  # type: ignore[no-any-return] # a message, as the server gives them


async def _later(message: _Resumed) -> Message:
    try:
        async with asyncio.timeout(SECONDS):
            return await message
    except TimeoutError:
        raise Problem(408, "too-slow", "The body did not arrive in time") from None
