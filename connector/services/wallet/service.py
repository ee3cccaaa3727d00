"""The wallet as the portal and the API call it."""

from __future__ import annotations

from datetime import date
from typing import Any

from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.wallet import views
from connector.services.wallet.answering import Answering
from connector.services.wallet.authorities import Authorities
from connector.services.wallet.cards import Cards
from connector.services.wallet.feedback import Feedback
from connector.services.wallet.links import Links
from connector.services.wallet.opting_out import OptOuts
from connector.services.wallet.pages import Pages
from connector.services.wallet.pausing import Limit, Pauses
from connector.services.wallet.people import People
from connector.services.wallet.receipts import Receipts
from connector.services.wallet.renewing import Renewals
from connector.services.wallet.repeating import Repeating
from connector.services.wallet.stopping import Stops
from connector.services.wallet.versions import Versions


class Wallet:
    """One door to people, answers, pages and feedback."""

    def __init__(self, context: Context) -> None:
        self.people = People(context)
        self.opt_outs = OptOuts(context, self.people)
        versions = Versions(context, self.people)
        self.repeating = Repeating(context, versions, self.opt_outs)
        self.answers = Answering(context, versions)
        self.renewals = Renewals(context, versions)
        self.authorities = Authorities(context, versions)
        self.stops = Stops(context, versions)
        self.pauses = Pauses(context, versions)
        self.links = Links(context, self.people)
        self.pages = Pages(context)
        self.cards = Cards(context)
        self.receipts = Receipts(context)
        self.feedback = Feedback(context)

    async def host(self, actor: Actor, name: str, subject: str, born: date | None = None) -> str:
        """Open an account for a person. Returns its id."""
        return await self.people.host(actor, name, subject, born)

    async def home(self, actor: Actor) -> views.PersonHome:
        """The person's first page."""
        return await self.cards.home(actor)

    async def holders(self, actor: Actor) -> list[views.HolderChoice]:
        """Holders one may link to."""
        return await self.people.holders(actor)

    async def link(self, actor: Actor, holder: str, code: str) -> views.LinkCard:
        """Enter a one-time code."""
        return await self.people.link(actor, holder, code)

    async def study(self, actor: Actor, study_id: str) -> views.StudyPage:
        """Everything told before answering."""
        return await self.pages.study(actor, study_id)

    async def answer(self, actor: Actor, study_id: str, answer: views.Answer) -> views.Receipt:
        """Record and send an answer; returns the receipt."""
        return await self.pages.receipt(actor, await self.answers.answer(actor, study_id, answer))

    async def answer_as_proxy(
        self, actor: Actor, account: str, study_id: str, answer: views.Answer, authority: str
    ) -> str:
        """Staff record what a proxy (a parent, a guardian) answers for somebody. Returns the consent id."""
        return await self.answers.answer(actor, study_id, answer, account=account, authority=authority)

    async def receipt(self, actor: Actor, consent_id: str) -> views.Receipt:
        """A receipt of this person's."""
        return await self.pages.receipt(actor, consent_id)

    async def permissions(self, actor: Actor) -> list[views.PermissionCard]:
        """This person's answers."""
        return await self.cards.permissions(actor)

    async def withdraw(self, actor: Actor, study_id: str, kind: str) -> views.Progress:
        """Stop sharing with a study."""
        await self.stops.withdraw(actor, study_id, kind)
        return await self.pages.progress(actor, study_id)

    async def pause(self, actor: Actor, study_id: str) -> views.Progress:
        """Let a study rest until the person goes on."""
        await self.pauses.pause(actor, study_id)
        return await self.pages.progress(actor, study_id)

    async def pause_everything(self, actor: Actor) -> list[str]:
        """Let every study rest; returns which."""
        return await self.pauses.pause_everything(actor)

    async def resume(self, actor: Actor, study_id: str) -> None:
        """Go on with a study as before its pause."""
        await self.pauses.resume(actor, study_id)

    async def resume_everything(self, actor: Actor) -> list[str]:
        """Go on with every study that is paused; returns which."""
        return await self.pauses.resume_everything(actor)

    async def shared(self, actor: Actor, study_id: str) -> list[views.SharedData]:
        """What is shared with a study now."""
        return await self.pauses.shared(actor, study_id)

    async def limit(self, actor: Actor, study_id: str, limit: Limit) -> None:
        """Share less with a study; nothing that was received is deleted."""
        await self.pauses.limit(actor, study_id, limit)

    async def progress(self, actor: Actor, study_id: str) -> views.Progress:
        """How far a withdrawal got."""
        return await self.pages.progress(actor, study_id)

    async def uses(self, actor: Actor) -> list[views.Use]:
        """Who used this person's data."""
        return await self.pages.uses(actor)

    async def coverage(self, actor: Actor) -> list[tuple[str, Any]]:
        """Which holders report here, and since when."""
        return await self.pages.coverage(actor)

    async def export(self, actor: Actor) -> dict[str, Any]:
        """Everything this wallet keeps about the person."""
        return await self.pages.export(actor)
