"""Watching a transfer arrive: a bar where somebody looks, a line now and then where a file does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connector.cli import showing

if TYPE_CHECKING:
    from connector.cli.desk import Desk

_OVER = frozenset({"complete", "broken", "terminated", "completed", "ended"})
_UNDER_WAY = ("requested", "started", "suspended")
_STEPS = 10
"""Of how many steps a line tells, where no bar is shown."""


def under_way(reached: Desk, agreement: str, way: str) -> str | None:
    """A transfer of ours under a contract that has not arrived yet; None when there is none. Streams do not count."""
    for row in reached.get("/api/transfers", agreement=agreement):
        ours = row["role"] == "consumer" and row["way"] == way and row["kind"] != "stream"
        told = row["finding"] and way != "store"
        if ours and row["state"] in _UNDER_WAY and row["manifest_verified"] is None and not told:
            return str(row["pid"])
    return None


def watched(reached: Desk, pid: str) -> Any:
    """The transfer once it is over, or runs as a stream; tells meanwhile how far it is and what it waits for.

    Ctrl-C stops the watching only.
    """
    shown = _lines if showing.quiet() else _bar
    try:
        return shown(_seen(reached, pid))
    except KeyboardInterrupt:
        sys.stderr.write(f"concord: it goes on without you; see `concord transfers show {pid}`\n")
        raise


def _seen(reached: Desk, pid: str) -> Iterator[tuple[Any, bool]]:
    """The transfer as it is, again and again, and whether that was the last time."""
    wanted, seconds = ",".join(sorted(_OVER)), 0
    while True:
        found = reached.get("/api/wait", **{"about": pid, "for": wanted, "timeout": seconds})
        row = found["row"]
        stream = row["kind"] == "stream" and row["state"] == "started"
        over = stream or bool(_OVER & set(found["states"])) or row["manifest_verified"] is not None
        yield row, over
        if over:
            return
        seconds = 1


def _bar(seen: Iterator[tuple[Any, bool]]) -> Any:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    row: Any = None
    with Progress(*columns, console=showing.err(), transient=True) as progress:
        task = progress.add_task("Receiving", total=None)
        for row, _ in seen:
            size, total = far(row)
            progress.update(task, completed=size, total=total, description=showing.safe(words(row)))
    return row


def _lines(seen: Iterator[tuple[Any, bool]]) -> Any:
    """Lines on stderr: when something else is waited for, and for each tenth of it."""
    told: tuple[int, str] | None = None
    row: Any = None
    for row, over in seen:
        there = row["segments"] or 1
        now = (int(_here(row) * _STEPS) // there, row["waits_for"])
        if now != told and not over:
            sys.stderr.write(f"{words(row)}, {far(row)[0]} bytes\n")
            sys.stderr.flush()
        told = now
    return row


def far(row: Any) -> tuple[int, int | None]:
    """Bytes that are here, those of the segment under way among them, and about how many there will be, if known."""
    size = (row["bytes"] or 0) + row["coming"]
    here = _here(row)
    # How much is still to come is not known in bytes; what is here says how large a segment is.
    return size, max(size, int(size * row["segments"] / here)) if here and row["segments"] else None


def _here(row: Any) -> float:
    """Segments that are here, with the part that has come of the next one."""
    return float(row["segments_here"] + (min(row["coming"] / row["coming_of"], 1) if row["coming_of"] else 0))


def words(row: Any) -> str:
    """How far a transfer is: `Receiving, 3 of 8 segments and 262144 of 700000 bytes, 120 people`."""
    parts = ["Receiving changes" if row.get("continues") else "Receiving"]
    if row["segments"]:
        parts.append(f"{row['segments_here']} of {row['segments']} segments{_next(row)}")
    if row["people"] not in (0, "0"):
        parts.append(f"{row['people']} people")
    if row["waits_for"]:
        parts.append(row["waits_for"].rstrip("."))
    return ", ".join(parts)


def _next(row: Any) -> str:
    if not row["coming"]:
        return ""
    return f" and {row['coming']} of {row['coming_of']} bytes" if row["coming_of"] else f" and {row['coming']} bytes"
