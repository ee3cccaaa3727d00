"""The course of one release: who is in it, and each hand-over, durable and logged before its bytes are sent.

A hand-over happens inside the release gate. Its transaction looks once more, at the committed state, whether the
transfer is open and each person's decision still stands; then it notes who received what and up to where. Only when
that is durable are the bytes given to the server, which by then has room for them: so the gate is held for one commit
and one write into a socket's buffer, never for a slow reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from connector.dataplane.framing import Part, joined
from connector.ports import PersonCoder, Transaction
from connector.problems import Problem
from connector.records import HandedOver, Release
from connector.services.chains import domain_of
from connector.services.context import Context
from connector.services.gate import under
from connector.services.releasing.contract import Contract
from connector.services.releasing.deciding import Judged, bases_of, judge_people, keep
from connector.services.sealed import SealedInTransaction

_LOOK_AGAIN = 0.05
_SEND_PATIENCE = 2.0
"""Seconds the server may take for bytes it has room for; after that the connection is cut."""
_READER_PATIENCE = 300.0
"""Seconds a reader may take nothing at all."""


class Sink(Protocol):
    """Where the bytes go: the body of one HTTP answer."""

    def ready(self) -> Awaitable[bool]:
        """Wait until the server has room for a chunk; False when the reader is gone. Can be cancelled."""
        ...

    def send(self, data: bytes) -> Awaitable[None]:
        """Hand over; returns when the server has taken the bytes, which is at once after `ready`."""
        ...

    def gone(self) -> Awaitable[None]:
        """Wait until the reader is gone. Can be cancelled."""
        ...


GONE = "gone"


class Over(Exception):
    """The release goes no further. `standing`: ended (transfer, contract or member), or broken (reader, shutdown).

    Of a segment also gone: somebody in it may not leave any more, and it is handed over no further as it is. `refused`
    before the first byte, with the `problem` that whoever asked is told.
    """

    def __init__(self, standing: str, problem: Problem | None = None) -> None:
        super().__init__(standing)
        self.standing = standing
        self.problem = problem


@dataclass(slots=True)
class Subject:
    """One person in a running release. `fallen` is the code of the reason that took them out of it."""

    judged: Judged
    coder: PersonCoder
    resources: int = 0
    fallen: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is handed over at once: at most one chunk of bytes, and whose they are.

    `records` says how many whole records of each person are in it, 0 where it holds but a part of one; `parts` counts
    the stretches of people, for the log.
    """

    data: bytes
    records: Mapping[str, int]
    parts: int

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Piece:
        """The parts as one piece."""
        records: dict[str, int] = {}
        for part in parts:
            records[part.person] = records.get(part.person, 0) + len(part.lines)
        return cls(joined(parts), records, len(parts))


class Book(Protocol):
    """How a hand-over is counted, in its transaction."""

    def note(self, tx: Transaction, course: Course, piece: Piece, now: datetime) -> tuple[Release, dict[str, Any]]:
        """Note who received what; returns the release as it is then, and what its log entry says more."""
        ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a hand-over's transaction did: handed over (`release` says up to where), or took people out instead."""

    release: Release
    renewed: dict[str, Judged]
    fallen: dict[str, str]


