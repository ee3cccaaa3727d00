"""Messages as a cause: what an attempt's error means, as a code of the table, and the answer that came with it."""

from __future__ import annotations

import re

from connector.identity.members import Standing
from connector.ports import Transaction
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.why.causes import UNKNOWN, cause_of, is_known
from connector.services.why.views import AnswerShown, CauseShown, MessageShown

_STATUS = re.compile(r"(?:refused with )?status (\d{3})")
_NAMED = re.compile(r"\(([A-Za-z][A-Za-z0-9._-]{0,59})\)")
_CLOCKS = "clocks-apart"
_STAFF = ("operator", "steward", "dpo")
_MEMBER = {Standing.SUSPENDED: "member-suspended", Standing.REMOVED: "member-removed"}


def shown(code: str, said: str = "", **names: str) -> CauseShown:
    """A cause of the table with the names that its remedy leaves open put in."""
    cause = cause_of(code)
    remedy = cause.remedy
    for name, value in names.items():
        if value:
            remedy = re.sub(rf"\b{name}\b", value, remedy)
    return CauseShown(code, cause.words, remedy, cause.who, said)


def at_theirs(cause: CauseShown) -> CauseShown:
    """A cause that the other side named and its people have to mend, as we read it. What concerns a machine says whose
    it is; what people decide says that by itself."""
    if cause.who not in _STAFF:
        return cause
    words = f"At the other side: {cause.words[:1].lower()}{cause.words[1:]}" if cause.who == "operator" else cause.words
    remedy = cause.remedy if cause.remedy.startswith("At the ") else f"At their side: {cause.remedy}"
    return CauseShown(cause.code, words, remedy, "they", cause.said)


def error_code(error: str) -> str:
    """The code of the table for the words that the courier or the puller keeps of a failed attempt."""
    named, status = _NAMED.search(error), _STATUS.search(error)
    if "not by a connector" in error:
        return "not-by-a-connector"
    if error.startswith("refused") and named is not None and is_known(named[1]):
        return named[1]
    if status is not None:
        return _telling(status[1], named[1] if named is not None else "")
    if error.startswith("the answer is not usable"):
        return "status-200"
    if error.startswith("refused by ourselves"):
        return named[1] if named is not None and is_known(named[1]) else "refused-by-ourselves"
    return {"our own fault": "our-own-fault", "given up here": "dropped"}.get(
        error, error if is_known(error) else UNKNOWN
    )


def _telling(status: str, named: str) -> str:
    """The code beside a status where it says more than that: of a 401 only the other side's log does, or the clocks."""
    more = (named and status != "401" and is_known(named) and named not in ("fault", "unavailable")) or named == _CLOCKS
    return named if more else f"status-{status}"


def answer_of(message: OutboxMessage, words: str = "") -> AnswerShown | None:
    """What came back last for a message; None where nothing did."""
    if not message.status:
        return None
    named = _NAMED.search(message.error or "")
    return AnswerShown(message.status, named[1] if named else "", words)


def message_shown(context: Context, one: OutboxMessage) -> MessageShown:
    """A message as it is shown."""
    waits = one.standing == "waiting"
    standing = (
        "arrived" if one.standing == "delivered"
        else ("put aside" if one.dead_at else "failing" if one.failing_since else "waiting") if waits
        else one.reason or "taken back"
    )  # fmt: skip
    return MessageShown(
        one.id, one.kind, context.members.name_of(one.recipient), standing, one.attempts, one.first_error or "",
        one.error or "", one.failing_since, one.due_at if waits else None,
    )  # fmt: skip


def letter_causes(context: Context, tx: Transaction, one: OutboxMessage) -> list[CauseShown]:
    """Why a message has not arrived, the weightiest cause first; empty for one that has."""
    names = {"MESSAGE": one.id, "PEER": one.recipient}
    if one.standing == "delivered":
        return []
    codes = standing_codes(context, one.recipient)
    if one.error:
        codes.append(error_code(one.error))
    elif one.standing == "waiting":
        codes.append("behind-another" if _is_behind(tx, one) else "not-tried-yet")
    if one.standing == "waiting" and one.dead_at is not None:
        codes.append("unreachable")
    elif one.reason in ("refused", "dropped"):
        codes.append("refused-by-peer" if one.reason == "refused" and one.status else one.reason)
    theirs = _NAMED.search(one.error or "") if one.status else None
    wanted = dict.fromkeys(code for code in codes if code != "refused")
    causes = [shown(code, **names) for code in wanted] or [shown("dropped", **names)]
    return [at_theirs(cause) if theirs is not None and cause.code == theirs[1] else cause for cause in causes]


def standing_codes(context: Context, participant: str) -> list[str]:
    """Why a participant is not dealt with, as a code; empty for an active member."""
    member = context.members.known(participant)
    if member is None:
        return ["member-unknown"]
    return [_MEMBER[member.standing]] if member.standing in _MEMBER else []


def of_process(tx: Transaction, about: str) -> OutboxMessage | None:
    """The message a process hangs on: the oldest that waits, else the newest that was refused or given up."""
    waiting = tx.find(OutboxMessage, about=about, standing="waiting", order="sequence", limit=1)
    dead = tx.find(OutboxMessage, about=about, standing="dead", dead_at__ne=None, order="-sequence", limit=1)
    return next(iter(waiting or dead), None)


def _is_behind(tx: Transaction, one: OutboxMessage) -> bool:
    first = tx.find(OutboxMessage, lane=one.lane, standing="waiting", order="sequence", limit=1)
    return bool(first) and first[0].id != one.id
