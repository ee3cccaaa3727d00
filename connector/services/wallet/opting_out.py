"""A person opts out of secondary use at their wallet, and takes it back: signed, dated, delivered to every holder.

A holder that is linked later is told when it is linked. What an opt-out would change stands on the page before it is
made: which studies get nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from connector.ports import Transaction
from connector.problems import conflict, invalid
from connector.records import Authority, OutboxMessage, Study, WalletConsent, WalletLink, WalletOptOut
from connector.services.acting import check_proxy, mandate_of
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.wallet.people import People
from connector.services.wallet.speaking import check_yes, speaker_about_all
from contracts.opting_out import OptOutReceived, OptOutStatement
from contracts.study import StudyRequest
from policy.consent import ALLOWING

SEND_OPT_OUT = "exchange.opt-out"
LANGUAGE = "en"
_HEARD = ("active", "disputed")
"""Links by which a holder is told: one that is disputed may turn out right, and then it counts from now on."""


@dataclass(frozen=True, slots=True)
class Told:
    """A holder, and since when it decides by the opt-out (or its reversal); None: it has not answered yet."""

    holder: str
    holder_name: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class OptOutPage:
    """How a person stands: out or not, since when, at which holders it counts, and what changing it would change.

    `sharing` are the titles of studies that they share with and that get nothing while they are out.
    """

    out: bool
    since: datetime | None
    told: list[Told]
    sharing: list[str]
    past: list[tuple[datetime, datetime]]


class OptOuts:
    """What the wallet does about opt-outs."""

    def __init__(self, context: Context, people: People) -> None:
        self._context = context
        self._people = people
        self.when_answered: Callable[[Transaction, str], None] = lambda _tx, _holder: None
        """Called with a holder that has answered something."""
        context.deliveries.on(SEND_OPT_OUT, self._taken, stubborn=lambda _message: True)
        people.when_linked(self.tell_new)

    async def page(self, actor: Actor) -> OptOutPage:
        """How the person who is signed in stands."""
        require(actor, "patient", "operator")
        return await self._context.store.read(lambda tx: self._page(tx, actor.account))

    def _page(self, tx: Transaction, account: str) -> OptOutPage:
        rows = tx.find(WalletOptOut, account=account, order="-at")
        current = next((one for one in rows if one.reversed_at is None), None)
        newest = current or (rows[0] if rows else None)
        return OptOutPage(
            current is not None, current.at if current else None, self._told(tx, account, newest),
            self._sharing(tx, account),
            [(one.at, one.reversed_at) for one in rows if one.at is not None and one.reversed_at is not None],
        )  # fmt: skip

    def _told(self, tx: Transaction, account: str, newest: WalletOptOut | None) -> list[Told]:
        if newest is None:
            return []
        answered = (newest.reversal_delivered if newest.reversed_at else newest.delivered) or {}
        return [
            Told(link.holder, self._context.members.name_of(link.holder), _moment(answered.get(link.id)))
            for link in tx.find(WalletLink, account=account, standing=_HEARD, order="linked_at")
        ]

    @staticmethod
    def _sharing(tx: Transaction, account: str) -> list[str]:
        given = tx.find(WalletConsent, account=account, current=True, state=[str(state) for state in ALLOWING])
        titles = []
        for id in dict.fromkeys(one.study for one in given):
            study = tx.get(Study, id)
            if study is not None and study.document:
                titles.append(StudyRequest.read(study.document).title)
        return titles

    async def opt_out(self, actor: Actor) -> OptOutPage:
        """From now on no secondary use. Raises Problem 409 where the person is out already."""
        require(actor, "patient", "operator")

        def command(tx: Transaction) -> OptOutPage:
            by = check_proxy(tx, actor, self._context.clock())
            if tx.find(WalletOptOut, account=actor.account, reversed_at=None, limit=1):
                raise conflict("You have opted out already")
            made = WalletOptOut(id=new_id(), account=actor.account, by=by.id if by else "", at=self._now())
            tx.add(made)
            self._context.log(tx, "opt-out.stated", made.id, {"by": actor.entry})
            self._deliver(tx, made, by.id if by else "")
            return self._page(tx, actor.account)

        return await self._context.store.write(command)

    async def opt_in(self, actor: Actor) -> OptOutPage:
        """Take it back, from now on: that widens what leaves, so whoever may say yes may, and nobody else.

        Raises Problem 403, 409: nothing to take back, too weak a sign-in, a child, or somebody else's own word.
        """
        require(actor, "patient", "operator")

        def command(tx: Transaction) -> OptOutPage:
            now = self._context.clock()
            speaker = speaker_about_all(tx, actor, now)
            found = tx.find(WalletOptOut, account=actor.account, reversed_at=None)
            if not found:
                raise conflict("You have not opted out")
            check_yes(tx, speaker, "", now)
            for one in found:
                _check_whose(tx, one, speaker.authority, now)
                at = max(self._now(), one.at or self._now())
                kept = tx.change(one, reversed_at=at)
                self._context.log(tx, "opt-out.taken-back", kept.id, {"by": actor.entry})
                self._deliver(tx, kept, speaker.authority)
            return self._page(tx, actor.account)

        return await self._context.store.write(command)

    def _now(self) -> datetime:
        """Whole seconds: a finer time would tell two holders that they have a person in common."""
        return self._context.clock().replace(microsecond=0)

    def tell_new(self, tx: Transaction, link: WalletLink) -> None:
        """A holder was linked: it is told of an opt-out that stands, in the transaction that makes the link."""
        for one in tx.find(WalletOptOut, account=link.account, reversed_at=None):
            self._send(tx, one, link, one.by)

    def tell_again(self, tx: Transaction, holder: str) -> None:
        """The holder has forgotten what it was told: every opt-out of our people there, also those taken back."""
        for link in tx.find(WalletLink, holder=holder, standing=_HEARD):
            for one in tx.find(WalletOptOut, account=link.account, order="at"):
                self._send(tx, one, link, one.by)

    def _deliver(self, tx: Transaction, one: WalletOptOut, by: str) -> None:
        for link in tx.find(WalletLink, account=one.account, standing=_HEARD):
            self._send(tx, one, link, by)

    def _send(self, tx: Transaction, one: WalletOptOut, link: WalletLink, by: str) -> None:
        context = self._context
        if one.at is None:
            return
        authority = tx.get(Authority, by) if by else None
        claims = OptOutStatement(
            opt_out=at_link(one.id, link.id), link=link.id, holder=link.holder, wallet=context.me.id, at=one.at,
            reversed_at=one.reversed_at, authority=authority.kind if authority else None, language=LANGUAGE,
        )  # fmt: skip
        jws = speech.say(context, speech.OPT_OUT, claims.wire(), self._people.signer(tx, one.account))
        context.deliveries.send(
            tx, recipient=link.holder, url=f"{context.members.exchange(link.holder)}/opt-outs", kind=SEND_OPT_OUT,
            body={"statement": jws}, about=one.id, lane=f"opt-out:{one.id}:{link.id}",
        )  # fmt: skip

    def _taken(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: Mapping[str, Any]) -> None:
        """The holder decides by it from its commit on."""
        one = tx.get(WalletOptOut, sent.about)
        if one is None:
            return
        jws = str(answer.get("receipt", ""))
        holder = self._context.members.reachable(sent.recipient)
        said = speech.hear(jws, speech.OPT_OUT_RECEIVED, holder, OptOutReceived)
        links = tx.find(WalletLink, account=one.account, holder=holder.id)
        about = next((link.id for link in links if at_link(one.id, link.id) == said.opt_out), None)
        if about is None or said.holder != holder.id:
            raise invalid("The receipt is about another opt-out", code="bad-statement")
        when = said.committed_at.isoformat()
        if said.opted_out:
            tx.change(one, delivered={**(one.delivered or {}), about: when})
        else:
            tx.change(one, reversal_delivered={**(one.reversal_delivered or {}), about: when})
        self._context.log(tx, "opt-out.acknowledged", one.id, {"opted_out": said.opted_out, "statement": jws})
        self.when_answered(tx, holder.id)


def _check_whose(tx: Transaction, one: WalletOptOut, authority: str, now: datetime) -> None:
    """Raises Problem 409 where a proxy takes back what the person, or another who acts for them, said."""
    if not authority or one.by == authority:
        return
    if not one.by:
        raise conflict(
            "The person you act for opted out themselves. Only they can take that back", code="own-no",
            accepted="the person themselves",
        )  # fmt: skip
    other = tx.get(Authority, one.by)
    if other is not None and mandate_of(other).in_force(now):
        raise conflict(
            "Somebody else who acts for this person opted out for them", code="disagreement",
            accepted="whoever opted out for them",
        )  # fmt: skip


def at_link(id: str, link: str) -> str:
    """The id of an opt-out under one link: nobody who does not know our own id can tell two of them together."""
    return UUID(bytes=sha256(f"{id}|{link}".encode()).digest()[:16], version=4).urn


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
