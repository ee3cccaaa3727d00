"""Signing people in as the portal's services need it: refusals as problems, and nothing to keep but plain text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connector.identity.people.relying_party import (
    Departure,
    Issuer,
    IssuerUnavailable,
    RelyingParty,
    SignedIn,
    SignedOut,
    SignInRefused,
)
from connector.problems import Problem, unavailable

OWN_PROVIDER = ("ES256",)
ANY_PROVIDER = ("RS256", "PS256", "ES256", "EdDSA")
"""Signature algorithms taken from the embedded provider, and from one the operator configured."""


class PortalSignIn:
    """One issuer, over a transport that lets through what the operator named. `transport` is `Outbound.transport`."""

    def __init__(self, issuer: Issuer, transport: object) -> None:
        self._party = RelyingParty(issuer, transport)

    async def depart(self, now: datetime, hint: str) -> tuple[str, dict[str, str]]:
        """Where to send the browser, and what to keep until it is back. Raises Problem 503."""
        try:
            departure = await self._party.depart(now, login_hint=hint)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        return departure.url, {"state": departure.state, "nonce": departure.nonce, "verifier": departure.verifier}

    async def arrive(self, callback_url: str, kept: Mapping[str, str], now: datetime) -> SignedIn:
        """Who signed in. Raises Problem 400, 503."""
        departure = Departure("", kept["state"], kept["nonce"], kept["verifier"])
        try:
            return await self._party.arrive(callback_url, departure, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        except SignInRefused as refused:
            raise Problem(
                400, f"sign-in-{refused.code}", "You are not signed in",
                "The sign-in provider's answer was not accepted", accepted="a new sign-in, begun from this portal",
            ) from None  # fmt: skip

    async def vouch(self, token: str, now: datetime) -> SignedIn:
        """Whom an ID token names that was made for us and is still good. Raises Problem 400, 503."""
        try:
            return await self._party.vouch(token, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        except SignInRefused as refused:
            raise Problem(
                400, f"token-{refused.code}", "The token was not accepted", where="token",
                accepted="an ID token of our sign-in provider, made for this portal a moment ago",
            ) from None  # fmt: skip

    async def ask_after(self, refresh: str, subject: str, now: datetime) -> SignedIn | None:
        """Who is still signed in there, with the roles of now; None when that is over. Raises Problem 503."""
        try:
            return await self._party.ask_after(refresh, subject, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        except SignInRefused:
            return None

    async def leave(self, refresh: str, now: datetime) -> None:
        """End a sign-in there. Raises Problem 503."""
        try:
            await self._party.leave(refresh, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None

    async def dismissed(self, token: str, now: datetime) -> SignedOut:
        """Whose sign-in the provider says is over. Raises Problem 400, 503."""
        try:
            return await self._party.dismissed(token, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        except SignInRefused as refused:
            raise Problem(
                400, f"token-{refused.code}", "The token was not accepted", where="logout_token",
                accepted="a logout token of our sign-in provider, made for this portal a moment ago",
            ) from None  # fmt: skip


def _nobody_answers() -> Problem:
    return unavailable("The sign-in provider does not answer. Try again in a minute", "issuer-unavailable")
