"""One question to received data: the program of the process that answers it (`python -m connector.dataplane.asking`).

The question comes as JSON on stdin, the answer goes as JSON to stdout: {"columns", "rows", "truncated"}, {"tables"},
{"written"}, or {"refused"} or {"failed"} with why. It opens the files it is told to, and writes at most the one it is
told to; its environment is empty, and its memory, time and output are bounded.
"""

from __future__ import annotations

import csv
import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from connector.dataplane.current import Unreadable, current
from connector.dataplane.querying import TOO_MUCH, Failed, Refused, Tables

if TYPE_CHECKING:
    import duckdb

FORMATS = ("ndjson", "csv", "parquet")
_PORTION = 256
_BESIDE = 256 * 1024 * 1024
"""What rows on their way out may take beside the engine's own memory."""
_WHOLE = 2**63
_MOST_BYTES = 32 * 1024 * 1024
_LARGEST_FILE = 256 * 1024**3


def main() -> int:
    """Answer the one question."""
    job = orjson.loads(sys.stdin.buffer.read())
    _bound(job)
    try:
        said = _answered(job)
    except Refused as why:
        said = {"refused": str(why)}
    except (Failed, Unreadable) as why:
        said = {"failed": str(why)}
    except MemoryError:
        said = {"failed": TOO_MUCH}
    except Exception as fault:  # whatever it is: its words may quote what was read
        said = {"failed": f"It could not be answered ({type(fault).__name__})"}
    sys.stdout.buffer.write(orjson.dumps(said))
    return 0


def _bound(job: dict[str, Any]) -> None:
    """No file but the one named, no core that would hold what is here, no time and no memory but what was given."""
    largest = _LARGEST_FILE if job.get("to") else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(job["seconds"]) * 4
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # The engine bounds its buffers only: a text may grow beside them. What the libraries map is not the question's.
    import duckdb  # noqa: F401 - mapped before it is counted
    import pyarrow  # noqa: F401

    most = _mapped() + int(job["memory_mb"]) * 1024 * 1024 + _BESIDE
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _mapped() -> int:
    """Bytes of private memory that this process has mapped, whether used or not."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmData:")[2].split()[0]) * 1024


def _answered(job: dict[str, Any]) -> dict[str, Any]:
    records = current([Path(path) for path in job["files"]], frozenset(job["left_out"]))
    sql, to = job.get("sql") or "", job.get("to")
    if to and to["format"] == "ndjson" and not sql:
        return {"written": _lines(Path(to["path"]), records)}
    with Tables(int(job["memory_mb"])) as tables:
        tables.fill(records)
        if not sql:
            return {"tables": tables.counts()}
        answer = tables.answer(sql)
        return {"written": _WRITE[to["format"]](Path(to["path"]), answer)} if to else _shown(answer, int(job["rows"]))


def _shown(answer: duckdb.DuckDBPyConnection, most: int) -> dict[str, Any]:
    """The first rows, as JSON has words for them."""
    columns = _columns(answer)
    rows: list[list[Any]] = []
    size = 0
    for row in _fetched(answer):
        shown = [_plain(value) for value in row]
        size += len(orjson.dumps(shown))
        if len(rows) == most or size > _MOST_BYTES:
            return {"columns": columns, "rows": rows, "truncated": True}
        rows.append(shown)
    return {"columns": columns, "rows": rows, "truncated": False}


def _columns(answer: duckdb.DuckDBPyConnection) -> list[str]:
    return [str(one[0]) for one in answer.description or ()]


def _fetched(answer: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    import duckdb

    try:
        while rows := answer.fetchmany(_PORTION):
            yield from rows
    except duckdb.Error as fault:
        kind = type(fault).__name__.removesuffix("Exception")
        raise Failed(TOO_MUCH if kind == "OutOfMemory" else f"It could not be answered ({kind})") from None


def _lines(path: Path, records: Iterator[tuple[Any, bytes]]) -> int:
    """The records themselves, each as it was received."""
    count = 0
    with _made(path) as file:
        for _, line in records:
            file.write(line)
            count += 1
    return count


def _ndjson(path: Path, answer: duckdb.DuckDBPyConnection) -> int:
    count, columns = 0, _columns(answer)
    with _made(path) as file:
        for row in _fetched(answer):
            file.write(orjson.dumps(dict(zip(columns, map(_plain, row), strict=True))) + b"\n")
            count += 1
    return count


def _csv(path: Path, answer: duckdb.DuckDBPyConnection) -> int:
    count = 0
    with _made(path) as made, open(made.fileno(), "w", encoding="utf-8", newline="", closefd=False) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_columns(answer))
        for row in _fetched(answer):
            rows.writerow(["" if value is None else _cell(value) for value in row])
            count += 1
    return count


def _parquet(path: Path, answer: duckdb.DuckDBPyConnection) -> int:
    from pyarrow import parquet

    count = 0
    reader: Any = answer.to_arrow_reader(_PORTION)
    with _made(path) as file, parquet.ParquetWriter(file, reader.schema, compression="zstd") as made:
        for batch in reader:
            made.write_batch(batch)
            count += batch.num_rows
    return count


_WRITE = {"ndjson": _ndjson, "csv": _csv, "parquet": _parquet}


def _made(path: Path) -> IO[bytes]:
    """The file that was made for us, and nothing else."""
    return path.open("r+b")


def _cell(value: Any) -> object:
    plain = _plain(value)
    return orjson.dumps(plain).decode() if isinstance(plain, list | dict) else plain


def _plain(value: Any) -> Any:
    """A value as JSON has words for it: what it has none for is written out."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    told = isinstance(value, bool | str | None) or (isinstance(value, float) and isfinite(value))
    return value if told or (isinstance(value, int) and abs(value) < _WHOLE) else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
