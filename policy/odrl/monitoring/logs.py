"""Reading a log of what was done: comma-separated values, one event a line, one column per fact.

The first line names the columns by IRI (or by ODRL's bare names): ``Action``, ``Party``, ``Asset`` and ``dateTime`` of
ODRL, any left operand of a constraint, and ``SUBJECT LEFT`` for the left operand of a refinement, SUBJECT being one of
``Action``, ``Party`` and ``Asset``. Columns may stand in any order; one that no rule asks for is never read.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from policy.odrl import vocabulary as v
from policy.odrl.evaluating.request import Performed
from policy.odrl.model import Literal, PolicyError
from policy.odrl.monitoring.looks import moment

MAX_CHARACTERS = 32_000_000
MAX_EVENTS = 200_000
MAX_COLUMNS = 500
MAX_CELLS = 2_000_000
MAX_LINES = 1_000_000

ACTION, PARTY, ASSET = f"{v.ODRL}Action", f"{v.ODRL}Party", f"{v.ODRL}Asset"
SUBJECTS = frozenset({ACTION, PARTY, ASSET})


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_log(text: str | bytes) -> tuple[Performed, ...]:
    """Return the events of a log in the order of their instants; events of one instant in the order of the log.

    An instant without an offset is in UTC. Without a ``dateTime`` column the events stand in the order they happened.
    Cells are texts without a datatype; an empty cell is a fact known to be missing. Raises :class:`PolicyError` with
    line and column for what is not such a log, or one of more than 200,000 events, 500 columns, 2 million cells,
    1 million lines or 32 million signs.
    """
    rows = _rows(_decoded(text))
    header = next(rows, None)
    if header is None:
        raise PolicyError("an empty log; the first line names the columns, Action among them", _place(1, 1))
    columns = _columns(header)
    most = min(MAX_EVENTS, MAX_CELLS // len(columns))
    events: list[Performed] = []
    for row in rows:
        if len(events) == most:
            raise PolicyError(f"more than {most} events of {len(columns)} columns; split the log", _place(row.line, 1))
        events.append(_event(row, columns))
    # Either every event has an instant or none has: `_instant` refuses an empty cell.
    return tuple(sorted(events, key=lambda event: event.at or _START))


_START = datetime.min.replace(tzinfo=UTC)


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_CHARACTERS:
        raise PolicyError(f"larger than {MAX_CHARACTERS} signs; split the log", _place(1, 1))
    if isinstance(text, bytes):
        text = _utf8(text)
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise PolicyError("a NUL sign; a log is text", _place(text.count("\n", 0, text.index("\0")) + 1, 1))
    if text.count("\n") + text.count("\r") > 2 * MAX_LINES:
        raise PolicyError(f"more than {MAX_LINES} lines; split the log", _place(MAX_LINES + 1, 1))
    return text


def _utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError("not UTF-8", _place(text.count(b"\n", 0, error.start) + 1, 1)) from None


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def _rows(text: str) -> Iterator[_Row]:
    """Yield the lines that hold anything, each with the number of its first line."""
    reader = csv.reader((found.group() for found in _LINE.finditer(text)), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield _Row(line, cells)
            line = reader.line_num + 1
    except csv.Error:
        raise PolicyError(
            "not comma-separated values (RFC 4180): a quote that never closes, or a cell of more than "
            f"{csv.field_size_limit()} signs",
            _place(line, 1),
        ) from None


def _columns(header: _Row) -> dict[str, int]:
    """Return where each fact stands, by the name under which rules ask for it."""
    if len(header.cells) > MAX_COLUMNS:
        raise PolicyError(f"more than {MAX_COLUMNS} columns", _place(header.line, MAX_COLUMNS + 1))
    found: dict[str, int] = {}
    for index, cell in enumerate(header.cells):
        name = _name(cell)
        if name is None:
            raise PolicyError(
                "a column is named by one left operand, or by Action, Party or Asset and one left operand",
                _place(header.line, index + 1),
            )
        if name in found:
            raise PolicyError("a column of this name stands before", _place(header.line, index + 1))
        found[name] = index
    if ACTION not in found:
        raise PolicyError(f"no column {ACTION}; an event names what was done", _place(header.line, 1))
    return found


def _name(cell: str) -> str | None:
    words = [v.expand_odrl(word) for word in cell.split()]
    if len(words) == 1:
        return words[0]
    return " ".join(words) if len(words) == 2 and words[0] in SUBJECTS else None


def _event(row: _Row, columns: Mapping[str, int]) -> Performed:
    if len(row.cells) != len(columns):
        raise PolicyError(
            f"{len(row.cells)} cells where the first line names {len(columns)} columns",
            _place(row.line, min(len(row.cells), len(columns)) + 1),
        )
    done = _cell(row, columns, ACTION)
    if not done:
        raise PolicyError("an event names what was done", _place(row.line, columns[ACTION] + 1))
    return Performed(
        uid=f"line {row.line}",
        action=v.expand_odrl(done),
        party=_cell(row, columns, PARTY) or None,
        target=_cell(row, columns, ASSET) or None,
        at=_instant(row, columns),
        features=_features(row, columns.items()),
    )


def _features(row: _Row, columns: Iterable[tuple[str, int]]) -> dict[str, tuple[Literal, ...]]:
    found: dict[str, tuple[Literal, ...]] = {}
    for name, index in columns:
        if name not in _OWN:
            text = row.cells[index].strip()
            found[name] = (Literal(text),) if text else ()
    return found


_OWN = SUBJECTS | {v.DATE_TIME}


def _cell(row: _Row, columns: Mapping[str, int], name: str) -> str:
    return row.cells[columns[name]].strip() if name in columns else ""


def _instant(row: _Row, columns: Mapping[str, int]) -> datetime | None:
    if v.DATE_TIME not in columns:
        return None
    found = moment(_cell(row, columns, v.DATE_TIME))
    if found is None:
        raise PolicyError(
            "not an instant or a day: 2026-01-31T12:00:00Z, 2026-01-31T12:00, 2026-01-31 or 31-01-2026 would be",
            _place(row.line, columns[v.DATE_TIME] + 1),
        )
    return found


def _place(line: int, column: int) -> str:
    return f"line {line}, column {column}"
