"""Looks whether a store is whole, without changing it: its shape, its pages, and what its engine says of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from connector.storage.migrate import HEAD
from connector.storage.opening import existing_store


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What was found. `revision` is the shape of the store ("" when it is empty), `head` the one this version makes.

    `faults` are sentences for the operator; none: the store is whole.
    """

    engine: str
    revision: str
    head: str
    tables: int
    faults: tuple[str, ...]


def check_store(directory: Path, url: str = "") -> StoreCheck:
    """Check the store at `url`, or in this directory when there is none; a running participant may go on.

    Raises Problem 404 without a store, 503 when the database does not answer.
    """
    return _postgresql(url) if url else _sqlite(existing_store(directory))


def _sqlite(file: Path) -> StoreCheck:
    faults: list[str] = []
    revision, tables = "", 0
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
            faults += [f"SQLite finds damage ({len(said)} places)"] if said != ["ok"] else []
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            tables = len(names)
            if "alembic_version" in names:
                revision = str(next(connection.execute("SELECT version_num FROM alembic_version"), ("",))[0])
    except sqlite3.DatabaseError as fault:
        faults.append(f"SQLite cannot read the file: {type(fault).__name__}")
    return StoreCheck("sqlite", revision, HEAD, tables, (*faults, *_behind(revision)))


def _postgresql(url: str) -> StoreCheck:
    import psycopg
    from psycopg import sql

    from connector.storage.postgres import unreachable
    from connector.storage.sessions import connect
    from connector.storage.tables import COUNTED, TABLES

    faults: list[str] = []
    revision = ""
    try:
        with connect(url) as connection:
            said = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            names = {row[0] for row in said}
            if "alembic_version" in names:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                revision = str(found[0]) if found else ""
            expected = {table.name for table in TABLES.values()} | {"turn", "counter"}
            if revision == HEAD and (lacking := expected - names):
                faults.append(f"{len(lacking)} tables are missing")
            for table in (TABLES[kind] for kind in COUNTED if revision >= HEAD):
                [key] = table.primary_key.columns
                newest = sql.SQL("SELECT 1 FROM counter WHERE name = {} AND last < (SELECT max({}) FROM {})").format(
                    table.name, sql.Identifier(key.name), sql.Identifier(table.name)
                )
                if connection.execute(newest).fetchone():
                    faults.append(f"the numbers of {table.name} would be given again")
    except psycopg.OperationalError as fault:
        raise unreachable(fault) from None
    except psycopg.Error as fault:
        faults.append(f"PostgreSQL cannot read it: {type(fault).__name__}")
        names = set()
    return StoreCheck("postgresql", revision, HEAD, len(names), (*faults, *_behind(revision)))


def _behind(revision: str) -> list[str]:
    if not revision:
        return ["it has no tables yet: the participant has never been started"]
    if revision > HEAD:
        return [f"it has shape {revision}, made by a newer version; this one makes {HEAD}"]
    return [f"it has shape {revision}, to be brought to {HEAD} at the next start"] if revision < HEAD else []
