"""Derived copies: researchers register what they make of received data, and settle what a withdrawal asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from connector.dataplane.tally import NotByRow
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Derivation, ErasedObject, ReceivedTransfer, Tombstone
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange.erasure import ErasureDesk
from connector.services.received.graph import parents_of, transfers_below
from connector.services.received.objects import STAYS, WAITING, ended_below, known_below, parents_below
from connector.services.received.shelf import Shelf, Surveyed, nothing_here
from connector.services.received.views import DerivationRow, Registering

if TYPE_CHECKING:
    from pathlib import Path

    from connector.dataplane.tally import Contents

T = TypeVar("T")
ENDED = "endings"
"""The bell of `connector.jobs.clearing`, which states that all is gone once people have done their part."""
KINDS = ("file", "table", "model", "result")
GROUNDS = ("anonymous", "published")
_READERS = ("researcher", "operator", "dpo")
_MAKERS = ("researcher", "operator")
_OFFICERS = ("dpo",)
_LONGEST_GROUND = 1000
_MOST_PARENTS = 1000


class Derivations:
    """Registering, listing, and settling tasks. `shelf` is handed in by wiring, where something is fetched at all."""

    def __init__(self, context: Context, desk: ErasureDesk) -> None:
        self._context = context
        self._desk = desk
        self.shelf: Shelf | None = None

    async def register(self, actor: Actor, given: Registering) -> str:
        """Note something made of received data; returns its id. Raises Problem 400, 403, 404, 409, 503."""
        require(actor, *_MAKERS)
        checked = _well_formed(given)
        agreement, transfers = await self._context.store.read(lambda tx: _sources(tx, checked))
        known, stones = await self._context.store.read(lambda tx: known_below(tx, transfers))
        surveyed = await self._surveyed(checked.path, known | stones) if checked.path else None
        _nobody_who_stopped(checked, surveyed, stones)
        by_row = surveyed is not None and surveyed.by_row and self._shelf.derived.inside(checked.path)
        one = Derivation(
            id=new_id(), agreement=agreement, kind=checked.kind, name=checked.name, path=checked.path,
            parents={"transfers": checked.transfers, "derivations": checked.derivations},
            codes={"codes": sorted(set(checked.codes))} if checked.codes is not None else None, by_row=by_row,
            digest=surveyed.contents.sha256 if surveyed else "", standing=STAYS if checked.stays else "kept",
            why=f"{checked.stays.capitalize()}: {checked.ground}" if checked.stays else "",
            registered_at=self._context.clock(), registered_by=actor.account,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            if known_below(tx, transfers)[1] - stones:
                raise conflict("Somebody stopped while this was looked at", accepted="the same once more")
            tx.add(one)
            self._log(tx, "derivation.registered", one, actor, {"kind": one.kind, "by_row": one.by_row})
            tx.ring("received")

        await self._context.store.write(command)
        return one.id

    async def adopt(self, actor: Actor, given: Registering, staged: Path, left_out: Collection[str]) -> Derivation:
        """Note an export of ours before it takes its place. `left_out` are the people who are known not to be in it.

        Raises Problem 400, 403, 404, 409, 503.
        """
        require(actor, *_MAKERS)
        checked = _well_formed(given)
        agreement, transfers = await self._context.store.read(lambda tx: _sources(tx, checked))
        known, stones = await self._context.store.read(lambda tx: known_below(tx, transfers))
        surveyed = await self._surveyed(str(staged), known | stones)
        _nobody_who_stopped(checked, surveyed, stones)
        one = Derivation(
            id=new_id(), agreement=agreement, kind=checked.kind, name=checked.name, path=checked.path,
            parents={"transfers": checked.transfers, "derivations": []}, standing="kept",
            by_row=surveyed.by_row and self._shelf.derived.would_be_inside(checked.path),
            digest=surveyed.contents.sha256, registered_at=self._context.clock(), registered_by=actor.account,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            if known_below(tx, transfers)[1] - set(left_out):
                raise conflict("Somebody stopped while this was looked at", accepted="the same once more")
            tx.add(one)
            self._log(tx, "derivation.registered", one, actor, {"kind": one.kind, "by_row": one.by_row})
            tx.ring("received")

        await self._context.store.write(command)
        return one

    async def never_written(self, id: str) -> None:
        """An export that was registered could not take its place: there is nothing of it."""
        changes = {"standing": "erased", "why": "It was never written.", "changed_at": self._context.clock()}
        await self._context.store.write(lambda tx: tx.alter(Derivation, dict(changes), id=id))

    async def all(self, actor: Actor) -> list[DerivationRow]:
        """Everything registered, newest first, with what is asked of people. Raises Problem 403."""
        require(actor, *_READERS)
        return await self._context.store.read(self._rows)

    async def tasks(self, actor: Actor) -> list[DerivationRow]:
        """What is to be rebuilt or erased by somebody here, the nearest deadline first. Raises Problem 403."""
        rows = [row for row in await self.all(actor) if row.task]
        return sorted(rows, key=lambda row: (row.deadline is None, row.deadline))

    async def get(self, actor: Actor, id: str) -> DerivationRow:
        """One of them. Raises Problem 403, 404."""
        found = [row for row in await self.all(actor) if row.id == id]
        if not found:
            raise missing("There is no such derivation here")
        return found[0]

    async def rebuilt(self, actor: Actor, id: str, path: str = "") -> None:
        """It was made anew without those who stopped; a file is looked at. Raises Problem 400, 403, 404, 409, 503."""
        require(actor, *_MAKERS)
        one = await self._one(id)
        if await self._context.store.read(lambda tx: ended_below(tx, one)) is not None:
            raise conflict("The contract it was made under is over", accepted="its deletion")
        place = _path(path or one.path)
        known, waiting = await self._context.store.read(lambda tx: _people(tx, one))
        surveyed = await self._surveyed(place, known | waiting) if place else None
        if surveyed is not None:
            self._check_rebuilt(one, surveyed, waiting)
        by_row = surveyed is not None and surveyed.by_row and self._shelf.derived.inside(place)
        changes: dict[str, Any] = {"standing": "rebuilt", "path": place, "by_row": by_row, "why": ""}
        if surveyed is not None:
            changes["digest"] = surveyed.contents.sha256
        if one.codes is not None:
            changes["codes"] = {"codes": [code for code in one.codes.get("codes", []) if code not in waiting]}
        await self._settle(actor, one, "rebuilt", changes, waiting)

    async def erased(self, actor: Actor, id: str) -> None:
        """It is deleted; a file of it must be gone. Raises Problem 403, 404, 409, 503."""
        require(actor, *_MAKERS)
        one = await self._one(id)
        if one.path and await self._contents(one.path) is not None:
            raise conflict("The file is still there", accepted="its deletion first")
        waiting = (await self._context.store.read(lambda tx: _people(tx, one)))[1]
        await self._settle(actor, one, "gone", {"standing": "erased", "why": ""}, waiting)

    async def stays(self, actor: Actor, id: str, reason: str, ground: str) -> None:
        """It stays, on a stated ground: a result that is anonymous or published; anything else by the officer's word.

        Raises Problem 400, 403, 404.
        """
        one = await self._one(id)
        officers = reason == "exception"
        require(actor, *(_OFFICERS if officers else _MAKERS))
        if not officers and (reason not in GROUNDS or one.kind != "result"):
            raise forbidden("Only a result stays because it is anonymous or published; else the officer says so")
        why = f"{reason.capitalize()}: {_ground(ground)}"
        waiting = (await self._context.store.read(lambda tx: _people(tx, one)))[1]
        await self._settle(actor, one, STAYS, {"standing": STAYS, "why": why}, waiting)

    @property
    def folder(self) -> str:
        """Where the connector may rewrite files. Raises Problem 503."""
        return str(self._shelf.folder)

    @property
    def _shelf(self) -> Shelf:
        if self.shelf is None:
            raise nothing_here()
        return self.shelf

    async def _one(self, id: str) -> Derivation:
        found = await self._context.store.read(lambda tx: tx.get(Derivation, id))
        if found is None:
            raise missing("There is no such derivation here")
        return found

    async def _surveyed(self, path: str, known: set[str]) -> Surveyed:
        survey = self._shelf.derived.survey
        return await _reading(lambda: survey(path, known))

    async def _contents(self, path: str) -> Contents | None:
        contents = self._shelf.derived.contents
        return await _reading(lambda: contents(path))

    @staticmethod
    def _check_rebuilt(one: Derivation, surveyed: Surveyed, waiting: set[str]) -> None:
        if surveyed.codes & waiting:
            raise conflict("Somebody who stopped is still in the file", "still-in-it", "the file without their rows")
        if surveyed.contents.sha256 == one.digest:
            raise conflict("The file is what it was before", "unchanged", "the file made anew, or its deletion")

    async def _settle(
        self, actor: Actor, one: Derivation, standing: str, changes: dict[str, Any], codes: set[str]
    ) -> None:
        """Only for those who were known to have stopped when it was looked at; for who stops later it is asked anew."""
        now = self._context.clock()

        def command(tx: Transaction) -> None:
            tx.change(tx.get(Derivation, one.id) or one, changed_at=now, **changes)
            why = str(changes.get("why") or "")
            for object in _waiting(tx, one.id):
                if object.code in codes:
                    tx.change(object, standing=standing, why=why, settled_by=actor.account, erased_at=now)
                    stone = tx.get(Tombstone, object.agreement, object.code)
                    if stone is not None and stone.notice == object.notice and stone.answer == WAITING:
                        self._desk.settle(tx, stone)
            self._log(tx, f"derivation.{standing}", one, actor, {"sha256": changes.get("digest"), "why": why})
            tx.ring("received")
            tx.ring(ENDED)

        await self._context.store.write(command)

    def _log(self, tx: Transaction, kind: str, one: Derivation, actor: Actor, facts: dict[str, Any]) -> None:
        given = {name: value for name, value in facts.items() if value}
        self._context.log(tx, kind, one.id, {"agreement": one.agreement, "by": actor.entry, **given})

    def _rows(self, tx: Transaction) -> list[DerivationRow]:
        now = self._context.clock()
        return [_row(tx, one, now) for one in tx.find(Derivation, order="-registered_at")]


def _row(tx: Transaction, one: Derivation, now: datetime) -> DerivationRow:
    open_ones, over = _waiting(tx, one.id), ended_below(tx, one) if one.standing in ("kept", "rebuilt") else None
    stones = [stone for row in open_ones if (stone := tx.get(Tombstone, row.agreement, row.code)) is not None]
    days = [*(stone.deadline for stone in stones), *([over.erase_by] if over is not None else [])]
    starts = [*(stone.received_at for stone in stones), *([over.ended_at] if over is not None else [])]
    deadline, since = (min((day for day in some if day is not None), default=None) for some in (days, starts))
    why = one.why or ("the contract is over" if over is not None else "")
    why = why or next((row.why for row in open_ones if row.why), "")
    return DerivationRow(
        one.id, one.kind, one.name, one.path, one.agreement, parents_of(one, "transfers"),
        parents_of(one, "derivations"), one.by_row, one.standing, why, one.digest, one.registered_at,
        bool(open_ones) or over is not None, since, deadline, deadline is not None and deadline <= now,
    )  # fmt: skip


def _waiting(tx: Transaction, derivation: str) -> Sequence[ErasedObject]:
    return tx.find(ErasedObject, about=derivation, standing=WAITING)


def _people(tx: Transaction, one: Derivation) -> tuple[set[str], set[str]]:
    """Whose rows it may have, and who of those who stopped waits for it to be settled."""
    known, stones = known_below(tx, parents_below(tx, one))
    return known, stones | {row.code for row in _waiting(tx, one.id)}


def _sources(tx: Transaction, given: Registering) -> tuple[str, list[str]]:
    """The contract it is made under, and every transfer it goes back to. Raises Problem 404."""
    rows = [tx.get(ReceivedTransfer, id) for id in given.transfers]
    if None in rows:
        raise missing("There is no such transfer among those received here")
    found = [tx.get(Derivation, id) for id in given.derivations]
    if None in found:
        raise missing("There is no such derivation here")
    agreements = [one.agreement for one in (*rows, *found) if one is not None]
    below = transfers_below(tx.find(Derivation), given.derivations) if given.derivations else set()
    return agreements[0], sorted({*given.transfers, *below})


def _nobody_who_stopped(given: Registering, surveyed: Surveyed | None, stones: set[str]) -> None:
    """Nobody comes back by hand. Raises Problem 409."""
    seen = surveyed.codes if surveyed is not None else frozenset[str]()
    if stones & (seen | set(given.codes or ())):
        raise conflict("Somebody who stopped is in it: it cannot come in again", "tombstone", "it without their rows")
    told = given.codes is not None or (surveyed is not None and surveyed.by_row)
    if stones and not told and not given.current and not given.stays:
        raise conflict(
            "People of this data have stopped, and nobody can see whether they are in this", "people-unknown",
            "the word that it was made from the files as they are now (current), or the codes of the people in it",
        )  # fmt: skip


def _well_formed(given: Registering) -> Registering:
    """Raises Problem 400."""
    if given.kind not in KINDS:
        raise invalid("This is no kind of derived copy", "kind", f"one of {', '.join(KINDS)}")
    if not given.transfers and not given.derivations:
        raise invalid("It is not said what it was made of", "parents", "a transfer received here, or a derivation")
    if len(given.transfers) + len(given.derivations) > _MOST_PARENTS:
        raise invalid("It has too many parents", "parents", f"at most {_MOST_PARENTS}")
    if given.stays and (given.stays not in GROUNDS or given.kind != "result"):
        raise invalid("Only a result stays, as anonymous or published", "stays", " or ".join(GROUNDS))
    ground = _ground(given.ground) if given.stays else ""
    path = _path(given.path)
    name = given.name.strip() or PurePath(path).name
    if not 0 < len(name) <= 200:
        raise invalid("It has no name", "name", "1 to 200 characters")
    return replace(given, name=name, path=path, ground=ground)


def _path(path: str) -> str:
    """Raises Problem 400."""
    if path and (not PurePath(path).is_absolute() or "\0" in path or ".." in PurePath(path).parts):
        raise invalid("This is not a full path", "path", "a path that starts at the root")
    return path


def _ground(ground: str) -> str:
    words = " ".join(ground.split())
    if not 0 < len(words) <= _LONGEST_GROUND:
        raise invalid("A ground is missing", "ground", f"why it stays, in 1 to {_LONGEST_GROUND} characters")
    return words


async def _reading(look: Callable[[], T]) -> T:
    """In a thread; what the file system says no to is a refusal. Raises Problem 400."""
    try:
        return await asyncio.to_thread(look)
    except FileNotFoundError:
        raise invalid("There is no such file on this machine", "path", "the full path of a file") from None
    except (OSError, NotByRow) as fault:
        raise Problem(400, "invalid", "The file cannot be read", type(fault).__name__, "path") from None
