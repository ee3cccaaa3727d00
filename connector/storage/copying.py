"""A copy of a store while it is in use, and a store from such a copy: by SQLite's own backup, or by pg_dump."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from connector.problems import Problem
from connector.storage.opening import STORE_FILE, existing_store

DUMP = "store.dump"
_PAGES = 2_000
"""Copied at once; the writer may go on in between."""
_ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def copy_store(directory: Path, url: str, to: Path) -> Path:
    """Copy the store at `url`, or in this directory, into the directory `to`; returns the file. It is of one moment.

    Raises Problem 404 without a store, 503 when a program is missing or says no.
    """
    if url:
        made = to / DUMP
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={made}")
        return made
    file = existing_store(directory)
    made = to / STORE_FILE
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as source, closing(sqlite3.connect(made)) as copy:
        source.backup(copy, pages=_PAGES, sleep=0)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, not three
    made.chmod(0o600)
    return made


def restore_store(copy: Path, directory: Path, url: str) -> None:
    """Put a copy in place of nothing: a directory without a store, or an empty database.

    Raises Problem 409 when there is something already, 400 for a copy of the other engine, 503 as above.
    """
    if (copy.name == DUMP) != bool(url):
        wanted = "a database_url" if copy.name == DUMP else "settings without a database_url"
        raise Problem(400, "other-engine", "The backup is of the other kind of store", "", copy.name, wanted)
    if not url:
        if (directory / STORE_FILE).exists():
            raise Problem(409, "exists", f"There is a store in {directory} already", accepted="another directory")
        shutil.copyfile(copy, directory / STORE_FILE)
        (directory / STORE_FILE).chmod(0o600)
        return
    if _tables(url):
        raise Problem(409, "exists", "There are tables in the database already", accepted="an empty database")
    _run("pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
         "--dbname=", str(copy))  # fmt: skip


def _tables(url: str) -> int:
    import psycopg

    from connector.storage.postgres import unreachable
    from connector.storage.sessions import connect

    try:
        with connect(url) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone()
            return int(found[0]) if found else 0
    except psycopg.OperationalError as fault:
        raise unreachable(fault) from None


def _run(program: str, url: str, *arguments: str) -> None:
    """The password goes by the environment: others on the machine can read arguments."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    found = shutil.which(program)
    if found is None:
        raise Problem(
            503, "program-missing", f"{program} is not installed", "", "PATH", "PostgreSQL's client programs"
        )  # fmt: skip
    facts = conninfo_to_dict(url)
    told = {name: str(facts.pop(fact)) for fact, name in _ENVIRONMENT.items() if facts.get(fact)}
    rest = make_conninfo("", **facts) if facts else ""
    database = told.get("PGDATABASE", "")
    given = [f"--dbname={rest} dbname={database}" if one == "--dbname=" else one for one in arguments]
    if program == "pg_dump" and rest:
        given.append(f"--dbname={rest}")
    done = subprocess.run(  # noqa: S603 - our own arguments
        [found, "--no-password", *given],
        env=os.environ | told,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(503, "store-not-copied", f"{program} did not do it", f"it ended with code {done.returncode}")
