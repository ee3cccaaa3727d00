"""Signing people in at an OIDC issuer: authorization code, PKCE S256, state and nonce, every check by us.

Authlib makes the requests, over the transport outbound hands in, so that every address of the issuer passes the egress
guard. Metadata and keys are read once an hour, by one at a time; an unknown key is looked for again at most once a
minute, and after a failure nobody asks for some seconds.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connector.identity.people.answers import single
from connector.identity.people.id_token import (
    SUPPORTED,
    IdTokenProblem,
    find_key,
    judge_alone,
    judge_claims,
    read_header,
    verified_claims,
)
from connector.identity.people.readings import Reading
from connector.identity.people.stated import claimed, is_logout, read_logout
from connector.identity.strict_json import NotStrict, read_object
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.origins import Origin

FRESH = timedelta(hours=1)
AGAIN = timedelta(minutes=1)
_LATEST = 253402300799  # the last second a datetime holds
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignInRefused(Exception):
    """Nobody was signed in. `code` is stable; nothing that was received is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class IssuerUnavailable(Exception):
    """The issuer does not answer, or not in a way that can be used; trying later may help."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer as the operator configured it. `algorithms` is the allow-list for its ID tokens.

    `roles_claim` is a claim's name, or names joined by dots that lead into it; with `asks_userinfo` it is looked for
    in userinfo where the ID token has none.

    Raises ValueError for an algorithm outside RS256, PS256, ES256 and EdDSA, and for an empty list.
    """

    url: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(default="", repr=False)
    algorithms: tuple[str, ...] = ("ES256",)
    scope: str = "openid profile"
    roles_claim: str = "roles"
    asks_userinfo: bool = False

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= set(SUPPORTED):
            raise ValueError(f"algorithms must be some of {', '.join(SUPPORTED)}")


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and what must be kept, on our side, until it comes back."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in: subject at the issuer, the roles it claims for them, how sure it is (`acr`), and when.

    `sid` is the issuer's name for the sign-in, `refresh` what it gave us to ask after it; empty where it gives none.
    """

    issuer: str
    subject: str
    name: str = field(repr=False)
    roles: tuple[str, ...]
    acr: str
    auth_time: datetime | None
    sid: str = ""
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Whose sign-in is over: of a subject, or one (`sid`). `jti` is good once, until `until`."""

    subject: str
    sid: str = field(repr=False)
    jti: str = field(repr=False)
    until: datetime


