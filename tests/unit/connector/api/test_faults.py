"""Whatever goes wrong becomes a problem document, and nothing of what somebody sent gets into it or into the log."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from connector.api import faults
from connector.api.bodies import read_bytes
from connector.problems import Problem
from tests.two_party.space import QuietServer, listening, until

SECRET = "Ann Example, born 1950-01-02"


@pytest.fixture
async def ask(caplog):
    """A small application with every kind of trouble behind a real server; answers a GET or POST of a path."""

    app = FastAPI()
    faults.install(app)

    @app.get("/fault")
    async def fault() -> None:
        raise ValueError(SECRET)

    @app.get("/problem")
    async def problem() -> None:
        raise Problem(409, "conflict", "No", "because", "here", "that")

    @app.get("/http")
    async def http() -> None:
        raise HTTPException(418, "teapot")

    @app.get("/typed/{number}")
    async def typed(number: int) -> int:
        return number

    @app.get("/halfway")
    async def halfway() -> StreamingResponse:
        async def parts():
            yield b"first"
            raise ValueError(SECRET)

        return StreamingResponse(parts())

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await read_bytes(request, 10))

    server = QuietServer(uvicorn.Config(app, http="httptools", log_config=None, lifespan="off"))
    socket = listening()
    base = f"http://127.0.0.1:{socket.getsockname()[1]}"
    task = asyncio.create_task(server.serve([socket]))
    await until(lambda: server.started, "a server")
    async with httpx2.AsyncClient(trust_env=False) as client:
        with caplog.at_level(logging.DEBUG):
            yield lambda path, **how: client.request("POST" if how else "GET", base + path, **how)
    server.should_exit = True
    await task


async def test_an_unforeseen_fault_says_nothing_of_what_it_was_about(ask, caplog):
    answer = await ask("/fault")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "urn:concord:problem:fault"
    assert SECRET not in answer.text
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


async def test_a_fault_after_the_answer_began_cuts_it_and_says_nothing_either(ask, caplog):
    with pytest.raises(httpx2.TransportError):
        await ask("/halfway")
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text
    assert (await ask("/problem")).status_code == 409


async def test_a_problem_is_answered_with_everything_it_says(ask):
    answer = await ask("/problem")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:concord:problem:conflict", "title": "No", "status": 409, "detail": "because", "where": "here",
        "accepted": "that",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "status"), [("/http", 418), ("/nowhere", 404), ("/typed/x", 400)])
async def test_what_the_framework_refuses_is_a_problem_document_too(ask, path, status):
    answer = await ask(path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_was_not_read_ends_its_connection(ask):
    large = await ask("/body", content=b"x" * 11)
    small = await ask("/body", content=b"x" * 10)
    assert (large.status_code, large.headers.get("connection")) == (413, "close")
    assert (small.status_code, small.headers.get("connection")) == (200, None)
