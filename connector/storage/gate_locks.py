"""The release gate between processes: shared locks for hand-overs under way, exclusive ones for stops.

A process that hands over holds a shared lock for everybody in the chunk, from before its commit until the bytes are
out; a stop holds the exclusive one while it commits. The server keeps these locks (advisory, of a session) and lets go
of those of a process that dies. Who waits for an exclusive lock is served before hand-overs that come later. People
share a fixed number of locks: two who meet by chance wait for each other a moment longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import errors

from connector.problems import unavailable
from connector.storage.replies import LoopReply, deliver
from connector.storage.sessions import connect

_LOCKS = 1024
_IDLE = 4
"""Connections kept for the next stops."""
# Each place has a room (3084) and a door to it (3085). Whoever enters passes the door; a stop closes it, then waits
# until the room is empty. Without a door a session that is in the room already could come in again and again.
_ENTER = (
    "SELECT place FROM unnest(%s::int[]) AS place WHERE CASE WHEN pg_try_advisory_xact_lock_shared(3085, place)"
    " THEN pg_try_advisory_lock_shared(3084, place) ELSE false END"
)
_LEAVE = "SELECT pg_advisory_unlock_shared(3084, place) FROM unnest(%s::int[]) AS place"
_CLOSE = "SELECT pg_advisory_lock(3085, place), pg_advisory_lock(3084, place) FROM unnest(%s::int[]) AS place"
_OPEN = "SELECT pg_advisory_unlock_all()"


class GateLocks:
    """Implements `connector.ports.SharedGate`; nothing is connected before it is first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._session: psycopg.Connection[Any] | None = None
        self._idle: list[psycopg.Connection[Any]] = []
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def inside(self, keys: Collection[tuple[str, str]]) -> AsyncIterator[bool]:
        """See the port. Raises Problem 503 when the server does not answer: then nothing may be handed over."""
        held: list[int] = []
        reply: LoopReply[bool] = LoopReply(asyncio.get_running_loop())
        self._ask(lambda: self._enter(_places(keys), held, reply))
        try:
            yield await reply.future
        finally:
            # In the order of the queue: also for one cancelled while it was entering, whatever came of that.
            self._ask(lambda: self._leave(held))

    @asynccontextmanager
    async def closed(self, keys: Collection[tuple[str, str]], patience: float) -> AsyncIterator[bool]:
        """See the port. Raises Problem 503 when the server does not answer."""
        connection = self._idle.pop() if self._idle else None
        try:
            connection = await _finished(asyncio.to_thread(self._closed, connection, _places(keys), patience))
        except psycopg.Error:
            raise unavailable("The database does not answer", code="store-unreachable") from None
        try:
            yield connection is not None
        finally:
            if connection is not None:
                await _finished(asyncio.to_thread(self._reopen, connection))

    def close(self) -> None:
        """Let go of every lock."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        for connection in (*self._idle, self._session):
            if connection is not None:
                connection.close()

    def _ask(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="gate", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _enter(self, places: list[int], held: list[int], reply: LoopReply[bool]) -> None:
        try:
            if self._session is None or self._session.closed:
                self._session = connect(self._url)
            held += [row[0] for row in self._session.execute(_ENTER, [places])]
        except psycopg.Error:
            held.clear()
            self._drop()
            deliver([(reply, None, unavailable("The database does not answer", code="store-unreachable"))])
        else:
            deliver([(reply, len(held) == len(places), None)])

    def _leave(self, held: list[int]) -> None:
        if held and self._session is not None:
            try:
                self._session.execute(_LEAVE, [held])
            except psycopg.Error:
                self._drop()

    def _drop(self) -> None:
        """The session, and with it every lock it held."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def _closed(
        self, connection: psycopg.Connection[Any] | None, places: list[int], patience: float
    ) -> psycopg.Connection[Any] | None:
        """The connection that holds the locks; None when a hand-over has not ended in time."""
        if connection is None or connection.closed:
            connection = connect(self._url)
        try:
            connection.execute(f"SET lock_timeout = {max(1, int(patience * 1000))}".encode())
            connection.execute(_CLOSE, [places])
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._reopen(connection)
            return None
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _reopen(self, connection: psycopg.Connection[Any]) -> None:
        try:
            connection.execute(_OPEN)
        except psycopg.Error:
            connection.close()
            return
        if len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            connection.close()


def _places(keys: Collection[tuple[str, str]]) -> list[int]:
    """The locks of these keys, in the order in which everybody takes them."""
    return sorted({int.from_bytes(blake2b("\0".join(key).encode(), digest_size=8).digest()) % _LOCKS for key in keys})


async def _finished(work: Any) -> Any:
    """What a thread does must not be left half known: a cancellation waits until it has ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            found = await task
            if isinstance(found, psycopg.Connection):
                found.close()
        raise
