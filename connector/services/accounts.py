"""Who may sign in here, and the sessions of those who have. People prove who they are at an OIDC issuer, never to us.

A cookie's value is random and only its hash is kept. A session ends after 30 minutes without use, after 12 hours in
any case, and at once when its account is not active or has lost the role. Nobody gets an account by signing in, except
staff where their roles come with the sign-in (`connector.services.confirming`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from connector.identity.access import token_hash
from connector.identity.keys import base64url
from connector.identity.people.assurance import assurance_of
from connector.ports import Duplicate, Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Account, UsedToken
from connector.records import Session as SessionRecord
from connector.services.acting import acting_for
from connector.services.actors import Actor, require
from connector.services.confirming import STAFF_ROLES, Confirming, granting
from connector.services.context import Context
from connector.services.signing_in import SigningIn

if TYPE_CHECKING:
    from connector.identity.people.relying_party import SignedIn

UNUSED_END = timedelta(minutes=30)
ABSOLUTE_END = timedelta(hours=12)
_TOUCH = timedelta(minutes=1)
"""A use is written down at most this often, so that reading a page costs no write each time."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `id` is the hash of its cookie, `csrf` what its forms must bring back."""

    id: str
    actor: Actor
    csrf: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccountRow:
    """Somebody who can sign in here."""

    id: str
    subject: str
    name: str
    roles: tuple[str, ...]
    standing: str


