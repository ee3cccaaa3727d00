"""Changing the key this participant signs with (`concord vault rotate-key`), and ending the overlap afterwards.

From the moment of the change the new key signs everything. The key before it goes on counting for the overlap: others
verify with it what is under way, and learn the new one from our document, which lists both and is signed by the one
they know. Then it is retired and destroyed here; what it signed still verifies at whoever learned of its follower.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connector.identity.keys import fingerprint, shown
from connector.problems import conflict, invalid, missing
from connector.records import OwnKey
from connector.services.actors import Actor, require
from connector.services.own_keys import BELL, PARTICIPANT, OwnKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.identity.members import Member
    from connector.ports import Transaction
    from connector.services.context import Context

MOST = 4
"""Keys that may count at one time; a document holds no more than eight."""
LONGEST_DAYS = 365


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of ours. `standing` is signs, counts (until `retires_at`) or retired; the fingerprint is in groups."""

    id: str
    fingerprint: str
    standing: str
    made_at: datetime | None
    retires_at: datetime | None
    retired_at: datetime | None


class Rotation:
    """The operator's desk for signing keys."""

    def __init__(self, context: Context, keys: OwnKeys) -> None:
        self._context = context
        self._keys = keys
        self._turn = asyncio.Lock()

    async def rows(self, actor: Actor) -> list[KeyRow]:
        """Every key this participant has had, the newest first. Raises Problem 403."""
        require(actor, "operator")
        return await self._context.store.read(lambda tx: [self._row(row) for row in self._all(tx)])

    async def rotate(self, actor: Actor, days: int | None = None) -> KeyRow:
        """Sign with a new key from now on; the others go on counting for `days` (default: the setting).

        Raises Problem 400 for a number of days that is none, 403, 409 while four keys count.
        """
        require(actor, "operator")
        overlap = self._context.settings.key_overlap_days if days is None else days
        if not 1 <= overlap <= LONGEST_DAYS:
            raise invalid("The overlap cannot be that long", "days", f"1 to {LONGEST_DAYS} days")
        async with self._turn:
            id = await self._context.store.write(lambda tx: self._rotate(tx, actor, timedelta(days=overlap)))
            await self._take_up()
        return next(row for row in await self.rows(actor) if row.id == id)

    async def retire(self, actor: Actor, id: str) -> KeyRow:
        """End the overlap of one key now, since somebody else may have it. Raises Problem 403, 404, 409."""
        require(actor, "operator")

        def command(tx: Transaction) -> None:
            found = next((row for row in self._all(tx) if row.id == id), None)
            if found is None:
                raise missing("We have no such key")
            if found.retires_at is None:
                raise conflict("This key signs", accepted="the key before it; make a new one first")
            if found.retired_at is None:
                self._retire(tx, found, actor.entry)

        await self._context.store.write(command)
        async with self._turn:
            await self._take_up()
        return next(row for row in await self.rows(actor) if row.id == id)

    async def catch_up(self) -> float | None:
        """Take up what another process changed, retire what is due; returns the seconds until the next is due."""
        now = self._context.clock()
        astray = await self._context.store.read(lambda tx: bool(self._astray(tx.find(OwnKey), now)))
        if astray:
            await self._context.store.write(self._put_right)
        due = await self._context.store.read(lambda tx: [row.id for row in self._all(tx) if _is_due(row, now)])
        if due:
            await self._context.store.write(self._retire_due)
        async with self._turn:
            await self._take_up()
        rows = await self._context.store.read(lambda tx: tx.find(OwnKey, retired_at=None))
        next_at = min((row.retires_at for row in rows if row.retires_at is not None), default=None)
        return None if next_at is None else max(1.0, (next_at - now).total_seconds())

    def note(self, tx: Transaction, before: Member, now: Member) -> None:
        """Write down that a member shows another key."""
        body = {"fingerprint": now.fingerprint, "before": before.fingerprint, "keys": len(now.keys)}
        self._context.log(tx, "member.key-changed", now.id, body)

    def _rotate(self, tx: Transaction, actor: Actor, overlap: timedelta) -> str:
        now, rows = self._context.clock(), self._all(tx)
        counting = [row for row in rows if row.retired_at is None]
        if len(counting) >= MOST:
            raise conflict(f"{MOST} keys count already", accepted="once one of them is retired")
        made = self._keys.mint(max(row.number for row in rows) + 1)
        for row in counting:
            tx.put(replace(row, retires_at=row.retires_at or now + overlap))
        tx.add(made)
        body = {"fingerprint": fingerprint(self._keys.public_jwk(made)), "by": actor.entry}
        self._context.log(tx, "key.rotated", self._context.me.id, body)
        tx.ring(BELL)
        return made.id

    def _astray(self, rows: Sequence[OwnKey], now: datetime) -> list[OwnKey]:
        """Rows of an older copy of the store, put right: a destroyed key is retired, an earlier one gets an end."""
        newest, vault = max((row.number for row in rows), default=0), self._context.vault
        newest = max(newest, *vault.versions(PARTICIPANT), 0)
        until = now + timedelta(days=self._context.settings.key_overlap_days)
        found = []
        for row in (row for row in rows if row.retired_at is None):
            if vault.is_gone(row.id):
                found.append(replace(row, retires_at=row.retires_at or now, retired_at=now, sealed=b""))
            elif row.number < newest and row.retires_at is None:
                found.append(replace(row, retires_at=until))
        return found

    def _put_right(self, tx: Transaction) -> None:
        for row in self._astray(tx.find(OwnKey), self._context.clock()):
            tx.put(row)
            if row.retired_at is not None:
                body = {"fingerprint": fingerprint(self._keys.public_jwk(row))}
                self._context.log(tx, "key.retired", self._context.me.id, body)
        tx.ring(BELL)

    def _retire_due(self, tx: Transaction) -> None:
        now = self._context.clock()
        for row in self._all(tx):
            if _is_due(row, now):
                self._retire(tx, row)

    def _retire(self, tx: Transaction, row: OwnKey, by: dict[str, str] | None = None) -> None:
        tx.put(replace(row, retired_at=self._context.clock(), sealed=b""))
        body = {"fingerprint": fingerprint(self._keys.public_jwk(row)), **({"by": by} if by else {})}
        self._context.log(tx, "key.retired", self._context.me.id, body)
        tx.ring(BELL)

    async def _take_up(self) -> None:
        """Speak with the newest key from now on."""
        context = self._context
        await self._keys.load()
        if context.signer is not self._keys.present:
            context.signer = self._keys.present
            context.members.sign_with(context.signer)
        context.members.myself = self._keys.myself

    def _all(self, tx: Transaction) -> list[OwnKey]:
        """Every key, those the vault alone knows of too, the newest first."""
        rows = tx.find(OwnKey, order="number")
        return sorted([*rows, *self._keys.unwritten(rows)], key=lambda row: row.number, reverse=True)

    def _row(self, row: OwnKey) -> KeyRow:
        standing = "retired" if row.retired_at else "counts" if row.retires_at else "signs"
        digits = shown(fingerprint(self._keys.public_jwk(row)))
        return KeyRow(row.id, digits, standing, row.made_at, row.retires_at, row.retired_at)


def _is_due(row: OwnKey, now: datetime) -> bool:
    return row.retired_at is None and row.retires_at is not None and row.retires_at <= now
