"""The one place where refusals and faults become problem documents (RFC 9457). No trace, no value, ever leaves."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.ports import StoreFull
from connector.problems import Problem
from connector.services.tasks import trace_of

log = logging.getLogger("concord.api")
MEDIA_TYPE = "application/problem+json"
UNREAD = frozenset({408, 413})
"""Answers to a body that was not read to its end: the connection ends with them."""
_LATER = {429: "600", 503: "30", 507: "600"}
"""Seconds after which it makes sense to come again, where the problem does not say."""


def answer(problem: Problem) -> JSONResponse:
    """A Problem as an HTTP answer."""
    return JSONResponse(problem.document(), problem.status, again(problem), media_type=MEDIA_TYPE)


def again(problem: Problem) -> dict[str, str] | None:
    """The header field that says when to come again, if there is anything to say."""
    seconds = str(problem.retry_after or _LATER.get(problem.status, ""))
    return {"retry-after": seconds} if seconds else None


def install(app: FastAPI) -> None:
    """Map every exception a door can raise."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> JSONResponse:
        if (participant := getattr(request.app.state, "participant", None)) is not None:
            participant.context.tally.add("refusal", problem.code)
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return answer(Problem(400, "invalid", "The input cannot be accepted", str(first["msg"]), where))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return answer(Problem(error.status_code, f"http-{error.status_code}", str(error.detail)))

    app.add_middleware(Unforeseen)


def unforeseen(error: Exception, where: object) -> Problem:
    """What nobody foresaw, noted without its words, and as a Problem that says nothing of it."""
    log.error("unexpected %s in %s\n%s", type(error).__name__, where, trace_of(error))
    return Problem(500, "fault", "Something went wrong here", "Nothing was half done; it has been noted")


class Unforeseen:
    """Ends what nobody foresaw here. Further out its message would be logged, and that may quote what somebody sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 500, or cut an answer that has begun: whoever reads it must see that it is not whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def passing(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(_hanging_up(message))

        try:
            await self._app(scope, receive, passing)
        except ClientDisconnect:
            return
        except StoreFull:
            log.error("the disk is full")
            if not begun:
                full = Problem(503, "disk-full", "There is no room left here", "Nothing was done; try again later")
                await answer(full)(scope, receive, send)
        except Exception as error:
            fault = unforeseen(error, scope.get("route"))
            if not begun:
                await answer(fault)(scope, receive, send)


def _hanging_up(message: Message) -> Message:
    """An answer to a body we did not read to its end also ends the connection: else the rest would have to be read."""
    if message["type"] == "http.response.start" and message["status"] in UNREAD:
        return {**message, "headers": [*message["headers"], (b"connection", b"close")]}
    return message
