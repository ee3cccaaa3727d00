"""A segment as it would be made now: who in it may still leave, what of them, and which id that gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from connector.ports import Transaction
from connector.records import DecisionMade, Release, ReleaseSegment
from connector.services.chains import domain_of
from connector.services.context import Context
from connector.services.holding.versions import sequence_of
from connector.services.releasing.ahead import Reads
from connector.services.releasing.asked import Holding
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Subject
from connector.services.releasing.deciding import Judged, judge_people, without_facts
from connector.services.releasing.deltas import Carrying
from connector.services.releasing.selecting import Chosen, Selecting, Stretch, cut
from connector.services.releasing.validators import inputs_of, proof_of, validator
from connector.services.sealed import SealedInTransaction
from policy.canonical import Json, canonical
from policy.instants import instant


@dataclass(slots=True)
class Made:
    """One person's part of a segment."""

    stretch: Stretch
    subject: Subject
    chosen: Chosen


@dataclass(slots=True)
class Look:
    """What a segment holds now. `id` is empty when nobody is left; `fallen` says who is not, and why.

    `anew` are decisions that differ from those kept last for this release, with what they rest on. `reads` is what the
    parts were chosen from, and `under` what they were chosen by, where the look may serve again.
    """

    id: str
    parts: list[Made]
    fallen: dict[str, str]
    anew: list[Judged]
    reads: Reads | None = None
    under: object = None

    @property
    def subjects(self) -> dict[str, Subject]:
        """Who is in it."""
        return {one.stretch.person: one.subject for one in self.parts}

    def without_records(self) -> Look:
        """The same for handing over: what was chosen has been rendered, and would only take room."""
        parts = [replace(one, chosen=replace(one.chosen, records=[], identifiers=())) for one in self.parts]
        return replace(self, parts=parts, reads=None)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What another process saw when it looked at a segment: nothing of it has to be read again where it still holds.

    `inputs` are the digests of what was chosen of each stretch, `under` of what it was chosen by, `sequence` which
    change of the source was the last one before it was read.
    """

    inputs: tuple[str, ...]
    under: str
    sequence: int


@dataclass(slots=True)
class Looking:
    """Looks at the segments of one release."""

    context: Context
    contract: Contract
    release: Release
    carrying: Carrying

    async def at(self, row: ReleaseSegment, before: Look | Foreseen | None = None, reads: Reads | None = None) -> Look:
        """Everything of a segment, chosen anew; without those for whom something has changed that takes them out.

        What was chosen `before` is taken where it was chosen by the same from what is still the same. `reads` remembers
        what it is chosen from now.
        """
        holding, store = Holding.of(row), self.context.store
        now = self.context.clock()
        subjects, fallen, anew = await store.read(lambda tx: self._people(tx, holding, now))
        under = self._under(row, subjects)
        parts = []
        if isinstance(before, Foreseen):
            parts = await store.read(lambda tx: self._as_foreseen(tx, row, subjects, before))
        elif before is not None and before.reads is not None and before.under == under is not None:
            parts = before.parts if await store.read(before.reads.same) else []
        if parts:
            parts = [replace(one, subject=subjects[one.stretch.person]) for one in parts]
        else:
            parts = await self._parts(row, holding, subjects, reads)
        return Look(await store.read(lambda tx: self.named(tx, row, parts)), parts, fallen, anew, reads, under)

    async def _parts(
        self, row: ReleaseSegment, holding: Holding, subjects: dict[str, Subject], reads: Reads | None
    ) -> list[Made]:
        """Of each stretch what may leave, a read of the store for each: others read in between."""
        selecting = Selecting(self.contract, self.context.data.labeller)

        def choose(tx: Transaction, stretch: Stretch, subject: Subject) -> Chosen:
            through = cast("Transaction", reads.through(tx)) if reads is not None else tx
            return self._chosen(through, selecting, row, holding, stretch, subject)

        parts = []
        for stretch in holding.stretches:
            if (subject := subjects.get(stretch.person)) is not None:
                chosen = await self.context.store.read(
                    lambda tx, one=stretch, s=subject: choose(tx, one, s)  # type: ignore[misc]
                )
                parts.append(Made(stretch, subject, chosen))
        return parts

    def _under(self, row: ReleaseSegment, subjects: dict[str, Subject]) -> object:
        """What of each person is chosen by, beside what is read; None where labels are looked at, which others make."""
        residuals = {person: one.judged.decision.residual for person, one in subjects.items()}
        if any(one.asks_detail for one in residuals.values()):
            return None
        contract, codes = self.contract, {person: one.coder.code for person, one in subjects.items()}
        return (
            row.id, row.people, contract.source, contract.dataset, contract.belongs, contract.selected,
            contract.telling_gone, self.carrying.since, self.carrying.kinds, residuals, codes,
        )  # fmt: skip

    async def has_fallen(self, row: ReleaseSegment) -> bool:
        """Whether somebody in a segment may not leave any more."""
        holding, now = Holding.of(row), self.context.clock()
        _, fallen, _ = await self.context.store.read(lambda tx: self._people(tx, holding, now))
        return bool(fallen)

    async def foreseen(self, row: ReleaseSegment) -> tuple[Look, Foreseen]:
        """A segment as it is now, with what lets another process tell whether it still is."""
        source = self.contract.source
        sequence = await self.context.store.read(lambda tx: sequence_of(tx, source))  # before anything is chosen
        look = await self.at(row)
        inputs = tuple(inputs_of(one.chosen) for one in look.parts) if self._is_foreseeable(row, look.subjects) else ()
        return look, Foreseen(inputs, self._chosen_by(), sequence)

    def _as_foreseen(
        self, tx: Transaction, row: ReleaseSegment, subjects: Mapping[str, Subject], before: Foreseen
    ) -> list[Made]:
        """The parts of a segment, by their digests alone; none where they have to be chosen anew."""
        stretches = Holding.of(row).stretches
        if len(before.inputs) != len(stretches) or any(one.person not in subjects for one in stretches):
            return []
        if not self._is_foreseeable(row, subjects) or before.under != self._chosen_by():
            return []
        if before.sequence != sequence_of(tx, self.contract.source):
            return []
        return [
            Made(one, subjects[one.person], Chosen("", known=digest))
            for one, digest in zip(stretches, before.inputs, strict=True)
        ]

    def _is_foreseeable(self, row: ReleaseSegment, subjects: Mapping[str, Subject]) -> bool:
        """Whether it follows from the records of the source, and nothing else that could change without being named."""
        detailed = any(one.judged.decision.residual.asks_detail for one in subjects.values())
        return not (row.deletions or detailed or self.release.continues)

    def _chosen_by(self) -> str:
        """The digest of what decides which records are chosen, beside the decisions, which the id is made of."""
        contract, carrying = self.contract, self.carrying
        kinds = None if carrying.kinds is None else sorted(carrying.kinds)
        facts: Json = [
            contract.source, contract.dataset, contract.belongs.to_json(), contract.selected.to_json(),
            contract.telling_gone, carrying.since, kinds,
        ]  # fmt: skip
        return sha256(canonical(facts)).hexdigest()

    def named(self, tx: Transaction, row: ReleaseSegment, parts: list[Made]) -> str:
        """The id of a segment of these parts; empty when there are none."""
        if not parts:
            return ""
        proofs = [proof_of(one.subject.judged, one.subject.coder, one.chosen) for one in parts]
        keyed = self.context.vault.domain(domain_of(self.contract.agreement), SealedInTransaction(tx)).shared()
        return validator(keyed, self.contract, self.release, proofs, Holding.of(row).kind, row.deletions)

    def _people(
        self, tx: Transaction, holding: Holding, now: datetime
    ) -> tuple[dict[str, Subject], dict[str, str], list[Judged]]:
        """Who may leave, who may not and why, and which decisions are new."""
        people = holding.people
        judged = judge_people(tx, self.context, self.contract, people, now)
        before = _last(tx, self.release.id, people)
        domain = self.context.vault.domain(domain_of(self.contract.agreement), SealedInTransaction(tx))
        coders = domain.known_people(people)
        subjects, fallen, anew = dict[str, Subject](), dict[str, str](), list[Judged]()
        later = {one.person for one in holding.stretches if one.first}
        out = _taken_out(tx, self.release.id) if later else {}
        for one in judged:
            kept = before.get(one.person)
            if not self.contract.telling_gone and _differs(kept, one, now):
                anew.append(one)
            coder = coders.get(one.person)
            if not one.decision.permits:
                fallen[one.person] = one.reason
            elif coder is None:
                fallen[one.person] = "withdrawn"
            elif one.person in later and one.person in out:
                fallen[one.person] = out[one.person]
            elif one.person in later and kept is not None and kept["residual"] != one.decision.residual.to_json():
                # The first of their records may have been sent by another answer.
                fallen[one.person] = "consent-changed"
            else:
                subjects[one.person] = Subject(without_facts(one), coder)
        return subjects, fallen, anew

    def _chosen(
        self, tx: Transaction, selecting: Selecting, row: ReleaseSegment, holding: Holding, part: Stretch, one: Subject
    ) -> Chosen:
        if row.deletions:
            return self.carrying.gone(tx, selecting, part.person, one)
        chosen = self.carrying.choose(tx, selecting, part.person, one)
        records = cut(chosen.records, part, one.coder)
        if holding.kind:
            records = [record for record in records if record.kind == holding.kind]
        # What was held back of a person is counted where their records begin.
        return replace(chosen, records=records, withheld=chosen.withheld if not part.first else type(chosen.withheld)())


def _last(tx: Transaction, release: str, people: list[str]) -> Mapping[str, dict[str, Any]]:
    """The decision kept last for each of these people in a release."""
    rows = tx.find(DecisionMade, release=release, person=people, order="at")
    return {row.person: dict(row.decision or {}) for row in rows}


def _differs(kept: dict[str, Any] | None, judged: Judged, now: datetime) -> bool:
    """Whether a decision says something else than the one kept, or that one has run out."""
    if kept is None:
        return True
    until = kept["valid_until"]
    anew = judged.decision.to_json()
    return (until is not None and instant(until) <= now) or {**anew, "valid_until": until} != kept


def _taken_out(tx: Transaction, release: str) -> dict[str, str]:
    """Who was taken out of any segment of a release, and why: their other records stay here too."""
    return dict(one for row in tx.find(ReleaseSegment, release=release) for one in Holding.of(row).without)
