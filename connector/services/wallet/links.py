"""Links as the wallet keeps them: brought by a holder's page, doubted by the person, standing as the holder says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.identity.access import new_token, token_hash
from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import HandedCode, WalletLink
from connector.services.acting import check_proxy
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.exchange.linking import CODE_LENGTH, normal
from connector.services.wallet.people import HOLDERS, People
from connector.services.wallet.views import BroughtCode, LinkCard
from contracts import exchange as wire
from contracts.linking import LinkDoubt, LinkStanding, LinkStandingNotice

PATIENCE = timedelta(minutes=10)
SEND_DOUBT = "exchange.link-doubt"
_KEPT_AT_MOST = 5000


class Links:
    """`POST /consent/link-standings`, doubts, and codes that holders' pages hand over."""

    def __init__(self, context: Context, people: People) -> None:
        self._context = context
        self._people = people
        context.deliveries.on(SEND_DOUBT, stubborn=lambda _message: True)

    async def bring(self, holder: str, code: str, origin: str) -> tuple[str, str]:
        """A browser brings a code from a holder's page; returns a random value by which it comes back for it, and the
        holder's name.

        Nobody needs to be signed in yet. `origin` is where the browser says the form stood. Raises Problem 400, 403,
        429.
        """
        member = self._holder(holder)
        if origin != member.origin.lower():
            raise forbidden("This did not come from the place it names", code="foreign-form")
        if len(normal(code)) != CODE_LENGTH:
            raise invalid("This is not a link code", "code", "twelve letters and digits")
        value, now = new_token(), self._context.clock()

        def command(tx: Transaction) -> None:
            tx.remove(HandedCode, expires_at__le=now)
            if tx.count(HandedCode) >= _KEPT_AT_MOST:
                raise Problem(429, "too-many-codes", "Too many are linking now", "Try again in ten minutes")
            tx.add(HandedCode(id=token_hash(value), holder=holder, code=normal(code), expires_at=now + PATIENCE))

        await self._context.store.write(command)
        return value, member.name

    async def brought(self, actor: Actor, value: str) -> BroughtCode:
        """Which holder a code was brought from. Raises Problem 404 when its ten minutes are over."""
        require(actor, "patient")
        found = await self._context.store.read(lambda tx: tx.get(HandedCode, token_hash(value)))
        if found is None or found.expires_at is None or found.expires_at <= self._context.clock():
            raise missing("This took longer than ten minutes, or was finished already. Begin again at the place")
        return BroughtCode(found.holder, self._context.members.name_of(found.holder))

    async def take(self, actor: Actor, value: str, confirmed: bool) -> LinkCard | None:
        """Link by the code that was brought, or throw it away; it is gone either way. Raises Problem."""
        brought = await self.brought(actor, value)
        key = token_hash(value)

        def command(tx: Transaction) -> str:
            check_proxy(tx, actor, self._context.clock())
            found = tx.get(HandedCode, key)
            if found is None:
                raise missing("This was finished already")
            tx.remove(HandedCode, id=key)
            return found.code

        code = await self._context.store.write(command)
        return await self._people.link(actor, brought.holder, code) if confirmed else None

    def _holder(self, holder: str) -> Member:
        member = self._context.members.active(holder)
        if member.role not in HOLDERS:
            raise invalid("Only a place that keeps data about people can be linked", "holder")
        return member

    async def doubt(self, actor: Actor, link_id: str, reason: str) -> None:
        """The person says that a link is wrong: nothing is shared from there any more. Raises Problem 400, 404."""
        require(actor, "patient")
        context, said = self._context, reason.strip()
        if len(said) > 2000:
            raise invalid("This is too long", "reason", "at most 2000 characters")

        def command(tx: Transaction) -> None:
            check_proxy(tx, actor, context.clock())
            link = tx.get(WalletLink, link_id)
            if link is None or link.account != actor.account or link.standing == "ended":
                raise missing("There is no such link of yours")
            if link.standing != "active":
                return
            claims = LinkDoubt(
                link=link.id, holder=link.holder, wallet=context.me.id, reason=said or None, at=context.clock()
            )
            jws = speech.say(context, speech.LINK_DOUBT, claims.wire(), self._people.signer(tx, actor.account))
            tx.change(link, standing="disputed")
            context.deliveries.send(
                tx, recipient=link.holder, url=f"{context.members.exchange(link.holder)}/doubts", kind=SEND_DOUBT,
                body={"doubt": jws}, about=link.id, lane=f"link:{link.id}",
            )  # fmt: skip
            context.log(tx, "link.doubted", link.id, {"holder": link.holder, "by": actor.entry})

        await context.store.write(command)

    async def standing(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/link-standings`: how a link stands, and which new one came in its place."""
        notice = speech.read_body(LinkStandingNotice, body)
        told = speech.hear(notice.standing, speech.LINK_STANDING, sender, LinkStanding)
        if (told.holder, told.wallet) != (sender.id, self._context.me.id):
            raise forbidden("This is about a link of another holder or wallet")
        new = speech.hear(told.successor, speech.LINK, sender, wire.Link) if told.successor else None

        def command(tx: Transaction) -> None:
            link = tx.get(WalletLink, told.link)
            if link is None or link.holder != sender.id:
                raise speech.unknown_person()
            if link.standing == "ended":  # it never begins again
                return
            changed = tx.change(link, standing=str(told.standing))
            if changed.standing == "active":
                self._people.linked(tx, changed)
            if new is not None:
                self._succeed(tx, link, new, str(told.successor))
            self._context.log(tx, f"link.{told.standing}", link.id, {"holder": sender.id, "statement": notice.standing})
            tx.ring("links")

        await self._context.store.write(command)
        return {}

    def _succeed(self, tx: Transaction, link: WalletLink, new: wire.Link, statement: str) -> None:
        if (new.holder, new.wallet, new.wallet_person) != (link.holder, self._context.me.id, link.wallet_person):
            raise conflict("The new link is about somebody else")
        known = tx.get(WalletLink, new.link)
        if known is not None:
            if (known.account, known.holder) != (link.account, link.holder):
                raise conflict("The new link has the id of another one")
            return
        made = WalletLink(
            id=new.link, account=link.account, holder=link.holder, wallet_person=link.wallet_person,
            statement=statement, linked_at=new.linked_at,
        )  # fmt: skip
        tx.add(made)
        self._people.linked(tx, made)
        self._context.log(tx, "link.made", new.link, {"holder": link.holder, "instead-of": link.id})