class RelyingParty:
    """One issuer, as this participant's portal uses it. `transport` is `Outbound.transport(...)`."""

    def __init__(self, issuer: Issuer, transport: object) -> None:
        self._issuer = issuer
        self._transport = transport
        self._metadata = Reading(self._published)
        self._keys = Reading(self._read_keys)

    async def depart(self, now: datetime, *, login_hint: str = "", acr_values: str = "") -> Departure:
        """Begin a sign-in. Raises IssuerUnavailable."""
        metadata = await self._read_metadata(now)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        hints = {name: value for name, value in (("login_hint", login_hint), ("acr_values", acr_values)) if value}
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, **hints
            )
        return Departure(url, state, nonce, verifier)

    async def arrive(self, callback_url: str, departure: Departure, now: datetime) -> SignedIn:
        """End a sign-in with the address the browser came back to. Raises SignInRefused, IssuerUnavailable."""
        metadata = await self._read_metadata(now)
        self._check_return(callback_url, departure, metadata)
        tokens = await self._exchange(callback_url, departure, metadata)
        claims = await self._believe(tokens, departure, now)
        return self._signed_in(await self._complete(claims, tokens, metadata), tokens)

    async def ask_after(self, refresh: str, subject: str, now: datetime) -> SignedIn:
        """Who is still signed in, with the roles they have now. Raises SignInRefused when that is over, and
        IssuerUnavailable.
        """
        metadata = await self._read_metadata(now)
        tokens = await self._refreshed(refresh, metadata)
        stated = tokens.get("id_token")
        claims = await self._alone(stated, now) if isinstance(stated, str) else {"sub": subject}
        if claims["sub"] != subject:
            raise SignInRefused("subject")
        return self._signed_in(await self._complete(claims, tokens, metadata), {"refresh_token": refresh, **tokens})

    async def leave(self, refresh: str, now: datetime) -> None:
        """Take back what the issuer gave us for a sign-in (RFC 7009). Raises IssuerUnavailable; silent without a door
        for it.
        """
        endpoint = (await self._read_metadata(now)).get("revocation_endpoint")
        if not isinstance(endpoint, str) or not self._is_ours(endpoint):
            return
        try:
            async with self._client() as client:
                await client.revoke_token(endpoint, token=refresh, token_type_hint="refresh_token")  # noqa: S106 - a kind
        except Exception:
            raise IssuerUnavailable from None

    async def dismissed(self, token: str, now: datetime) -> SignedOut:
        """Whose sign-in a logout token ends (OpenID Connect Back-Channel Logout 1.0, 2.6). Raises SignInRefused,
        IssuerUnavailable.
        """
        claims = await self._alone(token, now)
        try:
            return SignedOut(*read_logout(claims))
        except IdTokenProblem as problem:
            raise SignInRefused(problem.code) from None

    async def vouch(self, token: str, now: datetime) -> SignedIn:
        """Whom an ID token names that our issuer made for us: proof of a sign-in of theirs, from which none of ours
        comes. Raises SignInRefused, IssuerUnavailable.
        """
        claims = await self._alone(token, now)
        if is_logout(claims):
            raise SignInRefused("id-token-claims")
        return self._signed_in(claims)

    async def farewell(self, now: datetime, after: str) -> str | None:
        """Where the browser signs out at the issuer too, coming back to `after`; None if it has no such page."""
        endpoint = (await self._read_metadata(now)).get("end_session_endpoint")
        if not isinstance(endpoint, str) or not self._is_ours(endpoint):
            return None
        query = urlencode({"client_id": self._issuer.client_id, "post_logout_redirect_uri": after})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def _client(self) -> Any:
        # Here, not above: nobody signs in at a participant that only serves connectors.
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]

        return AsyncOAuth2Client(
            client_id=self._issuer.client_id,
            client_secret=self._issuer.client_secret or None,
            scope=self._issuer.scope,
            redirect_uri=self._issuer.redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            trust_env=False,
        )

    def _check_return(self, callback_url: str, departure: Departure, metadata: Mapping[str, Any]) -> None:
        fields = single(parse_qsl(urlsplit(callback_url).query, keep_blank_values=True))
        if fields is None:
            raise SignInRefused("malformed")
        if not departure.state or not hmac.compare_digest(fields.get("state", "").encode(), departure.state.encode()):
            raise SignInRefused("state")
        says_who = metadata.get("authorization_response_iss_parameter_supported") is True or "iss" in fields
        if says_who and fields.get("iss") != self._issuer.url:
            raise SignInRefused("issuer")
        if "error" in fields:
            raise SignInRefused("declined" if fields["error"] == "access_denied" else "refused-by-issuer")
        if not fields.get("code"):
            raise SignInRefused("malformed")

    async def _exchange(
        self, callback_url: str, departure: Departure, metadata: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]

        try:
            async with self._client() as client:
                tokens = await client.fetch_token(
                    metadata["token_endpoint"],
                    authorization_response=callback_url,
                    state=departure.state,
                    code_verifier=departure.verifier,
                )
        except (Unreachable, OutboundRefused):
            raise IssuerUnavailable from None
        except AuthlibBaseError:
            raise SignInRefused("code") from None
        except Exception:
            # Authlib lets errors of its HTTP client and of JSON through as they are; none of them signs anybody in.
            raise IssuerUnavailable from None
        if not all(isinstance(tokens.get(name), str) for name in ("id_token", "access_token")):
            raise SignInRefused("tokens")
        return dict(tokens)

    async def _believe(self, tokens: Mapping[str, Any], departure: Departure, now: datetime) -> dict[str, Any]:
        token = tokens["id_token"]
        try:
            algorithm, kid = read_header(token, self._issuer.algorithms)
            key = await self._key(algorithm, kid, now)
            claims = verified_claims(token, key, algorithm)
            judge_claims(
                claims,
                algorithm,
                issuer=self._issuer.url,
                client_id=self._issuer.client_id,
                nonce=departure.nonce,
                access_token=tokens["access_token"],
                now=now,
            )
        except IdTokenProblem as problem:
            raise SignInRefused(f"id-token-{problem.code}") from None
        return claims

    async def _alone(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims of a token that belongs to no sign-in of ours under way."""
        try:
            algorithm, kid = read_header(token, self._issuer.algorithms)
            key = await self._key(algorithm, kid, now)
            claims = verified_claims(token, key, algorithm)
            judge_alone(claims, algorithm, issuer=self._issuer.url, client_id=self._issuer.client_id, now=now)
        except IdTokenProblem as problem:
            raise SignInRefused(f"id-token-{problem.code}") from None
        return claims

    async def _refreshed(self, refresh: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        try:
            async with self._client() as client:
                tokens = await client.refresh_token(metadata["token_endpoint"], refresh_token=refresh)
        except AuthlibBaseError as refused:
            if refused.error == "invalid_grant":
                raise SignInRefused("over") from None
            raise IssuerUnavailable from None
        except Exception:
            raise IssuerUnavailable from None
        return dict(tokens)

    async def _complete(
        self, claims: dict[str, Any], tokens: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The claims, with what userinfo says where the token says nothing of roles and roles are wanted."""
        endpoint, access = metadata.get("userinfo_endpoint"), tokens.get("access_token")
        wanted = self._issuer.asks_userinfo and claimed(claims, self._issuer.roles_claim) is None
        if not (wanted and isinstance(endpoint, str) and self._is_ours(endpoint) and isinstance(access, str)):
            return claims
        found = await self._get(endpoint, {"authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            raise SignInRefused("subject")
        return {**found, **claims}

    async def _key(self, algorithm: str, kid: str, now: datetime) -> dict[str, Any]:
        await self._read_metadata(now)  # which says where the keys are
        key = find_key(await self._keys.get(now, FRESH), algorithm, kid)
        if key is None:
            key = find_key(await self._keys.get(now, AGAIN), algorithm, kid)
        if key is None:
            raise IdTokenProblem("key")
        return key

    async def _read_keys(self) -> list[dict[str, Any]]:
        keys = (await self._get(self._jwks_uri)).get("keys")
        return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []

    async def _read_metadata(self, now: datetime) -> dict[str, Any]:
        return await self._metadata.get(now, FRESH)

    async def _published(self) -> dict[str, Any]:
        found = await self._get(f"{self._issuer.url.rstrip('/')}/.well-known/openid-configuration")
        known = all(isinstance(found.get(name), str) and self._is_ours(found[name]) for name in _ENDPOINTS)
        pkce = found.get("code_challenge_methods_supported", ["S256"])
        if found.get("issuer") != self._issuer.url or not known or not isinstance(pkce, list) or "S256" not in pkce:
            raise IssuerUnavailable
        self._jwks_uri: str = found["jwks_uri"]
        return found

    async def _get(self, url: str, more: Mapping[str, str] = {}) -> dict[str, Any]:
        headers = {"accept": "application/json", **more}
        try:
            async with self._client() as client:
                answer = await client.request("GET", url, withhold_token=True, headers=headers)
                if answer.status_code != 200:
                    raise IssuerUnavailable
                return read_object(answer.content)
        except (Unreachable, OutboundRefused, NotStrict):
            raise IssuerUnavailable from None

    def _is_ours(self, address: str) -> bool:
        """Whether an endpoint may be used: https anywhere, plain http only at the issuer's own origin."""
        try:
            origin = Origin.parse(address)
            return origin.scheme == "https" or origin == Origin.parse(self._issuer.url)
        except OutboundRefused:
            return False

    def _signed_in(self, claims: Mapping[str, Any], tokens: Mapping[str, Any] = {}) -> SignedIn:
        shown = claims.get("name") or claims.get("preferred_username") or ""
        moment, refresh = claims.get("auth_time"), tokens.get("refresh_token")
        return SignedIn(
            issuer=self._issuer.url,
            subject=claims["sub"],
            name=shown if isinstance(shown, str) else "",
            roles=claimed(claims, self._issuer.roles_claim) or (),
            acr=claims["acr"] if isinstance(claims.get("acr"), str) else "",
            auth_time=datetime.fromtimestamp(moment, UTC) if type(moment) is int and 0 <= moment <= _LATEST else None,
            sid=claims["sid"] if isinstance(claims.get("sid"), str) else "",
            refresh=refresh if isinstance(refresh, str) else "",
        )
