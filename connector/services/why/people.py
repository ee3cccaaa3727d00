"""Why what is about people stands as it does: withdrawals, erasures, answers on their way, studies, sources, sign-ins.

A person appears in none of it: a notice by its number, an answer by its own id, a sign-in by nothing but its moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connector.ports import Transaction
from connector.records import Delivery, Notice, OutboxMessage, Source, Study, StudyDecision, Tombstone
from connector.services.context import Context
from connector.services.exchange.ladder import due_of, is_done, is_overdue
from connector.services.holding.reach import READING, STOPPED, Reach
from connector.services.rooms.names import study_title
from connector.services.why import letters, views
from connector.services.why.letters import shown
from connector.services.why.processes import hindrance
from connector.services.why.views import CauseShown, Related, StepShown, Why

_UNPROVEN = ("", "gone", "nothing")


def notice(context: Context, tx: Transaction, found: Notice) -> Why:
    """A withdrawal we told a recipient of."""
    message = letters.of_process(tx, found.id)
    hindered = hindrance(context, tx, message) if found.told_at is None else None
    causes, standing = hindered or _owed(context, found)
    if hindered is not None:
        causes = [*causes, shown("withdrawal-not-told", ID=found.id)]
    steps = [
        (found.effective_at, "the person stopped; nothing more left"), (found.told_at, "told"),
        (found.received_at, "received"), (found.stopped_at, "stopped there"), (found.reminded_at, "reminded"),
        (found.escalated_at, "the officer was called in"), (found.erased_at, "erased there"),
    ]  # fmt: skip
    return _why(
        context, "withdrawal", found.id, "A withdrawal", found.recipient, causes, standing, message,
        state=found.kind, role="provider", steps=_steps(steps), next_at=due_of(found) or found.next_at,
        next_words="The recipient has to have answered." if due_of(found) else "",
        related=[Related("contract", found.agreement)],
    )  # fmt: skip


def _owed(context: Context, found: Notice) -> tuple[list[CauseShown], str]:
    if found.exception:
        return [shown("withdrawal-exception", ID=found.id)], views.WAITING
    if found.check not in _UNPROVEN:
        return [shown("withdrawal-unproven", ID=found.id)], views.HELD_UP
    if is_done(found):
        return [shown("done")], views.DONE
    if found.by_hand and found.told_at is None:
        return [shown("withdrawal-by-hand", ID=found.id)], views.WAITING
    if is_overdue(found, context.clock()):
        return [shown("withdrawal-overdue", ID=found.id)], views.HELD_UP
    return [shown("withdrawal-waiting" if found.told_at else "withdrawal-not-told", ID=found.id)], views.WAITING


def erasure(context: Context, tx: Transaction, found: Tombstone) -> Why:
    """A withdrawal we were told of, and what we erased."""
    message = letters.of_process(tx, found.notice)
    if (hindered := hindrance(context, tx, message)) is not None:
        causes, standing = hindered
    elif found.answer == "waiting":
        causes, standing = [shown("erasure-by-people", ID=found.notice)], views.WAITING
    elif found.erased_at is not None or found.answer or found.kind != "erase":
        causes, standing = [shown("done")], views.DONE
    else:
        causes, standing = [shown("erasure-at-work")], views.GOING_ON
    steps = [(found.received_at, "asked"), (found.stopped_at, "stopped"), (found.erased_at, "erased")]
    return _why(
        context, "erasure", found.notice, "An erasure", "", causes, standing, message, state=found.answer or found.kind,
        role="consumer", steps=_steps(steps), next_at=found.deadline,
        next_words="All has to be erased." if found.deadline else "", related=[Related("contract", found.agreement)],
    )  # fmt: skip


def study(context: Context, tx: Transaction, found: Study) -> Why:
    """A study request, at its publisher, a holder or a wallet."""
    message = letters.of_process(tx, found.id)
    decisions = tx.find(StudyDecision, study=found.id, order="holder")
    if (hindered := hindrance(context, tx, message)) is not None:
        causes, standing = [*hindered[0], shown("study-not-sent")], hindered[1]
    elif found.standing == "waiting":
        causes, standing = [shown("study-waits", ID=found.id)], views.WAITING
    elif found.standing == "refused" or any(one.answer == "refused" for one in decisions):
        causes, standing = [shown("study-refused", found.reason)], views.FAILED
    elif found.standing == "published" and not any(one.answer == "approved" for one in decisions):
        causes, standing = [shown("waits-for-them", ID=found.id)], views.WAITING
    else:
        causes, standing = [shown("done")], views.DONE
    steps = [StepShown(found.received_at, context.members.name_of(found.organisation), "published")]
    steps += [StepShown(found.decided_at, context.me.name, found.standing)] if found.decided_at else []
    steps += [StepShown(one.at, context.members.name_of(one.holder), one.answer) for one in decisions]
    return _why(
        context, "study request", found.id, study_title(tx, found.id), found.organisation, causes, standing, message,
        state=found.standing, role="", steps=steps, next_at=None, next_words="", related=[],
    )  # fmt: skip


def answer(context: Context, tx: Transaction, found: Delivery) -> Why:
    """How far the newest version of a person's answer got to its holder; at a wallet."""
    message = letters.of_process(tx, found.consent)
    if found.standing == "acknowledged":
        causes, standing = [shown("done")], views.DONE
    elif found.standing == "refused":
        causes, standing = [shown("consent-refused-by-holder", found.reason)], views.FAILED
    else:
        hindered = hindrance(context, tx, message)
        causes = [*(hindered[0] if hindered else []), shown("consent-not-acknowledged")]
        standing = hindered[1] if hindered else views.WAITING
    steps = [(found.sent_at, "sent"), (found.acknowledged_at, "acknowledged")]
    return _why(
        context, "answer", found.consent, "A person's answer", found.holder, causes, standing, message,
        state=found.standing, role="", steps=_steps(steps), next_at=message.due_at if message else None,
        next_words="It is sent again." if message else "", related=[],
    )  # fmt: skip


