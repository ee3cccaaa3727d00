"""Why a negotiation or a transfer stands where it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Agreement, Negotiation, OutboxMessage, PersonAsked, Transfer
from connector.services.context import Context
from connector.services.contracting.questions import open_question
from connector.services.rooms.names import dataset_title
from connector.services.why import letters, views
from connector.services.why.letters import shown
from connector.services.why.moving import moving
from connector.services.why.views import CauseShown, Related, StepShown, Why

_LONGEST = 500
_REFUSED = "refused-"


def negotiation(context: Context, tx: Transaction, found: Negotiation) -> Why:
    """A negotiation, at either side."""
    message = letters.of_process(tx, found.pid)
    causes, standing, next_at, words = _negotiating(context, tx, found, message)
    related = [Related("contract", found.agreement)] if found.agreement else []
    related += [Related("study request", found.study)] if found.study else []
    return _why(
        context, found, "negotiation", dataset_title(tx, found.dataset), standing, causes, message,
        next_at=next_at, next_words=words, related=related,
    )  # fmt: skip


def _negotiating(
    context: Context, tx: Transaction, found: Negotiation, message: OutboxMessage | None
) -> tuple[list[CauseShown], str, datetime | None, str]:
    """(causes, standing, when something happens by itself, and what)."""
    if found.state == "FINALIZED":
        return [shown("done")], views.DONE, None, ""
    if found.state == "TERMINATED":
        return ended(context, tx, found, message), views.FAILED, None, ""
    if (hindered := hindrance(context, tx, message)) is not None:
        causes, standing = hindered
        due = message.due_at if message else None
        return [*parting(message), *causes], standing, due, "The message is sent again."
    return _waiting(context, tx, found, message)


def _waiting(
    context: Context, tx: Transaction, found: Negotiation, message: OutboxMessage | None
) -> tuple[list[CauseShown], str, datetime | None, str]:
    asked = tx.get(PersonAsked, found.pid)
    if asked is not None and open_question(tx, asked) is not None:
        return [shown("waits-for-us", ID=found.pid)], views.WAITING, asked.answer_by, "Without an answer it ends."
    if message is not None and message.standing == "waiting":
        return [shown("goes-on")], views.GOING_ON, message.due_at, "A message is on its way."
    by = found.answer_by
    if codes := letters.standing_codes(context, found.counterparty):
        return [shown(code, PEER=found.counterparty) for code in codes], views.HELD_UP, by, ""
    return [shown("waits-for-them", ID=found.pid)], views.WAITING, by, "Without an answer it ends." if by else ""


def transfer(context: Context, tx: Transaction, found: Transfer, *, exact: bool) -> Why:
    """A transfer, at either side. `exact`: small numbers about people may be shown."""
    message = letters.of_process(tx, found.pid)
    under = tx.get(Agreement, found.agreement)
    moved = moving(context, tx, found, under, exact=exact)
    if found.state == "TERMINATED":
        causes, standing = [*ended(context, tx, found, message), *moved.causes], views.FAILED
    elif (hindered := hindrance(context, tx, message)) is not None:
        causes, standing = [*parting(message), *hindered[0], *moved.causes], hindered[1]
    elif found.state == "SUSPENDED":
        causes, standing = [*moved.causes, *_paused(found)], views.WAITING
    else:
        causes, standing = moved.causes, moved.standing
    waits = message is not None and message.standing == "waiting"
    next_at = message.due_at if message is not None and waits else None
    next_words = "The message is sent again." if next_at else moved.next_words
    return _why(
        context, found, "transfer", dataset_title(tx, found.dataset), standing, causes, message,
        decision=moved.decision, next_at=next_at, next_words=next_words,
        related=[Related("contract", found.agreement), *moved.related],
    )  # fmt: skip


def hindrance(context: Context, tx: Transaction, message: OutboxMessage | None) -> tuple[list[CauseShown], str] | None:
    """What keeps a waiting message from arriving, with the standing that follows; None where nothing does."""
    if message is None or message.standing != "waiting":
        return None
    if message.failing_since is None:
        return None
    return letters.letter_causes(context, tx, message), views.HELD_UP


def ended(
    context: Context, tx: Transaction, process: Negotiation | Transfer, message: OutboxMessage | None
) -> list[CauseShown]:
    """Why a process was terminated: the code and words of whoever did, and the answer of theirs that led to it."""
    reason = process.reason or {}
    code, said = str(reason.get("code") or ""), said_in(reason)
    found = list[CauseShown]()
    dead = message is not None and message.standing == "dead"
    if message is not None and dead and (code.startswith(_REFUSED) or not code):
        by_letter = letters.letter_causes(context, tx, message)
        found += [CauseShown(one.code, one.words, one.remedy, one.who, said) for one in by_letter[:1]]
        found += by_letter[1:]
    return found or [_from_side(shown(code or "ended-without-reason", said, **_names(process)), process.role)]


def _from_side(cause: CauseShown, role: str) -> CauseShown:
    """Who acts, seen from our side: a provider's staff are others to a consumer, and a researcher to a provider."""
    if role == "consumer":
        return letters.at_theirs(cause)
    return replace(cause, who="they") if cause.who == "researcher" else cause


def parting(message: OutboxMessage | None) -> list[CauseShown]:
    """Why we end or pause it, where our message that says so has not arrived yet."""
    body = (message.body or {}) if message is not None and message.standing == "waiting" else {}
    code = body.get("code")
    return [shown(code, said_in(body))] if isinstance(code, str) and code else []


def said_in(reason: Mapping[str, Any]) -> str:
    """The words of a reason as whoever gave it wrote them, bounded: they may be the other side's."""
    given = reason.get("reason") or []
    texts = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
    return " ".join(texts)[:_LONGEST]


def _paused(found: Transfer) -> list[CauseShown]:
    reason = found.reason or {}
    code = str(reason.get("code") or "paused-by-people")
    if found.suspended_by == "provider" and found.role == "consumer":
        return [shown("suspended-by-provider", said_in(reason), ID=found.pid)]
    return [shown(code, said_in(reason), **_names(found))]


def _names(process: Negotiation | Transfer) -> dict[str, str]:
    return {"ID": process.pid, "PEER": process.counterparty, "AGREEMENT": str(process.agreement or ""),
            "STUDY": str(getattr(process, "study", None) or "")}  # fmt: skip


def _why(
    context: Context, process: Negotiation | Transfer, kind: str, title: str, standing: str, causes: list[CauseShown],
    message: OutboxMessage | None, **more: Any,
) -> Why:  # fmt: skip
    words = said_in(process.reason or {}) if process.state == "TERMINATED" else ""
    return Why(
        id=process.pid, kind=kind, title=title, role=process.role,
        counterparty=context.members.name_of(process.counterparty), standing=standing,
        state=(process.state or "requested").lower(), headline=causes[0].words, causes=causes,
        steps=_steps(context, process), message=letters.message_shown(context, message) if message else None,
        answer=letters.answer_of(message, words) if message else None, **more,
    )  # fmt: skip


def _steps(context: Context, process: Negotiation | Transfer) -> list[StepShown]:
    other = "provider" if process.role == "consumer" else "consumer"
    names = {process.role: context.me.name, other: context.members.name_of(process.counterparty)}
    return [
        StepShown(datetime.fromisoformat(at), names.get(by, str(by)), str(state).lower())
        for state, at, by in (process.steps or {}).get("steps", [])
    ]
