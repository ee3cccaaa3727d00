"""The least a negotiation can cost: its four messages as bare HTTP, signed, each durable at both ends before it counts.

`python -m bench.floor ROLE PORT OTHER_PORT DIRECTORY` serves one side. The consumer reads `idle N` or `load DEPTH N`
from its input and answers each with one line of JSON, as `bench.negotiation consumer` does. There is no contract here,
no policy, no schema, no log: what a connector costs more than this is its own doing.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time, time
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import orjson
import uvicorn
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.two_party.space import until

MESSAGES = 4
"""Request, agreement, verification, finalized."""
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_BODY = {
    "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
    "@type": "ContractRequestMessage",
    "fill": "x" * 600,
}
Start = Callable[[], Awaitable[None]]


async def measured(start: Start, asked: str) -> dict[str, Any]:
    """Run `idle N` (one after the other) or `load DEPTH N`; each `start()` returns once its negotiation is over."""
    words = asked.split()
    depth, count = (1, int(words[1])) if words[0] == "idle" else (int(words[1]), int(words[2]))
    taken: list[float] = []
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            began = perf_counter()
            await start()
            taken.append(perf_counter() - began)

    began, cpu = perf_counter(), process_time()
    await asyncio.gather(*(lane() for _ in range(depth)))
    return {"taken": taken, "seconds": perf_counter() - began, "cpu": process_time() - cpu}


async def obey(start: Start) -> None:
    """Answer every line of the input until it ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(json.dumps(await measured(start, line)) + "\n")
        sys.stdout.flush()


class Side:
    """One of the two: takes a message, keeps it, answers, and sends the next one itself."""

    def __init__(self, other: int, directory: Path) -> None:
        self._other = f"http://127.0.0.1:{other}/m"
        self._file = sqlite3.connect(directory / "floor.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._file.execute(f"pragma {pragma}")
        self._file.execute("create table if not exists kept (id text primary key, step integer, body blob)")
        self._client = httpx2.AsyncClient(trust_env=False)
        self._over: dict[str, asyncio.Future[None]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def negotiate(self) -> None:
        """One negotiation, from the first message to the receipt of the last."""
        pid = str(uuid4())
        over = self._over[pid] = asyncio.get_running_loop().create_future()
        await self._send(pid, 1)
        await over

    async def receive(self, request: Request) -> Response:
        """One message."""
        body = await request.body()
        claims = jwt.decode(request.headers["authorization"][7:], _KEY.public_key(), algorithms=["EdDSA"])
        if claims["digest"] != sha256(body).hexdigest():
            return Response(status_code=401)
        message = orjson.loads(body)
        self._keep(message["pid"], message["step"], body)
        if message["step"] < MESSAGES:
            task = asyncio.create_task(self._send(message["pid"], message["step"] + 1))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        elif (over := self._over.pop(message["pid"], None)) is not None:
            over.set_result(None)
        return Response(b"{}", media_type="application/json")

    def _keep(self, pid: str, step: int, body: bytes) -> None:
        self._file.execute("insert or replace into kept values (?, ?, ?)", (f"{pid}{step}", step, body))

    async def _send(self, pid: str, step: int) -> None:
        body = orjson.dumps(_BODY | {"pid": pid, "step": step})
        self._keep(pid, step, body)
        claims = {"iat": int(time()), "exp": int(time()) + 60, "digest": sha256(body).hexdigest(), "jti": str(uuid4())}
        token = jwt.encode(claims, _KEY, "EdDSA")
        await self._client.post(self._other, content=body, headers={"authorization": f"Bearer {token}"})


async def serve(role: str, port: int, other: int, directory: Path) -> None:
    """Serve one side until the input ends."""
    side = Side(other, directory)
    app = Starlette(routes=[Route("/m", side.receive, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, access_log=False, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the server")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if role == "consumer":
        await obey(side.negotiate)
    else:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
