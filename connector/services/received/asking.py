"""Asking what was received: tables and SQL over what may be used now, and exports that a withdrawal can reach.

Each question is noted in the log before its answer is handed out: who, under which contract, the digest of the question
and how many rows; never its words. An export is registered as something made of the data before it is in its place.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid, unavailable
from connector.records import ReceivedTransfer
from connector.services.actors import Actor, require
from connector.services.chains import domain_named
from connector.services.received.derivations import Derivations
from connector.services.received.usable import InUse, erase_by, in_use, use_ends
from connector.services.received.views import Registering

if TYPE_CHECKING:
    from connector.services.context import Context

FORMATS = ("ndjson", "csv", "parquet")
MOST_ROWS = 100_000
_ROLES = ("researcher", "operator")


class Runner(Protocol):
    """Answers one question in a process of its own; what it is told and what it says are plain values."""

    async def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer: columns and rows, tables, written, or why not (refused, failed)."""
        ...


class Staging(Protocol):
    """Where an export is written before it is registered and takes its place. Blocks."""

    def begin(self, suffix: str) -> Path:
        """A new, empty file of ours, named like what it will be."""
        ...

    def place(self, staged: Path, path: Path) -> None:
        """Move it to where it belongs. Raises OSError: never over what is there."""
        ...

    def drop(self, staged: Path) -> None:
        """Forget it."""
        ...


@dataclass(frozen=True, slots=True)
class TableRow:
    """One table of what may be used, and how many rows it has."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class TablesHere:
    """The tables of a contract, the transfers they are made of, and until when they may be used."""

    agreement: str
    transfers: list[str]
    tables: list[TableRow]
    use_ends: datetime | None
    erase_by: datetime | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one question; `truncated` when there are more rows than were asked for."""

    agreement: str
    transfers: list[str]
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """An export in its place, and the derivation it is registered as."""

    path: str
    rows: int
    derivation: str
    by_row: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Which data is asked: that of a contract, of one transfer, or of the only contract there is."""

    agreement: str = ""
    transfer: str = ""


class Questions:
    """For researchers. `runner` and `staging` are handed in by wiring, where something is fetched at all."""

    def __init__(self, context: Context, derivations: Derivations) -> None:
        self._context = context
        self._derivations = derivations
        self.runner: Runner | None = None
        self.staging: Staging | None = None

    async def tables(self, actor: Actor, asked: Asked) -> TablesHere:
        """What can be asked. Raises Problem 400, 403, 404, 409, 503."""
        used = await self._used(actor, asked)
        said = await self._run(used, "", 0)

        def query(tx: Transaction) -> tuple[datetime | None, datetime | None]:
            days = [erase_by(tx, used.agreement, id) for id in used.transfers]
            return use_ends(tx, used.agreement), min((day for day in days if day), default=None)

        until, gone_by = await self._context.store.read(query)
        rows = [TableRow(name, count) for name, count in said["tables"].items()]
        return TablesHere(used.agreement.id, used.transfers, rows, until, gone_by)

    async def ask(self, actor: Actor, asked: Asked, sql: str, rows: int = 1000) -> Answered:
        """The answer to one SELECT. Raises Problem 400, 403, 404, 409, 503."""
        if not 0 < rows <= MOST_ROWS:
            raise invalid("So many rows are not shown", "rows", f"1 to {MOST_ROWS}")
        _check_sql(sql)
        used = await self._used(actor, asked)
        said = await self._run(used, sql, rows)
        await self._note(actor, used, sql, len(said["rows"]))
        return Answered(used.agreement.id, used.transfers, said["columns"], said["rows"], said["truncated"])

    async def export(self, actor: Actor, asked: Asked, form: str, path: str, sql: str = "", name: str = "") -> Exported:
        """Write an answer, or (as NDJSON, without a question) the records themselves, to a new file.

        Raises Problem 400, 403, 404, 409, 503.
        """
        if form not in FORMATS:
            raise invalid("This is no form of an export", "format", ", ".join(FORMATS))
        sql = sql or ("" if form == "ndjson" else "SELECT * FROM resources")
        used, place, staging = await self._used(actor, asked), _place(path), self._staging()
        staged = await asyncio.to_thread(staging.begin, place.suffix)
        try:
            said = await self._run(used, sql, 0, {"path": str(staged), "format": form})
            await self._note(actor, used, sql, said["written"])
            given = Registering(kind="file", name=name, path=str(place), transfers=used.transfers, current=True)
            one = await self._derivations.adopt(actor, given, staged, used.left_out)
            try:
                await asyncio.to_thread(staging.place, staged, place)
            except OSError as fault:
                await self._derivations.never_written(one.id)
                why = "something is there already" if isinstance(fault, FileExistsError) else type(fault).__name__
                raise invalid(f"The file cannot be written: {why}", "path", "a new file in a folder there is") from None
        finally:
            await asyncio.to_thread(staging.drop, staged)
        return Exported(str(place), said["written"], one.id, one.by_row)

    async def _used(self, actor: Actor, asked: Asked) -> InUse:
        require(actor, *_ROLES)
        now = self._context.clock()
        return await self._context.store.read(
            lambda tx: in_use(tx, now, asked.agreement or only(tx, asked), asked.transfer)
        )

    async def _run(
        self, used: InUse, sql: str, rows: int, to: dict[str, str] | None = None
    ) -> dict[str, Any]:  # fmt: skip
        """Raises Problem 400 for a question that is refused, 409 for one that fails, 503."""
        if self.runner is None:
            raise unavailable("This process keeps no received data", "no-received-data")
        settings = self._context.settings
        said = await self.runner.run({
            "files": [row.path for row in used.rows], "left_out": sorted(used.left_out), "sql": sql, "rows": rows,
            "to": to, "memory_mb": settings.query_memory_mb, "seconds": settings.query_seconds,
        })  # fmt: skip
        if "refused" in said:
            raise invalid("This question is not answered", "sql", str(said["refused"]), code="not-answered")
        if "failed" in said:
            raise Problem(409, "not-answered", "The question could not be answered", str(said["failed"]), "sql")
        return said

    async def _note(self, actor: Actor, used: InUse, sql: str, rows: int) -> None:
        body = {
            "agreement": used.agreement.id, "transfers": used.transfers, "by": actor.entry,
            "sql": sha256(sql.encode()).hexdigest(), "rows": rows,
        }  # fmt: skip
        await self._context.store.write(lambda tx: self._context.log(tx, "received.queried", used.agreement.id, body))

    def _staging(self) -> Staging:
        if self.staging is None:
            raise unavailable("This process keeps no received data", "no-received-data")
        return self.staging


def only(tx: Transaction, asked: Asked) -> str:
    """The contract that is meant when none is named: the only one something came under. Raises Problem 400, 409."""
    if asked.transfer:
        return ""
    rows = tx.find(ReceivedTransfer, order="started_at")
    roots = {domain_named(tx, row.agreement): row.agreement for row in rows}
    if not roots:
        raise conflict("Nothing has been received here yet", "nothing-received")
    if len(roots) > 1:
        known = ", ".join(sorted(roots.values()))
        raise invalid("Data of several contracts is here, and is never joined", "agreement", f"one of {known}")
    return next(iter(roots.values()))


def _check_sql(sql: str) -> None:
    if not sql.strip():
        raise invalid("No question is asked", "sql", "one SELECT")


def _place(path: str) -> Path:
    """Raises Problem 400."""
    place = Path(path)
    if not place.is_absolute() or "\0" in path or ".." in place.parts or not place.name:
        raise invalid("This is not a full path", "path", "a path that starts at the root")
    return place
