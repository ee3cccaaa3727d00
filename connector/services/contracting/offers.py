"""The consumer's side of negotiating: offers made to us that a person accepts, narrows or declines."""

from __future__ import annotations

from connector.ports import Transaction
from connector.problems import Problem, invalid
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.questions import is_understood
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
        return await self._context.store.read(lambda tx: self._questions.view(tx, pid))

    async def accept(self, actor: Actor, pid: str) -> None:
        """Take the offer that stands. Raises Problem 404, 409 (also for an offer with a term not understood)."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> None:
            _, process = self._questions.asked(tx, pid)
            if not is_understood(process.offer or {}):
                raise Problem(
                    409, "policy-not-understood", "The offer holds a term that we do not understand",
                    accepted="to decline it",
                )  # fmt: skip

        await self._context.store.read(query)
        await self._move(actor, pid, Accept())

    async def counter(self, actor: Actor, pid: str, draft: NarrowingDraft) -> None:
        """Answer with a narrower request. Raises Problem 400 naming the field, 404, 409."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> Narrowed:
            _, process = self._questions.asked(tx, pid)
            return narrower(tx, process, draft, self._context.clock())

        made = await self._context.store.read(query)
        selection = made.selection.wire() if made.selection else None
        # The id stays that of the offer which is answered: by it the provider knows what we narrowed.
        await self._move(actor, pid, MakeRequest(made.policy, selection))

    async def decline(self, actor: Actor, pid: str, reason: str) -> None:
        """Say no; the negotiation ends with this reason, for the other side to read. Raises Problem 400, 404, 409."""
        require(actor, *_ROLES)
        if not reason.strip() or len(reason) > _LONGEST:
            raise invalid("A refusal needs its reason", "reason", f"a sentence, at most {_LONGEST} characters")
        await self._context.store.read(lambda tx: self._questions.asked(tx, pid))
        await self._move(actor, pid, Terminate("declined", (reason.strip(),)))

    async def _move(self, actor: Actor, pid: str, move: NegotiationMove) -> None:
        await self._negotiations.move(pid, move, {"actor": actor.entry})
