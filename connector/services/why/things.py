"""Why what is no process stands as it does: contracts, releases, messages, held-back records, risk, proposals."""

from __future__ import annotations

from datetime import datetime

from connector.ports import Transaction
from connector.records import (
    Agreement,
    Amendment,
    DutyOwed,
    Job,
    MemberEntry,
    OutboxMessage,
    Quarantined,
    Release,
    RiskReport,
    Transfer,
)
from connector.services.context import Context
from connector.services.rooms.names import dataset_title
from connector.services.rooms.transfers import row_of
from connector.services.why import letters, views
from connector.services.why.causes import is_known
from connector.services.why.letters import shown
from connector.services.why.moving import held_back, hindrances, release_causes
from connector.services.why.views import CauseShown, Related, StepShown, Why

_RELEASE = {"complete": views.DONE, "running": views.GOING_ON}
_AMENDMENT = {"lapsed": "amendment-lapsed", "declined": "amendment-declined", "open": "waits-for-them"}
_BLOCKING = ("agreement-pending",)


def agreement(context: Context, tx: Transaction, found: Agreement) -> Why:
    """A contract: whether anything can move under it now, and what is owed."""
    message = letters.of_process(tx, found.id)
    owed = tx.find(DutyOwed, agreement=found.id, standing="open", due_at__le=context.clock(), limit=5)
    causes = hindrances(context, tx, found)
    causes += [shown("duty-overdue", one.words, ID=one.id) for one in owed]
    if message is not None and message.standing == "waiting" and message.failing_since is not None:
        causes += letters.letter_causes(context, tx, message)
    over = found.standing in ("ended", "replaced") or any(one.code == "agreement-ran-out" for one in causes)
    waits = bool(causes) and all(one.code in _BLOCKING for one in causes)
    standing = views.DONE if over else views.WAITING if waits else views.HELD_UP if causes else views.GOING_ON
    steps = [
        (found.made_at, "", "made"),
        (found.suspended_at, "", "suspended"),
        (found.ended_at, found.ended_by, "ended"),
    ]
    transfers = tx.find(Transfer, agreement=found.id, order="-created_at", limit=5)
    return Why(
        id=found.id, kind="contract", title=dataset_title(tx, found.dataset), role=found.role,
        counterparty=context.members.name_of(found.counterparty), standing=standing, state=found.standing,
        headline=(causes or [shown("goes-on")])[0].words, causes=causes or [shown("goes-on")],
        steps=[StepShown(at, _name(context, by), what) for at, by, what in steps if at is not None],
        message=letters.message_shown(context, message) if message else None,
        answer=letters.answer_of(message) if message else None, next_at=found.until if not over else None,
        next_words="The contract runs out." if found.until and not over else "",
        related=[Related("negotiation", found.negotiation), *(Related("transfer", one.pid) for one in transfers)],
    )  # fmt: skip


def release(context: Context, tx: Transaction, found: Release, *, exact: bool) -> Why:
    """A release of ours."""
    under, transfer = tx.get(Agreement, found.agreement), tx.get(Transfer, found.transfer)
    made = release_causes(tx, found)
    going = found.standing == "running"
    causes = [*(hindrances(context, tx, under) if under is not None and going else []), *made]
    standing = _RELEASE.get(found.standing, views.FAILED)
    if going and causes:
        standing = views.HELD_UP
    steps = [StepShown(found.started_at, context.me.name, "begun")] if found.started_at else []
    steps += [StepShown(found.finished_at, context.me.name, found.standing)] if found.finished_at else []
    row = row_of(tx, transfer, exact=exact) if transfer is not None else None
    shown_causes = causes or [shown("done" if standing == views.DONE else "release-running")]
    return Why(
        id=found.id, kind="release", title=dataset_title(tx, found.dataset), role="provider",
        counterparty=context.members.name_of(under.counterparty) if under is not None else "", standing=standing,
        state=found.standing, headline=shown_causes[0].words, causes=shown_causes, steps=steps,
        decision=held_back(row) if row is not None else [],
        related=[Related("transfer", found.transfer), Related("contract", found.agreement)],
    )  # fmt: skip


