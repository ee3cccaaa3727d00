"""Sign-ins under way: off to the issuer, and back. What must come back is kept here, never in the browser.

The browser gets a random value of which only the hash is kept. An attempt is good for one return within ten minutes,
whatever comes of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from connector.identity.access import token_hash
from connector.identity.keys import base64url
from connector.ports import Transaction
from connector.problems import Problem, unavailable
from connector.records import SignInAttempt
from connector.services.context import Context

if TYPE_CHECKING:
    from connector.identity.people.relying_party import SignedIn, SignedOut

PATIENCE = timedelta(minutes=10)
CALLBACK = "/sign-in/callback"
_REMEMBERED = 50


class PortalSignIn(Protocol):
    """The issuer this participant trusts (`connector.identity.people.portal`). Raises Problem 400, 503."""

    async def depart(self, now: datetime, hint: str) -> tuple[str, dict[str, str]]:
        """Where to send the browser, and what to keep until it is back."""
        ...

    async def arrive(self, callback_url: str, kept: Mapping[str, str], now: datetime) -> SignedIn:
        """Who signed in."""
        ...

    async def vouch(self, token: str, now: datetime) -> SignedIn:
        """Whom an ID token names that was made for us and is still good; no sign-in comes of it."""
        ...

    async def ask_after(self, refresh: str, subject: str, now: datetime) -> SignedIn | None:
        """Who is still signed in there, with the roles of now; None when that is over."""
        ...

    async def leave(self, refresh: str, now: datetime) -> None:
        """End a sign-in there."""
        ...

    async def dismissed(self, token: str, now: datetime) -> SignedOut:
        """Whose sign-in the provider says is over."""
        ...


class SigningIn:
    """The attempts under way. `issuer` is handed in by wiring where people sign in at all."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.issuer: PortalSignIn | None = None
        self.refused: deque[tuple[datetime, str]] = deque(maxlen=_REMEMBERED)
        """When somebody was refused, and the code of why; in this process only, and never whom."""

    async def begin(self, onward: str, hint: str | None) -> tuple[str, str]:
        """The address to go to, and a random value that proves later that this browser began. Raises Problem 503."""
        with self.noting():
            return await self._begun(onward, hint)

    async def finish(self, value: str, query: Mapping[str, str]) -> tuple[SignedIn, str]:
        """Who signed in, and where they wanted to go. Raises Problem 400, 503."""
        with self.noting():
            return await self._finished(value, query)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Remember the code of a refusal that ends a sign-in, and pass it on."""
        try:
            yield
        except Problem as problem:
            self.refused.append((self._context.clock(), problem.code))
            raise

    async def _begun(self, onward: str, hint: str | None) -> tuple[str, str]:
        context, now = self._context, self._context.clock()
        url, kept = await self.provider().depart(now, hint or "")
        value = base64url(context.random(32))
        facts = {"kept": kept, "next": onward}
        attempt = SignInAttempt(id=token_hash(value), facts=facts, expires_at=now + PATIENCE)

        def command(tx: Transaction) -> None:
            tx.remove(SignInAttempt, expires_at__le=now)
            tx.add(attempt)

        await context.store.write(command)
        return url, value

    async def _finished(self, value: str, query: Mapping[str, str]) -> tuple[SignedIn, str]:
        now, key = self._context.clock(), token_hash(value)
        attempt = await self._context.store.write(lambda tx: _take(tx, key))
        if attempt is None or attempt.expires_at is None or now >= attempt.expires_at:
            raise Problem(
                400, "sign-in-over", "You are not signed in", "It took too long, or was finished already",
                accepted="a new sign-in, begun from this portal",
            )  # fmt: skip
        facts = attempt.facts or {}
        back = f"{self._context.settings.public_url}{CALLBACK}?{urlencode(query)}"
        return await self.provider().arrive(back, facts["kept"], now), str(facts["next"])

    async def vouch(self, token: str) -> tuple[str, datetime | None]:
        """Whom an ID token of our issuer names, and when they signed in there. Raises Problem 400, 503."""
        found = await self.provider().vouch(token, self._context.clock())
        return found.subject, found.auth_time

    def provider(self) -> PortalSignIn:
        """The issuer. Raises Problem 503 where nobody signs in."""
        if self.issuer is None:
            raise unavailable("Nobody signs in here", "no-sign-in")
        return self.issuer


def _take(tx: Transaction, key: str) -> SignInAttempt | None:
    attempt = tx.get(SignInAttempt, key)
    if attempt is not None:
        tx.remove(SignInAttempt, id=key)
    return attempt
