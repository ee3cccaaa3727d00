"""The plan of a release in segments: everybody is decided about, then who may leave is cut into pieces of a few MB.

Nothing is rendered for a plan. It is kept in one transaction, so that a process that dies leaves a whole plan or none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from connector.ports import Transaction
from connector.records import Release, ReleaseSegment
from connector.services.chains import domain_of
from connector.services.context import Context
from connector.services.releasing.asked import Asked, Holding
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Over, Subject
from connector.services.releasing.deltas import Carrying
from connector.services.releasing.selecting import Chosen, Record, Selecting, Stretch
from connector.services.releasing.validators import Keyed, Proof, proof_of, validator
from connector.services.sealed import SealedInTransaction

TARGET = 4 * 1024 * 1024
"""Bytes of records in a segment, before they are rendered."""
MOST_PEOPLE = 400
"""People in a segment: as many as one statement may ask about."""


@dataclass(slots=True)
class _Cut:
    """One segment in the making."""

    kind: str = ""
    deletions: bool = False
    stretches: list[Stretch] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    size: int = 0


class Planning:
    """Makes the plan of one release."""

    def __init__(
        self,
        context: Context,
        contract: Contract,
        release: Release,
        asked: Asked,
        carrying: Carrying,
        keyed: Keyed,
        stopping: asyncio.Event,
    ) -> None:
        self._context = context
        self._contract = contract
        self._release = release
        self._asked = asked
        self._carrying = carrying
        self._keyed = keyed
        self._stopping = stopping
        self._open: dict[str, _Cut] = {}
        self._done: list[_Cut] = []

    async def run(self, subjects: dict[str, Subject], gone: dict[str, Subject]) -> None:
        """Cut everybody (in the order of their codes) and keep the plan; of who is `gone` only that they are.

        Raises Over when the release ended.
        """
        selecting = Selecting(self._contract, self._context.data.labeller)
        for person, subject in subjects.items():
            if self._stopping.is_set():
                raise Over("broken")
            chosen, lost = await self._context.store.read(
                lambda tx, p=person, s=subject: (  # type: ignore[misc]
                    self._carrying.choose(tx, selecting, p, s), self._carrying.gone(tx, selecting, p, s)
                )
            )  # fmt: skip
            self._add(person, subject, chosen)
            self._gone(subject, person, lost)
        for person, subject in gone.items():
            lost = await self._context.store.read(
                lambda tx, p=person, s=subject: self._carrying.gone(tx, selecting, p, s)  # type: ignore[misc]
            )
            self._gone(subject, person, lost)
        for cut in self._open.values():
            self._done.append(cut)
        await self._context.store.write(self._keep)

    def _add(self, person: str, subject: Subject, chosen: Chosen) -> None:
        for kind, stretch, records in stretches(person, chosen.records, by_kind=self._asked.export):
            self._put(kind, subject, replace(chosen, records=records), stretch)

    def _gone(self, subject: Subject, person: str, lost: Chosen) -> None:
        if lost.records:
            self._put("", subject, lost, Stretch(person), deletions=True)

    def _put(self, kind: str, subject: Subject, chosen: Chosen, stretch: Stretch, *, deletions: bool = False) -> None:
        name = "-deletions" if deletions else kind
        size = sum(len(one.body) for one in chosen.records)
        cut = self._open.get(name)
        if cut is not None and (cut.size + size > TARGET or len(cut.stretches) >= MOST_PEOPLE):
            self._done.append(self._open.pop(name))
            cut = None
        if cut is None:
            cut = self._open[name] = _Cut(kind, deletions)
        cut.stretches.append(stretch)
        cut.proofs.append(proof_of(subject.judged, subject.coder, chosen))
        cut.size += size

    def _keep(self, tx: Transaction) -> None:
        release = self._release
        changes: dict[str, object] = {"asked": self._asked.json()}
        if not tx.alter(Release, changes, id=release.id, standing="running"):
            raise Over("ended")
        ordered = sorted(self._done, key=lambda cut: (cut.deletions, cut.kind))  # within a kind: as they were made
        for number, cut in enumerate(ordered, 1):
            holding = Holding(tuple(cut.stretches), number, cut.kind)
            tx.add(
                ReleaseSegment(
                    release=release.id, number=number, deletions=cut.deletions, people=holding.json(),
                    id=validator(self._keyed, self._contract, release, cut.proofs, cut.kind, cut.deletions),
                )
            )  # fmt: skip
        self._context.log(
            tx, "release.planned", release.id,
            {"release": release.id, "segments": len(ordered), "format": release.format},
        )  # fmt: skip


def stretches(person: str, records: list[Record], *, by_kind: bool) -> Iterator[tuple[str, Stretch, list[Record]]]:
    """A person's records as stretches of at most a segment's size; with `by_kind` each of one kind, named first."""
    pieces: list[tuple[str, list[Record]]] = []
    size = 0
    for one in records:
        kind = one.kind if by_kind else ""
        if not pieces or pieces[-1][0] != kind or size + len(one.body) > TARGET:
            pieces.append((kind, []))
            size = 0
        pieces[-1][1].append(one)
        size += len(one.body)
    for number, (kind, some) in enumerate(pieces):
        begins = number == 0 or pieces[number - 1][0] != kind
        ends = number + 1 == len(pieces) or pieces[number + 1][0] != kind
        first = f"{kind}/" if by_kind and number else ""
        last = None if ends else _name(pieces[number + 1][1][0])
        yield kind, Stretch(person, first if begins else _name(some[0]), last), some


def _name(record: Record) -> str:
    return f"{record.kind}/{record.id}"


def keyed_of(context: Context, contract: Contract, tx: Transaction) -> Keyed:
    """What the ids of a contract's segments are made with."""
    return context.vault.domain(domain_of(contract.agreement), SealedInTransaction(tx)).shared()
