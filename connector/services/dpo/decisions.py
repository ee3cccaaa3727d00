"""Decisions as they were made, and made again: the inputs kept give the same answer, byte for byte, or it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import DecisionMade
from connector.services.chains import domain_named
from connector.services.context import Context
from connector.services.dpo.views import DecisionRow, DecisionView, Replay
from connector.services.dpo.wording import duty_words, limits, would_change
from connector.services.rooms.names import moment
from connector.services.rooms.transfers import reason_words
from connector.services.sealed import SealedInTransaction
from policy.canonical import canonical
from policy.decide import decide
from policy.decision import Decision
from policy.replay import ReplayError, inputs_from_json

NO_CODE = "no code"
"""A person who never got a code under this contract, or whose secret was destroyed: nobody can compute it again."""
_SHOWN = 1000
_PARTS: Mapping[str, str] = {
    "outcome": "The outcome differs", "because": "The reasons differ", "residual": "The limits differ",
    "obligations": "The duties differ", "valid_until": "The time until which it holds differs",
    "unknown": "What was not understood differs",
}  # fmt: skip


class Decisions:
    """Reads and replays."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def rows(self, tx: Transaction, agreement: str) -> list[DecisionRow]:
        """The newest decisions under a contract, people by code."""
        made = tx.find(DecisionMade, agreement=agreement, order="-at", limit=_SHOWN)
        codes = {person: self._code(tx, agreement, person) for person in {one.person for one in made}}
        return [
            DecisionRow(one.id, moment(one.at), codes[one.person], one.outcome, reason_words(one.first_reason))
            for one in made
        ]

    def _code(self, tx: Transaction, agreement: str, person: str) -> str:
        known = self._context.vault.domain(domain_named(tx, agreement), SealedInTransaction(tx)).known(person)
        return known.code if known is not None else NO_CODE

    def view(self, tx: Transaction, decision_id: str) -> DecisionView:
        """One decision. Raises Problem 404."""
        made = _made(tx, decision_id)
        decision = Decision.from_json(made.decision or {})
        return DecisionView(
            id=made.id, at=moment(made.at), outcome=str(decision.outcome),
            reasons=[(cause.source, cause.code, cause.text, cause.pointer) for cause in decision.because],
            residual=limits(decision), obligations=duty_words(decision.obligations), unknown=list(decision.unknown),
            valid_until=decision.valid_until, inputs=dict(made.inputs or {}), would_change=would_change(decision),
            agreement=made.agreement, person_code=self._code(tx, made.agreement, made.person),
        )  # fmt: skip

    def replay(self, tx: Transaction, decision_id: str) -> Replay:
        """Run the rules again on the inputs kept. Raises Problem 404."""
        made, now = _made(tx, decision_id), self._context.clock()
        try:
            again = decide(*inputs_from_json(made.inputs or {})).to_json()
        except ReplayError as fault:
            return Replay(False, now, made.outcome, [f"It cannot be replayed: {fault}"])
        kept = dict(made.decision or {})
        same = canonical(again) == canonical(kept) and made.outcome == again["outcome"]
        return Replay(same, now, str(again["outcome"]), [] if same else _differences(kept, again, made.outcome))


def _made(tx: Transaction, decision_id: str) -> DecisionMade:
    found = tx.get(DecisionMade, decision_id)
    if found is None:
        raise missing("There is no such decision here")
    return found


def _differences(kept: Mapping[str, Any], again: Mapping[str, Any], outcome: str) -> list[str]:
    found = [words for name, words in _PARTS.items() if kept.get(name) != again.get(name)]
    if outcome != kept.get("outcome"):
        found.append("The outcome noted beside the decision differs from the decision itself")
    return found or ["The kept decision has further content"]
