"""Erasing somebody from what researchers made of the data: files by row are rewritten, the rest is told to people."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.dataplane.tally import NotByRow, Removed
from connector.ports import Transaction
from connector.records import Derivation, ErasedObject, ReceivedTransfer, Tombstone
from connector.services.context import Context
from connector.services.received.graph import reached
from connector.services.received.objects import (
    STAYS,
    WAITING,
    known_below,
    made,
    object_about,
    objects_of,
    parents_below,
    transfers_with,
)

if TYPE_CHECKING:
    from connector.dataplane.derived import DerivedFiles

log = logging.getLogger("concord.eraser")


@dataclass(frozen=True, slots=True)
class _Found:
    """What one derivation holds of a person, as far as it can be told."""

    standing: str
    lines: int = 0
    bytes: int = 0
    why: str = ""


class CopyEraser:
    """The part of the eraser that walks the graph of derived copies."""

    def __init__(self, context: Context, files: DerivedFiles) -> None:
        self._context = context
        self._files = files

    async def erase(self, stone: Tombstone) -> None:
        """Find what holds the person, note it, then rewrite what we can. Raises OSError: it is to be done again."""
        for one in await self._context.store.read(lambda tx: _new(tx, stone)):
            found = await asyncio.to_thread(self._look, one, stone.code)
            if found is not None:
                await self._context.store.write(lambda tx, one=one, found=found: _note(tx, stone, one, found))  # type: ignore[misc]
        for object in await self._context.store.read(lambda tx: _counted(tx, stone)):
            await self._rewrite(object)

    async def delete(self, agreements: Collection[str]) -> bool:
        """A contract is over: delete what was made under it where we may; whether nothing is left for people."""
        store = self._context.store
        for one in await store.read(lambda tx: _made_under(tx, agreements)):
            try:
                await asyncio.to_thread(self._files.delete, one.path)
            except NotByRow:
                continue
            await store.write(lambda tx, one=one: self._deleted(tx, one))  # type: ignore[misc]
        return not await store.read(lambda tx: _left(tx, agreements))

    def _deleted(self, tx: Transaction, one: Derivation) -> None:
        tx.change(tx.get(Derivation, one.id) or one, standing="erased", changed_at=self._context.clock())
        self._context.log(tx, "derivation.deleted", one.id, {"agreement": one.agreement})

    def _look(self, one: Derivation, code: str) -> _Found | None:
        """None when the person is not in it, as the file itself shows."""
        if one.standing == STAYS:
            return _Found(STAYS, why=one.why)
        if one.by_row:
            try:
                removed = self._files.count(one.path, [code])
            except NotByRow as why:
                return _Found(WAITING, bytes=self._size(one), why=str(why))
            return _Found("counted", removed.lines, removed.bytes) if removed.lines else None
        return _Found(WAITING, bytes=self._size(one))

    def _size(self, one: Derivation) -> int:
        try:
            contents = self._files.contents(one.path) if one.path else None
        except OSError:
            return 0
        return contents.bytes if contents is not None else 0

    async def _rewrite(self, object: ErasedObject) -> None:
        store = self._context.store
        one, known = await store.read(lambda tx: _with_people(tx, object.about))
        if one is None:
            return
        try:
            removed = await asyncio.to_thread(self._files.erase, one.path, [object.code], known)
        except NotByRow as why:
            log.warning("a derived file is for people to rebuild", extra={"derivation": one.id})
            reason = str(why)
            await store.write(lambda tx: tx.change(object, standing=WAITING, why=reason))
            return
        await store.write(lambda tx: self._rewritten(tx, object, removed))

    def _rewritten(self, tx: Transaction, object: ErasedObject, removed: Removed) -> None:
        now, one = self._context.clock(), tx.get(Derivation, object.about)
        if one is not None and removed.left is not None:
            codes = _without(one, object.code)
            tx.change(one, digest=removed.left.sha256, changed_at=now, standing="rebuilt", codes=codes)
        tx.change(object, standing="erased", erased_at=now)
        digest = removed.left.sha256 if removed.left is not None else None
        self._context.log(
            tx, "derivation.rewritten", object.about,
            {"notice": object.notice, "lines": object.lines, "sha256": digest},
        )  # fmt: skip


def _made_under(tx: Transaction, agreements: Collection[str]) -> list[Derivation]:
    """Files made of nothing but what came under these agreements, which have to go with them."""
    return [one for one in _left(tx, agreements) if one.path and _agreements(tx, one) <= {*agreements}]


def _left(tx: Transaction, agreements: Collection[str]) -> list[Derivation]:
    """What was made under these agreements and is neither gone nor stays on a ground."""
    standing = tx.find(Derivation, standing=["kept", "rebuilt"])
    return [one for one in standing if _agreements(tx, one) & {*agreements}]


def _agreements(tx: Transaction, one: Derivation) -> set[str]:
    rows = (tx.get(ReceivedTransfer, transfer) for transfer in parents_below(tx, one))
    return {row.agreement for row in rows if row is not None}


def _new(tx: Transaction, stone: Tombstone) -> list[Derivation]:
    """What may hold the person and was not looked at yet."""
    below = reached(
        tx.find(Derivation, order="registered_at"), transfers_with(tx, stone.agreement, stone.code), stone.code
    )
    return [one for one in below if one.standing != "erased" and object_about(tx, stone.notice, one.id) is None]


def _note(tx: Transaction, stone: Tombstone, one: Derivation, found: _Found) -> None:
    if object_about(tx, stone.notice, one.id) is None:
        tx.add(
            made(
                stone, one.kind, one.id, standing=found.standing, lines=found.lines, bytes=found.bytes, why=found.why
            )
        )  # fmt: skip
        tx.ring("received")


def _counted(tx: Transaction, stone: Tombstone) -> list[ErasedObject]:
    rows = objects_of(tx, stone.notice)
    return [row for row in rows if row.standing == "counted" and row.kind not in ("received", "opaque")]


def _with_people(tx: Transaction, derivation: str) -> tuple[Derivation | None, set[str]]:
    one = tx.get(Derivation, derivation)
    if one is None:
        return None, set()
    known, stones = known_below(tx, parents_below(tx, one))
    # Others who stopped may be in it still: each of them is taken out under a notice of their own.
    return one, known | stones


def _without(one: Derivation, code: str) -> dict[str, list[str]] | None:
    if one.codes is None:
        return None
    return {"codes": [known for known in one.codes.get("codes", []) if known != code]}
