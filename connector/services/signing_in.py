"""Signing in at the OIDC issuer this participant trusts: off to the issuer, and back with who it was."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from connector.identity.access import token_hash
from connector.identity.keys import base64url
from connector.identity.people.relying_party import (
    Departure,
    Issuer,
    IssuerUnavailable,
    RelyingParty,
    SignedIn,
    SignInRefused,
)
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.ports import Transaction
from connector.problems import Problem, unavailable
from connector.records import SignInAttempt
from connector.services.context import Context

PATIENCE = timedelta(minutes=10)
CALLBACK = "/sign-in/callback"
_OWN = ("ES256",)
_ANY = ("RS256", "PS256", "ES256", "EdDSA")


class SigningIn:
    """The relying party of this participant's portal, and the attempts under way."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._party: RelyingParty | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends the browser back to."""
        return f"{self._context.settings.public_url}{CALLBACK}"

    async def begin(self, onward: str, hint: str | None) -> tuple[str, str]:
        """The address to go to, and a random value that proves later that this browser began."""
        context, now = self._context, self._context.clock()
        try:
            departure = await self._relying_party().depart(now, login_hint=hint or "")
        except IssuerUnavailable:
            raise _nobody_answers() from None
        value = base64url(context.random(32))
        facts = {
            "state": departure.state, "nonce": departure.nonce, "verifier": departure.verifier, "next": onward,
        }  # fmt: skip
        attempt = SignInAttempt(id=token_hash(value), facts=facts, expires_at=now + PATIENCE)

        def command(tx: Transaction) -> None:
            tx.remove(SignInAttempt, expires_at__le=now)
            tx.add(attempt)

        await context.store.write(command)
        return departure.url, value

    async def finish(self, value: str, query: dict[str, str]) -> tuple[SignedIn, str]:
        """Who signed in, and where they wanted to go. An attempt is good for one return, whatever comes of it."""
        now, key = self._context.clock(), token_hash(value)
        attempt = await self._context.store.write(lambda tx: _take(tx, key))
        if attempt is None or attempt.expires_at is None or now >= attempt.expires_at:
            raise _begin_again("It took too long, or was finished already", "sign-in-over")
        facts = attempt.facts or {}
        departure = Departure("", str(facts["state"]), str(facts["nonce"]), str(facts["verifier"]))
        try:
            signed_in = await self._relying_party().arrive(f"{self.redirect_uri}?{urlencode(query)}", departure, now)
        except IssuerUnavailable:
            raise _nobody_answers() from None
        except SignInRefused as refused:
            raise _begin_again("The sign-in provider's answer was not accepted", f"sign-in-{refused.code}") from None
        return signed_in, str(facts["next"])

    def _relying_party(self) -> RelyingParty:
        if self._party is None:
            settings = self._context.settings
            issuer = Issuer(
                url=settings.issuer, client_id=settings.oidc_client_id, redirect_uri=self.redirect_uri,
                algorithms=_ANY if settings.oidc_issuer else _OWN,
            )  # fmt: skip
            named = NamedOrigin.parse(settings.issuer, allow_http=settings.environment == "development")
            self._party = RelyingParty(issuer, self._context.outbound.transport(Destination.of_operator(named)))
        return self._party


def _take(tx: Transaction, key: str) -> SignInAttempt | None:
    attempt = tx.get(SignInAttempt, key)
    if attempt is not None:
        tx.remove(SignInAttempt, id=key)
    return attempt


def _nobody_answers() -> Problem:
    return unavailable("The sign-in provider does not answer. Try again in a minute", "issuer-unavailable")


def _begin_again(detail: str, code: str) -> Problem:
    return Problem(400, code, "You are not signed in", detail, accepted="a new sign-in, begun from this portal")
