"""A participant started inside this process for one verb, when none serves its directory; called without a network.

It is the same application that `concord serve` runs, behind the same management API: the calls go to it as ASGI
messages. The directory's lock is held meanwhile, so that nobody else writes the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

from connector.outbound.answer import Answer

Event = MutableMapping[str, Any]
_END = b""


class InsideProcess:
    """Use as a context manager. Raises Problem when the directory cannot be used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runner = asyncio.Runner()
        self._app: Any = None
        self._life: AbstractAsyncContextManager[Any] | None = None

    def __enter__(self) -> Self:
        from connector.app import create

        before = os.environ.get("CONCORD_DIRECTORY")
        os.environ["CONCORD_DIRECTORY"] = str(self._directory)
        try:
            self._app = create()
        finally:
            _restore("CONCORD_DIRECTORY", before)
        self._life = self._app.router.lifespan_context(self._app)
        try:
            self._runner.run(self._life.__aenter__())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        try:
            if self._life is not None:
                self._runner.run(self._life.__aexit__(None, None, None))
        finally:
            self._runner.close()

    def call(
        self, method: str, path: str, body: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        """One call, answered whole."""
        status, headers, parts = 0, dict[str, str](), list[bytes]()
        for event in self._events(method, path, body, params):
            if event["type"] == "http.response.start":
                status, headers = event["status"], _decoded(event["headers"])
            else:
                parts.append(event.get("body", b""))
        return Answer(status, headers, b"".join(parts))

    def lines(self, method: str, path: str, body: bytes | None = None) -> Iterator[str]:
        """One call whose answer is lines as they come. Raises ManagementRefused."""
        from connector.outbound.management import ManagementRefused

        status, headers, kept = 0, dict[str, str](), b""
        for event in self._events(method, path, body, None):
            if event["type"] == "http.response.start":
                status, headers = event["status"], _decoded(event["headers"])
                continue
            kept += event.get("body", b"")
            if 200 <= status < 300:
                *whole, kept = kept.split(b"\n")
                yield from (line.decode() for line in whole)
        if not 200 <= status < 300:
            raise ManagementRefused(Answer(status, headers, kept))
        if kept:
            yield kept.decode()

    def _events(self, method: str, path: str, body: bytes | None, params: Mapping[str, str] | None) -> Iterator[Event]:
        """Run the application and hand out what it sends, as it sends it."""
        return _Exchange(self._runner, self._app, self._scope(method, path, body, params), body or _END).events()

    def _scope(self, method: str, path: str, body: bytes | None, params: Mapping[str, str] | None) -> Event:
        plain, _, query = path.partition("?")
        given = "&".join(part for part in (query, urlencode(params or {})) if part)
        headers = [
            (b"host", b"127.0.0.1"),
            (b"authorization", f"Bearer {self._app.state.running.token}".encode()),
            (b"content-length", str(len(body or b"")).encode()),
        ]
        if body is not None:
            headers.append((b"content-type", b"application/json"))
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(plain), "raw_path": quote(plain, safe="/%:@").encode(), "query_string": given.encode(),
            "root_path": "", "headers": headers, "client": ("127.0.0.1", 0), "server": ("127.0.0.1", 0), "state": {},
        }  # fmt: skip


class _Exchange:
    """One request to an ASGI application on a runner's loop."""

    def __init__(self, runner: asyncio.Runner, app: Any, scope: Event, body: bytes) -> None:
        self._runner = runner
        self._app = app
        self._scope = scope
        self._body: list[bytes] = [body]
        self._sent: asyncio.Queue[Event | None] = asyncio.Queue()

    def events(self) -> Iterator[Event]:
        """What the application sends. Its own failure is raised here."""
        task = self._runner.run(self._start())
        try:
            while (event := self._runner.run(self._sent.get())) is not None:
                yield event
            self._runner.run(_result(task))
        finally:
            task.cancel()

    async def _start(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._sent.put)
        finally:
            await self._sent.put(None)

    async def _receive(self) -> Event:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}


async def _result(task: asyncio.Task[None]) -> None:
    await task


def _decoded(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
