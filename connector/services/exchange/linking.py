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
from contracts import exchange as wire

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0, O, 1, I, L, U: what is read aloud at a desk or from paper is read right."""
CODE_LENGTH = 12
CODE_LIFE = timedelta(days=7)
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


class LinkDesk:
    """The holder's side."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def make_code(self, actor: Actor, person_id: str) -> MadeCode:
        """A new code for one of our people; earlier unused ones lapse."""
        require(actor, "steward", "operator")
        code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
        now = self._context.clock()

        def command(tx: Transaction) -> str:
            person = tx.get(Person, person_id)
            if person is None:
                raise missing("There is no such person here")
            tx.remove(LinkCode, person=person_id, used_at=None)
            tx.add(LinkCode(digest=code_digest(code), person=person_id, created_at=now, expires_at=now + CODE_LIFE))
            self._context.log(tx, "link.code-made", person_id, {"by": actor.entry})
            return person.name

        name = await self._context.store.write(command)
        grouped = "-".join(code[place : place + 4] for place in range(0, CODE_LENGTH, 4))
        return MadeCode(grouped, now + CODE_LIFE, name)

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
            if code is not None and code.used_at is not None:
                same = tx.find(Link, person=code.person, wallet=sender.id, wallet_person=request.wallet_person)
                if same and same[0].person_key == _jwk(key):
                    return same[0]  # the answer to this very request got lost: the same answer again
            if code is None or code.used_at is not None or code.expires_at is None or code.expires_at <= now:
                self._count_wrong(tx, sender, now)
                return None
            if linked := tx.find(Link, person=code.person, standing="active", limit=1):
                if not _is_same(linked[0], sender, request.wallet_person, key):
                    raise conflict("This person is linked to a wallet already", accepted="end the other link first")
                tx.change(code, used_at=now)
                return linked[0]  # the wallet never heard of it: the link is theirs, and the new code says so again
            if tx.find(Link, wallet=sender.id, wallet_person=request.wallet_person, standing="active", limit=1):
                raise conflict("This wallet_person is somebody else here", accepted="a wallet_person of their own")
            link = Link(
                id=new_id(), person=code.person, wallet=sender.id, wallet_person=request.wallet_person,
                person_key=_jwk(key), linked_at=now,
            )  # fmt: skip
            tx.add(link)
            tx.change(code, used_at=now)
            self._context.log(tx, "link.made", link.id, {"wallet": sender.id})
            tx.ring("consents")
            return link

        link = await self._context.store.write(command)
        if link is None:
            raise Problem(404, "code-not-valid", "This code is not valid", "It may have been used, lapsed or mistyped")
        return {"link": speech.say(self._context, speech.LINK, self._claims(link, sender).wire())}

    def _claims(self, link: Link, sender: Member) -> wire.Link:
        linked_at = link.linked_at or self._context.clock()
        return wire.Link(
            link=link.id, holder=self._context.me.id, wallet=sender.id, wallet_person=link.wallet_person,
            linked_at=linked_at,
        )  # fmt: skip

    def _check_rate(self, tx: Transaction, sender: Member, now: datetime) -> None:
        count, since = self._wrong(tx, sender)
        if count >= _WRONG_ALLOWED and since is not None and now - since < _WRONG_WINDOW:
            raise Problem(429, "too-many-codes", "Too many wrong codes from this wallet", "Try again in ten minutes")

    def _count_wrong(self, tx: Transaction, sender: Member, now: datetime) -> None:
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


def _is_same(link: Link, sender: Member, wallet_person: str, key: Mapping[str, Any]) -> bool:
    return (link.wallet, link.wallet_person, link.person_key) == (sender.id, wallet_person, _jwk(key))


def _jwk(key: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in key.items()}
