"""Whole databases at a PostgreSQL server: made for a participant, dropped, and written out for a search of their bytes.

The demonstration and the checks around it need them; a participant itself is given its database.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from connector.storage.postgres import unreachable
from connector.storage.sessions import connect


def at_server(url: str, name: str) -> str:
    """The address of another database at the same server."""
    return urlsplit(url)._replace(path=f"/{quote(name)}").geturl()


def create_database(url: str, name: str) -> str:
    """Make an empty database, in place of one of this name; returns its address. Raises Problem 503.

    `url` is any database at the server, as a user who may create others.
    """
    drop_database(url, name)
    try:
        with connect(url) as connection:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
            connection.execute(made.format(sql.Identifier(name)))
    except psycopg.OperationalError as fault:
        raise unreachable(fault) from None
    return at_server(url, name)


def drop_database(url: str, name: str) -> None:
    """Drop a database, if it is there, whoever is connected to it. Raises Problem 503."""
    try:
        with connect(url) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.OperationalError as fault:
        raise unreachable(fault) from None


def write_out(url: str, folder: Path) -> None:
    """Every table into a file of its own, values as bytes (COPY's binary form). Raises Problem 503."""
    try:
        with connect(url) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
            for (name,) in names:
                asked = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(name))
                with (folder / f"{name}.copy").open("wb") as file, connection.cursor().copy(asked) as copy:
                    for piece in copy:
                        file.write(piece)
    except psycopg.OperationalError as fault:
        raise unreachable(fault) from None
