"""PostgreSQL: every process of a participant writes in turns, and commands that wait together share one commit.

A group of commands is one transaction that first waits for the turn (a table lock) and only then looks at anything. So
commands of all processes follow one another as on SQLite, entries of the log are numbered without gaps in the order
they commit, and no command meets a change it has not seen. A transaction that a conflict or a lost connection ended is
done again; one whose commit was not answered is asked for by its number (docs/decisions/0035).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from connector.problems import Problem, unavailable
from connector.storage.bell_lines import BellLine, notices
from connector.storage.gate_locks import GateLocks
from connector.storage.lead_lock import PostgresLead
from connector.storage.postgres_schema import dialect, prepare
from connector.storage.queues import Asked, Command, QueuedStore
from connector.storage.replies import Outcome, deliver
from connector.storage.sessions import AGAIN, PostgresTransaction, Session, connect, lost, named
from connector.storage.statements import Statements

T = TypeVar("T")
_GROUP = 64
"""PostgreSQL remembers so many nested transactions of one cheaply."""
_TRIES = 5
_PATIENCE = 10.0
"""Seconds for which commands wait for a server that does not answer; a restart takes fewer."""
_PAUSE = 0.1

log = logging.getLogger("concord.storage")


class PostgresStore(QueuedStore):
    """Implements `connector.ports.Store` on one database; `on_commit` hears which bells to ring, wherever it was.

    Raises Problem 400 for a database it cannot use, 503 when there is none.
    """

    def __init__(self, url: str, on_commit: Callable[[set[str]], None] = lambda _bells: None) -> None:
        self._url = url
        self._on_commit = on_commit
        self._statements = Statements(dialect())
        self._sessions: list[Session] = []
        self._writer: Session | None = None
        self._down_since: float | None = None
        _prepare(url)
        try:
            self._line = BellLine(url, on_commit)
        except psycopg.OperationalError as error:
            raise unreachable(error) from None
        self.shared_gate = self._gate = GateLocks(url)
        self.lead_lock = self._lead = PostgresLead(url)
        self._start(self._line.listen)

    async def look(self, query: Callable[[Any], T]) -> T:
        """The same as `read`: the way to the server is longer than the one to a thread."""
        return await self.read(query)

    def read_now(self, query: Callable[[PostgresTransaction], T]) -> T:
        """Run a query in this thread, on its own connection and one consistent snapshot. Raises Problem 503."""
        tries = 0
        while True:
            try:
                return self._read_once(query)
            except psycopg.Error as error:
                tries += 1
                if tries == _TRIES or not (lost(error) or isinstance(error, AGAIN)):
                    raise

    def _read_once(self, query: Callable[[PostgresTransaction], T]) -> T:
        session: Session | None = getattr(self._local, "session", None)
        if session is None or not session.usable:
            session = self._local.session = self._opened(session)
        session.begin_reading()
        try:
            result = query(session.transaction())
            session.say("COMMIT")
        except BaseException:
            session.give_up()
            raise
        return result

    def _opened(self, instead_of: Session | None) -> Session:
        """A new session, in place of one that was lost. Raises Problem 503 once the server has been away too long."""
        if instead_of is not None:
            instead_of.close()
            self._sessions.remove(instead_of)
        while True:
            try:
                session = Session(self._url, self._statements)
                break
            except psycopg.OperationalError as error:
                self._bear(error)
        self._down_since = None
        self._sessions.append(session)
        return session

    def _bear(self, error: psycopg.OperationalError) -> None:
        now = time.monotonic()
        if self._down_since is None:
            self._down_since = now
            log.warning("the database does not answer: %s", type(error).__name__)
        if self._closed or now - self._down_since > _PATIENCE:
            raise unavailable("The database does not answer", code="store-unreachable") from None
        time.sleep(_PAUSE)

    def _leave(self) -> None:
        self._line.leave()

    def _let_go(self) -> None:
        self._gate.close()
        self._lead.close()
        for session in self._sessions:
            session.close()

    def _write_forever(self) -> None:
        more = True
        while more:
            group, more = self._group(_GROUP)
            if group:
                self._commit(group)

    def _commit(self, group: list[Asked]) -> None:
        """Do a group until it is done, and tell everybody. One that cannot be done is told to everybody too."""
        try:
            outcomes, bells = self._done(group)
        except Exception as fault:
            deliver([(reply, None, named(fault)) for _, reply in group])
            return
        deliver(outcomes)
        if bells:
            self._on_commit(bells)

    def _done(self, group: list[Asked]) -> tuple[list[Outcome], set[str]]:
        tries = 0
        while True:
            session = self._writer
            if session is None or not session.usable:
                session = self._writer = self._opened(session)
            try:
                return self._once(session, group)
            except psycopg.Error as error:
                session.give_up()
                tries += 1
                if tries == _TRIES or not (lost(error) or isinstance(error, AGAIN)):
                    raise

    def _once(self, session: Session, group: list[Asked]) -> tuple[list[Outcome], set[str]]:
        """One transaction. Raises psycopg.Error when nothing of it happened."""
        number = session.begin_writing()
        outcomes: list[Outcome] = []
        bells: set[str] = set()
        for command, reply in group:
            outcomes.append((reply, *_apply(session, command, bells, alone=len(group) == 1)))
        if len(group) == 1 and outcomes[0][2] is not None:
            session.say("ROLLBACK")
            return outcomes, set()
        words = "".join(f"NOTIFY {name}, {session.quoted(text)}; " for name, text in notices(bells, self._line.name))
        if words:
            session.say(words)
        try:
            session.commit()
        except psycopg.Error as error:
            if not lost(error) or not self._committed(number):
                raise
        return outcomes, bells

    def _committed(self, number: str) -> bool:
        """Whether a transaction whose commit was not answered has happened. Raises Problem 503."""
        while True:
            session = self._writer = self._opened(self._writer)
            try:
                said = (session.say(f"SELECT pg_xact_status('{number}'::xid8)") or b"").decode()
            except psycopg.OperationalError:
                continue
            if said != "in progress":
                return said == "committed"
            time.sleep(_PAUSE)


def _apply(session: Session, command: Command, bells: set[str], *, alone: bool) -> tuple[Any, BaseException | None]:
    """What a command returns, or raises and so leaves no trace of. One that is `alone` is a transaction itself.

    Raises psycopg.Error when it is the transaction that cannot go on.
    """
    transaction = session.transaction()
    if not alone:
        session.say("SAVEPOINT command")
    try:
        result = command(transaction)
        if session.failed:
            raise errors.InFailedSqlTransaction  # the command looked past an error, and nothing can follow one
    except psycopg.Error as error:
        if lost(error) or isinstance(error, AGAIN):
            raise
        fault: BaseException = named(error)
    except BaseException as error:
        fault = error
    else:
        if not alone:
            session.say("RELEASE SAVEPOINT command")
        bells |= transaction.bells
        return result, None
    if not alone:
        session.say("ROLLBACK TO SAVEPOINT command; RELEASE SAVEPOINT command")
    return None, fault


def _prepare(url: str) -> None:
    """Migrate. Raises Problem."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: _plain(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            prepare(connection)
    finally:
        engine.dispose()


def _plain(url: str) -> psycopg.Connection[Any]:
    try:
        connection = connect(url)
    except psycopg.OperationalError as error:
        raise unreachable(error) from None
    connection.autocommit = False
    return connection


def unreachable(error: psycopg.OperationalError) -> Problem:
    """No connection, in words that show neither password nor address."""
    return Problem(
        503, "store-unreachable", "The database cannot be reached", type(error).__name__, "database_url",
        "a running PostgreSQL, and a user who may sign in there",
    )  # fmt: skip
