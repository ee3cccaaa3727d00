"""SQL of one engine, written by SQLAlchemy Core once for each shape of question and then only filled with values.

Building and compiling a statement costs ten times what SQLite takes to answer it. A *shape* is what the text depends
on: the kind of record, the names and comparisons of the conditions, whether a value is missing, how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter, eq, ge, gt, le, lt, ne
from typing import Any, TypeVar, cast

from sqlalchemy import (
    Column,
    Dialect,
    Integer,
    Table,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import BindParameter, ColumnElement, UnaryExpression
from sqlalchemy.types import TypeEngine

from connector.storage.tables import COUNTER, KEYS, TABLES, Instant, written

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
        self._partly: dict[tuple[str, ...], tuple[tuple[int, Convert], ...]] = {}

    def part(self, names: tuple[str, ...], row: Sequence[Any]) -> tuple[Any, ...]:
        """The values of these fields, of a row that holds them alone."""
        convert = self._partly.get(names)
        if convert is None:
            known = {self.names[place]: one for place, one in self._convert}
            convert = tuple((place, known[name]) for place, name in enumerate(names) if name in known)
            self._partly[names] = convert
        values = list(row)
        for place, one in convert:
            if values[place] is not None:
                values[place] = one(values[place])
        return tuple(values)

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
        self._postgresql = dialect.name == "postgresql"
        self._made: dict[tuple[Any, ...], Statement] = {}
        self._readers: dict[type, Reader] = {}

    def reader(self, kind: type[Any]) -> Reader:
        """How records of this kind are read and written."""
        if (found := self._readers.get(kind)) is None:
            found = self._readers[kind] = Reader(kind, self._dialect)
        return found

    def select(
        self, kind: type[Any], shape: Shape, order: str | None, limited: bool, names: tuple[str, ...] = ()
    ) -> Statement:
        """Whole records, or these fields of them; the limit, if there is one, is the last value."""
        key = ("select", kind, shape, order, limited, names)
        return self._once(key, lambda: self._select(kind, shape, order, limited, names))

    def count(self, kind: type[Any], shape: Shape) -> Statement:
        """How many records."""

        def make() -> Statement:
            query = select(func.count()).select_from(TABLES[kind])
            return self._compiled(query.where(*_clauses(TABLES[kind], shape, _Binds())))

        return self._once(("count", kind, shape), make)

    def insert(self, kind: type[Any]) -> Statement:
        """One record; takes every field in order. PostgreSQL inserts nothing where the key exists: there an error
        would end the whole transaction, not this statement."""

        def make() -> Statement:
            binds = _Binds()
            values = {one: binds(one) for one in TABLES[kind].columns}
            if self._postgresql:
                from sqlalchemy.dialects import postgresql

                return self._compiled(postgresql.insert(TABLES[kind]).values(values).on_conflict_do_nothing())
            return self._compiled(insert(TABLES[kind]).values(values))

        return self._once(("insert", kind), make)

    def newest(self, kind: type[Any], field: str, shape: Shape) -> Statement:
        """The greatest value of a field among the records that fulfil the conditions."""

        def make() -> Statement:
            table = TABLES[kind]
            return self._compiled(select(func.max(table.c[field])).where(*_clauses(table, shape, _Binds())))

        return self._once(("newest", kind, field, shape), make)

    def queue(self, kind: type[Any], field: str, shape: Shape) -> Statement:
        """PostgreSQL: one record behind those that fulfil the conditions; returns the field as inserted, and the
        greatest value there was. Takes every field in order, then twice the values of the conditions."""
        from sqlalchemy.dialects import postgresql

        def make() -> Statement:
            table, binds = TABLES[kind], _Binds()
            column = table.c[field]
            values: dict[Any, Any] = {one: binds(one) for one in table.columns}
            newest = [
                select(func.max(column)).where(*_clauses(table, shape, binds)).scalar_subquery() for _ in range(2)
            ]
            values[column] = func.greatest(values[column], newest[0] + 1)  # what is missing is not the greatest
            adding = postgresql.insert(table).values(values).on_conflict_do_nothing()
            return self._compiled(adding.returning(column, newest[1]))

        return self._once(("queue", kind, field, shape), make)

    def append(self, kind: type[Any]) -> Statement:
        """One record whose key the engine numbers and returns; takes every other field in order."""

        def make() -> Statement:
            table, binds = TABLES[kind], _Binds()
            key, *others = table.columns
            if not self._postgresql:
                return self._compiled(insert(table).values({one: binds(one) for one in others}).returning(key))
            next_one = (
                update(COUNTER)
                .values(last=COUNTER.c.last + 1)
                .where(COUNTER.c.name == table.name)
                .returning(COUNTER.c.last)
                .cte("numbered")
            )
            row = select(next_one.c.last, *(binds(one) for one in others))
            return self._compiled(insert(table).from_select([key, *others], row).returning(key))

        return self._once(("append", kind), make)

    def count_up_to(self, kind: type[Any]) -> Statement:
        """PostgreSQL: the numbers of this kind go on after the given one at the earliest."""

        def make() -> Statement:
            given = _Binds().of_type(COUNTER.c.last.type)
            higher = func.greatest(COUNTER.c.last, given)
            return self._compiled(update(COUNTER).values(last=higher).where(COUNTER.c.name == TABLES[kind].name))

        return self._once(("count up to", kind), make)

    def claim(self, kind: type[Any], names: tuple[str, ...], shape: Shape, order: str) -> Statement:
        """Takes the values of the conditions, the limit, then the new values; returns the records, in no order.

        What another session has claimed and not yet committed is passed over, where the engine has several writers.
        """

        def make() -> Statement:
            table, binds = TABLES[kind], _Binds()
            keys = [table.c[name] for name in KEYS[kind]]
            query = select(*keys).where(*_clauses(table, shape, binds)).order_by(self._ordered(table, order))
            query = query.limit(binds.of_type(Integer()))
            if self._postgresql:
                query = query.with_for_update(skip_locked=True)
            due = query.cte("due")
            these = select(*(due.c[name] for name in KEYS[kind]))
            chosen = keys[0].in_(these) if len(keys) == 1 else tuple_(*keys).in_(these)
            setting = {table.c[name]: binds(table.c[name]) for name in names}
            return self._compiled(update(table).values(setting).where(chosen).returning(*table.columns))

        return self._once(("claim", kind, names, shape, order), make)

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

    def _select(
        self, kind: type[Any], shape: Shape, order: str | None, limited: bool, names: tuple[str, ...]
    ) -> Statement:
        table, binds = TABLES[kind], _Binds()
        wanted: list[Any] = [table.c[name] for name in names] or [table]
        query = select(*wanted).where(*_clauses(table, shape, binds))
        if order:
            query = query.order_by(self._ordered(table, order))
        return self._compiled(query.limit(binds.of_type(Integer())) if limited else query)

    def _ordered(self, table: Table, order: str) -> Column[Any] | UnaryExpression[Any]:
        """As SQLite has it: what is missing comes first, or last when turned round. Keys are never missing."""
        column = table.c[order.lstrip("-")]
        if not self._postgresql or column.primary_key:
            return column.desc() if order.startswith("-") else column
        return column.desc().nulls_last() if order.startswith("-") else column.asc().nulls_first()

    def _once(self, key: tuple[Any, ...], make: Callable[[], Statement]) -> Statement:
        if (found := self._made.get(key)) is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            found = self._made[key] = make()
        return found

    def _form(self, kind: TypeEngine[Any]) -> Convert | None:
        """How a value of this type is written; times, of which every record has some, without SQLAlchemy's detours."""
        if isinstance(kind, Instant):
            return written
        return kind.dialect_impl(self._dialect).bind_processor(self._dialect)

    def _compiled(self, statement: Any) -> Statement:
        made = statement.compile(dialect=self._dialect)
        slots: list[tuple[int | None, Any, Convert | None]] = []
        for name in made.positiontup:
            bind: BindParameter[Any] = made.binds[name]
            if (place := _Binds.place(name)) is None:
                slots.append((None, bind.value, None))
            else:
                slots.append((place, None, self._form(bind.type)))
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
