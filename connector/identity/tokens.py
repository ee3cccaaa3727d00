"""Request tokens: who sends this message, to whom, and that these are its bytes (design 3.13).

A compact JWS of type `concord-message+jwt` with the claims iss, sub (= iss), aud, iat, exp (60 s later), jti and
`digest` (base64url sha-256 of the body; of the empty body for GET), all of them required. The order of checks: form,
member, signature, claims, body, replay; only verified bytes are read for the claims. A token is remembered as used
only when everything else holds, so that nobody can spend another's token.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from connector.identity.faults import Unauthenticated
from connector.identity.jws import JwsProblem, read_unverified, sign
from connector.identity.jws import verify as verify_jws
from connector.identity.keys import base64url
from connector.identity.members import Member, Standing
from connector.identity.replay import ReplayStore
from connector.identity.strict_json import NotStrict, read_object
from connector.ports import Signer
from policy.canonical import canonical

MESSAGE_TYPE = "concord-message+jwt"
LIFETIME = timedelta(seconds=60)
SKEW = timedelta(seconds=60)
LONGEST_TOKEN = 4096

MemberLookup = Callable[[str], Awaitable[Member | None]]
"""The member with this id, or None; normally `MembersRegister.get`."""

_CLAIMS = {"iss", "sub", "aud", "iat", "exp", "jti", "digest"}
_TEXTS = ("iss", "sub", "aud", "jti", "digest")


def mint(signer: Signer, iss: str, aud: str, body: bytes, now: datetime) -> str:
    """A token for sending exactly `body` from participant `iss` to participant `aud`, once, within the next minute."""
    issued = int(now.timestamp())
    claims: dict[str, str | int] = {
        "iss": iss,
        "sub": iss,
        "aud": aud,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "jti": str(uuid4()),
        "digest": body_digest(body),
    }
    return sign(signer, MESSAGE_TYPE, canonical(dict(claims)))


def body_digest(body: bytes) -> str:
    """The `digest` claim of a body: sha-256, base64url."""
    return base64url(hashlib.sha256(body).digest())


async def verify(
    token: str, body: bytes, me: str, member_lookup: MemberLookup, replay_store: ReplayStore, now: datetime
) -> Member:
    """The active member that sent `body` to participant `me`. Raises Unauthenticated.

    Its code is for the log: malformed, header, crit, algorithm, type, claims, unknown-participant, key, signature,
    suspended, audience, lifetime, not-yet, expired, digest or replay. The answer to the sender is 401, whichever it is.
    """
    member = await _claimed_member(token, member_lookup)
    claims = _signed_claims(token, member)
    if member.standing is not Standing.ACTIVE:
        raise Unauthenticated("suspended")
    if claims["iss"] != member.id or claims["sub"] != member.id:
        raise Unauthenticated("claims")
    if claims["aud"] != me:
        raise Unauthenticated("audience")
    ends = _check_time(claims, now)
    if not hmac.compare_digest(claims["digest"].encode(), body_digest(body).encode()):
        raise Unauthenticated("digest")
    if not await replay_store.remember(member.id, claims["jti"], ends):
        raise Unauthenticated("replay")
    return member


@lru_cache(maxsize=64)
def _read_claims(payload: bytes) -> Mapping[str, Any]:
    """What exactly these bytes say, read once: before they are verified for whose they claim to be, and afterwards."""
    return MappingProxyType(read_object(payload))


def claimed_issuer(token: str) -> str:
    """Who a token says it is from: good for finding whose key to verify with. Raises Unauthenticated."""
    try:
        _, payload = read_unverified(token, LONGEST_TOKEN)
        issuer = _read_claims(payload).get("iss")
    except JwsProblem as problem:
        raise Unauthenticated(problem.code) from None
    except NotStrict:
        raise Unauthenticated("claims") from None
    if not isinstance(issuer, str):
        raise Unauthenticated("claims")
    return issuer


async def _claimed_member(token: str, member_lookup: MemberLookup) -> Member:
    member = await member_lookup(claimed_issuer(token))
    if member is None or member.standing is Standing.REMOVED:
        raise Unauthenticated("unknown-participant")
    return member


def _signed_claims(token: str, member: Member) -> Mapping[str, Any]:
    try:
        verified = verify_jws(token, member.keys, MESSAGE_TYPE, limit=LONGEST_TOKEN)
        claims = _read_claims(verified.payload)
    except JwsProblem as problem:
        raise Unauthenticated(problem.code) from None
    except NotStrict:
        raise Unauthenticated("claims") from None
    texts = all(isinstance(claims.get(name), str) and 0 < len(claims[name]) <= 512 for name in _TEXTS)
    if set(claims) != _CLAIMS or not texts or type(claims["iat"]) is not int or type(claims["exp"]) is not int:
        raise Unauthenticated("claims")
    return claims


def _check_time(claims: Mapping[str, Any], now: datetime) -> datetime:
    """The first moment at which the token is no longer accepted."""
    issued, expires = claims["iat"], claims["exp"]
    if not 0 < expires - issued <= LIFETIME.total_seconds():
        raise Unauthenticated("lifetime")
    moment, skew = now.timestamp(), SKEW.total_seconds()
    if issued > moment + skew:
        raise Unauthenticated("not-yet")
    if moment >= expires + skew:
        raise Unauthenticated("expired")
    return datetime.fromtimestamp(expires, UTC) + SKEW
