"""Brings a database to the present shape (Alembic); the migrations lie in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0005"
"""The newest revision. Compared first, so that a start without work to do does not load Alembic."""


def current(connection: Connection) -> str | None:
    """The revision a database stands at, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()


def upgrade(connection: Connection) -> None:
    """Run what is missing, all of it or nothing: a start that was interrupted leaves the database as it found it."""
    if current(connection) == HEAD:
        connection.rollback()
        return
    connection.rollback()
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else its driver commits every statement by itself
        command.upgrade(config, "head")
