"""SQL of one engine, written by SQLAlchemy Core once for each shape of question and then only filled with values.

Building and compiling a statement costs ten times what SQLite takes to answer it. A *shape* is what the text depends
on: the kind of record, the names and comparisons of the conditions, whether a value is missing, how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, eq, ge, gt, le, lt, ne
from typing import Any, TypeVar, cast

from sqlalchemy import Column, Dialect, Integer, Table, bindparam, delete, false, func, insert, select, update
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from connector.storage.tables import KEYS, TABLES

T = TypeVar("T")
Convert = Callable[[Any], Any]
Shape = tuple[tuple[str, int | None], ...]
"""Per condition its name and how many values it has: 1 for one, None for none (`is null`), -n for any of n."""

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "": eq, "lt": lt, "le": le, "gt": gt, "ge": ge, "ne": ne,
}  # fmt: skip
_KEPT = 2000
"""Shapes remembered; lists of many lengths could otherwise fill the memory."""


def shape_of(conditions: Mapping[str, object]) -> Shape:
    """What the text of a statement with these conditions depends on."""
    return tuple([(name, _count(value)) for name, value in conditions.items()])


def _count(value: object) -> int | None:
    if value is None:
        return None
    return -len(value) if isinstance(value, list | tuple | set | frozenset) else 1


def values_of(conditions: Mapping[str, object]) -> list[Any]:
    """The values of conditions, one after the other, as a statement of their shape takes them."""
    found: list[Any] = []
    for value in conditions.values():
        if isinstance(value, list | tuple | set | frozenset):
            found.extend(value)
        elif value is not None:
            found.append(value)
    return found


@dataclass(frozen=True, slots=True)
class Statement:
    """The text for the driver, and how it is filled: per parameter its place among the values (or itself), its form."""

    text: str
    slots: tuple[tuple[int | None, Any, Convert | None], ...]

    def filled(self, values: Sequence[Any]) -> list[Any]:
        """The parameters for the driver. Raises ValueError for a time without zone."""
        return [
            fixed if place is None
            else value if (value := values[place]) is None or convert is None
            else convert(value)
            for place, fixed, convert in self.slots
        ]  # fmt: skip


class Reader:
    """Makes records of one kind from rows, and rows from records; columns stand in the order of the fields."""

    def __init__(self, kind: type[Any], dialect: Dialect) -> None:
        self._kind = kind
        self.names = tuple(field.name for field in fields(kind))
        self.row_of: Callable[[Any], tuple[Any, ...]] = attrgetter(*self.names)
        columns = TABLES[kind].columns
        # No coltype: what drivers name by number differs, and no type used here asks for it.
        convert = [columns[name].type.dialect_impl(dialect).result_processor(dialect, None) for name in self.names]
        self._convert = tuple((place, one) for place, one in enumerate(convert) if one is not None)

    def record(self, row: Sequence[Any]) -> Any:
        """The record a row holds."""
        values = list(row)
        for place, convert in self._convert:
            if values[place] is not None:
                values[place] = convert(values[place])
        return self._kind(**dict(zip(self.names, values, strict=True)))


class Statements:
    """The statements of one engine. Its dialect must number its parameters (qmark, format), not name them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[tuple[Any, ...], Statement] = {}
        self._readers: dict[type, Reader] = {}

    def reader(self, kind: type[Any]) -> Reader:
        """How records of this kind are read and written."""
        if (found := self._readers.get(kind)) is None:
            found = self._readers[kind] = Reader(kind, self._dialect)
        return found

    def select(self, kind: type[Any], shape: Shape, order: str | None, limited: bool) -> Statement:
        """Whole records; the limit, if there is one, is the last value."""
        return self._once(("select", kind, shape, order, limited), lambda: self._select(kind, shape, order, limited))

    def count(self, kind: type[Any], shape: Shape) -> Statement:
        """How many records."""

        def make() -> Statement:
            query = select(func.count()).select_from(TABLES[kind])
            return self._compiled(query.where(*_clauses(TABLES[kind], shape, _Binds())))

        return self._once(("count", kind, shape), make)

    def insert(self, kind: type[Any]) -> Statement:
        """One record; takes every field in order."""

        def make() -> Statement:
            binds = _Binds()
            return self._compiled(insert(TABLES[kind]).values({one: binds(one) for one in TABLES[kind].columns}))

        return self._once(("insert", kind), make)

    def append(self, kind: type[Any]) -> Statement:
        """One record whose key the engine numbers and returns; takes every other field in order."""

        def make() -> Statement:
            table, binds = TABLES[kind], _Binds()
            key, *others = table.columns
            return self._compiled(insert(table).values({one: binds(one) for one in others}).returning(key))

        return self._once(("append", kind), make)

    def update(self, kind: type[Any], names: tuple[str, ...], shape: Shape) -> Statement:
        """Takes the new values of these fields, then those of the conditions."""

        def make() -> Statement:
            table, binds = TABLES[kind], _Binds()
            setting = {table.c[name]: binds(table.c[name]) for name in names}
            return self._compiled(update(table).values(setting).where(*_clauses(table, shape, binds)))

        return self._once(("update", kind, names, shape), make)

    def delete(self, kind: type[Any], shape: Shape) -> Statement:
        """Records that fulfil the conditions."""
        table = TABLES[kind]
        return self._once(
            ("delete", kind, shape), lambda: self._compiled(delete(table).where(*_clauses(table, shape, _Binds())))
        )

    def _select(self, kind: type[Any], shape: Shape, order: str | None, limited: bool) -> Statement:
        table, binds = TABLES[kind], _Binds()
        query = select(table).where(*_clauses(table, shape, binds))
        if order:
            column = table.c[order.lstrip("-")]
            query = query.order_by(column.desc() if order.startswith("-") else column)
        return self._compiled(query.limit(binds.of_type(Integer())) if limited else query)

    def _once(self, key: tuple[Any, ...], make: Callable[[], Statement]) -> Statement:
        if (found := self._made.get(key)) is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            found = self._made[key] = make()
        return found

    def _compiled(self, statement: Any) -> Statement:
        made = statement.compile(dialect=self._dialect)
        slots: list[tuple[int | None, Any, Convert | None]] = []
        for name in made.positiontup:
            bind: BindParameter[Any] = made.binds[name]
            if (place := _Binds.place(name)) is None:
                slots.append((None, bind.value, None))
            else:
                slots.append((place, None, bind.type.dialect_impl(self._dialect).bind_processor(self._dialect)))
        return Statement(str(made), tuple(slots))


