"""The real SQLite store on virtual time: its own commit, on a real file, with a crash point on either side of it.

Its threads are replaced by the loop: commands gather while the disk is busy and share one commit, as in production; a
query sees the snapshot of its moment, and whoever asked hears of it a little later.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection

from connector.storage import SqliteStore, sqlite
from connector.storage.replies import FutureReply, Reply, deliver
from connector.storage.statements import Statements


class Files:
    """One engine for every file: what it has prepared once is most of what a short life would cost."""

    def __init__(self) -> None:
        self._engine = sqlite._engine(Path("unused"))
        self.statements = Statements(self._engine.dialect)
        self._path = ""
        event.listen(self._engine, "do_connect", self._named)

    def _named(self, _dialect: object, _record: object, arguments: list[Any], _keywords: dict[str, Any]) -> None:
        arguments[0] = self._path

    def connect(self, path: Path) -> Connection:
        """A connection to this file, with the pragmas as shipped."""
        self._path = str(path)
        return self._engine.connect()


FILES = Files()


class CrashingStore(SqliteStore):
    """`crash(point)` is asked on both sides of every commit whether the process dies there.

    `committed` is called in between, `delay(kind)` says how long the disk takes, `fails()` whether it refuses a commit.
    """

    def __init__(
        self,
        path: Path,
        on_commit: Callable[[Any], None],
        *,
        crash: Callable[[str], bool],
        committed: Callable[[], None],
        delay: Callable[[str], float],
        fails: Callable[[], bool],
    ) -> None:
        # Not the parent's: that one starts threads and migrates; the file is a copy of a migrated one.
        self._on_commit = lambda bells: on_commit(sorted(bells))
        self._crash, self._committed, self._delay, self._fails = crash, committed, delay, fails
        self._statements = FILES.statements
        self._loop = asyncio.get_running_loop()
        self._closed, self._door, self._local = False, threading.Lock(), threading.local()
        self._queue, self._questions = [], []  # type: ignore[assignment]
        self._flush: asyncio.TimerHandle | None = None
        self._writing = FILES.connect(path)
        self._local.connection = FILES.connect(path)
        self._open = [self._writing, self._local.connection]
        self.raw: sqlite3.Connection = self._local.connection.connection.driver_connection

    def close(self) -> None:
        """Let go of the file at once, without finishing anything: what is not committed never was."""
        if self._closed:
            return
        self._closed = True
        if self._flush is not None:
            self._flush.cancel()
        for connection in self._open:
            connection.close()

    def _put(self, where: Any, command: Callable[[Any], Any], reply: Reply) -> None:
        if self._closed:
            raise sqlite.StoreClosed
        if where is self._questions:
            self._loop.call_later(self._delay("reading"), deliver, [(reply, *self._seen(command))])
            return
        where.append((command, reply))
        if self._flush is None:
            self._flush = self._loop.call_later(self._delay("disk"), self._write)

    def _seen(self, query: Callable[[Any], Any]) -> tuple[Any, BaseException | None]:
        try:
            return self.read_now(query), None
        except Exception as error:
            return None, error

    def _write(self) -> None:
        self._flush = None
        if self._crash("before a commit"):
            return
        group = [one for one in self._queue if one[1].begin()]
        self._queue.clear()
        if self._fails():
            deliver([(reply, None, sqlite3.OperationalError("database or disk is full")) for _, reply in group])
            return
        replies: list[FutureReply[Any]] = [FutureReply() for _ in group]
        bells: set[str] = set()
        ring, self._on_commit = self._on_commit, bells.update
        try:
            self._commit(self._writing, [(command, shim) for (command, _), shim in zip(group, replies, strict=True)])
        finally:
            self._on_commit = ring
        self._committed()
        if self._crash("after a commit"):
            return
        for (_, reply), shim in zip(group, replies, strict=True):
            error = shim.future.exception()
            deliver([(reply, None if error else shim.future.result(), error)])
        if bells:
            ring(bells)
