"""What PostgreSQL needs besides the migrations, so that records sort and count there as they do in SQLite.

Texts compare byte by byte (collation C), whatever the database's own language; an index has what is missing in front,
as every ordered question asks for it; two small tables hold the turn to write and the numbers of what is counted.
"""

from __future__ import annotations

import logging
import time
from typing import Any, cast

from sqlalchemy import Connection, Dialect, String, func, select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from connector.problems import Problem
from connector.storage import jsontext, migrate
from connector.storage.tables import COUNTED, COUNTER, TABLES

TAKE_TURN = "LOCK TABLE turn IN EXCLUSIVE MODE"
_MIGRATING = 0x636F6E636F7264
"""The advisory lock under which one process migrates: "concord" in ASCII."""
_OLDEST = 130000
_IN_USE = frozenset({"55P03", "40P01"})
"""The wait for a lock was too long, or a deadlock was broken at our cost: nothing of the migration happened."""
_TRIES = 24
_LOCK_PATIENCE = 2
_PAUSE = 0.5

log = logging.getLogger("concord.storage")


def dialect() -> Dialect:
    """The dialect that statements are written for: numbered parameters, JSON as `jsontext` writes and reads it."""
    made: Any = PGDialect_psycopg
    return cast("Dialect", made(paramstyle="format", json_serializer=jsontext.write))


@compiles(String, "postgresql")
def _bytewise(type_: String, compiler: Any, **kw: Any) -> str:
    written: str = compiler.visit_VARCHAR(type_, **kw)
    return f'{written} COLLATE "C"' if "type_expression" in kw else written  # of a column, not a parameter


@compiles(CreateIndex, "postgresql")
def _missing_first(create: CreateIndex, compiler: Any, **_kw: Any) -> str:
    index, quote = create.element, compiler.preparer
    columns = ", ".join(f"{quote.format_column(column)} NULLS FIRST" for column in index.columns)
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {quote.quote(index.name)} ON {quote.format_table(index.table)} ({columns})"


def prepare(connection: Connection) -> None:
    """Bring a database to the present shape; several processes may start at once. Raises Problem 400.

    One that is ahead is left as it is: a newer version runs beside this one, and its migrations only add.
    """
    _check(connection)
    connection.execute(select(func.pg_advisory_lock(_MIGRATING)))
    connection.commit()
    try:
        for furniture in (
            "CREATE TABLE IF NOT EXISTS turn ()",
            'CREATE TABLE IF NOT EXISTS counter (name VARCHAR COLLATE "C" PRIMARY KEY, last BIGINT NOT NULL)',
        ):
            connection.execute(text(furniture))
        connection.commit()
        if not _ahead(connection):
            _upgrade(connection)
        _start_counting(connection)
    finally:
        connection.rollback()
        connection.execute(select(func.pg_advisory_unlock(_MIGRATING)))
        connection.commit()


def _upgrade(connection: Connection) -> None:
    """Change tables that other processes are using: between two of their commands, and never making them queue up.

    A table can be changed only while nobody reads it. Whoever waits for that makes all wait who come later, so it waits
    for two seconds, lets them pass, and tries again. Raises Problem 503.
    """
    for left in reversed(range(_TRIES)):
        try:
            migrate.upgrade(connection, first=f"SET LOCAL lock_timeout = '{_LOCK_PATIENCE}s'; {TAKE_TURN}")
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", "") not in _IN_USE or not left:
                raise _held(fault) from None
            log.warning("the tables to be changed are in use; trying again")
            time.sleep(_PAUSE)
        else:
            return


def _held(fault: DBAPIError) -> Exception:
    if getattr(fault.orig, "sqlstate", "") not in _IN_USE:
        return fault
    return Problem(
        503, "store-unreachable", "The database's tables cannot be changed now", "something else has been reading them",
        "database_url", "a start once that is over (a backup by pg_dump, a long query)",
    )  # fmt: skip


def _check(connection: Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if version < _OLDEST:
        raise Problem(400, "old-database", "The database is too old", "", "database_url", "PostgreSQL 13 or newer")
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise Problem(
            400, "bad-database", "The database cannot hold every text", f"its encoding is {encoding}", "database_url",
            "a database created with ENCODING 'UTF8'",
        )  # fmt: skip
    connection.rollback()


def _ahead(connection: Connection) -> bool:
    revision = migrate.current(connection)
    connection.rollback()
    ahead = revision is not None and revision > migrate.HEAD
    if ahead:
        log.warning("the database was migrated by a newer version", extra={"revision": revision})
    return ahead


def _start_counting(connection: Connection) -> None:
    """Numbers go on after what is there: also after an import, or a table that a migration has just made."""
    known = set(connection.execute(select(COUNTER.c.name)).scalars())
    for table in (TABLES[kind] for kind in COUNTED):
        if table.name in known:
            continue
        [key] = table.primary_key.columns
        newest = connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one()
        connection.execute(COUNTER.insert().values(name=table.name, last=newest))
    connection.commit()