class _Binds:
    """Numbered parameters in the order in which values will be given."""

    _PREFIX = "given_"

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, column: Column[Any]) -> BindParameter[Any]:
        return self.of_type(column.type)

    def of_type(self, type_: Any) -> BindParameter[Any]:
        name, self._next = f"{self._PREFIX}{self._next}", self._next + 1
        return bindparam(name, type_=type_)

    @classmethod
    def place(cls, name: str) -> int | None:
        """Which of the values this parameter takes; None for one the compiler added."""
        return int(name.removeprefix(cls._PREFIX)) if name.startswith(cls._PREFIX) else None


def _clauses(table: Table, shape: Shape, binds: _Binds) -> Iterable[ColumnElement[bool]]:
    for name, count in shape:
        field, _, comparison = name.partition("__")
        yield _clause(table.c[field], _COMPARE[comparison], count, binds)


def _clause(
    column: Column[Any], compare: Callable[[Any, Any], Any], count: int | None, binds: _Binds
) -> ColumnElement[bool]:
    if count is None:
        return cast("ColumnElement[bool]", compare(column, None))
    if count == 1:
        return cast("ColumnElement[bool]", compare(column, binds(column)))
    if compare is not eq:
        raise ValueError("only one value can be compared")
    return column.in_([binds(column) for _ in range(-count)]) if count else false()


def keys_of(kind: type[Any], record: object) -> dict[str, object]:
    """A record's key as conditions."""
    return {name: getattr(record, name) for name in KEYS[kind]}
