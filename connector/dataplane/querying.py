"""SQL over received records, in a process of its own: tables in memory, one SELECT, no file, no network, no setting.

The tables are made first; then everything that reaches outside is switched off and locked, and only then is the
question read. It must be one SELECT over these tables: what it may call and name is checked in its syntax tree before
it runs. duckdb and pyarrow are loaded here, and nowhere near the serving process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from connector.dataplane.columns import COLUMNS, NotColumnsError, rows_of
from connector.dataplane.current import Key

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]
RESOURCES, COMPONENTS, POINTS = "resources", "components", "points"
USUAL = (
    "AllergyIntolerance", "CarePlan", "Claim", "Condition", "Device", "DiagnosticReport", "DocumentReference",
    "Encounter", "ExplanationOfBenefit", "ImagingStudy", "Immunization", "Medication", "MedicationAdministration",
    "MedicationRequest", "Observation", "Organization", "Patient", "Practitioner", "Procedure", "QuestionnaireResponse",
)  # fmt: skip
"""Kinds that have their table also when no record of them is here."""
POINT_COLUMNS = ("id", "person", "kind", "measured_at", "until", "measure", "value", "unit", "raw")
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "repeat_row"})
_NOT_CALLED = frozenset({"current_setting", "getenv", "getvariable", "write_log", "currval", "nextval"})
_ROWS = 8192
_LONGEST_SQL = 100_000
TOO_MUCH = "It needs more memory than a question may take: ask for fewer columns, or export it"
_OWN_NAME = re.compile(r"(?!sqlite_|duckdb_|pg_|pragma_|information_schema)[a-z_][a-z0-9_]{0,62}")
_SAYABLE = ("ParserException", "BinderException", "CatalogException")


class Refused(ValueError):
    """The question is not one that may be asked here; the text says why."""


class Failed(Exception):
    """The question could not be answered; the text never quotes a value."""


class Tables:
    """The tables of one question. Use as a context manager."""

    def __init__(self, memory_mb: int) -> None:
        import duckdb

        self._connection = duckdb.connect(":memory:", config={
            "threads": 2, "memory_limit": f"{memory_mb}MB", "temp_directory": "", "allow_unsigned_extensions": False,
            "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        })  # fmt: skip
        self._names: set[str] = set()

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._connection.close()

    def fill(self, records: Iterable[tuple[Key, bytes]]) -> None:
        """Make the tables of these records, and lock the door behind them. Raises Failed."""
        connection = self._connection
        for table, names in (("every_row", COLUMNS), (POINTS, POINT_COLUMNS)):
            columns = ", ".join(f'"{name}" {_kind(name)}' for name in names)
            connection.execute(f"CREATE TABLE {table} ({columns})")
        for rows, points in _portions(records):
            self._insert("every_row", COLUMNS, rows)
            self._insert(POINTS, POINT_COLUMNS, points)
        self._views()
        for setting in ("python_enable_replacements", "enable_external_access"):
            connection.execute(f"SET {setting}=false")
        connection.execute("SET lock_configuration=true")

    def counts(self) -> dict[str, int]:
        """The tables and how many rows each has; the empty ones of usual kinds are left out."""
        found = {}
        for name in sorted(self._names):
            [count] = self._connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() or (0,)  # noqa: S608 - ours
            if count or name == RESOURCES:
                found[name] = int(count)
        return found

    def answer(self, sql: str) -> duckdb.DuckDBPyConnection:
        """The answer to one SELECT, to be fetched. Raises Refused, Failed."""
        import duckdb

        try:
            self._check(sql)
            return self._connection.execute(sql)
        except duckdb.Error as fault:
            raise _said(fault) from None

    def _check(self, sql: str) -> None:
        """Raises Refused, and duckdb.Error for what is no SQL."""
        if len(sql) > _LONGEST_SQL:
            raise Refused(f"a question has at most {_LONGEST_SQL} characters")
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type.name != "SELECT":
            raise Refused("one SELECT is answered, and nothing else")
        [text] = self._connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
        tree = orjson.loads(text)
        if tree.get("error") is not False:
            raise Refused("this form of SELECT is not answered here")
        check_tree(tree, self._names)

    def _insert(self, table: str, columns: Sequence[str], rows: list[Row]) -> None:
        if not rows:
            return
        import pyarrow

        kinds = {"VARCHAR": pyarrow.string(), "INTEGER": pyarrow.int32(), "DOUBLE": pyarrow.float64()}
        arrays = [
            pyarrow.array(column, kinds[_kind(name)])
            for name, column in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        self._connection.register("arriving", pyarrow.Table.from_arrays(arrays, names=list(columns)))
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM arriving")  # noqa: S608 - ours
        self._connection.unregister("arriving")

    def _views(self) -> None:
        """`resources`, `components`, and a table for each kind of record."""
        rest = ", ".join(f'"{name}"' for name in COLUMNS if name != "part")
        self._view(RESOURCES, f"SELECT {rest} FROM every_row WHERE part = 0")  # noqa: S608 - names of ours
        self._view(COMPONENTS, "SELECT * EXCLUDE (raw) FROM every_row WHERE part > 0")
        self._names.add(POINTS)
        found = self._connection.execute("SELECT DISTINCT type FROM every_row").fetchall()
        present = [kind for (kind,) in found if kind and kind.isalpha() and kind.isascii()]
        for kind in sorted({*USUAL, *present}):
            if table_of(kind) not in self._names:
                self._view(table_of(kind), f"SELECT * FROM {RESOURCES} WHERE type = '{kind}'")  # noqa: S608 - letters

    def _view(self, name: str, sql: str) -> None:
        self._connection.execute(f'CREATE VIEW "{name}" AS {sql}')
        self._names.add(name)


def check_tree(tree: Any, tables: Iterable[str]) -> None:
    """Whether a syntax tree names only tables, and calls only what reaches nothing. Raises Refused."""
    within = {name.casefold() for name in _named_within(tree)}
    if not all(_OWN_NAME.fullmatch(name) for name in within):
        # Outside of its own part of the question, such a name would mean a file, or a table of the engine's own.
        raise Refused("a name given by WITH is letters, digits and `_`, and no name of the engine's own")
    known = {name.casefold() for name in tables} | within
    for node in _nodes(tree):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            schema, name = str(node.get("schema_name", "")), str(node.get("table_name", ""))
            if schema not in ("", "main") or node.get("catalog_name") or name.casefold() not in known:
                raise Refused("a table is named that is not here; `concord data tables` lists those that are")
        elif kind == "TABLE_FUNCTION":
            called = node.get("function")
            name = str(called.get("function_name", "")) if isinstance(called, dict) else ""
            if name.casefold() not in _TABLE_FUNCTIONS:
                raise Refused("functions that read files, or run other SQL, are not answered")
        elif str(node.get("function_name", "")).casefold() in _NOT_CALLED:
            raise Refused("a function is called that is not answered here")


def table_of(kind: str) -> str:
    """`MedicationRequest` -> `medication_requests`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("" if name.endswith("s") and not name.endswith("ss") else "s")