@dataclass(slots=True)
class Course:
    """One running release."""

    context: Context
    contract: Contract
    release: Release
    sink: Sink
    still_open: Callable[[Transaction], bool]
    subjects: dict[str, Subject] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    digest: Any = field(default_factory=sha256)

    async def room(self) -> None:
        """Wait until the server takes another chunk. Raises Over."""
        ready, stop = asyncio.ensure_future(self.sink.ready()), asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({ready, stop}, timeout=_READER_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if self.stopping.is_set() or not ready.done() or not ready.result():
                raise Over("broken")
        finally:
            ready.cancel()
            stop.cancel()

    async def hand_over(self, parts: Sequence[Part], upto: int | None = None) -> None:
        """Hand over what of these parts may still leave, as one chunk. Raises Over.

        `upto` is the new offset where offsets are not bytes (the number of a stream's last point).
        """
        while remaining := [part for part in parts if not self.subjects[part.person].fallen]:
            piece = Piece.of(remaining)
            if await self._attempt(piece, _Growing(upto)):
                for person, count in piece.records.items():
                    self.subjects[person].resources += count
                return

    async def hand_over_whole(self, piece: Piece, book: Book) -> None:
        """Hand over all of this or nothing. Raises Over: also (`gone`) when somebody in it may not leave any more."""
        while not await self._attempt(piece, book):
            if any(self.subjects[person].fallen for person in piece.records):
                raise Over(GONE)

    async def send_unlogged(self, data: bytes) -> None:
        """Send what is about nobody, such as a sign of life. Raises Over."""
        await self.room()
        await self._send(data)

    async def _attempt(self, piece: Piece, book: Book) -> bool:
        """Once the server has room: whether it was handed over; if not, somebody fell, or is being stopped."""
        await self.room()
        keys = {(person, self.contract.study) for person in piece.records} | {under(self.contract.agreement.id)}
        async with self.context.gate.hand_over(keys) as allowed:
            if allowed == keys:
                return await self._commit_and_send(piece, book)
        # Somebody (or the contract) is being stopped right now: look again when that is committed, or given up.
        await self.context.bells.wait("consents", timeout=_LOOK_AGAIN)
        return False

    async def _commit_and_send(self, piece: Piece, book: Book) -> bool:
        """Whether the piece was handed over; if not, somebody in it has fallen."""
        outcome = await self.context.store.write(lambda tx: self._command(tx, piece, book))
        self.release = outcome.release
        for person, judged in outcome.renewed.items():
            self.subjects[person].judged = judged
        for person, reason in outcome.fallen.items():
            self.subjects[person].fallen = reason
        if outcome.fallen:
            return False
        await self._send(piece.data)
        self.digest.update(piece.data)
        return True

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_PATIENCE):
                await self.sink.send(data)
        except TimeoutError:
            raise Over("broken") from None

    def _command(self, tx: Transaction, piece: Piece, book: Book) -> _Outcome:
        now = self.context.clock()
        if not self.still_open(tx):
            raise Over("ended")
        renewed, fallen = self._look_again(tx, sorted(piece.records), now)
        if fallen:
            return _Outcome(self._take_out(tx, len(fallen), now), renewed, fallen)
        release, told = book.note(tx, self, piece, now)
        self._save(tx, release)
        self.context.log(
            tx, "release.chunk", release.id,
            {"release": release.id, "sequence": release.chunks, "offset": release.offset, "bytes": len(piece.data),
             "sha256": sha256(piece.data).hexdigest(), "parts": piece.parts, **told},
        )  # fmt: skip
        return _Outcome(release, renewed, fallen)

    def _look_again(
        self, tx: Transaction, people: Sequence[str], now: datetime
    ) -> tuple[dict[str, Judged], dict[str, str]]:
        """Decide anew about whoever's decision may no longer stand; returns who stays in, and who falls and why."""
        bases = bases_of(tx, self.context, self.contract, people, now)
        changed = [person for person in people if not self._stands(person, bases[person], now)]
        renewed: dict[str, Judged] = {}
        fallen: dict[str, str] = {}
        for judged in judge_people(tx, self.context, self.contract, changed, now) if changed else ():
            keep(tx, self.contract, self.release.id, [judged])
            before = self.subjects[judged.person].judged.decision
            if not judged.decision.permits:
                fallen[judged.person] = judged.reason
            elif judged.decision.residual != before.residual:
                fallen[judged.person] = "consent-changed"
            else:
                renewed[judged.person] = judged
        domain = self.context.vault.domain(domain_of(self.contract.agreement), SealedInTransaction(tx))
        known = domain.known_people(people)
        for person in people:
            coder = known.get(person)
            if coder is None or coder.code != self.subjects[person].coder.code:
                fallen.setdefault(person, "withdrawn")
        return renewed, fallen

    def _stands(self, person: str, basis: object, now: datetime) -> bool:
        judged = self.subjects[person].judged
        until = judged.decision.valid_until
        return judged.basis == basis and (until is None or now < until)

    def _take_out(self, tx: Transaction, count: int, now: datetime) -> Release:
        # As it stands: a segment that was made anew meanwhile may have noted somebody too.
        release = taken_out(tx, self.context, tx.get(Release, self.release.id) or self.release, count, now)
        self._save(tx, release)
        return release

    def _save(self, tx: Transaction, release: Release) -> None:
        """Raises Over when somebody else ended the release."""
        changes = {name: getattr(release, name) for name in _MOVING}
        if not tx.alter(Release, changes, id=release.id, standing="running"):
            raise Over("ended")


@dataclass(frozen=True, slots=True)
class _Growing:
    """Counts a body that only grows: every chunk follows the one before."""

    upto: int | None

    def note(self, tx: Transaction, course: Course, piece: Piece, now: datetime) -> tuple[Release, dict[str, Any]]:
        """See `Book`."""
        release, size = course.release, len(piece.data)
        known = received(tx, course.contract, piece.records)
        for person, count in piece.records.items():
            row = known.get(person)
            # Of another release of this agreement that runs beside this one the row tells nothing about this one.
            before = row.resources if row is not None and row.release == release.id else 0
            before = max(before, course.subjects[person].resources)
            note_received(tx, course.contract, release.id, row, person, before + count, now)
        return replace(
            release, offset=release.offset + size if self.upto is None else self.upto, bytes=release.bytes + size,
            chunks=release.chunks + 1, resources=release.resources + sum(piece.records.values()),
            people=release.people + sum(course.subjects[person].resources == 0 for person in piece.records),
        ), {}  # fmt: skip


def received(tx: Transaction, contract: Contract, people: Iterable[str]) -> dict[str, HandedOver]:
    """What this recipient has of these people, by person."""
    return {row.person: row for row in tx.find(HandedOver, agreement=contract.agreement.id, person=sorted(people))}


def note_received(
    tx: Transaction, contract: Contract, release: str, row: HandedOver | None, person: str, count: int, now: datetime
) -> None:
    """So many records of a person were received in this release: from here on a withdrawal reaches this recipient."""
    row = row or HandedOver(agreement=contract.agreement.id, person=person, first_at=now)
    tx.put(
        replace(
            row, study=contract.study, recipient=contract.recipient, release=release, resources=count, last_at=now
        )
    )  # fmt: skip


def taken_out(tx: Transaction, context: Context, release: Release, count: int, now: datetime) -> Release:
    """The release, with the note that somebody was dropped on the way, and when: never who. Logged, not saved."""
    at = now.isoformat()
    dropped = [*(release.dropped or {}).get("at", []), *[at] * count]
    kind = "stream" if release.kind == "stream" else "release"
    for _ in range(count):
        context.log(tx, f"{kind}.person-dropped", release.id, {"release": release.id, "at": at})
    return replace(release, dropped={"at": dropped})


_MOVING = ("offset", "bytes", "chunks", "people", "resources", "dropped")
