"""The course of one release: who is in it, and each hand-over, durable and logged before its bytes are sent.

A hand-over happens inside the release gate. Its transaction looks once more, at the committed state, whether the
transfer is open and each person's decision still stands; then it notes who received what and up to where. Only when
that is durable are the bytes given to the server, which by then has room for them: so the gate is held for one commit
and one write into a socket's buffer, never for a slow reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from connector.dataplane.framing import Part, joined
from connector.ports import PersonCoder, Transaction
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


class Over(Exception):
    """The release goes no further. `standing`: ended (transfer, contract or member), or broken (reader, shutdown)."""

    def __init__(self, standing: str) -> None:
        super().__init__(standing)
        self.standing = standing


@dataclass(slots=True)
class Subject:
    """One person in a running release. `fallen` is the code of the reason that took them out of it."""

    judged: Judged
    coder: PersonCoder
    resources: int = 0
    fallen: str = ""


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
            await self.room()
            keys = {(part.person, self.contract.study) for part in remaining} | {under(self.contract.agreement.id)}
            async with self.context.gate.hand_over(keys) as allowed:
                if allowed == keys and await self._commit_and_send(remaining, upto):
                    return
            if allowed != keys:
                # Somebody (or the contract) is being stopped right now: look again when that is committed, or given up.
                await self.context.bells.wait("consents", timeout=_LOOK_AGAIN)

    async def send_unlogged(self, data: bytes) -> None:
        """Send what is about nobody, such as a sign of life. Raises Over."""
        await self.room()
        await self._send(data)

    async def _commit_and_send(self, parts: Sequence[Part], upto: int | None) -> bool:
        """Whether the parts were handed over; if not, somebody in them has fallen."""
        data = joined(parts)
        outcome = await self.context.store.write(lambda tx: self._command(tx, parts, data, upto))
        self.release = outcome.release
        for person, judged in outcome.renewed.items():
            self.subjects[person].judged = judged
        for person, reason in outcome.fallen.items():
            self.subjects[person].fallen = reason
        if outcome.fallen:
            return False
        await self._send(data)
        self.digest.update(data)
        for part in parts:
            self.subjects[part.person].resources += len(part.lines)
        return True

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_PATIENCE):
                await self.sink.send(data)
        except TimeoutError:
            raise Over("broken") from None

    def _command(self, tx: Transaction, parts: Sequence[Part], data: bytes, upto: int | None) -> _Outcome:
        now = self.context.clock()
        if not self.still_open(tx):
            raise Over("ended")
        people = sorted({part.person for part in parts})
        renewed, fallen = self._look_again(tx, people, now)
        if fallen:
            return _Outcome(self._take_out(tx, len(fallen), now), renewed, fallen)
        self._note(tx, parts, now)
        release = replace(
            self.release, offset=self.release.offset + len(data) if upto is None else upto,
            bytes=self.release.bytes + len(data), chunks=self.release.chunks + 1,
            people=self.release.people + sum(self.subjects[person].resources == 0 for person in people),
            resources=self.release.resources + sum(len(part.lines) for part in parts),
        )  # fmt: skip
        self._save(tx, release)
        self.context.log(
            tx, "release.chunk", release.id,
            {"release": release.id, "sequence": release.chunks, "offset": release.offset, "bytes": len(data),
             "sha256": sha256(data).hexdigest(), "parts": len(parts)},
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
        for person in people:
            coder = domain.known(person)
            if coder is None or coder.code != self.subjects[person].coder.code:
                fallen.setdefault(person, "withdrawn")
        return renewed, fallen

    def _stands(self, person: str, basis: object, now: datetime) -> bool:
        judged = self.subjects[person].judged
        until = judged.decision.valid_until
        return judged.basis == basis and (until is None or now < until)

    def _take_out(self, tx: Transaction, count: int, now: datetime) -> Release:
        """Note that somebody was dropped on the way, and when: never who."""
        at = now.isoformat()
        dropped = [*(self.release.dropped or {}).get("at", []), *[at] * count]
        release = replace(self.release, dropped={"at": dropped})
        self._save(tx, release)
        kind = "stream" if release.kind == "stream" else "release"
        for _ in range(count):
            self.context.log(tx, f"{kind}.person-dropped", release.id, {"release": release.id, "at": at})
        return release

    def _note(self, tx: Transaction, parts: Sequence[Part], now: datetime) -> None:
        """Who received what: from here on a withdrawal reaches this recipient."""
        agreement, counts = self.contract.agreement.id, dict[str, int]()
        for part in parts:
            counts[part.person] = counts.get(part.person, 0) + len(part.lines)
        known = {row.person: row for row in tx.find(HandedOver, agreement=agreement, person=sorted(counts))}
        for person, count in counts.items():
            row = known.get(person) or HandedOver(agreement=agreement, person=person, first_at=now)
            before = row.resources if row.release == self.release.id else 0
            tx.put(
                replace(
                    row, study=self.contract.study, recipient=self.contract.recipient, release=self.release.id,
                    resources=before + count, last_at=now,
                )
            )  # fmt: skip

    def _save(self, tx: Transaction, release: Release) -> None:
        """Raises Over when somebody else ended the release."""
        changes = {name: getattr(release, name) for name in _MOVING}
        if not tx.alter(Release, changes, id=release.id, standing="running"):
            raise Over("ended")


_MOVING = ("offset", "bytes", "chunks", "people", "resources", "dropped")
