"""The steward's standing rules: how a request is answered once policy allows it. Policy's no is never overruled."""

from __future__ import annotations

from collections.abc import Sequence

from connector.ports import Transaction
from connector.problems import invalid, missing
from connector.records import Dataset, NegotiationRule
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.strictness import account_name, changed, loosened, rule_for
from connector.services.contracting.views import RuleRow, RuleWeakened
from connector.services.rooms.names import dataset_title

__all__ = ["ANSWERS", "DAYS", "NEEDED", "Rules", "rule_for"]

ANSWERS = ("accept", "refuse", "person", "quorum")
NEEDED = {"person": 1, "quorum": 2}
DAYS = 14
_MOST_DAYS = 365
_LONGEST = 500
_ROLES = ("steward", "operator")


class Rules:
    """`concord rules`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, actor: Actor) -> list[RuleRow]:
        """Every rule, those about one counterparty first."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> list[RuleRow]:
            found = sorted(
                tx.find(NegotiationRule), key=lambda one: (not one.counterparty, one.counterparty, not one.dataset)
            )
            return [self._row(tx, one) for one in found]

        return await self._context.store.read(query)

    async def set(
        self,
        actor: Actor,
        answer: str,
        *,
        dataset: str = "",
        counterparty: str = "",
        days: int = DAYS,
        reason: str = "",
    ) -> RuleRow:
        """Make a rule, or replace the one for the same dataset and counterparty. Raises Problem 400.

        Empty `dataset` and `counterparty` mean any. What has been asked already follows the new rule when it is next
        looked at, but keeps its deadline.
        """
        require(actor, *_ROLES)
        _check(answer, days, reason)
        if counterparty:
            self._context.members.reachable(counterparty)
        context = self._context
        rule = NegotiationRule(
            dataset=dataset, counterparty=counterparty, answer=answer, days=days, reason=reason.strip(),
            set_by=actor.account, set_at=context.clock(),
        )  # fmt: skip

        def command(tx: Transaction) -> RuleRow:
            if dataset and tx.get(Dataset, dataset) is None:
                raise invalid("There is no such dataset here", "dataset", "a dataset of ours, or none for all of them")
            changed(tx, context, actor, (dataset, counterparty), lambda: tx.put(rule))
            body = {"counterparty": counterparty, "answer": answer, "days": days, "by": actor.entry}
            context.log(tx, "rule.set", dataset or "any", body)
            return self._row(tx, rule)

        return await context.store.write(command)

    async def remove(self, actor: Actor, *, dataset: str = "", counterparty: str = "") -> None:
        """Take a rule away. Raises Problem 404."""
        require(actor, *_ROLES)
        context = self._context

        def command(tx: Transaction) -> None:
            if tx.get(NegotiationRule, dataset, counterparty) is None:
                raise missing("There is no rule for this dataset and this participant")

            def remove() -> int:
                return tx.remove(NegotiationRule, dataset=dataset, counterparty=counterparty)

            changed(tx, context, actor, (dataset, counterparty), remove)
            body = {"counterparty": counterparty, "by": actor.entry}
            context.log(tx, "rule.removed", dataset or "any", body)

        await context.store.write(command)

    async def weakened(self, actor: Actor) -> Sequence[RuleWeakened]:
        """Where requests are answered less strictly than before, newest first: one steward alone can do that."""
        require(actor, *_ROLES, "dpo")
        return await self._context.store.read(lambda tx: loosened(tx, self._context))

    def _row(self, tx: Transaction, one: NegotiationRule) -> RuleRow:
        title = dataset_title(tx, one.dataset) if one.dataset else ""
        name = self._context.members.name_of(one.counterparty) if one.counterparty else ""
        return RuleRow(
            one.dataset, title, one.counterparty, name, one.answer, one.days, one.reason, one.set_by, one.set_at,
            account_name(tx, one.set_by),
        )  # fmt: skip


def _check(answer: str, days: int, reason: str) -> None:
    if answer not in ANSWERS:
        raise invalid("This is not an answer a rule can give", "answer", ", ".join(ANSWERS))
    if not 1 <= days <= _MOST_DAYS:
        raise invalid("This is not a time to answer in", "days", f"1 to {_MOST_DAYS} days")
    if len(reason) > _LONGEST:
        raise invalid("The reason is too long", "reason", f"at most {_LONGEST} characters")
    if answer == "refuse" and not reason.strip():
        raise invalid("A refusal needs its reason", "reason", "a sentence for the other side")
