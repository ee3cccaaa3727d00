"""The token endpoint of the development provider: one code, once, against its PKCE verifier, for an ID token."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.identity.access import new_token, token_hash
from connector.identity.jws import sign
from connector.identity.keys import base64url
from connector.identity.people.accounts import Account
from connector.identity.people.answers import Asked, Json, single
from connector.identity.people.codes import CodeGrant, CodeStore, TokenGrant
from connector.ports import Signer
from policy.canonical import canonical

CODE_LIFETIME = timedelta(seconds=60)
TOKEN_LIFETIME = timedelta(minutes=5)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Issuing:
    """Makes codes and exchanges them."""

    def __init__(self, issuer: str, accounts: Mapping[str, Account], store: CodeStore, signer: Signer) -> None:
        self._issuer = issuer
        self._accounts = accounts
        self._store = store
        self._signer = signer

    async def new_code(self, grant: CodeGrant) -> str:
        """A code for `grant`."""
        code = new_token()
        await self._store.put_code(token_hash(code), grant)
        return code

    async def exchange(self, asked: Asked, now: datetime) -> Json:
        """Answer a token request (RFC 6749 4.1.3); every touch spends the code, a second one its tokens too."""
        fields = single(asked.form)
        if fields is None or asked.authorization or "client_secret" in fields:
            return _error("invalid_request")
        if fields.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type")
        code_hash = token_hash(fields.get("code", ""))
        grant = await self._store.take_code(code_hash)
        if grant is None:
            await self._store.revoke(code_hash)
            return _error("invalid_grant")
        account = self._accounts.get(grant.subject)
        if account is None or not _fits(grant, fields, now):
            return _error("invalid_grant")
        return await self._issue(grant, account, code_hash, now)

    async def _issue(self, grant: CodeGrant, account: Account, code_hash: str, now: datetime) -> Json:
        access = new_token()
        ends = now + TOKEN_LIFETIME
        await self._store.put_token(token_hash(access), TokenGrant(code_hash, account.subject, grant.scope, ends))
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": grant.client_id,
            "iat": int(now.timestamp()),
            "exp": int(ends.timestamp()),
            "auth_time": int(grant.auth_time.timestamp()),
            "nonce": grant.nonce,
            "acr": account.acr,
            "at_hash": base64url(hashlib.sha256(access.encode()).digest()[:16]),
            **about(account, grant.scope),
        }
        return Json(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFETIME.total_seconds()),
                "scope": grant.scope,
                "id_token": sign(self._signer, "JWT", canonical(claims)),
            }
        )


def about(account: Account, scope: str) -> dict[str, Any]:
    """What the scope lets a client know of a person."""
    known: dict[str, Any] = {"sub": account.subject, "roles": list(account.roles)}
    if "profile" in scope.split():
        known |= {"name": account.name, "preferred_username": account.subject}
    return known


def _fits(grant: CodeGrant, fields: Mapping[str, str], now: datetime) -> bool:
    verifier = fields.get("code_verifier", "")
    challenge = base64url(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest())
    return (
        now < grant.expires_at
        and fields.get("client_id") == grant.client_id
        and fields.get("redirect_uri") == grant.redirect_uri
        and _VERIFIER.fullmatch(verifier) is not None
        and hmac.compare_digest(challenge, grant.challenge)
    )


def _error(code: str) -> Json:
    return Json({"error": code}, 400)
