"""Withdrawals as the data protection officer follows them up: what is late, what our look found, what is noted by hand.

A recipient that speaks no exchange is told by people, by the code it knows the person by; what it answers is noted
here, with the evidence. A signed statement is never overwritten by a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, Notice
from connector.services.actors import Actor, require
from connector.services.chains import domain_named
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import tracking
from connector.services.exchange.ladder import due_of, is_done, is_overdue
from connector.services.exchange.withdrawal import Stopping
from connector.services.sealed import SealedInTransaction
from contracts import exchange as wire
from policy.canonical import digest
from policy.instants import wire as written

_ANSWERS = {"told": wire.Answer.RECEIVED, "stopped": wire.Answer.STOPPED, "erased": wire.Answer.ERASED,
            "exception": wire.Answer.EXCEPTION}  # fmt: skip
_LONGEST = 2000
_SURE = ("", "gone", "nothing")


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted by hand: the answer, by whom, on what evidence, and the ground of an exception."""

    at: datetime
    by: str
    answer: str
    ground: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One notice to one recipient. People stand in it by nothing but the recipient's code, and that only to tell it.

    `standing`: waiting, overdue, done, exception, lifted (a pause that is over), or overtaken (by one that asks for
    more, to which it is answered). `due`: until when the next thing is
    to be stated. `check` is what our own look found. `code` is there while the recipient is to be told by hand.
    """

    notice: str
    agreement: str
    recipient: str
    recipient_name: str
    study: str
    kind: str
    standing: str
    effective_at: datetime
    due: datetime | None
    stop_by: datetime | None
    deadline: datetime | None
    backups_by: datetime | None
    told_at: datetime | None
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    exception: str | None
    remaining: list[str]
    overdue_at: datetime | None
    reminded_at: datetime | None
    escalated_at: datetime | None
    suspended_at: datetime | None
    check: str
    checked_at: datetime | None
    objects: int
    lines: int
    bytes_after: int
    by_hand: bool
    code: str | None
    needs_officer: bool
    notes: list[Note] = field(default_factory=list)


class WithdrawalsDesk:
    """`concord withdrawals`, and the officer's pages."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping

    async def list(self, actor: Actor, *, open_only: bool = False) -> list[Withdrawal]:
        """What we told recipients, what needs the officer first, then the newest first."""
        require(actor, "dpo", "operator")

        def query(tx: Transaction) -> list[Withdrawal]:
            rows = [self._row(tx, one) for one in tx.find(Notice, order="-effective_at")]
            still = [row for row in rows if row.needs_officer or row.standing in ("waiting", "overdue")]
            shown = still if open_only else rows
            return sorted(shown, key=lambda row: (not row.needs_officer, row.standing != "overdue"))

        return await self._context.store.read(query)

    async def one(self, actor: Actor, notice: str) -> Withdrawal:
        """One of them. Raises Problem 404."""
        require(actor, "dpo", "operator")
        return await self._context.store.read(lambda tx: self._row(tx, _named(tx, notice)))

    async def counted(self, actor: Actor) -> int:
        """How many wait for the officer."""
        require(actor, "dpo", "operator")
        return sum(row.needs_officer for row in await self.list(actor))

    async def note(self, actor: Actor, notice: str, answer: str, evidence: str, ground: str = "") -> Withdrawal:
        """Note by hand that a recipient was told, stopped, erased or keeps something, and how that is known.

        Of one that answers signed only this can be noted: that the officer accepts the ground on which it keeps
        something. Its own statement stays as it is. Raises Problem 400, 403, 404, 409.
        """
        require(actor, "dpo", "operator")
        if answer not in _ANSWERS:
            raise invalid("This is not an answer to a withdrawal", "answer", ", ".join(_ANSWERS))
        proof, why = " ".join(evidence.split()), " ".join(ground.split())
        if not proof or len(proof) > _LONGEST:
            raise invalid("A note needs its evidence", "evidence", f"how you know, at most {_LONGEST} characters")
        if (answer == "exception") != bool(why) or len(why) > _LONGEST:
            raise invalid("An exception, and only that, needs its legal ground", "ground", "such as GDPR art. 17(3)(d)")

        def command(tx: Transaction) -> Withdrawal:
            found = _named(tx, notice)
            accepts = answer == "exception" and _unaccepted(found)
            if not found.by_hand and not accepts:
                raise conflict("This recipient answers by itself, signed", "not-by-hand", "a recipient tracked by hand")
            if answer == "exception" and found.kind != wire.Ending.ERASE:
                raise conflict("There is no ground for going on", accepted="that they were told, or that they stopped")
            if is_done(found) and not accepts and not (answer == "erased" and found.erased_at is None):
                raise conflict("This is settled already", accepted="a withdrawal that waits for an answer")
            return self._row(tx, self._noted(tx, actor, found, answer, proof, why))

        return await self._context.store.write(command)

    def _noted(self, tx: Transaction, actor: Actor, notice: Notice, answer: str, proof: str, why: str) -> Notice:
        now, kept = self._context.clock(), notice.answers or {}
        made = {"at": written(now), "by": actor.account, "answer": str(_ANSWERS[answer]), "ground": why or None,
                "evidence": proof}  # fmt: skip
        # Nobody stops or erases without having been told: the code is forgotten, and for good where it is to be erased.
        self._stopping.settle_told(tx, notice)
        notice = tx.get(Notice, notice.id) or notice
        changes: dict[str, Any] = {
            "answers": {**kept, "notes": [*kept.get("notes", []), made]}, "hand_note": proof,
            "received_at": notice.received_at or now,
        }  # fmt: skip
        if answer != "told":
            changes["stopped_at"] = notice.stopped_at or now
        if answer == "exception":
            changes["exception"] = notice.exception or why
        if answer == "erased":
            changes |= {"erased_at": notice.erased_at or now, "exception": None}
        notice = tx.change(notice, **changes)
        leaf = self._context.log(
            tx, "withdrawal.noted", notice.id,
            # The words stay beside the notice: they could name somebody, and the log is for ever.
            {"answer": answer, "note": digest(made), "by": actor.entry, "recipient": notice.recipient},
        )  # fmt: skip
        if answer == "erased":
            occasions.erased(tx, self._context, notice.id, {"by_hand": leaf}, "")
        notice = self._stopping.answered(tx, notice)
        tracking.forward(tx, self._context, notice)
        return notice

    def _row(self, tx: Transaction, one: Notice) -> Withdrawal:
        context, now = self._context, self._context.clock()
        agreement = tx.get(Agreement, one.agreement)
        rests = agreement is not None and agreement.standing == "suspended"
        late, unsure = is_overdue(one, now), one.check not in _SURE
        untold = one.by_hand and one.told_at is None and one.lifted_at is None and not one.overtaken_by
        return Withdrawal(
            notice=one.id, agreement=one.agreement, recipient=one.recipient,
            recipient_name=context.members.name_of(one.recipient), study=one.study, kind=one.kind,
            standing=_standing(one, late), effective_at=one.effective_at or now, due=due_of(one), stop_by=one.stop_by,
            deadline=one.deadline, backups_by=one.backups_by, told_at=one.told_at, received_at=one.received_at,
            stopped_at=one.stopped_at, erased_at=one.erased_at, exception=one.exception,
            remaining=list((one.remaining or {}).get("remaining", [])), overdue_at=one.overdue_at,
            reminded_at=one.reminded_at, escalated_at=one.escalated_at,
            suspended_at=agreement.suspended_at if agreement is not None and rests else None, check=one.check,
            checked_at=one.checked_at, objects=one.objects, lines=one.lines, bytes_after=one.bytes_after,
            by_hand=one.by_hand, code=self._code(tx, one) if untold else None,
            needs_officer=(late and (one.escalated_at is not None or one.by_hand)) or unsure or untold
            or _unaccepted(one),
            notes=[_note(made) for made in (one.answers or {}).get("notes", [])],
        )  # fmt: skip

    def _code(self, tx: Transaction, one: Notice) -> str | None:
        domain = self._context.vault.domain(domain_named(tx, one.agreement), SealedInTransaction(tx))
        known = domain.known(one.person)
        return known.code if known is not None else None


def _standing(one: Notice, late: bool) -> str:
    if one.lifted_at is not None:
        return "lifted"
    if one.overtaken_by:
        return "overtaken"
    if is_done(one):
        return "exception" if one.exception else "done"
    return "overdue" if late else "waiting"


def _unaccepted(one: Notice) -> bool:
    """Whether a recipient stated that it keeps something, on a ground that no officer has looked at."""
    noted = (one.answers or {}).get("notes", [])
    return bool(one.exception) and all(made["answer"] != str(wire.Answer.EXCEPTION) for made in noted)


def _note(made: dict[str, Any]) -> Note:
    said = next((name for name, answer in _ANSWERS.items() if str(answer) == made["answer"]), str(made["answer"]))
    at = datetime.fromisoformat(str(made["at"]))
    return Note(at, str(made["by"]), said, str(made["ground"] or ""), str(made["evidence"]))


def _named(tx: Transaction, notice: str) -> Notice:
    found = tx.get(Notice, notice)
    if found is None:
        raise missing("There is no such withdrawal here")
    return found
