"""What is owed under a notice, and what happens when it is not done in time: reminder, officer, contracts suspended.

Read off the notice alone; `connector.jobs.overdue` carries it out at `Notice.next_at`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from connector.records import Notice
from contracts.exchange import Ending

if TYPE_CHECKING:
    from connector.settings import Settings


class Rung(StrEnum):
    """One step of the ladder."""

    REMIND = "remind"
    ESCALATE = "escalate"
    SUSPEND = "suspend"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long after the due moment each further step is taken."""

    escalate: timedelta
    suspend: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        """As the operator set it; contracts are never suspended before the officer was called in."""
        escalate = timedelta(hours=settings.escalate_hours)
        return cls(escalate, max(escalate, timedelta(hours=settings.suspend_hours)))


def is_done(notice: Notice) -> bool:
    """Whether the recipient has said, signed or by word of mouth, all that the notice asks for.

    Of one that was overtaken nothing is owed: what is to be said is said to the notice that asks for more. There are
    grounds for keeping something; there is none for going on to use it.
    """
    if notice.overtaken_by:
        return True
    if notice.kind == Ending.ERASE:
        return notice.erased_at is not None or bool(notice.exception)
    return notice.stopped_at is not None or notice.lifted_at is not None


def due_of(notice: Notice) -> datetime | None:
    """Until when the next thing is to be stated that was not; None when nothing is open."""
    if is_done(notice):
        return None
    if notice.stopped_at is None and notice.stop_by is not None:
        return notice.stop_by
    return notice.deadline


def next_rung(notice: Notice, patience: Patience) -> tuple[Rung, datetime] | None:
    """The next step and when it is taken; None when there is none left."""
    due = due_of(notice)
    if due is None:
        return None
    if notice.reminded_at is None:
        return Rung.REMIND, due
    if notice.escalated_at is None:
        return Rung.ESCALATE, due + patience.escalate
    return Rung.SUSPEND, due + patience.suspend


def is_overdue(notice: Notice, now: datetime) -> bool:
    """Whether what is open was to be done by now."""
    due = due_of(notice)
    return due is not None and due <= now
