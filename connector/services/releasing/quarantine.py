"""Quarantine: what a leak check held back is kept sealed, so that somebody can see what the profile missed.

The lines are sealed by the vault under a key of their own, bound to this quarantine. Everybody on the desk may read
where something was found (kind of record, element path), how often and when; never what. Only a data protection officer
opens the lines, with a reason that the log keeps. They are destroyed when somebody clears the quarantine, and when
their time (`quarantine_days`) is over in any case.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.ports import Place, Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Quarantined
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id

BOX = "quarantine"
LONGEST = 1000
TIME_IS_OVER = "Its time was over"
THEY_STOPPED = "The person wants it deleted"
_MOST_PLACES = 100
_MOST_ROWS = 500
_FAST = 1


@dataclass(frozen=True, slots=True)
class FoundAt:
    """Where identifiers were found: how they were written, in which kind of record, at which element, how often."""

    kind: str
    resource_type: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One person's lines held back from one release. `standing`: held or cleared; it never says who or what."""

    id: str
    release: str
    agreement: str
    held_at: datetime | None
    until: datetime | None
    standing: str
    resources: int
    finds: int
    places: list[FoundAt]
    cleared_at: datetime | None
    cleared_by: str
    cleared_why: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The lines as they would have left."""

    id: str
    lines: list[str]


def hold(
    tx: Transaction, context: Context, release: str, agreement: str, person: str,
    lines: Iterable[bytes], places: Iterable[Place],
) -> str:  # fmt: skip
    """Keep these lines of a person sealed and log `release.leak`; returns the quarantine's id.

    Rendered again, the same release meets the same leak: what is held of this person already is not held twice.
    """
    known = tx.find(Quarantined, release=release, person=person, limit=1)
    if known:
        return known[0].id
    kept, counts, id = list(lines), Counter(places), new_id()
    now = context.clock()
    found = [{**place._asdict(), "count": count} for place, count in counts.most_common(_MOST_PLACES)]
    held = Quarantined(
        id=id, release=release, agreement=agreement, person=person, places={"places": found}, resources=len(kept),
        sealed=context.vault.box(BOX).seal(id, zlib.compress(b"".join(kept), _FAST)), held_at=now,
        until=now + timedelta(days=context.settings.quarantine_days),
    )  # fmt: skip
    tx.add(held)
    kinds = Counter(place.kind for place in counts.elements())
    context.log(
        tx, "release.leak", release,
        {"release": release, "agreement": agreement, "quarantine": id, "resources": len(kept), "found": dict(kinds)},
    )  # fmt: skip
    return id


class Quarantine:
    """Reading what is held, opening it, and destroying it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def rows(self, actor: Actor) -> list[QuarantineRow]:
        """Everything held or cleared: what is held first, newest first."""
        require(actor, "steward", "dpo")

        def query(tx: Transaction) -> list[QuarantineRow]:
            found = [_row(one) for one in tx.find(Quarantined, order="-held_at", limit=_MOST_ROWS)]
            return sorted(found, key=lambda row: row.standing != "held")

        return await self._context.store.read(query)

    async def row(self, actor: Actor, id: str) -> QuarantineRow:
        """One of them. Raises Problem 404."""
        require(actor, "steward", "dpo")
        return await self._context.store.read(lambda tx: _row(_known(tx, id)))

    async def open(self, actor: Actor, id: str, reason: str) -> Opened:
        """The lines, for an officer with a reason; the log keeps both. Raises Problem 400, 403, 404, 409."""
        require(actor, "dpo")
        why = _checked(reason)

        def command(tx: Transaction) -> bytes:
            held = _held(tx, id)
            self._note(tx, "opened", held, actor, why)
            return held.sealed

        sealed = await self._context.store.write(command)
        lines = zlib.decompress(self._context.vault.box(BOX).open(id, sealed))
        return Opened(id, lines.decode("utf-8", "replace").splitlines())

    async def clear(self, actor: Actor, id: str, reason: str) -> QuarantineRow:
        """Destroy the sealed lines: somebody looked into it. Raises Problem 400, 403, 404, 409."""
        require(actor, "steward", "dpo")
        why = _checked(reason)

        def command(tx: Transaction) -> QuarantineRow:
            held = _held(tx, id)
            self._note(tx, "cleared", held, actor, why)
            return _row(_destroyed(tx, held, self._context.clock(), actor.account, why))

        return await self._context.store.write(command)

    def _note(self, tx: Transaction, what: str, held: Quarantined, actor: Actor, why: str) -> None:
        self._context.log(
            tx, f"quarantine.{what}", held.release,
            {"quarantine": held.id, "release": held.release, "agreement": held.agreement, "reason": why, **actor.entry},
        )  # fmt: skip


async def destroy_overdue(context: Context) -> int:
    """Destroy what has been held for as long as it may be; returns how many."""
    now = context.clock()

    def command(tx: Transaction) -> int:
        overdue = tx.find(Quarantined, standing="held", until__le=now, limit=_MOST_ROWS)
        for held in overdue:
            _destroyed(tx, held, now, "", TIME_IS_OVER)
            context.log(
                tx, "quarantine.cleared", held.release,
                {"quarantine": held.id, "release": held.release, "agreement": held.agreement, "reason": TIME_IS_OVER},
            )  # fmt: skip
        return len(overdue)

    return await context.store.write(command)


def destroy_of(tx: Transaction, context: Context, person: str) -> None:
    """Destroy what is held of somebody who wants their data deleted; part of the caller's transaction."""
    now = context.clock()
    for held in tx.find(Quarantined, person=person, standing="held"):
        _destroyed(tx, held, now, "", THEY_STOPPED)


def _destroyed(tx: Transaction, held: Quarantined, at: datetime, by: str, why: str) -> Quarantined:
    return tx.change(held, standing="cleared", sealed=b"", cleared_at=at, cleared_by=by, cleared_why=why)


def _known(tx: Transaction, id: str) -> Quarantined:
    found = tx.get(Quarantined, id)
    if found is None:
        raise missing("There is no such quarantine here")
    return found


def _held(tx: Transaction, id: str) -> Quarantined:
    found = _known(tx, id)
    if found.standing != "held":
        raise conflict("What was held back here is destroyed already")
    return found


def _checked(reason: str) -> str:
    why = reason.strip()
    if not why or len(why) > LONGEST:
        raise invalid("A reason is missing, or too long", "/reason", f"1 to {LONGEST} characters; nobody's name in it")
    return why


def _row(held: Quarantined) -> QuarantineRow:
    places = [FoundAt(**one) for one in (held.places or {}).get("places", ())]
    return QuarantineRow(
        held.id, held.release, held.agreement, held.held_at, held.until, held.standing, held.resources,
        sum(one.count for one in places), places, held.cleared_at, held.cleared_by, held.cleared_why,
    )  # fmt: skip
