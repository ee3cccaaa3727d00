"""The people a wallet hosts: their accounts, their own keys, their links to holders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid, unavailable
from connector.records import Account, Setting, WalletLink
from connector.services.acting import check_proxy
from connector.services.actors import Actor, require
from connector.services.confirming import granting, roles_of
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.exchange.linking import code_digest, normal
from connector.services.sealed import SealedInTransaction
from connector.services.signing import KeySigner
from connector.services.wallet.views import HolderChoice, LinkCard
from contracts import exchange as wire

HOLDERS = ("hospital", "vendor")
_ATTEMPTS = 10
_WINDOW = timedelta(minutes=10)


class People:
    """Accounts with a key each, and linking."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._linked: list[Callable[[Transaction, WalletLink], None]] = []

    def when_linked(self, then: Callable[[Transaction, WalletLink], None]) -> None:
        """What has to happen in the transaction in which a new link is kept."""
        self._linked.append(then)

    def linked(self, tx: Transaction, link: WalletLink) -> None:
        """A new link was kept."""
        for then in self._linked:
            then(tx, link)

    async def host(self, actor: Actor, name: str, subject: str, born: date | None) -> str:
        """Open an account for a person, with a signing key of their own. Returns its id; known subjects keep theirs."""
        require(actor, "operator")
        context = self._context

        def command(tx: Transaction) -> str:
            known = tx.find(Account, subject=subject, issuer=context.settings.issuer, limit=1)
            if known:
                return self._also_patient(tx, known[0])
            account = str(uuid4())
            tx.add(
                Account(
                    id=account, issuer=context.settings.issuer, subject=subject, name=name, born=born,
                    roles={"roles": ["patient"]}, created_at=context.clock(),
                )
            )  # fmt: skip
            context.vault.people(SealedInTransaction(tx)).create(f"account-{account}")
            context.log(tx, "account.opened", account, {"role": "patient", "by": actor.entry})
            return account

        return await context.store.write(command)

    def _also_patient(self, tx: Transaction, account: Account) -> str:
        """Somebody who has an account already: they keep it, and can act as a person with a key of their own."""
        if "patient" not in roles_of(account):
            tx.change(account, roles=granting(account, "patient"))
        keys = self._context.vault.people(SealedInTransaction(tx))
        if not keys.has(f"account-{account.id}"):
            keys.create(f"account-{account.id}")
        return account.id

    def signer(self, tx: Transaction, account: str) -> KeySigner:
        """A person's own key."""
        return KeySigner(self._context.vault.people(SealedInTransaction(tx)).signing_key(f"account-{account}"))

    async def holders(self, actor: Actor) -> list[HolderChoice]:
        """Every holder we know, and whether this person is linked there."""
        linked = {link.holder for link in await self._links(actor.account)}
        known = [member for member in self._context.members.others() if member.role in HOLDERS]
        return [HolderChoice(member.id, member.name, member.id in linked) for member in known]

    async def links(self, actor: Actor) -> list[LinkCard]:
        """This person's links."""
        found = await self._links(actor.account)
        return [self._card(link) for link in found]

    async def _links(self, account: str) -> list[WalletLink]:
        return await self._context.store.read(
            lambda tx: tx.find(WalletLink, account=account, standing=["active", "disputed"], order="linked_at")
        )

    def _card(self, link: WalletLink) -> LinkCard:
        return LinkCard(
            link.id, link.holder, self._context.members.name_of(link.holder), link.linked_at or self._context.clock(),
            link.standing,
        )  # fmt: skip

    async def link(self, actor: Actor, holder: str, code: str) -> LinkCard:
        """Enter a one-time code: the holder confirms at once, or says no. Raises Problem."""
        require(actor, "patient", "operator")
        context = self._context
        if not normal(code):
            raise invalid("Enter the code you were given", "code", "twelve letters and digits")
        if any(link.holder == holder for link in await self._links(actor.account)):
            raise conflict("Your record there is linked already")
        asked = await context.store.write(lambda tx: self._asking(tx, actor, holder))
        await context.store.write(lambda tx: self._count_attempt(tx, actor.account))
        body = await context.store.read(lambda tx: self._request(tx, actor.account, holder, asked.wallet_person, code))
        made = speech.read_body(wire.LinkMade, await self._ask(holder, body))
        claims = speech.hear(made.link, speech.LINK, context.members.active(holder), wire.Link)
        if (claims.holder, claims.wallet, claims.wallet_person) != (holder, context.me.id, asked.wallet_person):
            raise unavailable("The holder's answer is about somebody else; nothing was linked")
        link = WalletLink(
            id=claims.link, account=actor.account, holder=holder, wallet_person=asked.wallet_person,
            statement=made.link, linked_at=claims.linked_at,
        )  # fmt: skip

        def command(tx: Transaction) -> None:
            known = tx.get(WalletLink, link.id)
            if known is not None and (known.account, known.holder) != (link.account, holder):
                raise unavailable("The holder's answer is about another link; nothing was linked")
            tx.remove(WalletLink, id=asked.id)
            tx.put(link)
            self.linked(tx, link)
            context.log(tx, "link.made", link.id, {"holder": holder, "by": actor.entry})
            tx.ring("links")

        await context.store.write(command)
        return self._card(link)

    def _asking(self, tx: Transaction, actor: Actor, holder: str) -> WalletLink:
        """What we call this person towards this holder: kept before asking, so that one can ask again."""
        check_proxy(tx, actor, self._context.clock())
        account = actor.account
        known = tx.find(WalletLink, account=account, holder=holder, standing="asking", limit=1)
        if known:
            return known[0]
        asking = WalletLink(
            id=f"asking:{uuid4()}", account=account, holder=holder, wallet_person=str(uuid4()), standing="asking"
        )
        tx.add(asking)
        return asking

    def _count_attempt(self, tx: Transaction, account: str) -> None:
        """Ten codes in ten minutes: one person's guessing must not use up what the holder grants the whole wallet."""
        now = self._context.clock()
        known = tx.get(Setting, f"codes-entered:{account}")
        times = [at for at in (known.value.split() if known else []) if now - datetime.fromisoformat(at) < _WINDOW]
        if len(times) >= _ATTEMPTS:
            raise Problem(429, "too-many-codes", "Too many codes were entered", "Try again in ten minutes")
        tx.put(Setting(name=f"codes-entered:{account}", value=" ".join([*times, now.isoformat()])))

    def _request(self, tx: Transaction, account: str, holder: str, wallet_person: str, code: str) -> dict[str, Any]:
        signer = self.signer(tx, account)
        proof = wire.LinkProof(code_digest=code_digest(code), holder=holder, wallet=self._context.me.id)
        public = {name: signer.public_jwk[name] for name in ("kty", "crv", "x")}
        return wire.LinkRequest(
            code=normal(code), wallet_person=wallet_person, person_key=wire.PersonKey.read(public),
            proof=speech.say(self._context, speech.LINK_PROOF, proof.wire(), signer),
        ).wire()  # fmt: skip

    async def _ask(self, holder: str, body: dict[str, Any]) -> dict[str, Any]:
        members = self._context.members
        try:
            answer = await members.post(holder, f"{members.exchange(members.active(holder).id)}/links", body)
        except (OutboundRefused, Unreachable):
            raise unavailable("The holder cannot be reached now. Nothing was changed; try again later") from None
        if answer.ok:
            parsed = orjson.loads(answer.body)
            return parsed if isinstance(parsed, dict) else {}
        if answer.status in (401, 408) or answer.status >= 500:
            # A holder that has just started knows no token older than itself: 401 says "later", as 5xx does.
            raise unavailable("The holder cannot take the code now. Nothing was changed; try again in a moment")
        if answer.status == 429:
            raise Problem(429, "too-many-codes", "Too many wrong codes were entered", "Try again in ten minutes")
        if answer.status == 409:
            raise conflict("This record is linked to a wallet already")
        raise invalid(
            "This code is not valid. It may have been used, run out or mistyped", "code", code="code-not-valid"
        )
