"""Open questions as people read them: who asks, how it differs from what was published, who said what so far."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, missing
from connector.records import Dataset, Negotiation, PersonAsked
from connector.services.context import Context
from connector.services.contracting.questions import (
    is_understood,
    offer_digest,
    open_question,
    open_questions,
    possible,
    urgent,
    verdicts,
)
from connector.services.contracting.views import QuestionRow, QuestionView, Standing, Verdict
from connector.services.contracting.wording import standing_selection, study_of
from connector.services.rooms import rounds
from connector.services.rooms.names import dataset_title, moment, study_title
from contracts.names import Role
from contracts.study import StudyRequest
from policy.categories import CATEGORIES, words
from policy.instants import TICK
from policy.odrl import PolicyError, compiled, terms
from policy.purposes import label

KINDS = {"provider": "request", "consumer": "offer"}


class Questions:
    """Reads for one participant in one of its roles, always inside a transaction of the caller's."""

    def __init__(self, context: Context, role: str) -> None:
        self._context = context
        self._role = role

    def rows(self, tx: Transaction) -> list[QuestionRow]:
        """What waits for people here, the most pressing first."""
        return [self._row(tx, asked, process) for asked, process in open_questions(tx, self._role)]

    def asked(self, tx: Transaction, pid: str) -> tuple[PersonAsked, Negotiation]:
        """An open question and its negotiation. Raises Problem 404, 409 when nobody here is asked (any more)."""
        process, asked = tx.get(Negotiation, pid), tx.get(PersonAsked, pid)
        if process is None or process.role != self._role:
            raise missing("There is no such negotiation here")
        if asked is None or open_question(tx, asked) is None:
            raise Problem(
                409, "not-asked", "This step does not fit the present state",
                "This negotiation does not wait for an answer of ours", pid,
            )  # fmt: skip
        return asked, process

    def view(self, tx: Transaction, pid: str, account: str) -> QuestionView:
        """One of them, whole, as this account reads it. Raises Problem 404, 409."""
        asked, process = self.asked(tx, pid)
        said = verdicts(tx, process)
        return QuestionView(
            row=self._row(tx, asked, process), terms=rounds.standing_sentences(tx, process),
            from_catalogue=rounds.from_catalogue(tx, process), rounds=rounds.rounds(tx, process, self.names(process)),
            verdicts=[Verdict(one.name, one.verdict, moment(one.at), one.note) for one in said],
            can=possible(process), standing=self._standing(tx, process), understood=is_understood(process.offer or {}),
            terms_digest=offer_digest(process.offer, process.selection),
            spoken=any(one.account == account for one in said), fit=rounds.fit(tx, process),
        )  # fmt: skip

    def names(self, process: Negotiation) -> dict[str, str]:
        """Who the provider and the consumer of a negotiation are."""
        other = self._context.members.name_of(process.counterparty)
        return {process.role: self._context.me.name, str(Role(process.role).other): other}

    def _row(self, tx: Transaction, asked: PersonAsked, process: Negotiation) -> QuestionRow:
        approved = [one for one in verdicts(tx, process) if one.verdict != "refuse"]
        return QuestionRow(
            pid=process.pid, kind=KINDS[self._role], counterparty=process.counterparty,
            counterparty_name=self._context.members.name_of(process.counterparty),
            dataset=dataset_title(tx, process.dataset), dataset_id=process.dataset,
            study_title=study_title(tx, process.study), state=process.state.lower(), asked_at=asked.asked_at,
            answer_by=asked.answer_by, urgent=urgent(asked, self._context.clock()), approved=len(approved),
            needed=asked.needed,
        )  # fmt: skip

    def _standing(self, tx: Transaction, process: Negotiation) -> Standing:
        study = study_of(tx, process.study)
        try:
            selection = standing_selection(process, study)
        except Problem:
            selection = None
        purposes, until = _limits(process.offer or {})
        kinds = selection.variables if selection is not None else None
        period = selection.period if selection is not None else None
        return Standing(
            purposes=[(iri, label(iri)) for iri in purposes], until=(until - TICK).date() if until else None,
            recipients=[(one, self._context.members.name_of(one)) for one in self._recipients(study, process)],
            categories=[(key, words(key)) for key in (kinds if kinds is not None else _kinds(tx, process))],
            records_from=period.start if period else None, records_until=period.end if period else None,
        )  # fmt: skip

    def _recipients(self, study: StudyRequest | None, process: Negotiation) -> tuple[str, ...]:
        consumer = process.counterparty if process.role == "provider" else self._context.me.id
        return study.recipients if study is not None else (consumer,)


def _limits(policy: Mapping[str, Any]) -> tuple[tuple[str, ...], datetime | None]:
    try:
        stated = terms(compiled(policy).policy)
    except PolicyError:
        return (), None
    return stated.purposes, stated.until


def _kinds(tx: Transaction, process: Negotiation) -> tuple[str, ...]:
    """Where nothing is selected: what the dataset holds, or every kind there is when it is not ours."""
    dataset = tx.get(Dataset, process.dataset)
    described = ((dataset.description or {}).get("categories") if dataset is not None else None) or list(CATEGORIES)
    return tuple(key for key in described if key in CATEGORIES)