def _kind(name: str) -> str:
    return {"part": "INTEGER", "value": "DOUBLE"}.get(name, "VARCHAR")


def _portions(records: Iterable[tuple[Key, bytes]]) -> Iterator[tuple[list[Row], list[Row]]]:
    """Rows of records and of points of a stream, some thousand at a time. Raises Failed."""
    waiting = iter(records)
    while taken := list(islice(waiting, _ROWS)):
        try:
            rows = list(rows_of(line for key, line in taken if key[0]))
        except NotColumnsError:
            raise Failed("A record cannot be read") from None
        points = [_point(line) for key, line in taken if not key[0]]
        yield rows, points


def _point(line: bytes) -> Row:
    """A data point of a stream (Open mHealth), in the order of `POINT_COLUMNS`."""
    value = orjson.loads(line)
    header, body = value.get("header") or {}, value.get("body") or {}
    when = body.get("effective_time_frame") or {}
    span = when.get("time_interval") or {}
    measure, one = next(
        ((name, one) for name, one in body.items() if isinstance(one, dict) and "value" in one), ("", {})
    )
    number = one.get("value")
    return (
        _text(header.get("id") or header.get("uuid")), _text(header.get("user_id")),
        _text((header.get("schema_id") or {}).get("name")), _text(when.get("date_time") or span.get("start_date_time")),
        _text(span.get("end_date_time")), measure or None,
        float(number) if isinstance(number, int | float) else None, _text(one.get("unit")), line.decode().rstrip(),
    )  # fmt: skip


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _named_within(tree: Any) -> set[str]:
    """What a question itself gives a name to (WITH)."""
    maps = [node["cte_map"] for node in _nodes(tree) if isinstance(node.get("cte_map"), dict)]
    return {str(one.get("key", "")) for map in maps for one in map.get("map") or () if isinstance(one, dict)}


def _said(fault: Exception) -> Exception:
    """What is wrong with a question is said in duckdb's words; what went wrong with values, only by its kind."""
    kind = type(fault).__name__
    if kind in _SAYABLE:
        return Refused(str(fault).split("\n", 1)[0].partition(": ")[2][:300] or "it is no SQL")
    if kind == "OutOfMemoryException":
        return Failed(TOO_MUCH)
    return Failed(f"It could not be answered ({kind.removesuffix('Exception')})")