def message(context: Context, tx: Transaction, found: OutboxMessage) -> Why:
    """A message of ours to another participant."""
    causes = letters.letter_causes(context, tx, found) or [shown("delivered")]
    view = letters.message_shown(context, found)
    waits = found.standing == "waiting"
    troubled = any(one.code not in ("not-tried-yet", "behind-another", "delivered") for one in causes)
    standing = (views.HELD_UP if troubled else views.GOING_ON) if waits else views.FAILED if troubled else views.DONE
    steps = [
        (found.created_at, "written"), (found.failing_since, "failed for the first time"),
        (found.dead_at, "put aside"), (found.delivered_at, "arrived"),
    ]  # fmt: skip
    return Why(
        id=found.id, kind="message", title=found.kind, role="", counterparty=view.to, standing=standing,
        state=view.standing, headline=causes[0].words, causes=causes,
        steps=[StepShown(at, context.me.name, what) for at, what in steps if at is not None], message=view,
        answer=letters.answer_of(found), next_at=view.next_try,
        next_words="It is sent again." if view.next_try else "", related=[Related("about", found.about)],
    )  # fmt: skip


def job(context: Context, _tx: Transaction, found: Job) -> Why:
    """Work that is done later."""
    codes = {"done": "job-done", "failed": found.error if is_known(found.error) else "job-failed"}
    going = "job-again" if found.error else "job-running" if found.lease else "job-waits"
    standings = {"done": views.DONE, "failed": views.FAILED}
    held_up = views.HELD_UP if found.error else views.GOING_ON if found.lease else views.WAITING
    causes = [shown(codes.get(found.standing, going))]
    steps = [(found.created_at, "asked for"), (found.ended_at, found.standing)]
    return Why(
        id=found.id, kind="job", title=found.kind, role="", counterparty="",
        standing=standings.get(found.standing, held_up), state=found.standing, headline=causes[0].words, causes=causes,
        steps=[StepShown(at, context.me.name, what) for at, what in steps if at is not None],
        next_at=found.due_at if found.standing == "waiting" else None,
        next_words="It is begun." if found.standing == "waiting" else "",
    )  # fmt: skip


def quarantined(context: Context, _tx: Transaction, found: Quarantined) -> Why:
    """What a leak check held back."""
    code = "quarantine-held" if found.standing == "held" else "quarantine-cleared"
    causes = [shown("leak"), shown(code, ID=found.id)]
    steps = [(found.held_at, "held back"), (found.cleared_at, "destroyed")]
    return Why(
        id=found.id, kind="quarantine", title="Held back by the leak check", role="provider", counterparty="",
        standing=views.WAITING if found.standing == "held" else views.DONE, state=found.standing,
        headline=causes[0].words, causes=causes,
        steps=[StepShown(at, context.me.name, what) for at, what in steps if at is not None], next_at=found.until,
        next_words="What is kept is destroyed." if found.standing == "held" else "",
        related=[Related("release", found.release), Related("contract", found.agreement)],
    )  # fmt: skip


def risk(context: Context, tx: Transaction, found: RiskReport) -> Why:
    """A risk report."""
    refused = found.verdict == "refused"
    causes = [shown("risk-too-high", AGREEMENT=found.agreement) if refused else shown("done")]
    return Why(
        id=found.id, kind="risk report", title=dataset_title(tx, found.dataset), role="provider", counterparty="",
        standing=views.FAILED if refused else views.DONE, state=found.verdict, headline=causes[0].words, causes=causes,
        steps=[StepShown(found.made_at, context.me.name, "measured")],
        decision=[f"Missed: {name}" for name in sorted(found.failed or {})],
        related=[Related(kind, id) for kind, id in (("release", found.release), ("contract", found.agreement)) if id],
    )  # fmt: skip


