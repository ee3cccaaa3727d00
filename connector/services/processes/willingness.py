"""Whether a contract is wanted: policy first, then the steward's rule, then people (design 3.1, 3.3).

`policy.decide` speaks first, and its no is final. What it allows is answered by the standing rule for the dataset and
the counterparty: accepted (the default), refused, or put to one or two persons. As consumer we take an offer with
exactly the terms we asked for; any other one waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from connector.ports import Transaction
from connector.records import Approval, Dataset, Negotiation, NegotiationRule, PeerAcceptance, Study
from connector.services.context import Context
from connector.services.contracting.questions import ask_people, offer_digest, verdicts
from connector.services.contracting.rules import DAYS, NEEDED, rule_for
from connector.services.processes.moves import Accept, Agree, Finalize, NegotiationMove, Terminate, Verify
from contracts.narrowing import agreed_selection
from contracts.study import StudyRequest
from contracts.terms import requested_purposes
from policy.decide import decide
from policy.decision import Action, Decision, Outcome, Regime
from policy.facts import Facts, Question
from policy.odrl import CompiledPolicy, PolicyError, compiled
from policy.odrl.duties import KNOWN, Ower
from policy.purposes import covered_by_any
from policy.reasons import Reason, reason

ERASE = "erase-on-withdrawal"
_REFUSED_BY_RULE = "Requests of this kind are not accepted here."


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known here about a request, read in one transaction."""

    dataset: Dataset | None
    study: Study | None
    accepted: bool
    rule: NegotiationRule
    verdicts: list[Approval]


class Willingness:
    """The course of negotiations in production (`connector.services.processes.courses.NegotiationCourse`)."""

    insistent = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def at_once(self, process: Negotiation) -> NegotiationMove | None:
        """Verify what was agreed to, finalize what was verified, accept what was asked for."""
        if process.role == "provider":
            return Finalize() if process.state == "VERIFIED" else None
        if process.state == "AGREED":
            return Verify()
        return Accept() if process.state == "OFFERED" and as_asked(process) else None

    async def next(self, process: Negotiation) -> NegotiationMove | None:
        """What to do now; None when it is the other side's turn or a person has been asked."""
        if (move := self.at_once(process)) is not None:
            return move
        if process.role == "provider" and process.state in ("REQUESTED", "ACCEPTED"):
            return await self._answer(process)
        if process.role == "consumer" and process.state == "OFFERED":
            await self._ask(process, 1, DAYS)
        return None

    async def _answer(self, process: Negotiation) -> NegotiationMove | None:
        with self._context.traces.span("decide", role=process.role) as span:
            known = await self._context.store.look(lambda tx: self._known(tx, process))
            decision = self._judge(process, known)
            span.say(outcome=str(decision.outcome))
        if not decision.permits:
            return _refusal(decision)
        refused = next((one for one in known.verdicts if one.verdict == "refuse"), None)
        if refused is not None:
            return Terminate("refused-by-person", (refused.note,))
        rule = known.rule
        if rule.answer == "refuse":
            return Terminate("refused-by-rule", (rule.reason or _REFUSED_BY_RULE,))
        needed = NEEDED.get(rule.answer, 0)
        if len(known.verdicts) >= needed:  # each is another account's
            return Agree()
        await self._ask(process, needed, rule.days)
        return None

    async def _ask(self, process: Negotiation, needed: int, days: int) -> None:
        await self._context.store.write(lambda tx: ask_people(tx, self._context, process, needed, days))

    async def decide(self, process: Negotiation) -> Decision:
        """May we agree to what stands in this negotiation, now? The policy's word, before any rule."""
        return self._judge(process, await self._context.store.look(lambda tx: self._known(tx, process)))

    def _known(self, tx: Transaction, process: Negotiation) -> _Known:
        study = tx.get(Study, process.study) if process.study else None
        accepted = accepts(tx, self._context, process.counterparty)
        rule = rule_for(tx, process.dataset, process.counterparty)
        said = verdicts(tx, process)
        return _Known(tx.get(Dataset, process.dataset), study, accepted, rule, said)

    def _judge(self, process: Negotiation, known: _Known) -> Decision:
        dataset, study = known.dataset, known.study
        if dataset is None or dataset.offer is None or process.offer is None:
            return Decision(Outcome.DENY, (reason("no-contract"),))
        try:
            offer, asked = _compiled(dataset.offer), _compiled(process.offer)
        except PolicyError:
            return Decision(Outcome.INDETERMINATE, (reason("policy-not-understood"),))
        document = StudyRequest.read(study.document) if study is not None else None
        selection = agreed_selection(document, dataset.id, process.offer, process.selection)
        if document is not None and selection is None:
            return Decision(Outcome.DENY, (reason("selection-not-agreed"),))
        question = Question(
            regime=Regime.CONSENT, action=Action.NEGOTIATE, now=self._context.clock(), requester=process.counterparty,
            dataset=dataset.id, purposes=requested_purposes(process.offer), study=study.id if study else None,
            study_digest=study.digest if study else None, profile=dataset.profile,
            selection=selection.digest if selection else None,
        )  # fmt: skip
        facts = Facts(
            policy=asked, offer=offer, holder=self._context.me.id, executors=self._context.executors.keys,
            study_approved=_covers(study, document, process, dataset),
            recipient=self._context.members.place_of(process.counterparty), asks_place=self._context.settings.ask_place,
            stops=stops(self._context, offer, asked, accepted=known.accepted),
        )  # fmt: skip
        return decide(question, facts)