def source(context: Context, _tx: Transaction, found: Source, *, reading: bool) -> Why:
    """A source, and how its last reading went. `reading`: it is being read by this process now."""
    reach = Reach.of(found.reach)
    causes, standing, state = [shown("goes-on")], views.GOING_ON, found.kind
    steps = [StepShown(found.imported_at, context.me.name, "imported")] if found.imported_at else []
    if reach is not None:
        state = reach.state.standing
        steps += [StepShown(datetime.fromisoformat(reach.state.started_at), context.me.name, "reading began")] if (
            reach.state.started_at) else []  # fmt: skip
        if state == STOPPED or (state == READING and not reading):
            causes, standing = [shown("source-stopped", reach.state.why, ID=found.id)], views.HELD_UP
        elif reach.state.refused:
            causes, standing = [shown("source-refusals", ID=found.id)], views.HELD_UP
    if context.disk.low():
        causes, standing = [shown("disk-low"), *causes], views.HELD_UP
    return _why(
        context, "source", found.id, found.name, "", causes, standing, None, state=state, role="provider", steps=steps,
        next_at=None, next_words="", related=[],
    )  # fmt: skip


def refusals(
    context: Context, kind: str, title: str, seen: Iterable[tuple[datetime, str]], untroubled: str, prefix: str = ""
) -> Why:
    """Who was refused lately: at signing in, or as a participant. Only the moment and the code of each is known."""
    rows = sorted(seen, reverse=True)
    codes = list(dict.fromkeys(code for _, code in rows))[:5]
    causes = [shown(prefix + code) for code in codes] or [shown(untroubled)]
    return _why(
        context, kind, kind, title, "", causes, views.FAILED if rows else views.DONE, None, state="", role="",
        steps=[StepShown(at, "", code) for at, code in rows[:20]], next_at=None, next_words="", related=[],
    )  # fmt: skip


def _why(
    context: Context, kind: str, id: str, title: str, other: str, causes: list[CauseShown], standing: str,
    message: OutboxMessage | None, *, state: str, role: str, steps: list[StepShown], next_at: datetime | None,
    next_words: str, related: list[Related],
) -> Why:  # fmt: skip
    return Why(
        id=id, kind=kind, title=title, role=role, counterparty=context.members.name_of(other) if other else "",
        standing=standing, state=state, headline=causes[0].words, causes=causes, steps=steps,
        message=letters.message_shown(context, message) if message else None,
        answer=letters.answer_of(message) if message else None,
        next_at=next_at if standing not in (views.DONE, views.FAILED) else None,
        next_words=next_words if standing not in (views.DONE, views.FAILED) else "", related=related,
    )  # fmt: skip


def _steps(steps: Iterable[tuple[datetime | None, str]]) -> list[StepShown]:
    return [StepShown(at, "", what) for at, what in steps if at is not None]
