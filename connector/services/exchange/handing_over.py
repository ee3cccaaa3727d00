"""Linking from a session at the holder: who signed in here takes a one-time code to their wallet, by a form.

Staff tie a sign-in account to a person once, after they have seen who it is; nothing is ever matched by name. The code
is good for ten minutes and stands in the page's form only, never in an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Account, Link, Person
from connector.services.actors import Actor, require
from connector.services.confirming import granting, roles_of
from connector.services.context import Context
from connector.services.exchange.disputes import standing_link
from connector.services.exchange.linking import new_code

CODE_LIFE = timedelta(minutes=10)
PLACE = "/hand-over"
"""Where a wallet's portal takes a code from a holder's page."""


@dataclass(frozen=True, slots=True)
class WalletChoice:
    """A wallet one may hand a record over to."""

    id: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class MyRecord:
    """What somebody signed in here sees of their own record: whether there is one, and how its link stands."""

    tied: bool
    wallet_name: str
    standing: str
    linked_at: datetime | None
    wallets: list[WalletChoice]


@dataclass(frozen=True, slots=True)
class Handing:
    """A code on its way: what the form carries, and where it goes."""

    code: str
    holder: str
    wallet_name: str
    origin: str
    address: str
    expires_at: datetime


class HandOver:
    """The holder's side of a signed-in hand-over."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def tie(self, actor: Actor, person_id: str, subject: str) -> str:
        """Staff say that this sign-in (the issuer's name for somebody) is this person's. Returns the account's id.

        Raises Problem 400, 404, and 409 when either is tied to somebody else.
        """
        require(actor, "steward", "operator")
        named = subject.strip()
        if not named:
            raise invalid("Say how this person signs in", "subject", "the sign-in provider's name for them")

        def command(tx: Transaction) -> str:
            person = _person(tx, person_id)
            account = self._patient(tx, actor, named, person)
            others = [one for one in tx.find(Person, account=account.id) if one.id != person.id]
            if others or person.account not in ("", account.id):
                raise conflict("This sign-in or this person is tied already", accepted="untie the other one first")
            if person.account != account.id:
                tx.change(person, account=account.id)
                self._context.log(tx, "person.account-tied", person.id, {"account": account.id, "by": actor.entry})
            return account.id

        return await self._context.store.write(command)

    def _patient(self, tx: Transaction, actor: Actor, subject: str, person: Person) -> Account:
        """The account of this sign-in, able to act as a patient here."""
        context = self._context
        known = tx.find(Account, subject=subject, issuer=context.settings.issuer, limit=1)
        if known and known[0].standing != "active":
            raise conflict("This account is closed", accepted="an active account")
        if known and "patient" in roles_of(known[0]):
            return known[0]
        if known:
            return tx.change(known[0], roles=granting(known[0], "patient"))
        account = Account(
            id=str(uuid4()), issuer=context.settings.issuer, subject=subject, name=person.name, born=person.born,
            roles={"roles": ["patient"]}, created_at=context.clock(),
        )  # fmt: skip
        tx.add(account)
        context.log(tx, "account.opened", account.id, {"role": "patient", "by": actor.entry})
        return account

    async def untie(self, actor: Actor, person_id: str) -> None:
        """Take it back: this sign-in is not this person's. A link that was made meanwhile is another matter."""
        require(actor, "steward", "operator")

        def command(tx: Transaction) -> None:
            person = _person(tx, person_id)
            if not person.account:
                raise conflict("No sign-in is tied to this person")
            tx.change(person, account="")
            self._context.log(tx, "person.account-untied", person.id, {"account": person.account, "by": actor.entry})

        await self._context.store.write(command)

    async def mine(self, actor: Actor) -> MyRecord:
        """What the person who is signed in here sees of their own record."""
        require(actor, "patient")

        def query(tx: Transaction) -> tuple[Person | None, Link | None]:
            person = _own(tx, actor)
            return person, self._wallet_link(tx, person) if person else None

        person, link = await self._context.store.read(query)
        return MyRecord(
            person is not None, self._context.members.name_of(link.wallet) if link else "",
            link.standing if link else "", link.linked_at if link else None, self._wallets(),
        )  # fmt: skip

    async def hand(self, actor: Actor, wallet: str) -> Handing:
        """A one-time code for the own record, and the form's address at the wallet. Raises Problem 400, 404, 409."""
        require(actor, "patient")
        chosen = next((one for one in self._wallets() if one.id == wallet), None)
        if chosen is None:
            raise invalid("Choose one of the wallets", "wallet", "a wallet of the members register")

        def command(tx: Transaction) -> Handing:
            person = _own(tx, actor)
            if person is None:
                raise missing("No record here is tied to your sign-in")
            if self._wallet_link(tx, person) is not None:
                raise conflict("Your record is connected to a wallet already", accepted="say first that it is wrong")
            made = new_code(tx, self._context, actor, person.id, CODE_LIFE, "sign-in")
            return Handing(
                made.code, self._context.me.id, chosen.name, chosen.origin, chosen.origin + PLACE, made.expires_at
            )

        return await self._context.store.write(command)

    def _wallet_link(self, tx: Transaction, person: Person) -> Link | None:
        """The link that stands in the way of a new one: our own desk's gives way to a wallet, unless it is disputed."""
        link = standing_link(tx, person.id)
        ours = link is not None and link.wallet == self._context.me.id and link.standing == "active"
        return None if ours else link

    def _wallets(self) -> list[WalletChoice]:
        return [_choice(one) for one in self._context.members.others() if one.role == "wallet" and one.consent]


def _choice(member: Member) -> WalletChoice:
    return WalletChoice(member.id, member.name, member.origin)


def _person(tx: Transaction, person_id: str) -> Person:
    person = tx.get(Person, person_id)
    if person is None:
        raise missing("There is no such person here")
    return person


def _own(tx: Transaction, actor: Actor) -> Person | None:
    found = tx.find(Person, account=actor.account, limit=2) if actor.account else []
    return found[0] if len(found) == 1 else None