def _compiled(offer: dict[str, Any]) -> CompiledPolicy:
    """An offer made ready to ask. Raises PolicyError."""
    try:
        written = orjson.dumps(offer)
    except TypeError:  # a number beyond 64 bits, say: rare enough to be read anew
        return compiled(offer)
    return _once(written)


@lru_cache(maxsize=256)
def _once(written: bytes) -> CompiledPolicy:
    """The same offer is asked for many times, and compiling it costs more than all the rest of an answer."""
    return compiled(orjson.loads(written))


def as_asked(process: Negotiation) -> bool:
    """Whether the offer that stands says exactly what we asked for last; an offer nobody asked for never does."""
    rounds = (process.offers or {}).get("offers", [])
    mine = [one for one in rounds if one["by"] == process.role]
    if not mine or process.offered_by == process.role:
        return False
    # The terms pin the selection by its digest, so that they say all.
    return offer_digest(mine[-1]["policy"], None) == offer_digest(process.offer, None)


def _refusal(decision: Decision) -> Terminate:
    reasons = tuple(cause.text for cause in decision.because) or ("the request is not understood",)
    return Terminate(decision.because[0].code if decision.because else "not-understood", reasons)


def accepts(tx: Transaction, context: Context, counterparty: str) -> bool:
    """Whether it can be told of withdrawals, or the steward accepted it by name and that still counts."""
    if context.members.speaks_exchange(counterparty):
        return True
    found = tx.get(PeerAcceptance, counterparty)
    return found is not None and found.revoked_at is None and (found.until is None or context.clock() < found.until)


def stops(context: Context, offer: CompiledPolicy, asked: CompiledPolicy, *, accepted: bool) -> tuple[Reason, ...]:
    """The provider's own reasons against terms: duties nobody could carry out so, or nobody could prove."""
    executors = context.executors
    undone = tuple(
        reason("duty-without-executor", one.pointer, f"({one.name}; accepted: {one.accepted})")
        for one in executors.undone(asked.policy, context.me.id)
        if one.name in executors.keys
    )
    return undone if accepted else (*undone, *_unprovable(offer, asked))


def _unprovable(*policies: CompiledPolicy) -> tuple[Reason, ...]:
    """Why duties of the consumer cannot be agreed to with somebody who can be told nothing, and states nothing."""
    owed = {key for policy in policies for key in policy.obligations}
    owed |= {key for policy in policies for rule in policy.permissions for key in rule.obligations}
    theirs = sorted(key for key in owed - {ERASE} if key in KNOWN and KNOWN[key].by is Ower.CONSUMER)
    found = (reason("erasure-not-provable"),) if ERASE in owed else ()
    unseen = "(This participant cannot state by message that it did: {}.)"
    return (*found, *(reason("duty-without-executor", detail=unseen.format(key)) for key in theirs))


def _covers(study: Study | None, document: StudyRequest | None, process: Negotiation, dataset: Dataset) -> bool:
    """An approved study of which the requester is a recipient, that asks for this dataset and for every purpose."""
    purposes = requested_purposes(process.offer or {})
    return (
        study is not None
        and document is not None
        and study.standing == "approved"
        and process.counterparty in document.recipients
        and any(entry.dataset == dataset.id for entry in document.data)
        and bool(purposes)
        and all(covered_by_any(document.purposes, purpose) is True for purpose in purposes)
    )
