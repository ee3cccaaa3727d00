"""What a holder says about a person who stopped, paused or went on: to each recipient, and to the person's wallet.

The messages themselves stand in the list of `contracts.exchange`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, StrictBool, model_validator

from contracts.erasing import Answer
from contracts.faults import shape_fault
from contracts.fields import Count, Instant, Jws, Name, Ordinal, Paragraph, Participant, Reference, UrnUuid
from contracts.shape import Strict


class Ending(StrEnum):
    """What a recipient must do: delete what it has, use no more of it, or rest until it is told to go on."""

    ERASE = "erase"
    STOP = "stop"
    PAUSE = "pause"


class Check(StrEnum):
    """What the holder found when it looked whether what a recipient said to be erased is gone.

    nothing: the recipient listed nothing to look at; unknown: it does not know what it listed, or says that it stays.
    """

    GONE = "gone"
    HERE = "here"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    NOTHING = "nothing"


class Standing(StrEnum):
    """Whether data moves under a contract now."""

    SUSPENDED = "suspended"
    ACTIVE = "active"


class InformedRecipient(Strict):
    """A recipient that is told of a stop, and until when it has to act. `by_hand`: people tell it, not connectors."""

    notice: UrnUuid
    name: Name
    participant: Participant
    agreement: Reference
    kind: Ending
    stop_by: Instant
    deadline: Instant
    backups_by: Instant | None
    by_hand: StrictBool = Field(description="true or false")


class WithdrawalNotice(Strict):
    """Holder to recipient: a person stopped."""

    notice: Jws


class Notice(Strict):
    """Claims signed by the holder. `code` is the recipient's own pseudonym; `cut` the last offset sent, by transfer.

    `stop_by` is until when new use stops, `deadline` until when all is done, `backups_by` until when backups hold
    nothing any more: null unless it is to be erased.
    """

    notice: UrnUuid
    agreement: Reference
    study: UrnUuid
    code: Reference
    kind: Ending
    effective_at: Instant
    stop_by: Instant
    deadline: Instant
    backups_by: Instant | None
    cut: dict[Reference, Count] = Field(description="an object: transfer id to offset in bytes")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if min(self.deadline, self.stop_by) < self.effective_at:
            raise shape_fault(("deadline",), "is before effective_at", "a later time")
        if (self.kind is Ending.ERASE) != (self.backups_by is not None):
            raise shape_fault(("backups_by",), "does not fit the kind", "a time if it is to be erased, else null")
        return self


class ResumptionNotice(Strict):
    """Holder to recipient: somebody who had paused goes on."""

    resumption: Jws


class Resumption(Strict):
    """Claims signed by the holder: the pause told by `notice` is over, what comes under `code` is to be taken again."""

    notice: UrnUuid
    agreement: Reference
    code: Reference
    at: Instant


class ReminderNotice(Strict):
    """Holder to recipient: an answer to a notice is overdue."""

    reminder: Jws


class Reminder(Strict):
    """Claims signed by the holder: what `notice` asked for was due by `due`, and nobody has stated that it is done."""

    notice: UrnUuid
    agreement: Reference
    kind: Ending
    due: Instant
    at: Instant


class SuspensionNotice(Strict):
    """Provider to recipient: a contract rests, or goes on."""

    suspension: Jws


class Suspension(Strict):
    """Claims signed by the provider: from `at` on nothing moves under this contract (or data moves again), and why."""

    agreement: Reference
    standing: Standing
    why: Paragraph
    at: Instant


class StandingNotice(Strict):
    """Holder to wallet: we ended or struck out a consent ourselves. A consent record signed by the holder."""

    consent: Jws


class Progress(Strict):
    """Holder to wallet: how a recipient fares with a withdrawal, for the person to see.

    `statement` is what the recipient itself stated, null when there is nothing new of it; `tracking` is the
    holder's own word.
    """

    consent: UrnUuid
    version: Ordinal
    holder: Participant
    recipient: Participant
    recipient_name: Name
    notice: UrnUuid
    statement: Jws | None
    tracking: Jws


class Noted(Strict):
    """What a recipient said that speaks no exchange, as the holder's data protection officer noted it."""

    answer: Answer
    at: Instant
    ground: Paragraph | None


class Tracking(Strict):
    """Claims signed by the holder: how one notice stands with it at `at`.

    `overdue_at`, `reminded_at`, `escalated_at` (to the data protection officer) and `suspended_at` (every contract with
    the recipient) are null while that has not come about. `check` is what our own look at the recipient found.
    """

    notice: UrnUuid
    kind: Ending
    at: Instant
    stop_by: Instant
    deadline: Instant
    backups_by: Instant | None
    overdue_at: Instant | None
    reminded_at: Instant | None
    escalated_at: Instant | None
    suspended_at: Instant | None
    check: Check | None
    checked_at: Instant | None
    by_hand: StrictBool = Field(description="true or false")
    noted: tuple[Noted, ...] = Field(max_length=50, description="an array of what was noted by hand, empty if nothing")
