"""Importing records from files: one transaction per bundle, all of it or nothing; the same again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Person
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.holding.absent import Absent
from connector.services.holding.taking import Taken, Taking, imported, in_release, source_of
from connector.services.received.stones import REFUSED, brings_back, erased_codes

if TYPE_CHECKING:
    from connector.sources.folder import Piece

    Pieces = Callable[[Path, Callable[[str], bool]], Iterator[Piece]]

RELEASES = ("R4", "R4B", "R5")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import. `files` were taken in; `refused` holds one clear line for each that was not.

    Of the `records` that were read, `changed` are new or have other content than before; `deleted` are no more.
    """

    source: str
    people: int
    records: int
    files: int
    refused: list[str]
    changed: int = 0
    deleted: int = 0


class Importing:
    """Takes FHIR files in. `pieces` reads them (`connector.sources.folder.pieces`)."""

    def __init__(self, context: Context, pieces: Pieces, taking: Taking) -> None:
        self._context = context
        self._pieces = pieces
        self._taking = taking

    async def import_fhir(
        self,
        actor: Actor,
        path: Path | str,
        source_name: str,
        progress: Callable[[str], None] = lambda _: None,
        *,
        release: str = "R4",
        whole: bool = False,
    ) -> ImportReport:
        """Import a file or folder into the source of this name, which is made when it is new.

        `progress` hears each file's name; `release` is the FHIR release of the records. With `whole`, what the source
        had and these files have not is deleted, unless a file was refused. Raises Problem 400 when there is nothing to
        read, 409 for a device source or one in another release.
        """
        require(actor, "steward", "operator")
        source = await self._context.store.write(
            lambda tx: in_release(tx, source_of(tx, source_name, "fhir", actor), release)
        )
        known = await self._context.store.read(lambda tx: {one.source_id for one in tx.find(Person, source=source.id)})
        erased = await self._context.store.read(erased_codes)
        absent = Absent(self._context, self._taking, source.id) if whole else None
        taken, refused = list[Taken](), list[str]()
        found = self._pieces(Path(path), known.__contains__)
        while (piece := await self._next(found)) is not None:
            progress(piece.file)
            if piece.prepared is None:
                refused.append(piece.refused)
                continue
            if brings_back(piece.prepared, erased):
                refused.append(f"{piece.file}: {REFUSED}")
                continue
            taken.append(await self._taking.take(source.id, piece.prepared, actor))
            known |= taken[-1].people
            if absent is not None:
                absent.saw(piece.prepared)
        away = await absent.delete(actor) if absent is not None and not refused else 0
        report = _report(source.id, taken, refused, away)
        await self._context.store.write(lambda tx: self._imported(tx, actor, report))
        return report

    @staticmethod
    async def _next(found: Iterator[Piece]) -> Piece | None:
        try:
            return await asyncio.to_thread(next, found, None)
        except ValueError as nothing:
            raise Problem(400, "nothing-to-read", "Nothing was imported", str(nothing)) from None

    def _imported(self, tx: Transaction, actor: Actor, report: ImportReport) -> None:
        imported(tx, report.source, self._context.clock())
        self._context.log(
            tx, "source.imported", report.source,
            {"people": report.people, "records": report.records, "files": report.files, "changed": report.changed,
             "deleted": report.deleted, "refused": len(report.refused), "by": actor.entry},
        )  # fmt: skip


def _report(source: str, taken: list[Taken], refused: list[str], away: int) -> ImportReport:
    people = frozenset[str]().union(*(one.people for one in taken))
    return ImportReport(
        source, len(people), sum(one.records for one in taken), len(taken), refused,
        changed=sum(one.changed for one in taken), deleted=sum(one.deleted for one in taken) + away,
    )  # fmt: skip
