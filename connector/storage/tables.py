"""Tables derived from the record definitions: one definition, no second spelling of a column.

Records are what leaves this room. `connector.storage.models` puts SQLModel classes over these tables; serving needs
only the tables, and is ready sooner and smaller without SQLAlchemy's object mapper.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

from connector.records import RECORDS
from connector.records.fields import INDEX


def written(value: datetime) -> str:
    """A time as it is kept. Raises ValueError for one without zone."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        value = value.astimezone(UTC)
    # Not strftime: its %Y has no leading zeros, and a counter-party may name the year 999.
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime as sortable RFC 3339 text with microseconds, the same on every engine."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> str | None:  # noqa: ARG002
        """Aware datetimes only."""
        return None if value is None else written(value)

    def process_result_value(self, value: str | None, dialect: object) -> datetime | None:  # noqa: ARG002
        """Aware again."""
        return None if value is None else datetime.fromisoformat(value)


_TYPES: dict[Any, Callable[[], Any]] = {
    str: String, int: BigInteger, bool: Boolean, bytes: LargeBinary, datetime: Instant, date: Date,
    dict: lambda: JSON(none_as_null=True),
}  # fmt: skip


def _column(name: str, hint: Any, in_key: bool, alone: bool) -> Column[Any]:
    index = False
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        index = INDEX in marks
    optional = get_origin(hint) in (Union, UnionType)
    if optional:
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    kind = _TYPES[get_origin(hint) or hint]
    counted = in_key and alone and hint is int
    # SQLite counts rows only for INTEGER PRIMARY KEY, PostgreSQL wants BIGINT: the variant keeps both right.
    column_type = BigInteger().with_variant(Integer(), "sqlite") if counted else kind()
    return Column(
        name, column_type, primary_key=in_key, index=index and not in_key, nullable=optional, autoincrement=counted
    )


def _derive(record: type) -> Table:
    hints = get_type_hints(record, include_extras=True)
    width: int = record.key_width  # type: ignore[attr-defined]
    names = [field.name for field in fields(record)]
    columns = [_column(name, hints[name], place < width, width == 1) for place, name in enumerate(names)]
    # Else SQLite gives the number of a removed newest record again.
    counting: dict[str, Any] = (
        {"sqlite_autoincrement": True} if any(column.autoincrement is True for column in columns) else {}
    )
    table_name = re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()
    table = Table(table_name, metadata, *columns, **counting)
    for together in getattr(record, "indexes", ()):
        Index(f"ix_{table_name}_{'_'.join(together)}", *(table.c[name] for name in together))
    return table


metadata = MetaData()
TABLES: dict[type, Table] = {record: _derive(record) for record in RECORDS}
KEYS: dict[type, tuple[str, ...]] = {
    record: tuple(field.name for field in fields(record)[: record.key_width])  # type: ignore[attr-defined]
    for record in RECORDS
}
COUNTED: frozenset[type] = frozenset(
    record for record, table in TABLES.items() if any(column.autoincrement is True for column in table.columns)
)
COUNTER = Table("counter", MetaData(), Column("name", String, primary_key=True), Column("last", BigInteger))
"""PostgreSQL only: the newest number of each kind that is counted. Its own sequences leave gaps, and do not wait."""
REVISED: frozenset[type] = frozenset(r for r in RECORDS if any(field.name == "revision" for field in fields(r)))
DEFAULTS: dict[type, dict[str, Any]] = {
    record: {field.name: field.default for field in fields(record) if field.default is not MISSING}
    for record in RECORDS
}
