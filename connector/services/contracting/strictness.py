"""Which standing rule counts for a request, and where a change of the rules asks for less than before."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from connector.ports import Transaction
from connector.records import Account, LogEntry, NegotiationRule
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.contracting.views import RuleWeakened
from connector.services.rooms.names import dataset_title

_STANDARD = NegotiationRule(dataset="", counterparty="", answer="accept")
_STRICT = {"accept": 0, "person": 1, "quorum": 2, "refuse": 3}
_SHOWN = 20
"""Changes that are shown; all of them stand in the log."""


def rule_for(tx: Transaction, dataset: str, counterparty: str) -> NegotiationRule:
    """The rule for a request; to accept where none was made.

    What was said about this counterparty counts before what was said about everybody, and in either what was said
    about this dataset before what was said about all.
    """
    found = {
        (rule.counterparty, rule.dataset): rule
        for rule in tx.find(NegotiationRule, dataset=(dataset, ""), counterparty=(counterparty, ""))
    }
    places = ((counterparty, dataset), (counterparty, ""), ("", dataset), ("", ""))
    return next((found[place] for place in places if place in found), _STANDARD)


def changed(
    tx: Transaction, context: Context, actor: Actor, place: tuple[str, str], change: Callable[[], object]
) -> None:
    """Change the rule of a place (dataset, counterparty), and log where requests are answered less strictly now.

    Every place is looked at that some rule names: a new rule about one participant can hide one about a dataset.
    """
    rules = tx.find(NegotiationRule)
    datasets = sorted({"", place[0], *(one.dataset for one in rules)})
    others = sorted({"", place[1], *(one.counterparty for one in rules)})
    before = {(what, who): rule_for(tx, what, who).answer for what in datasets for who in others}
    change()
    weaker = [
        {"dataset": what, "counterparty": who, "before": was, "after": now}
        for (what, who), was in before.items()
        if _STRICT[now := rule_for(tx, what, who).answer] < _STRICT[was]
    ]
    if weaker:
        context.log(tx, "rule.weakened", place[0] or "any", {"places": weaker, "by": actor.entry})


def loosened(tx: Transaction, context: Context) -> list[RuleWeakened]:
    """Where a change asked for less than before, newest first."""
    entries = tx.find(LogEntry, kind="rule.weakened", order="-sequence", limit=_SHOWN)
    return [row for entry in entries if entry.body for row in _places(tx, context, entry.at, entry.body)]


def _places(tx: Transaction, context: Context, at: str, body: str) -> list[RuleWeakened]:
    said = json.loads(body)
    by = account_name(tx, said["by"]["account"])
    return [
        RuleWeakened(
            datetime.fromisoformat(at), by, dataset_title(tx, one["dataset"]) if one["dataset"] else "",
            context.members.name_of(one["counterparty"]) if one["counterparty"] else "", one["before"], one["after"],
        )
        for one in said["places"]
    ]  # fmt: skip


def account_name(tx: Transaction, account: str) -> str:
    """The name of the person with this account; the account itself when there is none, such as the operator's."""
    found = tx.get(Account, account) if account else None
    return found.name if found is not None else account
