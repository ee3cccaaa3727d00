"""SQLite with exactly one writer: commands queue up and share commits; readers have their own connections.

WAL with `synchronous=FULL`: an answer given is a state kept. Several writers on one SQLite file starve each other
(docs/decisions/0002), so a second process is kept out by the directory's lock, not by SQLite's.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from connector.ports import StoreFull
from connector.storage import jsontext
from connector.storage.migrate import upgrade
from connector.storage.replies import FutureReply, LoopReply, Outcome, Reply, deliver
from connector.storage.statements import Statements
from connector.storage.transaction import SqlTransaction

T = TypeVar("T")
Command = Callable[[SqlTransaction], Any]
_GROUP = 256
_READERS = 3


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", poolclass=NullPool,
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
        json_serializer=jsontext.write, json_deserializer=jsontext.read,
    )  # fmt: skip

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
        self._statements = Statements(self._engine.dialect)
        self._queue: queue.SimpleQueue[tuple[Command, Reply] | None] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[tuple[Command, Reply] | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._open: list[Connection] = []
        works = [self._write_forever] + [self._read_forever] * _READERS
        self._threads = [threading.Thread(target=work, name="store", daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    async def write(self, command: Callable[[SqlTransaction], T]) -> T:
        """Run a command in the writer's thread; returns when its group has been committed to disk."""
        reply: LoopReply[T] = LoopReply(asyncio.get_running_loop())
        self._put(self._queue, command, reply)
        return await reply.future

    def submit(self, command: Callable[[SqlTransaction], T]) -> Future[T]:
        """The same for callers outside an event loop. Raises StoreClosed."""
        reply: FutureReply[T] = FutureReply()
        self._put(self._queue, command, reply)
        return reply.future

    async def read(self, query: Callable[[SqlTransaction], T]) -> T:
        """Run a query in a reader's thread."""
        reply: LoopReply[T] = LoopReply(asyncio.get_running_loop())
        self._put(self._questions, query, reply)
        return await reply.future

    async def look(self, query: Callable[[SqlTransaction], T]) -> T:
        """Run a query for a few records, found by key or index, at once: it takes less time than going to a thread."""
        return self.read_now(query)

    def read_now(self, query: Callable[[SqlTransaction], T]) -> T:
        """Run a query in this thread, on its own connection and one consistent snapshot."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._open.append(connection)
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")
        try:
            return query(SqlTransaction(connection, self._statements))
        finally:
            driver.execute("ROLLBACK")

    def close(self) -> None:
        """Finish what is queued, then let go of the file; nothing can be asked of this store any more."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
            for _ in range(_READERS):
                self._questions.put(None)
        for thread in self._threads:
            thread.join()
        for connection in self._open:
            connection.close()
        self._engine.dispose()

    def _put(self, where: queue.SimpleQueue[tuple[Command, Reply] | None], command: Command, reply: Reply) -> None:
        with self._door:
            if self._closed:
                raise StoreClosed
            where.put((command, reply))

    def _read_forever(self) -> None:
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        """Answer the next question. A function of its own, so that nothing of an answer is kept until the next."""
        if (asked := self._questions.get()) is None:
            return False
        query, reply = asked
        if reply.begin():
            try:
                result = self.read_now(query)
            except BaseException as error:
                deliver([(reply, None, error)])
            else:
                deliver([(reply, result, None)])
        return True

    def _write_forever(self) -> None:
        with self._engine.connect() as connection:
            while self._write_group(connection):
                pass

    def _write_group(self, connection: Connection) -> bool:
        """Wait for commands, and commit all that wait by then; False once the store is closed and all is done."""
        item = self._queue.get()
        group = []
        while item is not None:
            group.append(item)
            if len(group) == _GROUP:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        if group:
            self._commit(connection, [one for one in group if one[1].begin()])
        return item is not None

    def _commit(self, connection: Connection, group: list[tuple[Command, Reply]]) -> None:
        outcomes: list[Outcome] = []
        bells: set[str] = set()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for command, reply in group:
                outcomes.append((reply, *self._apply(connection, command, bells, alone=len(group) == 1)))
            if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
                connection.exec_driver_sql("COMMIT")
        except Exception as fault:  # the disk said no: nobody of this group may believe in their command
            if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
                connection.exec_driver_sql("ROLLBACK")
            failed = {reply: error for reply, _, error in outcomes if error is not None}
            deliver([(reply, None, failed.get(reply, _named(fault))) for _, reply in group])
            return
        deliver(outcomes)
        if bells:
            self._on_commit(bells)

    def _apply(
        self, connection: Connection, command: Command, bells: set[str], *, alone: bool
    ) -> tuple[Any, BaseException | None]:
        """What a command returns, or raises and so leaves no trace of. One that is `alone` is a transaction itself."""
        transaction = SqlTransaction(connection, self._statements)
        driver: Any = connection.connection.driver_connection
        if not alone:
            driver.execute("SAVEPOINT command")
        try:
            result = command(transaction)
        except BaseException as error:
            if not alone and not driver.in_transaction:
                raise _named(error) from None  # the engine gave up the whole group, not this command alone
            if not alone:
                driver.execute("ROLLBACK TO command")
                driver.execute("RELEASE command")
            elif driver.in_transaction:
                driver.execute("ROLLBACK")
            return None, _named(error)
        if not alone:
            driver.execute("RELEASE command")
        bells |= transaction.bells
        return result, None


def _named(fault: BaseException) -> BaseException:
    """A full disk by the port's name for it; any other fault as it is."""
    cause = getattr(fault, "orig", None) or fault
    return StoreFull() if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL else fault
