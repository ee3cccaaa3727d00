"""One session with PostgreSQL: the few words said around commands and questions, and what its errors mean.

These words go to libpq itself. psycopg would forget every prepared statement at a rollback, in case tables were made
in between; here none are.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, TypeVar, cast

import psycopg
from psycopg import errors, pq, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads

from connector.ports import Duplicate, StoreFull
from connector.storage import jsontext
from connector.storage.postgres_schema import TAKE_TURN
from connector.storage.prepared import Prepared
from connector.storage.statements import Statement, Statements, shape_of, values_of
from connector.storage.tables import COUNTED
from connector.storage.transaction import SqlTransaction

R = TypeVar("R")
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
"""Nothing of the transaction happened, and the same again may succeed."""
_BEGIN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL idle_in_transaction_session_timeout = '15s';"
    f" {TAKE_TURN}; SELECT pg_current_xact_id()::text"
)
"""A process that stands still in the middle of a transaction loses it, and with it the turn to write. Taking the turn
looks at nothing: what the transaction sees is what stands when it has the turn."""

_NOTICED = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20000 "
"""What the server does so that it notices that we are gone. Left to the system's two hours, locks and the turn to write
would outlive a host that lost its power or its network. Options of the address come after these, and count."""


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection that notices within seconds when the server is gone, and the server when we are.

    Raises psycopg.OperationalError.
    """
    wanted = conninfo_to_dict(url)
    given = {"connect_timeout": "3", "keepalives_idle": "5", "keepalives_interval": "5", "keepalives_count": "3",
             "tcp_user_timeout": "20000", "application_name": "concord"}  # fmt: skip
    options = {"options": _NOTICED + str(wanted.get("options") or "")}
    connection = psycopg.connect("", autocommit=True, **cast("Any", given | wanted | options))
    set_json_loads(_read_json, connection)
    return connection


def _read_json(data: str | bytes) -> Any:
    return jsontext.read(data if isinstance(data, str) else data.decode())


def lost(error: BaseException) -> bool:
    """Whether the session is over, for whatever reason: what it had not committed did not happen."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not isinstance(
        error, (*AGAIN, errors.DiskFull, errors.OutOfMemory)
    )


def named(fault: BaseException) -> BaseException:
    """A full disk by the port's name for it; any other fault as it is."""
    return StoreFull() if isinstance(fault, errors.DiskFull) else fault


class Session:
    """Used by one thread at a time. After an error that is `lost` it is closed and never used again."""

    def __init__(self, url: str, statements: Statements) -> None:
        self.connection = connect(url)
        self._raw = self.connection.pgconn
        self._prepared = Prepared(self.connection)
        self._statements = statements

    def say(self, words: str) -> bytes | None:
        """Statements without parameters; returns the first value of the last one's answer. Raises psycopg.Error."""
        answer = self._answer(words.encode())
        return answer.get_value(0, 0) if answer.ntuples else None

    def _answer(self, words: bytes) -> pq.abc.PGresult:
        answer = self._raw.exec_(words)
        if self._raw.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the session is over")
        if answer.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(answer)
        return answer

    def begin_writing(self) -> str:
        """Wait for the turn, then open a transaction that sees everything written before; returns its number."""
        return (self.say(_BEGIN) or b"").decode()

    def commit(self) -> None:
        """Make it last. Raises psycopg.Error."""
        answer = self._answer(b"COMMIT")
        if answer.command_status != b"COMMIT":
            raise errors.InFailedSqlTransaction  # what the server says to the commit of a failed one: ROLLBACK

    def begin_reading(self) -> None:
        """Open a transaction on one consistent state."""
        self.say("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def transaction(self) -> PostgresTransaction:
        """The open transaction, as commands and questions see it."""
        return PostgresTransaction(self._prepared, self._statements)

    def give_up(self) -> None:
        """Take everything back; a session that is gone has done so."""
        with contextlib.suppress(psycopg.Error):
            self.say("ROLLBACK")

    @property
    def usable(self) -> bool:
        """Whether it can be asked something new."""
        return self._raw.status == pq.ConnStatus.OK and self._raw.transaction_status == pq.TransactionStatus.IDLE

    @property
    def failed(self) -> bool:
        """Whether an error has ended the open transaction, or what of it follows the last savepoint."""
        return self._raw.transaction_status == pq.TransactionStatus.INERROR

    def quoted(self, value: str) -> str:
        """A text as a literal."""
        return sql.Literal(value).as_string(self.connection)

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(psycopg.Error):
            self.connection.close()


class PostgresTransaction(SqlTransaction):
    """Implements `connector.ports.Transaction` in a session; committing is the store's matter."""

    def __init__(self, prepared: Prepared, statements: Statements) -> None:
        self._prepared = prepared
        self._statements = statements
        self.bells: set[str] = set()

    def add(self, record: object) -> None:
        """See the port."""
        kind = type(record)
        values = self._statements.reader(kind).row_of(record)
        if self._run(self._statements.insert(kind), values).rowcount != 1:
            raise Duplicate(kind.__name__)
        if kind in COUNTED:
            self._run(self._statements.count_up_to(kind), values)

    def queue(self, record: R, field: str, /, **conditions: object) -> tuple[R, bool]:
        """See the port: here one statement, since every one is a way to the server."""
        kind, asked = type(record), values_of(conditions)
        statement = self._statements.queue(kind, field, shape_of(conditions))
        found = self._run(statement, [*self._statements.reader(kind).row_of(record), *asked, *asked]).fetchone()
        if found is None:
            raise Duplicate(kind.__name__)
        place, newest = found
        queued = (
            record if place == getattr(record, field) else cast("R", replace(cast("Any", record), **{field: place}))
        )
        return queued, newest is None

    def _run(self, statement: Statement, values: Any) -> Any:
        return self._prepared.run(statement.text, statement.filled(values))
