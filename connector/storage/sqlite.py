"""SQLite with exactly one writer: commands queue up and share commits; readers have their own connections.

WAL with `synchronous=FULL`: an answer given is a state kept. Several writers on one SQLite file starve each other
(docs/decisions/0002), so a second process is kept out by the directory's lock, not by SQLite's.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from connector.storage.migrate import upgrade
from connector.storage.transaction import SqlTransaction

T = TypeVar("T")
_GROUP = 256
_READERS = 3


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False, "isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


class StoreClosed(RuntimeError):
    """The store was closed before this was asked of it."""


class SqliteStore:
    """Implements `connector.ports.Store` on one file; `on_commit` hears which bells to ring."""

    def __init__(self, path: Path, on_commit: Callable[[set[str]], None] = lambda _bells: None) -> None:
        self._engine = _engine(path)
        self._on_commit = on_commit
        with self._engine.connect() as connection:
            upgrade(connection)
        self._queue: queue.Queue[tuple[Callable[[SqlTransaction], Any], Future[Any]] | None] = queue.Queue()
        self._door = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._open: list[Connection] = []
        self._writer = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._writer.start()

    async def write(self, command: Callable[[SqlTransaction], T]) -> T:
        """Run a command in the writer's thread; returns when its group has been committed to disk."""
        return await asyncio.wrap_future(self.submit(command))

    def submit(self, command: Callable[[SqlTransaction], T]) -> Future[T]:
        """The same for callers outside an event loop. Raises StoreClosed."""
        future: Future[T] = Future()
        with self._door:
            if self._closed:
                raise StoreClosed
            self._queue.put((command, future))
        return future

    async def read(self, query: Callable[[SqlTransaction], T]) -> T:
        """Run a query in a reader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, query)

    def read_now(self, query: Callable[[SqlTransaction], T]) -> T:
        """Run a query in this thread, on its own connection and one consistent snapshot."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._open.append(connection)
        connection.exec_driver_sql("BEGIN")
        try:
            return query(SqlTransaction(connection))
        finally:
            connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        """Finish what is queued, then let go of the file; nothing can be asked of this store any more."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        self._readers.shutdown()
        for connection in self._open:
            connection.close()
        self._engine.dispose()

    def _write_forever(self) -> None:
        with self._engine.connect() as connection:
            while (first := self._queue.get()) is not None:
                group = [first]
                while len(group) < _GROUP:
                    try:
                        item = self._queue.get_nowait()
                    except queue.Empty:
                        break
                    if item is None:
                        self._queue.put(None)
                        break
                    group.append(item)
                self._commit(connection, group)

    def _commit(self, connection: Connection, group: list[tuple[Callable[[SqlTransaction], Any], Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        bells: set[str] = set()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for command, future in group:
                self._apply(connection, command, future, done, bells)
            connection.exec_driver_sql("COMMIT")
        except Exception as error:  # the disk said no: nobody of this group may believe in their command
            if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
                connection.exec_driver_sql("ROLLBACK")
            for _, future in group:
                if future.running() or (not future.done() and future.set_running_or_notify_cancel()):
                    future.set_exception(error)
            return
        for future, result in done:
            future.set_result(result)
        if bells:
            self._on_commit(bells)

    @staticmethod
    def _apply(
        connection: Connection,
        command: Callable[[SqlTransaction], Any],
        future: Future[Any],
        done: list[tuple[Future[Any], Any]],
        bells: set[str],
    ) -> None:
        if not future.set_running_or_notify_cancel():
            return
        transaction = SqlTransaction(connection)
        connection.exec_driver_sql("SAVEPOINT command")
        try:
            result = command(transaction)
        except BaseException as error:
            connection.exec_driver_sql("ROLLBACK TO command")
            connection.exec_driver_sql("RELEASE command")
            future.set_exception(error)
            return
        connection.exec_driver_sql("RELEASE command")
        done.append((future, result))
        bells |= transaction.bells
