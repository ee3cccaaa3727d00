"""How a notice stands with its holder, told to the person's wallet: signed by us, with what the recipient stated."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Agreement, Link, Notice
from connector.services.context import Context
from connector.services.exchange import speech
from contracts import exchange as wire

SEND_PROGRESS = "exchange.progress"


def informed(context: Context, notice: Notice) -> wire.InformedRecipient:
    """A recipient as the acknowledgement of a stop names it."""
    stop_by, deadline = _dates(context, notice)
    return wire.InformedRecipient(
        notice=notice.id, name=context.members.name_of(notice.recipient), participant=notice.recipient,
        agreement=notice.agreement, kind=wire.Ending(notice.kind), stop_by=stop_by, deadline=deadline,
        backups_by=notice.backups_by, by_hand=notice.by_hand,
    )  # fmt: skip


def forward(tx: Transaction, context: Context, notice: Notice, statement: str | None = None) -> None:
    """Tell the person's wallet; where we serve the person ourselves there is nobody to tell."""
    link = tx.get(Link, notice.link)
    if link is None or link.wallet == context.me.id or not context.members.speaks_exchange(link.wallet):
        return
    body = wire.Progress(
        consent=notice.consent, version=notice.version, holder=context.me.id, recipient=notice.recipient,
        recipient_name=context.members.name_of(notice.recipient), notice=notice.id, statement=statement,
        tracking=speech.say(context, speech.TRACKING, tracked(tx, context, notice).wire()),
    )  # fmt: skip
    context.deliveries.send(
        tx, recipient=link.wallet, url=f"{context.members.exchange(link.wallet)}/progress", kind=SEND_PROGRESS,
        body=body.wire(), about=notice.id, lane=f"progress:{notice.id}",
    )  # fmt: skip


def tracked(tx: Transaction, context: Context, notice: Notice) -> wire.Tracking:
    """Our own word on it."""
    agreement = tx.get(Agreement, notice.agreement)
    rests = agreement is not None and agreement.standing == "suspended"
    stop_by, deadline = _dates(context, notice)
    return wire.Tracking(
        notice=notice.id, kind=wire.Ending(notice.kind), at=context.clock(), stop_by=stop_by, deadline=deadline,
        backups_by=notice.backups_by, overdue_at=notice.overdue_at, reminded_at=notice.reminded_at,
        escalated_at=notice.escalated_at,
        suspended_at=agreement.suspended_at if agreement is not None and rests and notice.overdue_at else None,
        check=wire.Check(notice.check) if notice.check else None, checked_at=notice.checked_at,
        by_hand=notice.by_hand, noted=tuple(wire.Noted.read(one) for one in noted(notice)),
    )  # fmt: skip


def noted(notice: Notice) -> list[dict[str, Any]]:
    """What was noted by hand, as it goes to the person: without the evidence, which is the officer's."""
    kept = (notice.answers or {}).get("notes", [])
    return [{name: one[name] for name in ("answer", "at", "ground")} for one in kept][-50:]


def _dates(context: Context, notice: Notice) -> tuple[datetime, datetime]:
    """Notices from before there were such dates have the one they had."""
    deadline = notice.deadline or notice.effective_at or context.clock()
    return notice.stop_by or deadline, deadline
