"""Linking a person at a holder to their wallet: by a one-time code given to them, never by guessing from names."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid, missing
from connector.records import Link, LinkCode, Person, Setting
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.exchange.withdrawal import Stopping
from connector.services.gate import closed_for
from connector.services.holding.desk_links import end_desk_link
from contracts import exchange as wire

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0, O, 1, I, L, U: what is read aloud at a desk or from paper is read right."""
CODE_LENGTH = 12
CODE_LIFE = timedelta(days=7)
_STANDING = ["active", "disputed"]
"""A link that is disputed still stands: whoever is in it is linked to nobody else until that is settled."""
_WRONG_ALLOWED = 20
_WRONG_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MadeCode:
    """A one-time code, shown once: twelve characters in groups of four."""

    code: str
    expires_at: datetime
    patient_name: str


def normal(code: str) -> str:
    """A typed code as it is compared: capitals, without spaces and hyphens."""
    return "".join(character for character in code.upper() if character.isalnum())


def code_digest(code: str) -> str:
    """What is kept of a code."""
    return sha256(b"concord link code\0" + normal(code).encode()).hexdigest()


def new_code(
    tx: Transaction, context: Context, actor: Actor, person_id: str, life: timedelta = CODE_LIFE, made_by: str = "code"
) -> MadeCode:
    """A new code for one of our people; earlier unused ones lapse. Raises Problem 404."""
    person = tx.get(Person, person_id)
    if person is None:
        raise missing("There is no such person here")
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    now = context.clock()
    ends = now + life
    tx.remove(LinkCode, person=person_id, used_at=None)
    tx.add(LinkCode(digest=code_digest(code), person=person_id, made_by=made_by, created_at=now, expires_at=ends))
    context.log(tx, "link.code-made", person_id, {"by": actor.entry, "for": made_by})
    grouped = "-".join(code[place : place + 4] for place in range(0, CODE_LENGTH, 4))
    return MadeCode(grouped, ends, person.name)


class LinkDesk:
    """The holder's side."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping

    async def make_code(self, actor: Actor, person_id: str) -> MadeCode:
        """A new code for one of our people; earlier unused ones lapse."""
        require(actor, "steward", "operator")
        return await self._context.store.write(lambda tx: new_code(tx, self._context, actor, person_id))

    async def accept(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/links`. Every wrong code gets the same answer; too many get 429."""
        request = speech.read_body(wire.LinkRequest, body)
        digest = code_digest(request.code)
        key = request.person_key.wire()
        proof = speech.hear_keys(request.proof, speech.LINK_PROOF, [_jwk(key)], wire.LinkProof)
        if (proof.code_digest, proof.holder, proof.wallet) != (digest, self._context.me.id, sender.id):
            raise invalid("The person's signature is about another code, holder or wallet", "proof")
        now = self._context.clock()

        def command(tx: Transaction) -> Link | None:
            self._check_rate(tx, sender, now)
            code = tx.get(LinkCode, digest)
            if code is not None and code.used_at is None and code.expires_at is not None and code.expires_at > now:
                return self._link(tx, sender, request, code, now)
            made = self._again(tx, sender, request, code)
            if made is None:
                self._count_wrong(tx, sender, now)
            return made

        # Where our own desk had a yes of the person, that ends with the desk link: a stop like any other.
        ending = await self._context.store.read(lambda tx: self._desk_person(tx, digest))
        async with closed_for(self._context.gate, ending):
            link = await self._context.store.write(command)
        if link is None:
            raise Problem(404, "code-not-valid", "This code is not valid", "It may have been used, lapsed or mistyped")
        return {"link": speech.say(self._context, speech.LINK, link_claims(self._context, link))}

    @staticmethod
    def _again(tx: Transaction, sender: Member, request: wire.LinkRequest, code: LinkCode | None) -> Link | None:
        """The link that this very request made, when only the answer to it got lost."""
        if code is None or code.used_at is None:
            return None
        same = tx.find(
            Link, person=code.person, wallet=sender.id, wallet_person=request.wallet_person, standing="active", limit=1
        )
        return same[0] if same and same[0].person_key == _jwk(request.person_key.wire()) else None

    def _link(self, tx: Transaction, sender: Member, request: wire.LinkRequest, code: LinkCode, now: datetime) -> Link:
        """Use up a code that fits. Raises Problem 409 when either side of the link is taken."""
        key = request.person_key.wire()
        linked = tx.find(Link, person=code.person, standing=_STANDING, limit=1)
        if linked and linked[0].standing == "disputed":
            raise conflict("It is being settled whose record this is", accepted="a code made after that")
        if linked and linked[0].wallet == self._context.me.id:
            end_desk_link(tx, self._context, self._stopping, linked[0], now)
        elif linked:
            if not _is_same(linked[0], sender, request.wallet_person, key):
                raise conflict("This person is linked to a wallet already", accepted="end the other link first")
            tx.change(code, used_at=now)
            return linked[0]  # the wallet never heard of it: the link is theirs, and the new code says so again
        if tx.find(Link, wallet=sender.id, wallet_person=request.wallet_person, standing=_STANDING, limit=1):
            raise conflict("This wallet_person is somebody else here", accepted="a wallet_person of their own")
        link = Link(
            id=new_id(), person=code.person, wallet=sender.id, wallet_person=request.wallet_person,
            person_key=_jwk(key), made_by=code.made_by, linked_at=now,
        )  # fmt: skip
        tx.add(link)
        tx.change(code, used_at=now)
        self._context.log(tx, "link.made", link.id, {"wallet": sender.id, "by": code.made_by})
        tx.ring("consents")
        return link

    def _desk_person(self, tx: Transaction, digest: str) -> list[str]:
        """Whose desk link this code would end, if anybody's."""
        code = tx.get(LinkCode, digest)
        mine = tx.find(Link, person=code.person, wallet=self._context.me.id, standing="active") if code else []
        return [one.person for one in mine]

    def _check_rate(self, tx: Transaction, sender: Member, now: datetime) -> None:
        count, since = self._wrong(tx, sender)
        if count >= _WRONG_ALLOWED and since is not None and now - since < _WRONG_WINDOW:
            raise Problem(429, "too-many-codes", "Too many wrong codes from this wallet", "Try again in ten minutes")

    def _count_wrong(self, tx: Transaction, sender: Member, now: datetime) -> None:
        """One more wrong code of this wallet."""
        count, since = self._wrong(tx, sender)
        if since is None or now - since >= _WRONG_WINDOW:
            count, since = 0, now
        tx.put(Setting(name=f"wrong-codes:{sender.id}", value=f"{count + 1} {since.isoformat()}"))

    @staticmethod
    def _wrong(tx: Transaction, sender: Member) -> tuple[int, datetime | None]:
        setting = tx.get(Setting, f"wrong-codes:{sender.id}")
        if setting is None:
            return 0, None
        count, _, since = setting.value.partition(" ")
        return int(count), datetime.fromisoformat(since)


def link_claims(context: Context, link: Link) -> dict[str, Any]:
    """What a holder signs about a link."""
    return wire.Link(
        link=link.id, holder=context.me.id, wallet=link.wallet, wallet_person=link.wallet_person,
        linked_at=link.linked_at or context.clock(),
    ).wire()  # fmt: skip


def _is_same(link: Link, sender: Member, wallet_person: str, key: Mapping[str, Any]) -> bool:
    return (link.wallet, link.wallet_person, link.person_key) == (sender.id, wallet_person, _jwk(key))


def _jwk(key: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in key.items()}
