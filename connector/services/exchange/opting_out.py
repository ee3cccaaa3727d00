"""A holder receives opt-outs of secondary use (Regulation (EU) 2025/327, art. 71), and takes them at its own desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Link, OptOut, Person
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.gate import closed_for
from contracts.opting_out import OptOutDelivery, OptOutReceived, OptOutStatement

TOLERANCE = timedelta(minutes=1)
"""How far ahead of ours another clock may be."""
STANDING = ("active", "disputed")
"""Links by which a person is heard: an opt-out is never held up by a dispute, during which nothing leaves anyway."""


class OptOutDesk:
    """`POST /consent/opt-outs`, and the holder's own desk for people without a wallet."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a person's statement; the answer is given when it is committed, and a stop has bitten."""
        jws = speech.read_body(OptOutDelivery, body).statement
        link = await self._link(sender, speech.unverified_claim(jws, "link"))
        said = speech.hear_keys(jws, speech.OPT_OUT, [dict(link.person_key or {})], OptOutStatement)
        if (said.holder, said.wallet, said.link) != (self._context.me.id, sender.id, link.id):
            raise forbidden("The statement names another holder, wallet or link")

        def command(tx: Transaction) -> OptOut:
            self._context.members.heard(tx, sender.id)
            return self._take(tx, link, said, jws)

        async with closed_for(self._context.gate, [link.person]):
            kept = await self._context.store.write(command)
        return {"receipt": self._receipt(kept)}

    def _receipt(self, kept: OptOut) -> str:
        context = self._context
        claims = OptOutReceived(
            opt_out=kept.id, holder=context.me.id, opted_out=kept.reversed_at is None, committed_at=context.clock()
        )
        return speech.say(context, speech.OPT_OUT_RECEIVED, claims.wire())

    async def _link(self, sender: Member, link_id: str | None) -> Link:
        link = await self._context.store.read(lambda tx: tx.get(Link, link_id) if link_id else None)
        if link is None or link.wallet != sender.id:
            raise speech.unknown_person()
        return link

    def _take(self, tx: Transaction, link: Link, said: OptOutStatement, jws: str) -> OptOut:
        """Keep it. What narrows is never refused for a clock; what widens must be dated in the past."""
        now, known = self._context.clock(), tx.get(OptOut, said.opt_out)
        if _of_ended(tx, link):
            return self._without_effect(tx, link, said, jws)
        if known is not None and known.person != link.person:
            raise conflict("This opt-out is known for somebody else", accepted="an id of its own")
        statements = list((known.statements or {}).get("statements", [])) if known else []
        if known is not None and (jws in statements or (known.reversed_at and not said.reversed_at)):
            return known  # said before, or overtaken by its own reversal
        if said.reversed_at is not None and said.reversed_at > now + TOLERANCE:
            raise Problem(409, "not-yet", "The reversal is dated in the future", accepted="a reversal once it counts")
        kept = OptOut(
            id=said.opt_out, person=link.person, link=link.id, at=_earlier(known, min(said.at, now)),
            reversed_at=None if said.reversed_at is None else min(said.reversed_at, now),
            statements={"statements": [*statements, jws]},
        )  # fmt: skip
        self._keep(tx, _in_order(kept), {"wallet": link.wallet, "statement": jws})
        return kept

    def _without_effect(self, tx: Transaction, link: Link, said: OptOutStatement, jws: str) -> OptOut:
        """The link has ended, so that the record is nobody's of that wallet: nothing is kept but that it was said."""
        self._context.log(tx, "opt-out.no-link", link.id, {"wallet": link.wallet, "statement": jws})
        return OptOut(id=said.opt_out, person=link.person, link=link.id, at=said.at, reversed_at=said.reversed_at)

    def _keep(self, tx: Transaction, kept: OptOut, body: dict[str, Any]) -> None:
        tx.put(kept)
        self._context.log(tx, "opt-out.reversed" if kept.reversed_at else "opt-out.taken", kept.id, body)
        tx.ring("consents")

    async def at_desk(
        self, actor: Actor, person: str, *, out: bool, channel: str, evidence: str = "",
        also: Callable[[Transaction], None] = lambda _: None,
    ) -> OptOut:  # fmt: skip
        """Somebody opts out at our desk, or takes back there what they said there. Raises Problem 400, 404, 409.

        Taking it back widens what leaves, so that something must show it. `also` runs in the same transaction.
        """
        require(actor, "steward", "operator")
        if not out and not evidence:
            raise invalid("Taking an opt-out back needs something that shows it", "evidence", "a scan, a protocol")

        def command(tx: Transaction) -> OptOut:
            if tx.get(Person, person) is None:
                raise missing("There is no such person here")
            now = self._context.clock()
            kept = [OptOut(id=new_id(), person=person, at=now)]
            if not out:
                kept = [replace(one, reversed_at=now) for one in _taken_here(tx, person)]
            elif tx.find(OptOut, person=person, reversed_at=None, limit=1):
                raise conflict("This person has opted out already")
            also(tx)
            for one in kept:
                self._keep(tx, one, {"by": actor.entry, "channel": channel, "evidence": evidence or None})
            return kept[0]

        async with closed_for(self._context.gate, [person]):
            return await self._context.store.write(command)


def _taken_here(tx: Transaction, person: str) -> list[OptOut]:
    """What our desk may take back: not what somebody signed in the wallet they have. Raises Problem 409."""
    open_now = tx.find(OptOut, person=person, reversed_at=None, order="at")
    if not open_now:
        raise conflict("This person has not opted out")
    ours = [one for one in open_now if not one.link or _of_ended(tx, tx.get(Link, one.link))]
    if not ours:
        raise conflict(
            "This person opted out in their wallet, and takes it back there", accepted="the wallet",
            code="has-a-wallet",
        )  # fmt: skip
    return ours


def _of_ended(tx: Transaction, link: Link | None) -> bool:
    """Whether nobody is heard by this link any more, as it stands now."""
    found = tx.get(Link, link.id) if link is not None else None
    return found is None or found.standing not in STANDING


def end_with_link(tx: Transaction, context: Context, link: Link, now: datetime) -> None:
    """A link turned out wrong: the opt-outs that came by it are not this person's. What was said stays kept.

    Called in the transaction that ends the link, while the gate is closed for the person.
    """
    for one in tx.find(OptOut, link=link.id, reversed_at=None):
        tx.change(one, reversed_at=max(now, one.at or now))
        context.log(tx, "opt-out.ended", one.id, {"link": link.id, "why": "it came by a wrong link"})


def _earlier(known: OptOut | None, at: datetime) -> datetime:
    return min(known.at, at) if known is not None and known.at is not None else at


def _in_order(kept: OptOut) -> OptOut:
    """A reversal is not before what it reverses."""
    if kept.reversed_at is None or kept.at is None or kept.reversed_at >= kept.at:
        return kept
    return replace(kept, reversed_at=kept.at)
