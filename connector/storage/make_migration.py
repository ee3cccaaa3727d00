"""Writes the next migration: what the tables have and the newest one does not yet make.

`python -m connector.storage.make_migration "What changes"`, then read what it wrote and raise `migrate.HEAD`. A new
column that may not be empty gets the record's default for the rows that are there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.operations import ops
from sqlalchemy import DefaultClause, create_engine

from connector.storage.migrate import HEAD
from connector.storage.tables import DEFAULTS, TABLES

_HERE = Path(__file__).with_name("migrations")
_BY_TABLE = {table.name: DEFAULTS[record] for record, table in TABLES.items()}


def main(message: str) -> Path:
    """Write it; returns the file."""
    number = f"{int(HEAD) + 1:04d}"
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["directives"] = lambda _context, _revision, scripts: _filled(scripts[0].upgrade_ops.ops)
    with create_engine("sqlite://").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
        command.revision(config, message=message, autogenerate=True, rev_id=number)
    made = next((_HERE / "versions").glob(f"{number}*.py"))
    text = made.read_text().replace("connector.storage.tables.Instant(length=27)", "sa.String(length=27)")
    for ours in ("connector.storage.jsontext.JsonText()", "sa.JSON(none_as_null=True)"):
        text = text.replace(ours, "sa.JSON()")  # what Python makes of a value, not the column
    made.write_text(text)
    return made


def _filled(operations: Iterable[Any]) -> None:
    """Give every added column that may not be empty a value for the rows there are."""
    for one in operations:
        if isinstance(one, ops.ModifyTableOps):
            _filled(one.ops)
        elif isinstance(one, ops.AddColumnOp) and not one.column.nullable:
            default = _BY_TABLE[one.table_name][one.column.name]
            one.column.server_default = _literal(default)


def _literal(value: object) -> Any:
    if isinstance(value, bool):
        return DefaultClause("1" if value else "0")
    return DefaultClause(str(value))


if __name__ == "__main__":
    print(main(sys.argv[1]))  # noqa: T201 - its answer
