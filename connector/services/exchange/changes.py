"""What became of a contract, as people read it at either side: its end and what follows, and proposals to change it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Agreement, Amendment, ContractEnding, Negotiation
from connector.services.actors import Actor, require
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.exchange import votes
from connector.services.exchange.ending import own_agreement
from connector.services.rooms import rounds
from connector.services.rooms.names import dataset_title, moment
from connector.services.rooms.views import TermDifference
from contracts.names import Role

CANNOT_BE_READ = "The proposed terms cannot be read."
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

log = logging.getLogger("concord.changes")


@dataclass(frozen=True, slots=True)
class ContractEnded:
    """The end of a contract. `by` is empty where its own time was over; `by_us`: we ended it.

    `told_at` is when the other side confirmed, signed, that it knows; None also where it cannot (`provable` False: then
    it was told by the termination of every transfer alone). `erase_by` is the last day for the recipient to delete what
    it received, `erased_at` when it stated that it did; `objects`, `lines`, `bytes` count that. `overdue`: it is late.
    """

    agreement: str
    by: str
    by_us: bool
    reason: str
    ended_at: datetime
    told_at: datetime | None
    provable: bool
    erase_by: datetime
    erased_at: datetime | None
    overdue: bool
    objects: int
    lines: int
    bytes: int


@dataclass(frozen=True, slots=True)
class AmendmentView:
    """Changed terms that were proposed. `standing`: open, answering, withdrawing, accepted, declined, withdrawn,
    superseded, lapsed.

    `sentences` are the proposed terms, `differences` what they change in the present ones. `can_answer`: it waits for
    us (accept or decline); `can_withdraw`: it is ours and still open. `made` is the new contract, once there is one.

    As provider: `approved` of `needed` persons here said yes, the proposer's word being one; while one is missing it
    stays open, and `can_approve` says that it waits for another person here, be it ours or theirs.
    """

    id: str
    agreement: str
    counterparty_name: str
    dataset: str
    role: str
    by_us: bool
    by_name: str
    reason: str
    standing: str
    sentences: list[str]
    differences: list[TermDifference]
    proposed_at: datetime
    answer_by: datetime
    answered_at: datetime | None
    answer_reason: str
    made: str | None
    can_answer: bool
    can_withdraw: bool
    approved: int = 0
    needed: int = 0
    can_approve: bool = False


@dataclass(frozen=True, slots=True)
class ContractHistory:
    """One contract: what it replaces and was replaced by, its end, every proposal (newest first), what can be done."""

    agreement: str
    standing: str
    replaces: str | None
    replaced_by: str | None
    ended: ContractEnded | None
    amendments: list[AmendmentView]
    can_end: bool
    can_propose: bool


class ContractChanges:
    """Reads for stewards (contracts in which we provide), researchers (in which we receive) and the operator (both)."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def history(self, actor: Actor, agreement_id: str) -> ContractHistory:
        """What became of one contract. Raises Problem 403, 404."""

        def query(tx: Transaction) -> ContractHistory:
            found = own_agreement(tx, actor, agreement_id)
            proposals = tx.find(Amendment, agreement=agreement_id, order="-proposed_at")
            shown = [self._amendment(tx, found, one) for one in proposals]
            following = next((one.id for one in chain_of(tx, found) if one.replaces == found.id), None)
            ending = tx.get(ContractEnding, agreement_id)
            speaks = self._context.members.speaks_exchange(found.counterparty)
            undecided = any(one.can_answer or one.can_withdraw or one.standing.endswith("ing") for one in shown)
            return ContractHistory(
                found.id, found.standing, found.replaces or None, following,
                self._ended(ending) if ending is not None else None, shown, found.standing in ("active", "suspended"),
                found.standing == "active" and speaks and not undecided,
            )  # fmt: skip

        return await self._context.store.read(query)

    async def waiting(self, actor: Actor) -> list[AmendmentView]:
        """Proposals that wait for people here, the oldest first: those of others, and ours that lack another person."""
        require(actor, "steward", "researcher", "operator")
        roles = {"steward": ("provider",), "researcher": ("consumer",)}.get(actor.role, ("provider", "consumer"))

        def query(tx: Transaction) -> list[AmendmentView]:
            found = []
            for one in tx.find(Amendment, standing="open", order="proposed_at"):
                agreement = tx.get(Agreement, one.agreement)
                if agreement is not None and agreement.role in roles:
                    found.append(self._amendment(tx, agreement, one))
            return [one for one in found if one.can_answer or one.can_approve]

        return await self._context.store.read(query)

    async def amendment(self, actor: Actor, amendment_id: str) -> AmendmentView:
        """One proposal. Raises Problem 403, 404."""

        def query(tx: Transaction) -> AmendmentView:
            one = tx.get(Amendment, amendment_id)
            if one is None:
                raise missing("There is no such proposal here")
            return self._amendment(tx, own_agreement(tx, actor, one.agreement), one)

        return await self._context.store.read(query)

    async def ends_not_proven(self, actor: Actor) -> list[ContractEnded]:
        """Provider: ended contracts whose recipient has not stated that it deleted what it received; oldest first."""
        require(actor, "steward", "dpo", "operator")
        return await self._context.store.read(
            lambda tx: [
                self._ended(one)
                for one in tx.find(ContractEnding, role=str(Role.PROVIDER), erased_at=None, order="ended_at")
            ]
        )

    def _ended(self, one: ContractEnding) -> ContractEnded:
        members, due = self._context.members, moment(one.erase_by)
        return ContractEnded(
            one.agreement, members.name_of(one.by) if one.by else "", one.by == self._context.me.id, one.reason,
            moment(one.ended_at), one.told_at, members.speaks_exchange(one.counterparty), due, one.erased_at,
            one.erased_at is None and due <= self._context.clock(), one.objects, one.lines, one.bytes,
        )  # fmt: skip

    def _amendment(self, tx: Transaction, agreement: Agreement, one: Amendment) -> AmendmentView:
        ours = one.by == self._context.me.id
        in_time = moment(one.answer_by) > self._context.clock()
        open_now = one.standing == "open" and in_time
        standing = "lapsed" if one.standing in ("open", "answering") and not in_time else one.standing
        sentences, differing = self._readable(tx, agreement, one)
        wanted, said = votes.needed(tx, agreement), len(votes.approved(tx, one))
        active = agreement.standing == "active"
        return AmendmentView(
            one.id, agreement.id, self._context.members.name_of(agreement.counterparty),
            dataset_title(tx, agreement.dataset), agreement.role, ours, self._context.members.name_of(one.by),
            one.reason, standing, sentences, differing,
            moment(one.proposed_at), moment(one.answer_by), one.answered_at,
            one.answer_reason, one.made, open_now and not ours and active, open_now and ours, said, wanted,
            open_now and active and said < wanted,
        )  # fmt: skip

    def _readable(
        self, tx: Transaction, agreement: Agreement, one: Amendment
    ) -> tuple[list[str], list[TermDifference]]:
        """The same as `_said`; terms that break it must not take the page with every other proposal along."""
        try:
            return self._said(tx, agreement, one)
        except _UNREADABLE as fault:
            log.error("a proposal cannot be read: %s", type(fault).__name__, extra={"amendment": one.id})
            return [CANNOT_BE_READ], []

    @staticmethod
    def _said(tx: Transaction, agreement: Agreement, one: Amendment) -> tuple[list[str], list[TermDifference]]:
        """What is proposed, in words, and what that changes in the contract."""
        process = tx.get(Negotiation, agreement.negotiation)
        if process is None:
            process = Negotiation(
                pid="", role=agreement.role, counterparty=agreement.counterparty, their_pid=None,
                dataset=agreement.dataset, study=agreement.study,
            )  # fmt: skip
        old = replace(process, offer=agreement.policy, selection=agreement.selection)
        new = replace(process, offer=one.policy, selection=one.selection)
        before, after = rounds.standing(tx, old), rounds.standing(tx, new)
        return rounds.terms_said(after), rounds.compared(before, after)
