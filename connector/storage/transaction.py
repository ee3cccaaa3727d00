"""A transaction over records, written once for every SQL engine (`connector.storage.statements`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from connector.ports import Duplicate, Stale
from connector.storage.statements import Statement, Statements, keys_of, shape_of, values_of
from connector.storage.tables import DEFAULTS, KEYS, REVISED

R = TypeVar("R")


class SqlTransaction:
    """Implements `connector.ports.Transaction` on one open connection; committing is the store's matter.

    Statements go to the driver itself: what SQLAlchemy does around each of them costs more than the statement.
    """

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._driver = cast("Any", connection.connection.driver_connection)
        self._statements = statements
        self.bells: set[str] = set()

    def get(self, kind: type[R], *key: object) -> R | None:
        """See the port."""
        where: dict[str, Any] = dict(zip(KEYS[kind], key, strict=True))
        found = self._run(self._statements.select(kind, shape_of(where), None, False), values_of(where)).fetchone()
        return None if found is None else cast("R", self._statements.reader(kind).record(found))

    def find(
        self, kind: type[R], /, *, order: str | None = None, limit: int | None = None, **conditions: object
    ) -> list[R]:
        """See the port."""
        values = values_of(conditions)
        if limit is not None:
            values.append(limit)
        rows = self._run(self._statements.select(kind, shape_of(conditions), order, limit is not None), values)
        record = self._statements.reader(kind).record
        return [record(row) for row in rows.fetchall()]

    def rows(
        self, kind: type[Any], names: tuple[str, ...], /, *, order: str | None = None, **conditions: object
    ) -> list[tuple[Any, ...]]:
        """See the port."""
        statement = self._statements.select(kind, shape_of(conditions), order, False, names)
        part = self._statements.reader(kind).part
        return [part(names, row) for row in self._run(statement, values_of(conditions)).fetchall()]

    def count(self, kind: type[Any], /, **conditions: object) -> int:
        """See the port."""
        return int(self._run(self._statements.count(kind, shape_of(conditions)), values_of(conditions)).fetchone()[0])

    def add(self, record: object) -> None:
        """See the port."""
        kind = type(record)
        values = self._statements.reader(kind).row_of(record)
        try:
            self._run(self._statements.insert(kind), values)
        except self._integrity_error as error:
            raise Duplicate(kind.__name__) from error

    def queue(self, record: R, field: str, /, **conditions: object) -> tuple[R, bool]:
        """See the port."""
        statement = self._statements.newest(type(record), field, shape_of(conditions))
        newest = self._run(statement, values_of(conditions)).fetchone()[0]
        queued = record if newest is None else _behind(record, field, newest)
        self.add(queued)
        return queued, newest is None

    def put(self, record: object) -> None:
        """See the port."""
        kind = type(record)
        reader = self._statements.reader(kind)
        values = dict(zip(reader.names, reader.row_of(record), strict=True))
        if not self._update(kind, values, keys_of(kind, record)):
            self.add(record)

    def append(self, kind: type[Any], /, **fields: object) -> int:
        """See the port."""
        known = {**DEFAULTS[kind], **fields}
        values = [known.pop(name) for name in self._statements.reader(kind).names[1:]]
        if known:
            raise TypeError(f"{kind.__name__} has no field {', '.join(known)}")
        return int(self._run(self._statements.append(kind), values).fetchone()[0])

    def change(self, record: R, /, **changes: object) -> R:
        """See the port."""
        kind = type(record)
        key = keys_of(kind, record)
        if kind in REVISED:
            key["revision"] = record.revision  # type: ignore[attr-defined]
            changes["revision"] = record.revision + 1  # type: ignore[attr-defined]
        if self._update(kind, changes, key) != 1:
            raise Stale(kind.__name__)
        return cast("R", replace(cast("Any", record), **changes))

    def alter(self, kind: type[Any], changes: dict[str, object], /, **conditions: object) -> int:
        """See the port."""
        return self._update(kind, changes, conditions)

    def claim(
        self, kind: type[R], changes: dict[str, object], /, *, order: str, limit: int, **conditions: object
    ) -> list[R]:
        """See the port."""
        statement = self._statements.claim(kind, tuple(changes), shape_of(conditions), order)
        rows = self._run(statement, [*values_of(conditions), limit, *changes.values()]).fetchall()
        record, name = self._statements.reader(kind).record, order.lstrip("-")
        return sorted(
            (record(row) for row in rows), key=lambda one: _missing_first(getattr(one, name)),
            reverse=order.startswith("-"),
        )  # fmt: skip

    def remove(self, kind: type[Any], /, **conditions: object) -> int:
        """See the port."""
        if not conditions:
            raise ValueError("removing everything is never meant")
        return int(self._run(self._statements.delete(kind, shape_of(conditions)), values_of(conditions)).rowcount)

    def ring(self, bell: str) -> None:
        """See the port."""
        self.bells.add(bell)

    def _update(self, kind: type[Any], changes: dict[str, object], conditions: dict[str, object]) -> int:
        statement = self._statements.update(kind, tuple(changes), shape_of(conditions))
        return int(self._run(statement, [*changes.values(), *values_of(conditions)]).rowcount)

    def _run(self, statement: Statement, values: Any) -> Any:
        return self._driver.execute(statement.text, statement.filled(values))

    @property
    def _integrity_error(self) -> type[Exception]:
        driver = self._connection.dialect.loaded_dbapi
        return cast("type[Exception]", driver.IntegrityError)


def _behind(record: R, field: str, newest: int) -> R:
    value = max(getattr(record, field), newest + 1)
    return cast("R", replace(cast("Any", record), **{field: value}))


def _missing_first(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)
