"""Negotiations and contracts read from records. Whoever calls has checked the role; who may see which side is here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Agreement, Negotiation, Notice, PersonAsked, Tombstone
from connector.services.context import Context
from connector.services.contracting.questions import offer_digest, open_question, possible, urgent
from connector.services.rooms import rounds
from connector.services.rooms.names import dataset_title, moment, sentences, study_title
from connector.services.rooms.transfers import transfer_rows
from connector.services.rooms.views import (
    AgreementRow,
    ContractRoom,
    NegotiationRow,
    NegotiationView,
    Step,
    WithdrawalRow,
)

_COURSE = ("REQUESTED", "AGREED", "VERIFIED", "FINALIZED")
_SENDER = {
    "REQUESTED": "consumer", "ACCEPTED": "consumer", "AGREED": "provider", "VERIFIED": "consumer",
    "FINALIZED": "provider",
}  # fmt: skip
_OVER = ("FINALIZED", "TERMINATED")
_LONGEST = 500


class Rooms:
    """Reads for one participant, always inside a transaction of the caller's."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def negotiations(self, tx: Transaction, role: str | None = None) -> list[NegotiationRow]:
        """Negotiations in which we play this role (None: either), newest first."""
        conditions: dict[str, Any] = {"role": role} if role else {}
        return [self._row(tx, one) for one in tx.find(Negotiation, order="-created_at", **conditions)]

    def _row(self, tx: Transaction, one: Negotiation) -> NegotiationRow:
        return NegotiationRow(
            one.pid, self._name(one.counterparty), dataset_title(tx, one.dataset), study_title(tx, one.study),
            _state(one), moment(one.updated_at), one.role, one.agreement,
        )  # fmt: skip

    def states(self, tx: Transaction, pid: str) -> list[str]:
        """The words that describe a negotiation now: its state, and `waiting` where people here are asked."""
        found, asked = tx.get(Negotiation, pid), tx.get(PersonAsked, pid)
        if found is None:
            return []
        waits = asked is not None and open_question(tx, asked) is not None
        return [_state(found), *(["waiting"] if waits else [])]

    def negotiation(self, tx: Transaction, pid: str, role: str | None = None) -> NegotiationView:
        """One negotiation. Raises Problem 404 for one we do not have, or not in this role."""
        found = tx.get(Negotiation, pid)
        if found is None or role not in (None, found.role):
            raise missing("There is no such negotiation here")
        asked = tx.get(PersonAsked, pid)
        open_now = asked if asked is not None and open_question(tx, asked) is not None else None
        me, other = self._context.me.name, self._name(found.counterparty)
        names = {found.role: me, "provider" if found.role == "consumer" else "consumer": other}
        return NegotiationView(
            pid, other, dataset_title(tx, found.dataset), _state(found), self._steps(found),
            rounds.standing_sentences(tx, found), found.agreement, _reason(found.reason),
            study_title(tx, found.study), found.role, found.dataset, found.study, found.initiator,
            rounds.rounds(tx, found, names), rounds.from_catalogue(tx, found), possible(found) if open_now else [],
            open_now.answer_by if open_now else None,
            open_now is not None and urgent(open_now, self._context.clock()),
            offer_digest(found.offer, found.selection), rounds.fit(tx, found) if open_now else None,
        )  # fmt: skip

    def agreements(self, tx: Transaction, role: str | None = None) -> list[AgreementRow]:
        """Contracts in which we play this role (None: either), newest first."""
        conditions: dict[str, Any] = {"role": role} if role else {}
        return [
            AgreementRow(
                one.id, self._name(one.counterparty), dataset_title(tx, one.dataset), study_title(tx, one.study),
                moment(one.made_at), one.until, self._standing(one), one.role, one.dataset,
            )
            for one in tx.find(Agreement, order="-made_at", **conditions)
        ]  # fmt: skip

    def agreement(self, tx: Transaction, agreement_id: str, role: str | None = None) -> Agreement:
        """A contract's record. Raises Problem 404 for one we do not have, or not in this role."""
        found = tx.get(Agreement, agreement_id)
        if found is None or role not in (None, found.role):
            raise missing("There is no such contract here")
        return found

    def room(self, tx: Transaction, found: Agreement, *, exact: bool) -> ContractRoom:
        """Everything about one contract. `exact` shows small numbers about people: the provider's own staff only."""
        process = tx.get(Negotiation, found.negotiation)
        return ContractRoom(
            id=found.id, role=found.role, counterparty_name=self._name(found.counterparty),
            dataset=dataset_title(tx, found.dataset), study_title=study_title(tx, found.study),
            state=self._standing(found), steps=self._steps(process) if process else [],
            sentences=sentences(found.policy), made_at=moment(found.made_at), until=found.until, digest=found.digest,
            policy=dict(found.policy or {}), transfers=transfer_rows(tx, exact=exact, agreement=found.id),
            withdrawals=withdrawals(tx, agreement=found.id), negotiation=found.negotiation, dataset_id=found.dataset,
            study=found.study,
        )  # fmt: skip

    def _steps(self, process: Negotiation) -> list[Step]:
        me, other = self._context.me.name, self._name(process.counterparty)
        named = {process.role: me, "provider" if process.role == "consumer" else "consumer": other}
        done = [
            Step(str(state).lower(), datetime.fromisoformat(at), named.get(by, str(by)), False)
            for state, at, by in (process.steps or {}).get("steps", [])
        ]
        if process.state in _OVER:
            return done
        reached = _COURSE.index(process.state) if process.state in _COURSE else 0 if process.state else -1
        ahead = ("ACCEPTED", *_COURSE[1:]) if process.state == "OFFERED" else _COURSE[reached + 1 :]
        return done + [Step(one.lower(), None, named[_SENDER[one]], place == 0) for place, one in enumerate(ahead)]

    def _standing(self, agreement: Agreement) -> str:
        if agreement.standing == "active" and agreement.until is not None:
            return "expired" if agreement.until <= self._context.clock() else "active"
        return "agreed" if agreement.standing == "pending" else agreement.standing

    def _name(self, participant: str) -> str:
        return self._context.members.name_of(participant)


def withdrawals(tx: Transaction, **conditions: Any) -> list[WithdrawalRow]:
    """People who stopped, newest first: as the recipient was told, or as the provider told."""
    told = [
        WithdrawalRow(one.notice, one.received_at, one.stopped_at, one.erased_at, one.objects, one.lines,
                      one.agreement, one.kind, one.answer, one.deadline)
        for one in tx.find(Tombstone, order="-received_at", **conditions)
    ]  # fmt: skip
    return told + [
        WithdrawalRow(one.id, one.received_at, one.stopped_at, one.erased_at, one.objects, one.lines, one.agreement,
                      one.kind)
        for one in tx.find(Notice, order="-effective_at", **conditions)
    ]  # fmt: skip


def _state(process: Negotiation) -> str:
    return (process.state or "REQUESTED").lower()


def _reason(reason: Mapping[str, Any] | None) -> str | None:
    """Why it ended, in the words of whoever ended it; they may be the counter-party's, so their length is bounded."""
    if not reason:
        return None
    given = reason.get("reason") or []
    texts = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
    return (" ".join(texts) or str(reason.get("code") or "No reason was given"))[:_LONGEST]
