"""The one place where refusals and faults become problem documents (RFC 9457). No trace, no value, ever leaves."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from connector.problems import Problem
from connector.services.tasks import trace_of

log = logging.getLogger("concord.api")
MEDIA_TYPE = "application/problem+json"


def answer(problem: Problem) -> JSONResponse:
    """A Problem as an HTTP answer."""
    headers = {"retry-after": "600"} if problem.status == 429 else None
    return JSONResponse(problem.document(), problem.status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Map every exception a door can raise."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> JSONResponse:
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return answer(Problem(400, "invalid", "The input cannot be accepted", str(first["msg"]), where))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return answer(Problem(error.status_code, f"http-{error.status_code}", str(error.detail)))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> JSONResponse:
        # The message of an unexpected exception may quote input: only its type and the code's places are logged.
        log.error("unexpected %s in %s\n%s", type(error).__name__, request.scope.get("route"), trace_of(error))
        return answer(Problem(500, "fault", "Something went wrong here", "Nothing was half done; it has been noted"))