class Accounts:
    """Accounts and sessions."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.signing_in = SigningIn(context)
        self.confirming = Confirming(context, self.signing_in)

    async def open_account(self, actor: Actor, subject: str, name: str, roles: Sequence[str]) -> str:
        """Open a staff account, or grant a known one further roles. Returns the account's id.

        Raises Problem 400, and 409 where roles come from the sign-in provider.
        """
        require(actor, "operator")
        if self.confirming.by_claims:
            raise conflict("Roles of staff come from the sign-in provider here", "roles-by-claims", "them given there")
        if not subject.strip() or not name.strip():
            raise invalid("An account needs a subject and a name", accepted="the sign-in provider's name for them")
        if not roles or not set(roles) <= set(STAFF_ROLES):
            raise invalid("These are not roles of staff", "roles", f"some of {', '.join(STAFF_ROLES)}")
        return await self._context.store.write(lambda tx: self._open(tx, actor, subject.strip(), name.strip(), roles))

    def _open(self, tx: Transaction, actor: Actor, subject: str, name: str, roles: Sequence[str]) -> str:
        issuer = self._context.settings.issuer
        known = tx.find(Account, subject=subject, issuer=issuer, limit=1)
        held = self.confirming.roles(known[0]) if known else ()
        granted = tuple(role for role in dict.fromkeys(roles) if role not in held)
        if known and granted:
            tx.change(known[0], roles=granting(known[0], *granted))
        account = known[0].id if known else str(uuid4())
        if not known:
            tx.add(
                Account(
                    id=account, issuer=issuer, subject=subject, name=name, roles={"roles": list(granted)},
                    created_at=self._context.clock(),
                )
            )  # fmt: skip
        if granted:
            kind = "account.roles-granted" if known else "account.opened"
            self._context.log(tx, kind, account, {"roles": list(granted), "by": actor.entry})
        return account

    async def take_roles(self, actor: Actor, account_id: str, roles: Sequence[str]) -> None:
        """Take roles of staff from an account; sessions in one of them end at once. Raises Problem 400, 404, 409."""
        require(actor, "operator")
        if self.confirming.by_claims:
            raise conflict("Roles of staff come from the sign-in provider here", "roles-by-claims", "them taken there")
        if not roles or not set(roles) <= set(STAFF_ROLES):
            raise invalid("These are not roles of staff", "roles", f"some of {', '.join(STAFF_ROLES)}")

        def command(tx: Transaction) -> list[SessionRecord]:
            account = self._known(tx, account_id)
            left = [role for role in self.confirming.roles(account) if role not in roles]
            tx.change(account, roles={**(account.roles or {}), "roles": left})
            self._context.log(tx, "account.roles-taken", account_id, {"roles": list(roles), "by": actor.entry})
            over = [one for one in tx.find(SessionRecord, account=account_id) if one.role in roles]
            for one in over:
                self.confirming.end(tx, one, "role-gone")
            return over

        self.confirming.leave(await self._context.store.write(command))

    async def close_account(self, actor: Actor, account_id: str) -> None:
        """Let nobody sign in with this account any more; its sessions end at once. Raises Problem 404."""
        require(actor, "operator")

        def command(tx: Transaction) -> list[SessionRecord]:
            tx.change(self._known(tx, account_id), standing="closed")
            self._context.log(tx, "account.closed", account_id, {"by": actor.entry})
            over = tx.find(SessionRecord, account=account_id)
            for one in over:
                self.confirming.end(tx, one, "account-closed")
            return over

        self.confirming.leave(await self._context.store.write(command))

    @staticmethod
    def _known(tx: Transaction, account_id: str) -> Account:
        account = tx.get(Account, account_id)
        if account is None:
            raise missing("There is no such account")
        return account

    async def accounts(self, actor: Actor) -> list[AccountRow]:
        """Everybody who can sign in here."""
        require(actor, "operator")
        return await self.offered()

    async def offered(self) -> list[AccountRow]:
        """The active accounts of our own issuer: whom the development provider lets one choose."""
        issuer = self._context.settings.issuer
        found = await self._context.store.read(
            lambda tx: tx.find(Account, issuer=issuer, standing="active", order="name")
        )
        return [AccountRow(one.id, one.subject, one.name, self.confirming.roles(one), one.standing) for one in found]

    async def begin_sign_in(self, next: str, hint: str | None) -> tuple[str, str]:
        """Where to send the browser, and the value of a cookie it must bring back. Raises Problem 503."""
        return await self.signing_in.begin(next, hint)

    async def finish_sign_in(
        self, state_cookie: str, query: dict[str, str], before: str | None = None
    ) -> tuple[Session, str, str]:
        """The session, the value of its cookie and where to go on. Raises Problem 400, 403, 503.

        `before` is the cookie of the session this browser had: it ends, whoever signed in now.
        """
        signed_in, onward = await self.signing_in.finish(state_cookie, query)
        session, value = await self._open_session(signed_in)
        if before:
            await self.sign_out(token_hash(before))
        return session, value, onward

    async def sign_in(self, signed_in: SignedIn) -> Session:
        """A session for somebody who has signed in at our issuer. Raises Problem 403 for anybody we do not know."""
        session, _ = await self._open_session(signed_in)
        return session

    async def _open_session(self, signed_in: SignedIn) -> tuple[Session, str]:
        context, now = self._context, self._context.clock()
        value, csrf = (base64url(context.random(32)) for _ in range(2))
        await self._recognise(signed_in)
        kept = self.confirming.kept(token_hash(value), signed_in)
        ends = now + min(ABSOLUTE_END, self.confirming.lasts(kept) or ABSOLUTE_END)

        def command(tx: Transaction) -> Session:
            known = tx.find(Account, issuer=signed_in.issuer, subject=signed_in.subject, limit=1)
            if not known or known[0].standing != "active" or not self.confirming.roles(known[0]):
                raise forbidden("You have no account here. Ask the people who run this place", "unknown-account")
            account = known[0]
            tx.remove(SessionRecord, expires_at__le=now)
            tx.remove(SessionRecord, seen_at__le=now - UNUSED_END)
            record = SessionRecord(
                id=token_hash(value), account=account.id, role=self.confirming.roles(account)[0], csrf=csrf,
                created_at=now, seen_at=now, expires_at=ends, assurance=assurance_of(signed_in.acr),
                sid=signed_in.sid, kept=kept, confirmed_at=now,
            )  # fmt: skip
            tx.add(record)
            session = self._view(tx, record, account)
            context.log(tx, "session.opened", account.id, {"by": session.actor.entry})
            return session

        return await context.store.write(command), value

    async def _recognise(self, signed_in: SignedIn) -> None:
        """Where roles come with the sign-in: write down those of now, and open an account for staff who are new here.

        By itself, before a session is opened or refused: a role that is gone is gone then too.
        """
        if not self.confirming.by_claims or signed_in.issuer != self._context.settings.issuer:
            return

        def command(tx: Transaction) -> None:
            known = tx.find(Account, issuer=signed_in.issuer, subject=signed_in.subject, limit=1)
            if known:
                self.confirming.claim(tx, known[0], signed_in)
            elif self.confirming.mapped(signed_in.roles):
                self.confirming.open(tx, signed_in)

        await self._context.store.write(command)

    async def session(self, cookie_value: str | None, path: str = "") -> Session | None:
        """The session of a cookie, or None when there is none (any more).

        With the `path` of a request it counts as one of the person's. Raises Problem 429, 503.
        """
        if not cookie_value:
            return None
        now, key = self._context.clock(), token_hash(cookie_value)

        def query(tx: Transaction) -> tuple[Session, bool, tuple[SessionRecord, Account] | None] | None:
            found = self._standing(tx, key, now)
            if found is None:
                return None
            record, account = found
            touched = record.seen_at is None or now - record.seen_at >= _TOUCH
            view = self._view(tx, replace(record, seen_at=now) if touched else record, account)
            return view, touched, found if self.confirming.is_due(record, now) else None

        found = await self._context.store.read(query)
        if found is not None and found[2] is not None:
            await self.confirming.look_after(*found[2])
            found = await self._context.store.read(query)
        (self._context.limits.met if found is not None else self._context.limits.over)(key)
        if found is not None and found[1]:
            await self._context.store.write(lambda tx: tx.alter(SessionRecord, {"seen_at": now}, id=key))
        if found is not None and path:
            actor = found[0].actor
            self._context.limits.person(actor.proxy.account if actor.proxy else actor.account, path)
        return found[0] if found else None

    def _standing(self, tx: Transaction, key: str, now: datetime) -> tuple[SessionRecord, Account] | None:
        record = tx.get(SessionRecord, key)
        if record is None or record.expires_at is None or record.seen_at is None:
            return None
        if now >= record.expires_at or now >= record.seen_at + UNUSED_END:
            return None
        account = tx.get(Account, record.account)
        if account is None or account.standing != "active" or record.role not in self.confirming.roles(account):
            return None
        return record, account

    async def choose_role(self, session_id: str, role: str) -> Session:
        """Act in another of one's own roles. Raises Problem 403, 404."""
        now = self._context.clock()

        def command(tx: Transaction) -> Session:
            found = self._standing(tx, session_id, now)
            if found is None:
                raise missing("This session has ended")
            record, account = found
            if role not in self.confirming.roles(account):
                raise forbidden("This is not one of your roles", "not-your-role")
            session = self._view(tx, tx.change(record, role=role, authority="", seen_at=now), account)
            self._context.log(tx, "session.role-chosen", account.id, {"by": session.actor.entry})
            return session

        return await self._context.store.write(command)

    async def act_for(self, session_id: str, authority: str) -> Session:
        """Act for somebody by an authority in force, or (empty) for oneself again. Raises Problem 403, 404."""
        now = self._context.clock()

        def command(tx: Transaction) -> Session:
            found = self._standing(tx, session_id, now)
            if found is None:
                raise missing("This session has ended")
            session = self._view(tx, tx.change(found[0], authority=authority, seen_at=now), found[1])
            if authority and session.actor.proxy is None:
                raise forbidden("You cannot act for this person, or not any more", "no-authority")
            self._context.log(tx, "session.acting-for", found[1].id, {"by": session.actor.entry})
            return session

        return await self._context.store.write(command)

    async def sign_out(self, session_id: str) -> None:
        """End a session, and the sign-in at the provider it came from; one that has ended already is left so."""

        def command(tx: Transaction) -> SessionRecord | None:
            record = tx.get(SessionRecord, session_id)
            if record is None:
                return None
            tx.remove(SessionRecord, id=session_id)
            by = {"account": record.account, "role": record.role}
            self._context.log(tx, "session.ended", record.account, {"by": by})
            return record

        record = await self._context.store.write(command)
        if record is not None:
            self.confirming.leave([record])

    async def signed_out_there(self, logout_token: str) -> int:
        """The sign-in provider says that a sign-in is over: its sessions end. Returns how many; raises Problem 400."""
        now = self._context.clock()
        told = await self.signing_in.provider().dismissed(logout_token, now)
        issuer = self._context.settings.issuer

        def command(tx: Transaction) -> int:
            try:
                tx.add(UsedToken(issuer=issuer, jti=told.jti, until=told.until))
            except Duplicate:
                raise invalid("This logout token was used already", "logout_token", code="token-used") from None
            mine = tx.find(Account, issuer=issuer, subject=told.subject, limit=1)
            over = tx.find(SessionRecord, account=mine[0].id) if mine else []
            over = [one for one in over if not told.sid or one.sid == told.sid]
            for one in over:
                self.confirming.end(tx, one, "provider")
            return len(over)

        return await self._context.store.write(command)

    def _view(self, tx: Transaction, record: SessionRecord, account: Account) -> Session:
        if record.created_at is None or record.expires_at is None or record.seen_at is None:
            raise Problem(500, "session-incomplete", "This session cannot be used")
        actor = Actor(account.id, account.name, record.role, self._context.me.id, record.assurance)
        if record.authority and record.role == "patient":
            actor = acting_for(tx, actor, record.authority, self._context.clock())
        ends = min(record.expires_at, record.seen_at + UNUSED_END)
        return Session(record.id, actor, record.csrf, self.confirming.roles(account), record.created_at, ends)
