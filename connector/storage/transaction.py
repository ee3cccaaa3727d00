"""A transaction over records, written once for every SQL engine (SQLAlchemy Core)."""

from __future__ import annotations

from dataclasses import replace
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from connector.ports import Duplicate, Stale
from connector.storage.tables import DEFAULTS, KEYS, REVISED, TABLES

R = TypeVar("R")
_COMPARE = {"lt": lt, "le": le, "gt": gt, "ge": ge, "ne": ne}


def _fields(record: object) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__ if name != "key_width"}  # type: ignore[attr-defined]


class SqlTransaction:
    """Implements `connector.ports.Transaction` on one open connection; committing is the store's matter."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.bells: set[str] = set()

    def get(self, kind: type[R], *key: object) -> R | None:
        """See the port."""
        where: dict[str, Any] = dict(zip(KEYS[kind], key, strict=True))
        found = self.find(kind, limit=1, **where)
        return found[0] if found else None

    def find(
        self, kind: type[R], /, *, order: str | None = None, limit: int | None = None, **conditions: object
    ) -> list[R]:
        """See the port."""
        table = TABLES[kind]
        query = select(table).where(*self._conditions(kind, conditions))
        if order:
            column = table.c[order.lstrip("-")]
            query = query.order_by(column.desc() if order.startswith("-") else column)
        if limit is not None:
            query = query.limit(limit)
        return [kind(**row) for row in self._connection.execute(query).mappings()]

    def count(self, kind: type[Any], /, **conditions: object) -> int:
        """See the port."""
        query = select(func.count()).select_from(TABLES[kind]).where(*self._conditions(kind, conditions))
        return int(self._connection.execute(query).scalar_one())

    def add(self, record: object) -> None:
        """See the port."""
        try:
            self._connection.execute(insert(TABLES[type(record)]), _fields(record))
        except IntegrityError as error:
            raise Duplicate(type(record).__name__) from error

    def put(self, record: object) -> None:
        """See the port."""
        kind, values = type(record), _fields(record)
        key = {name: values[name] for name in KEYS[kind]}
        changed = self._connection.execute(update(TABLES[kind]).where(*self._conditions(kind, key)).values(**values))
        if changed.rowcount == 0:
            self.add(record)

    def append(self, kind: type[Any], /, **fields: object) -> int:
        """See the port."""
        values = {**DEFAULTS[kind], **fields}
        result = self._connection.execute(insert(TABLES[kind]), values)
        return int(cast("Any", result.inserted_primary_key)[0])

    def change(self, record: R, /, **changes: object) -> R:
        """See the port."""
        kind = type(record)
        key: dict[str, object] = {name: getattr(record, name) for name in KEYS[kind]}
        if kind in REVISED:
            key["revision"] = record.revision  # type: ignore[attr-defined]
            changes["revision"] = record.revision + 1  # type: ignore[attr-defined]
        changed = self._connection.execute(update(TABLES[kind]).where(*self._conditions(kind, key)).values(**changes))
        if changed.rowcount != 1:
            raise Stale(kind.__name__)
        return cast("R", replace(cast("Any", record), **changes))

    def alter(self, kind: type[Any], changes: dict[str, object], /, **conditions: object) -> int:
        """See the port."""
        statement = update(TABLES[kind]).where(*self._conditions(kind, conditions)).values(**changes)
        return int(self._connection.execute(statement).rowcount)

    def remove(self, kind: type[Any], /, **conditions: object) -> int:
        """See the port."""
        if not conditions:
            raise ValueError("removing everything is never meant")
        return int(self._connection.execute(delete(TABLES[kind]).where(*self._conditions(kind, conditions))).rowcount)

    def ring(self, bell: str) -> None:
        """See the port."""
        self.bells.add(bell)

    @staticmethod
    def _conditions(kind: type[Any], conditions: dict[str, object]) -> list[ColumnElement[bool]]:
        table = TABLES[kind]
        clauses: list[ColumnElement[bool]] = []
        for name, value in conditions.items():
            field, _, comparison = name.partition("__")
            column = table.c[field]
            if comparison:
                clauses.append(cast("ColumnElement[bool]", _COMPARE[comparison](column, cast("Any", value))))
            elif isinstance(value, (list, tuple, set, frozenset)):
                clauses.append(column.in_(list(value)))
            else:
                clauses.append(column.is_(None) if value is None else eq(column, value))
        return [and_(*clauses)] if clauses else []
