"""Brings a database to the present shape (Alembic); the migrations lie in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Index, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The newest revision. Compared first, so that a start without work to do does not load Alembic."""


def current(connection: Connection) -> str | None:
    """The revision a database stands at, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()


def upgrade(connection: Connection, *, first: str = "") -> None:
    """Run what is missing, all of it or nothing: a start that was interrupted leaves the database as it found it.

    `first` is said at the beginning of the transaction, where something must be held before tables change.
    """
    if current(connection) == HEAD:
        connection.rollback()
        return
    connection.rollback()
    from alembic import command

    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else its driver commits every statement by itself
        elif first:
            connection.exec_driver_sql(first)
        command.upgrade(_config(connection), "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Go back to an older shape, `base` for none at all; what only the newer shape can hold is lost."""
    connection.rollback()
    from alembic import command

    with connection.begin():
        command.downgrade(_config(connection), revision)


def differences(connection: Connection) -> list[Any]:
    """In what the database is not what the records ask for, in Alembic's words; empty when it fits."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from connector.storage.tables import TABLES, metadata

    known = {table.name for table in TABLES.values()}

    def ours(_object: Any, name: str | None, kind: str, *_rest: Any) -> bool:
        return kind != "table" or name in known

    context = MigrationContext.configure(connection, opts={"include_object": ours})
    found: list[Any] = compare_metadata(context, metadata)
    connection.rollback()
    # How an index sorts what is missing is the engine's matter (`connector.storage.postgres_schema`), not the records'.
    added = {_spelled(one[1]) for one in found if one[0] == "add_index"}
    removed = {_spelled(one[1]) for one in found if one[0] == "remove_index"}
    return [
        one for one in found
        if one[0] not in ("add_index", "remove_index") or _spelled(one[1]) not in added & removed
    ]  # fmt: skip


def _spelled(index: Index) -> tuple[str, str, tuple[str, ...]]:
    columns = [getattr(one, "element", one) for one in index.expressions]
    return str(index.table), str(index.name), tuple(str(getattr(one, "name", one)) for one in columns)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
