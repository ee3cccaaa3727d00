"""A data protection officer opens a person's file to answer them (reference D4). Opening it is itself a use of data:
it stands in the log, and the person sees it in their wallet.

Why it was opened is one of a few grounds and a file number: free text could name somebody, and the log is for ever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Person
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.releasing.uses import Look, tell_of
from connector.services.rights.holder_gathering import copies, counted, evidence_files, known, person_file
from connector.services.rights.holder_paper import holder_sheet
from connector.services.rights.packing import as_file, packed
from connector.services.rights.typeset import as_html
from connector.services.wallet.receipts import Paper
from contracts.exchange import UseKind

GROUNDS: Mapping[str, str] = MappingProxyType(
    {
        "access": "To answer your request for what is kept about you",
        "portability": "To hand your data over, as you asked",
        "complaint": "To look into a complaint",
        "authority": "To answer a data protection authority",
        "incident": "To look into an incident",
        "correction": "To settle whose record this is",
    }
)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}")
_FOUND_AT_MOST = 20
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody who fits a search; `number` is the source's own."""

    id: str
    number: str
    name: str
    born: date | None


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A person's file as it was opened: under which act in the log, on what ground, whether their wallet was told."""

    id: str
    ground: str
    told: bool
    file: dict[str, Any]


class HolderFiles:
    """Finds people and opens their files; both leave a trace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def find(self, actor: Actor, text: str, ground: str, reference: str = "") -> list[FoundPerson]:
        """People by name or by the source's number, a few at most. Raises Problem 400."""
        require(actor, "dpo")
        _check(ground, reference)
        wanted = text.strip()
        if len(wanted) < _SHORTEST:
            raise invalid("Write at least two letters of the name, or the number", "text")

        def command(tx: Transaction) -> list[FoundPerson]:
            found = _fitting(tx, wanted)
            body = {"by": actor.entry, "ground": ground, "reference": reference, "found": len(found)}
            self._context.log(tx, "person.searched", self._context.me.id, body)
            return found

        return await self._context.store.write(command)

    async def open(self, actor: Actor, person: str, ground: str = "access", reference: str = "") -> OpenedFile:
        """Everything kept about a person. Raises Problem 400, 404."""
        found, _ = await self._opened(actor, person, ground, reference, whole=False)
        return found

    async def archive(self, actor: Actor, person: str, ground: str = "access", reference: str = "") -> Paper:
        """The same to hand over, with a copy of the records themselves. Raises Problem 400, 404."""
        found, more = await self._opened(actor, person, ground, reference, whole=True)
        body = await asyncio.to_thread(_packed, self._context, found.file, more)
        return Paper("what-we-keep-about-you.zip", "application/zip", body)

    async def page(self, actor: Actor, person: str, ground: str = "access", reference: str = "") -> Paper:
        """The same as one page that works offline. Raises Problem 400, 404."""
        found, _ = await self._opened(actor, person, ground, reference, whole=False)
        sheet = await asyncio.to_thread(lambda: as_html(holder_sheet(found.file)).encode())
        return Paper("what-we-keep-about-you.html", "text/html; charset=utf-8", sheet)

    async def _opened(
        self, actor: Actor, person: str, ground: str, reference: str, *, whole: bool
    ) -> tuple[OpenedFile, dict[str, bytes]]:
        """No entry and no word to the person, no file: both are committed before anything is read."""
        require(actor, "dpo")
        _check(ground, reference)
        context, act = self._context, new_id()

        def command(tx: Transaction) -> bool:
            known(tx, person)
            body = {"by": actor.entry, "ground": ground, "reference": reference, "file": act, "whole": whole}
            context.log(tx, "person.file-opened", person, body)
            look = Look(UseKind.FILE, act, GROUNDS[ground], context.me.id, context.me.name, counted(tx, person))
            return tell_of(tx, context, person, look, context.clock())

        def query(tx: Transaction) -> tuple[dict[str, Any], dict[str, bytes]]:
            more = copies(tx, person) | evidence_files(tx, person) if whole else {}
            return person_file(tx, context, person), more

        told = await context.store.write(command)
        file, more = await context.store.read(query)
        return OpenedFile(act, ground, told, file), more


def _check(ground: str, reference: str) -> None:
    if ground not in GROUNDS:
        raise invalid("This is no ground to open a person's file", "ground", ", ".join(GROUNDS))
    if reference and not _REFERENCE.fullmatch(reference):
        raise invalid(
            "This is not a file number", "reference", "at most 40 letters, digits, dots, dashes or slashes, or nothing"
        )


def _fitting(tx: Transaction, text: str) -> list[FoundPerson]:
    words = text.casefold().split()
    found = [
        FoundPerson(one.id, one.source_id, one.name, one.born)
        for one in tx.find(Person, order="name")
        if text in (one.source_id, one.id) or all(word in one.name.casefold() for word in words)
    ]
    return found[:_FOUND_AT_MOST]


def _packed(context: Context, file: dict[str, Any], more: Mapping[str, bytes]) -> bytes:
    files = {
        "read-me-first.html": as_html(holder_sheet(file)).encode(),
        "everything.json": as_file(file),
        **more,
    }
    return packed(context, "what-we-keep-about-you", files, context.clock())
