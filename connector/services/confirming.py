"""Whether what the sign-in provider said of somebody still holds: their roles by its claims, and the sign-in itself.

Where `oidc_roles` maps the provider's names of roles to ours, nobody of the staff has a role but by it. The claims are
read at every sign-in, and again every `oidc_check_minutes` while somebody is at the portal, by the refresh token the
provider gave for just that (sealed in the session's record). No = the session is over; a role that is gone = what ran
in it is over.

The request of somebody of the staff who comes after that time waits for the answer; a patient's goes on meanwhile, and
while there is none (they must be able to stop what is done with their data). Staff go on without one for three times
that long; then they are answered 503 until the provider is back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Account
from connector.records import Session as SessionRecord
from connector.services.context import Context
from connector.services.signing_in import SigningIn

if TYPE_CHECKING:
    from connector.identity.people.relying_party import SignedIn

STAFF_ROLES: Final = ("researcher", "steward", "dpo")
PATIENCE: Final = 3
"""How many times as long as between two questions staff go on without an answer."""
_ASKING: Final = timedelta(seconds=30)
"""Whoever set out to ask and is not back by then is asked no more: somebody else asks."""
_LONGEST_NAME: Final = 200
_NAMELESS: Final = "Somebody of the staff"
_BOX: Final = "sign-ins"
_BY_PROVIDER: Final = {"account": "", "role": "provider"}

log = logging.getLogger("concord.confirming")


def roles_of(account: Account) -> tuple[str, ...]:
    """The roles an account may act in."""
    facts = account.roles or {}
    held = (*facts.get("roles", ()), *facts.get("claimed", ()))
    return tuple(dict.fromkeys(role for role in held if isinstance(role, str)))


def granting(account: Account, *roles: str) -> dict[str, Any]:
    """What `Account.roles` becomes when these are granted here as well."""
    facts = account.roles or {}
    return {**facts, "roles": list(dict.fromkeys((*facts.get("roles", ()), *roles)))}


class Confirming:
    """The provider's word, as it stands in accounts and sessions."""

    def __init__(self, context: Context, signing_in: SigningIn) -> None:
        self._context = context
        self._signing_in = signing_in

    @property
    def by_claims(self) -> bool:
        """Whether roles of staff come from the provider, and from nowhere else."""
        return bool(self._context.settings.oidc_roles)

    def roles(self, account: Account) -> tuple[str, ...]:
        """The roles an account may act in here."""
        if not self.by_claims:
            return tuple((account.roles or {}).get("roles", ()))
        granted = (account.roles or {}).get("roles", ())
        held = [role for role in granted if role not in STAFF_ROLES] + list((account.roles or {}).get("claimed", ()))
        return tuple(dict.fromkeys(held))

    def mapped(self, claimed: Sequence[str]) -> tuple[str, ...]:
        """Our roles for what the provider calls them; a name that is not in the map is no role."""
        names = self._context.settings.oidc_roles
        return tuple(dict.fromkeys(names[name] for name in claimed if name in names))

    def claim(self, tx: Transaction, account: Account, signed_in: SignedIn) -> Account:
        """Write down the roles of now; sessions in one that is gone end."""
        if not self.by_claims:
            return account
        now, before = self.mapped(signed_in.roles), tuple((account.roles or {}).get("claimed", ()))
        if now == before:
            return account
        changed = tx.change(account, roles={**(account.roles or {}), "claimed": list(now)})
        self._context.log(tx, "account.roles-claimed", account.id, {"roles": list(now), "by": _BY_PROVIDER})
        for one in tx.find(SessionRecord, account=account.id):
            if one.role not in self.roles(changed):
                self.end(tx, one, "role-gone")
        return changed

    def open(self, tx: Transaction, signed_in: SignedIn) -> None:
        """An account for somebody of the staff who signs in for the first time."""
        account, roles = str(uuid4()), list(self.mapped(signed_in.roles))
        tx.add(
            Account(
                id=account, issuer=signed_in.issuer, subject=signed_in.subject,
                name=signed_in.name[:_LONGEST_NAME] or _NAMELESS, roles={"roles": [], "claimed": roles},
                created_at=self._now(),
            )
        )  # fmt: skip
        self._context.log(tx, "account.opened", account, {"roles": roles, "by": _BY_PROVIDER})

    def end(self, tx: Transaction, record: SessionRecord, because: str) -> None:
        """End a session, and say in the log why."""
        tx.remove(SessionRecord, id=record.id)
        by = {"account": record.account, "role": record.role}
        self._context.log(tx, "session.ended", record.account, {"by": by, "because": because})

    def kept(self, session: str, signed_in: SignedIn) -> str:
        """What the provider gave us to ask after a sign-in, sealed for this session; empty where it gave nothing."""
        if not (signed_in.refresh and self._context.settings.oidc_issuer):
            return ""
        return self._context.vault.box(_BOX).seal(session, signed_in.refresh.encode()).hex()

    def lasts(self, kept: str) -> timedelta | None:
        """How long a session lasts that nobody can be asked after; None: that of any other."""
        settings = self._context.settings
        return timedelta(minutes=settings.oidc_session_minutes) if settings.oidc_issuer and not kept else None

    def is_due(self, record: SessionRecord, now: datetime) -> bool:
        """Whether the provider has to be asked before this session is used again."""
        every = timedelta(minutes=self._context.settings.oidc_check_minutes)
        return bool(record.kept) and (record.confirmed_at is None or not 0 * every <= now - record.confirmed_at < every)

    async def look_after(self, record: SessionRecord, account: Account) -> None:
        """Ask, because it is time. Raises Problem 503 for staff who may not go on without an answer."""
        if record.role in STAFF_ROLES:
            await self.still(record, account)
        else:
            self._context.tasks.spawn(self.still(record, account))

    async def still(self, record: SessionRecord, account: Account) -> bool:
        """Ask. False: the session is over. Raises Problem 503 where it may not be used without an answer."""
        if not await self._set_out(record):
            self._bear(record)
            return True
        try:
            found = await self._signing_in.provider().ask_after(self._opened(record), account.subject, self._now())
        except Problem:
            self._bear(record)
            return True
        return await self._context.store.write(lambda tx: self._heard(tx, record.id, found))

    async def _set_out(self, record: SessionRecord) -> bool:
        """Of several requests at once, in whichever process, one asks: a refresh token is good once."""
        now = self._now()
        if record.asked_at is not None and timedelta() <= now - record.asked_at < _ASKING:
            return False
        read = {"asked_at": record.asked_at, "confirmed_at": record.confirmed_at}
        taken = await self._context.store.write(
            lambda tx: tx.alter(SessionRecord, {"asked_at": now}, id=record.id, **read)
        )
        return bool(taken)

    def _bear(self, record: SessionRecord) -> None:
        """Without an answer. Raises Problem 503 for staff after a while."""
        since = self._now() - (record.confirmed_at or record.created_at or self._now())
        patience = PATIENCE * timedelta(minutes=self._context.settings.oidc_check_minutes)
        if record.role in STAFF_ROLES and not timedelta() <= since < patience:
            raise Problem(
                503, "issuer-unavailable", "Something we depend on does not answer",
                "The sign-in provider has not said for a while whether you may still work here. Try again in a minute",
            )  # fmt: skip

    def _heard(self, tx: Transaction, id: str, found: SignedIn | None) -> bool:
        record = tx.get(SessionRecord, id)
        account = tx.get(Account, record.account) if record else None
        if record is None or account is None:
            return False
        if found is None:
            self.end(tx, record, "provider")
            return False
        self.claim(tx, account, found)
        record = tx.get(SessionRecord, id)
        if record is None:
            return False
        changes = {"kept": self.kept(id, found) or record.kept, "confirmed_at": self._now(), "asked_at": None}
        tx.alter(SessionRecord, changes, id=id)
        return True

    def leave(self, records: Sequence[SessionRecord]) -> None:
        """End these sign-ins at the provider too, in the background: here they are over already."""
        for record in records:
            if record.kept:
                self._context.tasks.spawn(self._leave(record))

    async def _leave(self, record: SessionRecord) -> None:
        try:
            await self._signing_in.provider().leave(self._opened(record), self._now())
        except Exception as fault:  # it ends there by itself, later
            log.warning("a sign-in could not be ended at the provider: %s", type(fault).__name__)

    def _opened(self, record: SessionRecord) -> str:
        return self._context.vault.box(_BOX).open(record.id, bytes.fromhex(record.kept)).decode()

    def _now(self) -> datetime:
        return self._context.clock()
