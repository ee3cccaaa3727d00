"""Statements of one session with PostgreSQL, prepared once and then run by libpq itself.

A cursor of psycopg takes several times as long around a statement as the statement takes: it may be used from several
threads, waits in Python for the server, and looks its query up again each time. Here one thread asks one question after
the other. Values are turned into parameters, and rows into values, by psycopg's own adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq.abc import PGresult

_MOST = 1000
"""Statements kept prepared; beyond that they are run without."""
_TEXT = pq.Format.TEXT
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


class Found:
    """What a statement brought: its rows, each read when asked for, and how many records it touched."""

    def __init__(self, answer: PGresult, adapters: Any) -> None:
        self._answer = answer
        self._adapters = adapters

    @property
    def rowcount(self) -> int:
        """How many records were inserted, changed, removed or found."""
        return self._answer.command_tuples or 0

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, None when there is none."""
        rows = self._rows(1)
        return rows[0] if rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Every row."""
        return self._rows(self._answer.ntuples)

    def _rows(self, most: int) -> list[tuple[Any, ...]]:
        count = min(most, self._answer.ntuples)
        if not count:
            return []
        self._adapters.set_pgresult(self._answer)
        rows: list[tuple[Any, ...]] = self._adapters.load_rows(0, count, tuple)
        return rows


class Prepared:
    """Runs statements with `%s` for their parameters. After an error that ends the session it is thrown away."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._raw = connection.pgconn
        self._adapters: Any = Transformer(connection)  # a class of psycopg's C part, of which mypy sees no type
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def run(self, text: str, values: Sequence[Any]) -> Found:
        """Run one statement in the open transaction. Raises psycopg.Error."""
        adapters = self._adapters
        given = adapters.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types, formats = tuple(adapters.types or ()), adapters.formats
        name = self._names.get((text, types)) or self._prepared(text, types)
        if name:
            answer = self._raw.exec_prepared(name, given, formats, _TEXT)
        else:
            answer = self._raw.exec_params(_numbered(text), given, types, formats, _TEXT)
        return Found(self._checked(answer), adapters)

    def _prepared(self, text: str, types: tuple[int, ...]) -> bytes:
        if len(self._names) >= _MOST:
            return b""
        name = f"concord_{len(self._names)}".encode()
        self._checked(self._raw.prepare(name, _numbered(text), types))
        self._names[text, types] = name
        return name

    def _checked(self, answer: PGresult) -> PGresult:
        if self._raw.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the session is over")
        if answer.status in _FAILED:
            raise errors.error_from_result(answer)
        return answer


def _numbered(text: str) -> bytes:
    """The statement with its parameters as libpq numbers them."""
    parts = text.split("%s")
    numbered = "".join(f"{part}${place}" for place, part in enumerate(parts[:-1], 1)) + parts[-1]
    return numbered.replace("%%", "%").encode()