def amendment(context: Context, tx: Transaction, found: Amendment) -> Why:
    """A proposal to change a contract."""
    message = letters.of_process(tx, found.id)
    mine = found.by == context.me.id
    code = _AMENDMENT.get(found.standing, "done" if found.standing == "accepted" else "goes-on")
    if found.standing == "open" and not mine:
        code = "waits-for-us"
    causes = [shown(code, found.answer_reason, ID=found.id)]
    standing = {"open": views.WAITING, "lapsed": views.FAILED, "declined": views.FAILED, "accepted": views.DONE}.get(
        found.standing, views.GOING_ON
    )
    if message is not None and message.failing_since is not None and message.standing == "waiting":
        causes, standing = [*letters.letter_causes(context, tx, message), *causes], views.HELD_UP
    under = tx.get(Agreement, found.agreement)
    return Why(
        id=found.id, kind="proposal", title="A change of a contract", role=under.role if under else "",
        counterparty=context.members.name_of(under.counterparty) if under else "", standing=standing,
        state=found.standing, headline=causes[0].words, causes=causes, steps=_steps(context, found),
        message=letters.message_shown(context, message) if message else None,
        answer=letters.answer_of(message) if message else None,
        next_at=found.answer_by if found.standing == "open" else None, next_words="Without an answer nothing changes.",
        related=[Related("contract", found.agreement)],
    )  # fmt: skip


def duty(context: Context, _tx: Transaction, found: DutyOwed) -> Why:
    """A duty of a contract."""
    late = found.standing == "open" and found.due_at is not None and found.due_at <= context.clock()
    codes: list[CauseShown] = [shown("duty-overdue" if late else "goes-on" if found.standing == "open" else "done",
                                     found.words, ID=found.id)]  # fmt: skip
    standing = views.HELD_UP if late else views.GOING_ON if found.standing == "open" else views.DONE
    return Why(
        id=found.id, kind="duty", title=found.duty, role=found.role,
        counterparty=context.members.name_of(found.counterparty), standing=standing, state=found.standing,
        headline=codes[0].words, causes=codes, next_at=found.due_at if found.standing == "open" else None,
        next_words="It has to be done by then.", related=[Related("contract", found.agreement)],
    )  # fmt: skip


def member(context: Context, tx: Transaction, found: MemberEntry) -> Why:
    """A participant we know: whether it is let in, when it was heard of, and what waits for it."""
    stuck = tx.find(
        OutboxMessage, recipient=found.id, standing="waiting", failing_since__ne=None, order="sequence", limit=1
    )
    codes = {"suspended": ["member-suspended"], "removed": ["member-removed"]}.get(found.standing, [])
    causes = [shown(code, PEER=found.id) for code in codes]
    if stuck:
        known = {one.code for one in causes}
        causes += [one for one in letters.letter_causes(context, tx, stuck[0]) if one.code not in known]
    heard: datetime | None = found.heard_at
    return Why(
        id=found.id, kind="participant", title=context.members.name_of(found.id), role="",
        counterparty=context.members.name_of(found.id), standing=views.HELD_UP if causes else views.GOING_ON,
        state=found.standing, headline=(causes or [shown("goes-on")])[0].words, causes=causes or [shown("goes-on")],
        steps=[StepShown(heard, context.members.name_of(found.id), "last heard of")] if heard else [],
        message=letters.message_shown(context, stuck[0]) if stuck else None,
        answer=letters.answer_of(stuck[0]) if stuck else None, next_at=stuck[0].due_at if stuck else None,
        next_words="The oldest message is sent again." if stuck else "",
    )  # fmt: skip


def _steps(context: Context, found: Amendment) -> list[StepShown]:
    steps = [(found.proposed_at, found.by, "proposed"), (found.answered_at, "", found.standing)]
    return [StepShown(at, _name(context, by), what) for at, by, what in steps if at is not None]


def _name(context: Context, by: str) -> str:
    return context.members.name_of(by) if by else ""
