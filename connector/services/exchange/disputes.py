"""A link may join the wrong people. From the moment somebody says so, nothing of either leaves until it is settled.

`person` is whose record the link names, `other` who the wallet's person may really be. Kept: the link was right.
Ended: it was wrong, and nothing takes its place. Moved: it was wrong, and a new link joins the right record; consents
do not move, the person is asked again. Whoever received data under a wrong link is told to erase it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import conflict, forbidden, invalid, missing
from connector.records import Consent, Link, LinkCode, LinkDispute, Person
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.exchange.linking import link_claims
from connector.services.exchange.opting_out import end_with_link
from connector.services.exchange.withdrawal import Stopping
from connector.services.gate import closed_for
from contracts.linking import LinkDoubt, LinkDoubtNotice, LinkStanding, LinkState
from policy.consent import State

SEND_STANDING = "exchange.link-standing"
OUTCOMES = ("kept", "ended", "moved")
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A dispute as staff read it; the names are those of the holder's own records."""

    id: str
    link: str
    person: str
    person_name: str
    other: str
    other_name: str
    wallet_name: str
    reason: str
    opened_at: datetime | None
    opened_by: str
    settled_at: datetime | None
    outcome: str


class Disputes:
    """The holder's side: opened by staff or the person, settled by the data protection officer."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping
        context.deliveries.on(SEND_STANDING, stubborn=lambda _message: True)

    async def open(self, actor: Actor, person: str, reason: str, other: str = "") -> str:
        """Staff say that the link of this person is wrong; returns the dispute's id. Raises Problem 400, 404, 503."""
        require(actor, "steward", "dpo", "operator")
        link = await self._context.store.read(lambda tx: standing_link(tx, person))
        return await self._open(link, actor.role, reason, other, actor.entry)

    async def open_mine(self, actor: Actor, reason: str) -> str:
        """Somebody signed in here says that the link of their own record is wrong. Raises Problem 404, 503."""
        require(actor, "patient")

        def query(tx: Transaction) -> Link | None:
            mine = tx.find(Person, account=actor.account, limit=1) if actor.account else []
            return standing_link(tx, mine[0].id) if mine else None

        return await self._open(await self._context.store.read(query), "person", reason, "", actor.entry)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/doubts`: the person says at their wallet that a link is wrong. The same again: no effect."""
        notice = speech.read_body(LinkDoubtNotice, body)
        named = speech.unverified_claim(notice.doubt, "link")
        link = await self._context.store.read(lambda tx: tx.get(Link, named) if named else None)
        if link is None or link.wallet != sender.id:
            raise speech.unknown_person()
        doubt = speech.hear_keys(notice.doubt, speech.LINK_DOUBT, [dict(link.person_key or {})], LinkDoubt)
        if (doubt.link, doubt.holder, doubt.wallet) != (link.id, self._context.me.id, sender.id):
            raise forbidden("This doubt is about another link, holder or wallet")
        if link.standing == "active":
            await self._open(link, "wallet", doubt.reason or "", "", {"role": "wallet", "wallet": sender.id})
        return {}

    async def _open(self, link: Link | None, by: str, reason: str, other: str, entry: dict[str, str]) -> str:
        if link is None:
            raise missing("This person is not linked to a wallet")
        said = reason.strip()
        if not said and by not in ("wallet", "person"):
            raise invalid("Say why the link may be wrong", "reason", "a sentence or two")
        if len(said) > LONGEST_REASON:
            raise invalid("The reason is too long", "reason", f"at most {LONGEST_REASON} characters")
        if other == link.person:
            raise invalid("This is the very person the link names", "other", "somebody else, or nobody")

        def command(tx: Transaction) -> str:
            if other and tx.get(Person, other) is None:
                raise invalid("There is no such person here", "other", "a person this holder keeps data about")
            known = self._known(tx, link.id, other, said, entry)
            if known is not None:
                return known
            standing = tx.get(Link, link.id)
            if standing is None or standing.standing not in ("active", "disputed"):
                raise conflict("This link is not in force", accepted="a link in force")
            dispute = LinkDispute(
                id=new_id(), link=link.id, person=link.person, other=other, reason=said, opened_by=by,
                opened_at=self._context.clock(),
            )  # fmt: skip
            tx.add(dispute)
            if standing.standing == "active":
                self._set(tx, standing, "disputed")
            tx.ring("consents")
            self._context.log(tx, "link.disputed", link.id, {"dispute": dispute.id, "by": entry})
            return dispute.id

        async with closed_for(self._context.gate, {link.person, other} - {""}):
            return await self._context.store.write(command)

    def _known(self, tx: Transaction, link: str, other: str, said: str, entry: dict[str, str]) -> str | None:
        """The open dispute that stops the same two people; one that named nobody else yet names them from now on."""
        found = tx.find(LinkDispute, link=link, settled_at=None, order="opened_at")
        same = next((one for one in found if other in ("", one.other)), None)
        if same is not None:
            return same.id
        unnamed = next((one for one in found if not one.other), None)
        if unnamed is None:
            return None
        tx.change(unnamed, other=other, reason=_joined(unnamed.reason, said))
        self._context.log(tx, "link.disputed", link, {"dispute": unnamed.id, "by": entry})
        tx.ring("consents")
        return unnamed.id

    def same_person(self, tx: Transaction, person: str, other: str, reason: str) -> None:
        """The source says that two records are of one person: nothing of either leaves until it is settled, once.

        Part of the caller's transaction, while the gate is closed for both. A pair that was settled stays settled.
        """
        pair = {person, other}
        about = [*tx.find(LinkDispute, person=sorted(pair)), *tx.find(LinkDispute, other=sorted(pair))]
        if any({one.person, one.other} == pair for one in about):
            return
        link = standing_link(tx, person) or standing_link(tx, other)
        whose = link.person if link is not None else person
        dispute = LinkDispute(
            id=new_id(), link=link.id if link is not None else "", person=whose, other=(pair - {whose}).pop(),
            reason=reason, opened_at=self._context.clock(), opened_by="source",
        )  # fmt: skip
        tx.add(dispute)
        if link is not None and link.standing == "active":
            self._set(tx, link, "disputed")
        tx.ring("consents")
        self._context.log(tx, "link.disputed", dispute.link or whose, {"dispute": dispute.id, "by": {"role": "source"}})

    async def settle(self, actor: Actor, dispute_id: str, outcome: str, other: str = "", note: str = "") -> None:
        """The officer decides: kept, ended or moved (to `other`). Raises Problem 400, 403, 404, 409, 503."""
        require(actor, "dpo")
        if outcome not in OUTCOMES:
            raise invalid("This is not a way to settle it", "outcome", ", ".join(OUTCOMES))
        people = await self._context.store.read(lambda tx: _stopped(tx, dispute_id))
        if not people:
            raise missing("There is no such dispute")

        def command(tx: Transaction) -> None:
            standing = tx.get(LinkDispute, dispute_id)
            if standing is None or standing.settled_at is not None:
                raise conflict("This was settled already")
            if not _stopped(tx, dispute_id) <= people:
                raise conflict("Somebody else was named meanwhile", accepted="a look at it first")
            now, right = self._context.clock(), other or standing.other
            successor = self._conclude(tx, tx.get(Link, standing.link), outcome, right, now)
            # What is settled is the link: whatever else was said against it is settled with it.
            for one in _open_about(tx, standing):
                tx.change(one, settled_at=now, settled_by=actor.account, outcome=outcome)
            tx.change(
                tx.get(LinkDispute, dispute_id) or standing, other=right if outcome == "moved" else standing.other,
                reason=_joined(standing.reason, note.strip()[:LONGEST_REASON]),
            )  # fmt: skip
            body = {"dispute": dispute_id, "outcome": outcome, "by": actor.entry, "noted": bool(note.strip())}
            body |= {"successor": successor} if successor else {}
            self._context.log(tx, "link.settled", standing.link or standing.person, body)

        async with closed_for(self._context.gate, people | ({other} - {""})):
            await self._context.store.write(command)

    def _conclude(self, tx: Transaction, link: Link | None, outcome: str, right: str, now: datetime) -> str:
        """What the outcome does to the link; returns the id of the new one, if there is one."""
        if link is None and outcome != "kept":
            raise conflict("Neither of them is linked to a wallet", accepted="kept: both go on as they were")
        if link is None or outcome == "kept":
            if link is not None:
                self._set(tx, link, "active")
            return ""
        successor = self._successor(tx, link, right, now) if outcome == "moved" else None
        if successor is not None:
            tx.add(successor)
        self._set(tx, link, "ended", now, successor)
        tx.remove(LinkCode, person=link.person, used_at=None)
        self._take_back(tx, link)
        end_with_link(tx, self._context, link, now)
        return successor.id if successor is not None else ""

    def _successor(self, tx: Transaction, link: Link, right: str, now: datetime) -> Link:
        if not right or right == link.person or tx.get(Person, right) is None:
            raise invalid("Say whose record it really is", "other", "somebody else this holder keeps data about")
        if standing_link(tx, right) is not None:
            raise conflict("The right person's record is linked to a wallet already", accepted="settle that link first")
        # Our own desk calls people what we call them; a wallet goes on calling its person what it always did.
        whom = right if link.wallet == self._context.me.id else link.wallet_person
        return replace(
            link, id=new_id(), person=right, wallet_person=whom, standing="active", linked_at=now, ended_at=None
        )

    def _take_back(self, tx: Transaction, link: Link) -> None:
        """Consents of the wrong link do not stand any more, and what left by them is to be erased."""
        self._stopping.take_back(tx, link, State.INVALIDATED)
        tx.alter(Consent, {"current": False}, link=link.id)

    def _set(
        self, tx: Transaction, link: Link, standing: str, now: datetime | None = None, successor: Link | None = None
    ) -> None:
        """The link stands so from now on, and its wallet is told."""
        context = self._context
        tx.change(link, standing=standing, ended_at=now)
        tx.ring("consents")
        tx.ring("links")
        if link.wallet == context.me.id:  # our own desk, which keeps no copy
            return
        made = speech.say(context, speech.LINK, link_claims(context, successor)) if successor else None
        claims = LinkStanding(
            link=link.id, holder=context.me.id, wallet=link.wallet, standing=LinkState(standing),
            at=context.clock(), successor=made,
        )  # fmt: skip
        context.deliveries.send(
            tx, recipient=link.wallet, url=f"{context.members.exchange(link.wallet)}/link-standings",
            kind=SEND_STANDING, body={"standing": speech.say(context, speech.LINK_STANDING, claims.wire())},
            about=link.id, lane=f"link:{link.id}",
        )  # fmt: skip

    async def numbered(self, actor: Actor, number: str) -> str:
        """The id of the one person with this number at their source; empty when there is not exactly one."""
        require(actor, "dpo", "steward", "operator")
        found = await self._context.store.read(lambda tx: tx.find(Person, source_id=number, limit=2))
        return found[0].id if len(found) == 1 else ""

    async def rows(self, actor: Actor) -> list[DisputeRow]:
        """Every dispute, the open ones first, the newest first."""
        require(actor, "dpo", "steward", "operator")
        return await self._context.store.read(
            lambda tx: sorted(
                (self._row(tx, one) for one in tx.find(LinkDispute, order="-opened_at")),
                key=lambda row: row.settled_at is not None,
            )
        )

    def _row(self, tx: Transaction, one: LinkDispute) -> DisputeRow:
        link, person = tx.get(Link, one.link), tx.get(Person, one.person)
        other = tx.get(Person, one.other) if one.other else None
        return DisputeRow(
            one.id, one.link, one.person, person.name if person else "", one.other, other.name if other else "",
            self._context.members.name_of(link.wallet) if link else "", one.reason, one.opened_at, one.opened_by,
            one.settled_at, one.outcome,
        )  # fmt: skip


def standing_link(tx: Transaction, person: str) -> Link | None:
    """The link that a person has here, also while it is disputed."""
    found = tx.find(Link, person=person, standing=["active", "disputed"], limit=1)
    return found[0] if found else None


def _stopped(tx: Transaction, dispute_id: str) -> set[str]:
    """Whose releases stop until a dispute is settled, with all that was said about the same link."""
    dispute = tx.get(LinkDispute, dispute_id)
    if dispute is None:
        return set()
    others = {one.other for one in _open_about(tx, dispute)}
    return ({dispute.person, dispute.other} | others) - {""}


def _open_about(tx: Transaction, dispute: LinkDispute) -> list[LinkDispute]:
    """What is not settled yet about the same link; a dispute about no link stands alone."""
    return tx.find(LinkDispute, link=dispute.link, settled_at=None) if dispute.link else [dispute]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
