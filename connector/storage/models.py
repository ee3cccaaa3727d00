"""SQLModel classes over the tables, for migrations and whoever wants sessions; never loaded by a process that serves.

They do not validate (SQLModel with `table=True`) and are never shown to anybody.
"""

from __future__ import annotations

from typing import Any, cast

from sqlmodel import SQLModel
from sqlmodel.main import SQLModelMetaclass

from connector.storage.tables import TABLES, metadata

__all__ = ["MODELS", "metadata"]


def _model(record: type) -> type[SQLModel]:
    table = TABLES[record]
    facts: dict[str, Any] = {"__tablename__": table.name, "__module__": __name__, "__table__": table}
    return cast("type[SQLModel]", SQLModelMetaclass(f"{record.__name__}Table", (SQLModel,), facts, table=True))


MODELS: dict[type, type[SQLModel]] = {record: _model(record) for record in TABLES}
