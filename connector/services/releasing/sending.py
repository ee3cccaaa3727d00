"""Handing over one segment, or a range of it, and counting that once however often it is fetched.

How far a segment has come is kept with it: the first bytes that were handed over without a gap. Only what goes beyond
is counted; when that is all of it, the segment is sent, and its people's wallets are told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Release, ReleaseSegment
from connector.services.context import Context
from connector.services.releasing import uses
from connector.services.releasing.asked import Holding, in_order
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import GONE, Course, Over, Piece, Subject, note_received, received
from connector.services.releasing.looking import Made
from connector.services.releasing.rendering import Copy

_FOLLOWING = 64


@dataclass(frozen=True, slots=True)
class Earlier:
    """What left before a segment: bytes of all sent ones, of those that stand before it, records by person.

    `following` are the ids of those that come next and were not sent, the first few of them.
    That is read from the release's own segments: what is noted of a person (`HandedOver`) is of one release, the last,
    and two transfers of one agreement may run at once.
    """

    sent: int
    place: int
    records: dict[str, int]
    following: tuple[str, ...] = ()

    @classmethod
    def of(cls, tx: Transaction, row: ReleaseSegment) -> Earlier:
        """As it stands now."""
        sent, place, following = 0, 0, list[str]()
        before, mine, records = True, set(Holding.of(row).people), dict[str, int]()
        for one in in_order(tx.find(ReleaseSegment, release=row.release)):
            if not before and one.standing == "open" and len(following) < _FOLLOWING:
                following.append(one.id)
            before = before and one.number != row.number
            sent += one.bytes
            place += one.bytes if before else 0
            if one.number != row.number and not one.deletions:
                for person, count in left_in(one).items():
                    if person in mine:
                        records[person] = records.get(person, 0) + count
        return cls(sent, place, records, tuple(following))


def left_in(row: ReleaseSegment) -> dict[str, int]:
    """Records of each person of which something has left in a segment, as it is noted there."""
    holding = Holding.of(row)
    return {
        stretch.person: count for stretch, count in zip(holding.stretches, holding.lines, strict=False) if count
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sending:
    """One hand-over of one segment; implements `course.Book` for each of its pieces by `at`."""

    row: ReleaseSegment
    copy: Copy
    earlier: Earlier
    parts: list[Made]

    async def run(self, course: Course, start: int, stop: int) -> None:
        """Hand over a range. Raises Over: `gone` when somebody in it may not leave any more."""
        for begin, end, piece in self.copy.pieces(start, stop):
            await course.hand_over_whole(piece, _At(self, begin, end))
        if not self.copy.data:
            await course.context.store.write(lambda tx: self.nothing(tx, course))

    def nothing(self, tx: Transaction, course: Course) -> None:
        """A segment without a byte is sent by being asked for."""
        row = tx.get(ReleaseSegment, self.row.release, self.row.number)
        if row is not None and (row.id, row.standing) == (self.row.id, "open"):
            tx.put(self._sent(tx, course.context, course.contract, row, course.context.clock()))

    def noted(
        self, tx: Transaction, course: Course, begin: int, end: int, piece: Piece, now: datetime
    ) -> tuple[Release, dict[str, Any]]:
        """What `course.Book.note` asks, for the piece that lies at this range. Raises Over."""
        row, release = self._standing(tx), tx.get(Release, self.row.release)
        if row is None or release is None:
            raise Over(GONE)
        reached = self._reached(row)
        fresh = row.standing == "open"
        if fresh and begin > reached:  # it began at what another hand-over, in another coding, has taken back
            raise Over("broken")
        to = max(reached, end) if fresh else reached
        new = self._note_people(tx, course, piece, reached, to, now)
        more = self.copy.counted(to).values() if fresh else ()
        records = sum(more) - sum(self.copy.counted(reached).values()) if fresh else 0
        told = {"segment": row.number, "from": begin, "coding": self.copy.coding or "identity"}
        if fresh:
            row = replace(row, offset=to, people=self._come(row, to).json())
            whole = self.copy.is_all(to)
            tx.put(self._sent(tx, course.context, course.contract, row, now) if whole else row)
        return replace(
            release, chunks=release.chunks + 1, bytes=release.bytes + to - reached, people=release.people + new,
            resources=release.resources + records,
            offset=max(self.earlier.sent, self.earlier.place + self._decoded(end)),
        ), told  # fmt: skip

    def _standing(self, tx: Transaction) -> ReleaseSegment | None:
        row = tx.get(ReleaseSegment, self.row.release, self.row.number)
        return row if row is not None and row.id == self.row.id and row.standing != "gone" else None

    def _reached(self, row: ReleaseSegment) -> int:
        """Up to where it was handed over without a gap, in this coding."""
        return row.offset if Holding.of(row).coding == self.copy.coding else 0

    def _decoded(self, end: int) -> int:
        """Up to where the recipient may be able to read, in bytes of the format."""
        return end if self.copy.apart else len(self.copy.rendered.body)

    def _come(self, row: ReleaseSegment, to: int) -> Holding:
        """What a segment holds, with how many records of each stretch have left by now."""
        holding = Holding.of(row).but(coding=self.copy.coding)
        if self.row.deletions:
            return holding
        counted, before = self.copy.counted(to), holding.lines or (0,) * len(holding.stretches)
        lines = zip(holding.stretches, before, strict=True)
        return holding.but(lines=tuple(max(counted.get(one.person, 0), count) for one, count in lines))

    def _note_people(
        self, tx: Transaction, course: Course, piece: Piece, reached: int, upto: int, now: datetime
    ) -> int:
        """Who received how much by now; returns how many of them received something in this release for the first time.

        The counts are of all of the release, so that what is sent again counts once.
        """
        known, new = received(tx, course.contract, piece.records), 0
        counted = {} if self.row.deletions else self.copy.counted(upto)
        before = self.earlier.records.keys() | self.copy.people_within(reached)
        for person in piece.records:
            row = known.get(person)
            again = person in before or (row is not None and row.release == self.row.release)
            count = self.earlier.records.get(person, 0) + counted.get(person, 0)
            if row is not None and row.release == self.row.release:
                count = max(count, row.resources)
            note_received(tx, course.contract, self.row.release, row, person, count, now)
            new += not again
        return new

    def _sent(
        self, tx: Transaction, context: Context, contract: Contract, row: ReleaseSegment, now: datetime
    ) -> ReleaseSegment:
        """All of it was handed over: note what it was, and tell whose it was."""
        rendered = self.copy.rendered
        lines = [(one, rendered.records.get(one.stretch.person, 0)) for one in self.parts]
        if row.deletions:
            lines = [(one, len(one.chosen.records)) for one in self.parts]
        else:
            told = [_line(one.subject, count) for one, count in lines if count]
            uses.tell(tx, context, contract, row.release, told, now)
        tx.ring("releases")
        return replace(
            row, standing="sent", bytes=len(rendered.body), resources=rendered.lines, digest=rendered.digest,
            persons=sum(count > 0 for _, count in lines), withheld_resources=dict(rendered.withheld), sent_at=now,
            dropped_elements=rendered.dropped,
            people=Holding.of(row).but(lines=tuple(count for _, count in lines)).json(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _At:
    sending: Sending
    begin: int
    end: int

    def note(self, tx: Transaction, course: Course, piece: Piece, now: datetime) -> tuple[Release, dict[str, Any]]:
        """See `course.Book`."""
        return self.sending.noted(tx, course, self.begin, self.end, piece, now)


def _line(subject: Subject, count: int) -> uses.Line:
    return uses.Line(subject.judged.link, subject.judged.wallet, count)
