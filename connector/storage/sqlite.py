"""SQLite with exactly one writer: commands queue up and share commits; readers have their own connections.

WAL with `synchronous=FULL`: an answer given is a state kept. Several writers on one SQLite file starve each other
(docs/decisions/0002), so a second process is kept out by the directory's lock, not by SQLite's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from connector.ports import StoreFull
from connector.storage import jsontext
from connector.storage.migrate import upgrade
from connector.storage.queues import QueuedStore, StoreClosed
from connector.storage.replies import Outcome, Reply, deliver
from connector.storage.statements import Statements
from connector.storage.transaction import SqlTransaction

T = TypeVar("T")
Command = Callable[[SqlTransaction], Any]
_GROUP = 256

__all__ = ["SqliteStore", "StoreClosed"]


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


class SqliteStore(QueuedStore):
    """Implements `connector.ports.Store` on one file; `on_commit` hears which bells to ring."""

    def __init__(self, path: Path, on_commit: Callable[[set[str]], None] = lambda _bells: None) -> None:
        self._engine = _engine(path)
        self._on_commit = on_commit
        with self._engine.connect() as connection:
            upgrade(connection)
        self._statements = Statements(self._engine.dialect)
        self._open: list[Connection] = []
        self._start()

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

    def _let_go(self) -> None:
        for connection in self._open:
            connection.close()
        self._engine.dispose()

    def _write_forever(self) -> None:
        with self._engine.connect() as connection:
            while self._write_group(connection):
                pass

    def _write_group(self, connection: Connection) -> bool:
        """Wait for commands, and commit all that wait by then; False once the store is closed and all is done."""
        group, more = self._group(_GROUP)
        if group:
            self._commit(connection, group)
        return more

    def _commit(self, connection: Connection, group: list[tuple[Command, Reply]]) -> None:
        outcomes: list[Outcome] = []
        bells: set[str] = set()
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("BEGIN IMMEDIATE")
            for command, reply in group:
                outcomes.append((reply, *self._apply(connection, command, bells, alone=len(group) == 1)))
            if driver.in_transaction:
                driver.execute("COMMIT")
        except Exception as fault:  # the disk said no: nobody of this group may believe in their command
            if driver.in_transaction:
                driver.execute("ROLLBACK")
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
