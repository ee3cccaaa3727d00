"""The consumer's side of negotiating: offers made to us that a person accepts, narrows or declines."""

from __future__ import annotations

from connector.ports import Transaction
from connector.problems import Problem, invalid
from connector.records import Negotiation
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.questions import check_terms, is_understood
from connector.services.contracting.reading import Questions
from connector.services.contracting.views import NarrowingDraft, QuestionRow, QuestionView
from connector.services.contracting.wording import narrower
from connector.services.processes.moves import Accept, MakeRequest, NegotiationMove, Terminate
from connector.services.processes.negotiations import Negotiations
from contracts.narrowing import Narrowed

_ROLES = ("researcher", "operator")
_LONGEST = 2000


class Offers:
    """`concord negotiations accept | counter | decline`."""

    def __init__(self, context: Context, negotiations: Negotiations) -> None:
        self._context = context
        self._negotiations = negotiations
        self._questions = Questions(context, "consumer")

    async def list(self, actor: Actor) -> list[QuestionRow]:
        """Offers that wait for the researcher, the most pressing first."""
        require(actor, *_ROLES)
        return await self._context.store.read(self._questions.rows)

    async def show(self, actor: Actor, pid: str) -> QuestionView:
        """One of them, whole. Raises Problem 404, 409 when it does not wait (any more)."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._questions.view(tx, pid, actor.account))

    async def accept(self, actor: Actor, pid: str, terms: str) -> None:
        """Take the offer with this digest (`QuestionView.terms_digest`).

        Raises Problem 404, 409: code "terms-changed" when other terms stand by now, "policy-not-understood" for a term
        that is not understood.
        """
        require(actor, *_ROLES)

        def query(tx: Transaction) -> None:
            process = self._read(tx, pid, terms)
            if not is_understood(process.offer or {}):
                raise Problem(
                    409, "policy-not-understood", "The offer holds a term that we do not understand",
                    accepted="to decline it",
                )  # fmt: skip

        await self._context.store.read(query)
        await self._move(actor, pid, terms, Accept())

    async def counter(self, actor: Actor, pid: str, terms: str, draft: NarrowingDraft) -> None:
        """Answer these terms with a narrower request. Raises Problem 400 naming the field, 404, 409."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> Narrowed:
            return narrower(tx, self._read(tx, pid, terms), draft, self._context.clock())

        made = await self._context.store.read(query)
        selection = made.selection.wire() if made.selection else None
        # The id stays that of the offer which is answered: by it the provider knows what we narrowed.
        await self._move(actor, pid, terms, MakeRequest(made.policy, selection))

    async def decline(self, actor: Actor, pid: str, terms: str, reason: str) -> None:
        """Say no to these terms; the negotiation ends with this reason, for the other side to read.

        Raises Problem 400, 404, 409.
        """
        require(actor, *_ROLES)
        if not reason.strip() or len(reason) > _LONGEST:
            raise invalid("A refusal needs its reason", "reason", f"a sentence, at most {_LONGEST} characters")
        await self._move(actor, pid, terms, Terminate("declined", (reason.strip(),)))

    def _read(self, tx: Transaction, pid: str, terms: str) -> Negotiation:
        """The negotiation, as long as it waits for people here on the terms they read. Raises Problem 404, 409."""
        _, process = self._questions.asked(tx, pid)
        check_terms(process, terms)
        return process

    async def _move(self, actor: Actor, pid: str, terms: str, move: NegotiationMove) -> None:
        def first(tx: Transaction, _: Negotiation) -> None:
            self._read(tx, pid, terms)

        await self._negotiations.move(pid, move, {"actor": actor.entry}, first=first)
