"""The least an inbound message can cost: FastAPI with a typed body and a typed answer, one durable insert per message.

`uvicorn bench.connector_floor:create --factory` keeps what it gets in the file that CONCORD_FLOOR names: SQLite in WAL
mode with synchronous=FULL, one writer thread, one commit for all messages that wait together. Nobody is authenticated,
nothing is checked beyond the types, nothing follows.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

_GROUP = 256
_Asked = tuple[tuple[str, bytes], asyncio.Future[None]]


class Message(BaseModel):
    """What comes in: a contract request or a termination."""

    model_config = ConfigDict(extra="allow")
    context: list[str] = Field(alias="@context")
    id: str = Field(alias="@id")
    type: str = Field(alias="@type")
    consumer_pid: str = Field(alias="consumerPid")
    provider_pid: str | None = Field(None, alias="providerPid")
    callback_address: str | None = Field(None, alias="callbackAddress")
    offer: dict[str, Any] | None = None


class Acknowledged(BaseModel):
    """What goes out."""

    model_config = ConfigDict(populate_by_name=True)
    context: list[str] = Field(alias="@context")
    type: str = Field("ContractNegotiation", alias="@type")
    consumer_pid: str = Field(alias="consumerPid")
    provider_pid: str = Field(alias="providerPid")
    state: str


class Writer:
    """One thread, one connection, group commit."""

    def __init__(self, file: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"pragma {pragma}")
        self._connection.execute("create table if not exists kept (id text primary key, body blob)")
        threading.Thread(target=self._work, daemon=True).start()

    async def keep(self, id: str, body: bytes) -> None:
        """Returns once it is on disk."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put(((id, body), done))
        await done

    def _work(self) -> None:
        while True:
            group = [self._waiting.get()]
            try:
                while len(group) < _GROUP:
                    group.append(self._waiting.get_nowait())
            except queue.Empty:
                pass
            self._connection.execute("begin immediate")
            for row, _ in group:
                self._connection.execute("insert into kept values (?, ?)", row)
            self._connection.execute("commit")
            self._loop.call_soon_threadsafe(_settle, [done for _, done in group])


def _settle(done: list[asyncio.Future[None]]) -> None:
    for one in done:
        if not one.done():
            one.set_result(None)


def create() -> FastAPI:
    """The application."""
    app, opened = FastAPI(openapi_url=None), list[Writer]()

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/dsp/2025-1/negotiations/{tail:path}")
    async def receive(tail: str, message: Message) -> Acknowledged:
        if not opened:
            opened.append(Writer(os.environ["CONCORD_FLOOR"]))
        await opened[0].keep(message.id, message.model_dump_json(by_alias=True).encode())
        state = "REQUESTED" if tail == "request" else "TERMINATED"
        return Acknowledged(
            context=message.context, consumer_pid=message.consumer_pid, provider_pid=message.provider_pid or message.id,
            state=state,
        )  # fmt: skip

    return app
