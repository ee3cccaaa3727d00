"""The provider's side of negotiating: requests that a person approves, narrows or refuses, and offers we make first.

A verdict is kept before anything is sent, and the course then does what the verdicts say: one way to yes. Policy is
asked again each time, so that nobody approves, or offers, what policy refuses.
"""

from __future__ import annotations

from dataclasses import replace

from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Approval, Dataset, Negotiation
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.questions import check_terms, offer_digest, say_verdict
from connector.services.contracting.reading import Questions
from connector.services.contracting.views import NarrowingDraft, OfferDraft, QuestionRow, QuestionView
from connector.services.contracting.wording import Parties, for_study, narrowed_by, narrower, plain, study_of
from connector.services.delivery import new_id
from connector.services.processes.moves import MakeOffer
from connector.services.processes.negotiations import Negotiations
from connector.services.processes.willingness import Willingness
from contracts.narrowing import Narrowed, selection_of
from policy.decision import Decision

_ROLES = ("steward", "operator")
_LONGEST = 2000


class Approvals:
    """`concord approvals`: the queue of the steward."""

    def __init__(self, context: Context, negotiations: Negotiations, willingness: Willingness) -> None:
        self._context = context
        self._negotiations = negotiations
        self._willingness = willingness
        self._questions = Questions(context, "provider")

    async def list(self, actor: Actor) -> list[QuestionRow]:
        """What waits for the steward, the most pressing first."""
        require(actor, *_ROLES)
        return await self._context.store.read(self._questions.rows)

    async def show(self, actor: Actor, pid: str) -> QuestionView:
        """One of them, whole. Raises Problem 404, 409 when it does not wait (any more)."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._questions.view(tx, pid, actor.account))

    async def approve(self, actor: Actor, pid: str, terms: str, note: str = "") -> None:
        """Say yes to the terms with this digest (`QuestionView.terms_digest`).

        Raises Problem 403, 404, 409: code "terms-changed" when other terms stand by now.
        """
        await self._say(actor, pid, terms, "approve", note)

    async def refuse(self, actor: Actor, pid: str, terms: str, reason: str) -> None:
        """Say no to these terms; the negotiation ends with this reason, for the other side to read.

        Raises Problem 400, 404, 409 (see `approve`).
        """
        require(actor, *_ROLES)
        if not reason.strip():
            raise invalid("A refusal needs its reason", "reason", "a sentence for the other side")
        await self._say(actor, pid, terms, "refuse", reason)

    async def _say(self, actor: Actor, pid: str, terms: str, verdict: str, note: str) -> None:
        require(actor, *_ROLES)
        said = _bounded(note)

        def command(tx: Transaction) -> None:
            _, process = self._questions.asked(tx, pid)
            check_terms(process, terms)
            self._may_judge(tx, actor, process, terms)
            say_verdict(tx, self._context, pid, terms, actor, verdict, said)

        await self._context.store.write(command)
        await self._negotiations.act(pid)

    def _may_judge(self, tx: Transaction, actor: Actor, process: Negotiation, terms: str) -> None:
        """Raises Problem 403 for one who asks, 409 for one who has spoken."""
        if process.counterparty == actor.participant:
            raise forbidden("Who asks never approves")
        if tx.get(Approval, process.pid, terms, actor.account) is not None:
            raise conflict("You have spoken on exactly these terms already", accepted="the answer of another person")

    async def counter(self, actor: Actor, pid: str, terms: str, draft: NarrowingDraft) -> None:
        """Answer a request on these terms with a narrower offer. Raises Problem 400 naming the field, 404, 409."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> tuple[Negotiation, Narrowed]:
            _, process = self._questions.asked(tx, pid)
            check_terms(process, terms)
            if process.state != "REQUESTED":
                raise conflict("These terms are accepted already", accepted="to approve or refuse")
            return process, narrower(tx, process, draft, self._context.clock())

        process, made = await self._context.store.read(query)
        # An offer of ours is a new one, with an id of its own.
        offer = made.policy | {"@id": new_id()}
        selection = made.selection.wire() if made.selection else None
        await self._check(replace(process, offer=offer, selection=selection))
        ours = offer_digest(offer, selection)

        def first(tx: Transaction, _: Negotiation) -> None:
            check_terms(self._questions.asked(tx, pid)[1], terms)
            # Who makes an offer has spoken for its terms.
            say_verdict(tx, self._context, pid, ours, actor, "offer")

        await self._negotiations.move(pid, MakeOffer(offer, selection), {"actor": actor.entry}, first=first)

    async def offer(self, actor: Actor, draft: OfferDraft) -> str:
        """Make the first offer to a participant; returns our pid. Raises Problem 400, 404."""
        require(actor, *_ROLES)
        consumer = self._context.members.active(draft.consumer)
        process = await self._context.store.read(lambda tx: self._worded(tx, draft))
        await self._check(process)
        offer, selection = process.offer or {}, process.selection
        pid = await self._negotiations.offer(
            consumer, draft.dataset, offer, selection=selection, by={"actor": actor.entry}
        )
        await self._own_word(actor, pid, offer_digest(offer, selection))
        return pid

    def _worded(self, tx: Transaction, draft: OfferDraft) -> Negotiation:
        """The offer of a draft, in the negotiation it would begin. Raises Problem 400, 404."""
        dataset = tx.get(Dataset, draft.dataset)
        if dataset is None or dataset.offer is None or dataset.standing != "published":
            raise missing("There is no such dataset in our catalogue")
        parties = Parties(self._context.me.id, draft.consumer, draft.dataset)
        study = study_of(tx, draft.study or None)
        if draft.study and study is None:
            raise invalid("We know no such study request", "study", "a study request that was sent to us")
        if study is not None:
            purpose = draft.purpose or (study.purposes[0] if len(study.purposes) == 1 else "")
            offer, standing = for_study(dataset.offer, parties, study, purpose), selection_of(study, draft.dataset)
        else:
            offer, standing = plain(dataset.offer, parties), None
        selection = None
        if draft.narrowing != NarrowingDraft():
            made = narrowed_by(offer, draft.narrowing, self._context.clock(), standing, study)
            offer, selection = made.policy, made.selection.wire() if made.selection else None
        offer = offer | {"@id": new_id()}
        return Negotiation(
            pid="", role="provider", counterparty=draft.consumer, their_pid=None, dataset=draft.dataset, offer=offer,
            selection=selection, study=study.id if study else None, initiator="provider", offered_by="provider",
        )  # fmt: skip

    async def _check(self, process: Negotiation) -> None:
        """What policy would refuse to agree to is not offered. Raises Problem 409 with its reasons."""
        decision: Decision = await self._willingness.decide(process)
        if not decision.permits:
            why = " ".join(cause.text for cause in decision.because)
            raise Problem(409, "policy-refuses", "Our own policy refuses these terms", why)

    async def _own_word(self, actor: Actor, pid: str, about: str) -> None:
        """Who makes an offer has spoken for its terms; where two persons are needed, another one must still."""
        context = self._context
        await context.store.write(lambda tx: say_verdict(tx, context, pid, about, actor, "offer"))
        await self._negotiations.act(pid)


def _bounded(note: str) -> str:
    if len(note) > _LONGEST:
        raise invalid("This is too long", "note", f"at most {_LONGEST} characters")
    return note.strip()
