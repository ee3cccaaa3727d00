"""Believing an ID token (OpenID Connect Core 3.1.3.7): signature by PyJWT, claims by Authlib, times by our clock.

Algorithms come from the allow-list pinned for the issuer, never from the token or the key set; keys come from the
issuer's JWKS, never from the token.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import jwt
from jwt.api_jws import PyJWS

from connector.identity.strict_json import NotStrict, read_object

SUPPORTED = ("RS256", "PS256", "ES256", "EdDSA")
SKEW_SECONDS = 60
LONGEST_TOKEN = 16 * 1024
_FAMILY = {"RS256": ("RSA", ""), "PS256": ("RSA", ""), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_READER = PyJWS(algorithms=list(SUPPORTED), options={"enforce_minimum_key_length": True})


class IdTokenProblem(ValueError):
    """An ID token that is not believed. `code` says why; nothing of it is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_header(token: str, algorithms: Sequence[str]) -> tuple[str, str]:
    """Algorithm and `kid` (may be empty) of a token that has not been verified. Raises IdTokenProblem."""
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise IdTokenProblem("malformed")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise IdTokenProblem("malformed") from None
    if header.get("alg") not in algorithms:
        raise IdTokenProblem("algorithm")
    if "crit" in header:
        raise IdTokenProblem("crit")
    return header["alg"], header.get("kid", "")


def find_key(keys: Sequence[dict[str, Any]], algorithm: str, kid: str) -> dict[str, Any] | None:
    """The issuer's key with this `kid` that signs by `algorithm`; without `kid` only when there is just one."""
    kind, curve = _FAMILY[algorithm]
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("crv", "") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    named = [key for key in fitting if key.get("kid", "") == kid] if kid else fitting
    return named[0] if len(named) == 1 else None


def verified_claims(token: str, key: dict[str, Any], algorithm: str) -> dict[str, Any]:
    """The claims that `key` signed; not yet judged. Raises IdTokenProblem."""
    try:
        public = {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "k")}
        found = _READER.decode_complete(token, key=jwt.PyJWK(public, algorithm), algorithms=[algorithm])
        return read_object(cast("bytes", found["payload"]))
    except (jwt.PyJWTError, NotStrict):
        raise IdTokenProblem("signature") from None


def judge_claims(
    claims: dict[str, Any], algorithm: str, *, issuer: str, client_id: str, nonce: str, access_token: str, now: datetime
) -> None:
    """Check issuer, audience, authorised party, times, nonce and access token hash. Raises IdTokenProblem."""
    if not nonce:
        raise IdTokenProblem("nonce")
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    _judge(claims, algorithm, issuer, client_id, params, now)


def judge_alone(claims: dict[str, Any], algorithm: str, *, issuer: str, client_id: str, now: datetime) -> None:
    """Check a token that no sign-in of ours began: all of it but nonce and access token. Raises IdTokenProblem."""
    _judge(claims, algorithm, issuer, client_id, {"client_id": client_id}, now)


def _judge(
    claims: dict[str, Any], algorithm: str, issuer: str, client_id: str, params: dict[str, str], now: datetime
) -> None:
    options = {
        "iss": {"essential": True, "value": issuer},
        "sub": {"essential": True},
        "aud": {"essential": True, "value": client_id},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    # Here, not above: nobody signs in at a participant that only serves connectors.
    from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
    from joserfc.errors import JoseError

    moment = int(now.timestamp())
    try:
        CodeIDToken(claims, {"alg": algorithm}, options, params).validate(now=moment, leeway=SKEW_SECONDS)
    except JoseError:
        raise IdTokenProblem("claims") from None
    audience = claims["aud"]
    if isinstance(audience, list) and audience != [client_id]:
        raise IdTokenProblem("audience")
    if claims["iat"] > moment + SKEW_SECONDS or type(claims["exp"]) is not int or type(claims["iat"]) is not int:
        raise IdTokenProblem("claims")
