"""How far a stop or a pause got, as the person watches it: at each holder, and at each recipient it told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Delivery, RecipientProgress, WalletConsent
from connector.services.context import Context
from connector.services.wallet import views
from contracts.study import StudyRequest
from policy.instants import instant

ENDED = ("withdrawn", "suspended", "terminated", "invalidated")
_SURE = ("gone", "nothing")
_KINDS = ("erase", "stop", "pause")


def progress_of(tx: Transaction, context: Context, account: str, study: StudyRequest) -> views.Progress:
    """Raises Problem 404 when nothing was stopped or paused."""
    ended = tx.find(WalletConsent, account=account, study=study.id, current=True, state=list(ENDED), order="id")
    if not ended:
        raise missing("You have not stopped sharing with this study")
    holders = [_holder(tx, context, one) for one in ended]
    finished = all(holder.state == "reached" and all(is_done(one) for one in holder.recipients) for holder in holders)
    kinds = {kind_of(one) for one in ended}
    kind = next(one for one in _KINDS if one in kinds)
    by_holder = [one for one in ended if one.state in ("terminated", "invalidated")]
    return views.Progress(
        study.id, study.title, kind, _at(min(_at(one.decided_at) for one in ended)), finished, holders,
        by_holder=[_ended_by(context, one) for one in by_holder],
    )  # fmt: skip


def kind_of(consent: WalletConsent) -> str:
    """What a version that ends something asks of recipients: erase, stop or pause."""
    if consent.state == "suspended":
        return "pause"
    wish = (consent.record or {}).get("on_withdrawal")
    return "stop" if consent.state == "withdrawn" and wish == "stop" else "erase"


def is_done(one: views.RecipientProgress) -> bool:
    """Whether a recipient did what it was told, and our look found nothing else."""
    if one.kind != "erase":
        return one.stopped_at is not None
    if one.exception:
        return True
    return one.erased_at is not None and (one.by_hand or one.check in _SURE)


def _holder(tx: Transaction, context: Context, consent: WalletConsent) -> views.HolderProgress:
    delivery = tx.get(Delivery, consent.id, consent.version)
    reached = delivery is not None and delivery.standing == "acknowledged"
    told = tx.find(RecipientProgress, consent=consent.id, version=consent.version, order="recipient_name")
    return views.HolderProgress(
        context.members.name_of(consent.holder), "reached" if reached else "not-yet-reached",
        delivery.sent_at if delivery else None, delivery.acknowledged_at if delivery else None,
        [_recipient(one, kind_of(consent), context.clock()) for one in told],
    )  # fmt: skip


def _recipient(one: RecipientProgress, kind: str, now: datetime) -> views.RecipientProgress:
    said: Mapping[str, Any] = one.tracking or {}
    kind, check = str(said.get("kind") or kind), str(said.get("check") or "")
    by_hand, noted = bool(said.get("by_hand")), _noted(said)
    stopped = one.stopped_at or noted.get("stopped") or noted.get("erased")
    erased, exception = one.erased_at or noted.get("erased"), one.exception or _ground(said)
    done = bool((exception or erased) if kind == "erase" else stopped)
    # What is to be stated next was due: to stop, then to erase. Words for it come from us, whoever may be silent.
    due = _moment(said, "stop_by") if stopped is None else one.deadline
    overdue = not done and due is not None and due <= now
    return views.RecipientProgress(
        one.recipient_name, one.told_at if not by_hand else noted.get("received") or stopped,
        one.received_at or noted.get("received"), stopped, erased, exception, one.objects, one.lines,
        one.verified and (erased is None or check in _SURE), one.deadline, None if done else one.told_at,
        kind=kind, due=due if not done else None, backups_by=_moment(said, "backups_by"), overdue=overdue,
        reminded_at=_moment(said, "reminded_at") if not done else None,
        escalated_at=_moment(said, "escalated_at"), suspended_at=_moment(said, "suspended_at"), check=check,
        checked_at=_moment(said, "checked_at"), by_hand=by_hand, signed=one.verified,
    )  # fmt: skip


def _noted(said: Mapping[str, Any]) -> dict[str, datetime]:
    """When what was noted by hand, the first time of each."""
    found: dict[str, datetime] = {}
    for one in said.get("noted", ()):
        found.setdefault(str(one["answer"]), instant(one["at"]))
    return found


def _ground(said: Mapping[str, Any]) -> str | None:
    answers = [one for one in said.get("noted", ()) if one["answer"] in ("exception", "erased")]
    return str(answers[-1]["ground"]) if answers and answers[-1]["answer"] == "exception" else None


def _ended_by(context: Context, consent: WalletConsent) -> views.EndedByHolder:
    signer = (consent.record or {}).get("signer") or {}
    return views.EndedByHolder(
        context.members.name_of(consent.holder), consent.state, str(signer.get("authority") or ""),
        _at(consent.decided_at),
    )  # fmt: skip


def _moment(said: Mapping[str, Any], name: str) -> datetime | None:
    return instant(said[name]) if said.get(name) else None


def _at(value: datetime | None) -> datetime:
    return value or datetime.fromtimestamp(0, UTC)
