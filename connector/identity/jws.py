"""Compact JWS (RFC 7515) as participants and people use it: one strict form for writing, one for reading.

The protected header holds exactly `alg`, `kid`, `typ` and the members the caller announces, each once. Everything that
could make a reader fetch or trust a key from the message (`jku`, `jwk`, `x5u`, `x5c`), or that changes the meaning of
the rest (`crit`, `b64`, `zip`), is refused by being there. What is used afterwards are the verified bytes only.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

from jwt.algorithms import get_default_algorithms

from connector.identity.keys import ALGORITHMS, Jwk, KeyProblem, algorithm, base64url, public_key, thumbprint
from connector.identity.strict_json import NotStrict, read_object
from connector.ports import Signer

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
_VERIFIERS = {name: get_default_algorithms()[name] for name in ALGORITHMS}


class JwsProblem(ValueError):
    """A JWS that is not accepted. `code` is stable; nothing of the JWS is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified JWS holds: its protected header and the exact payload bytes that were signed."""

    header: Mapping[str, Any]
    payload: bytes

    @property
    def kid(self) -> str:
        """The thumbprint of the key that signed."""
        return cast("str", self.header["kid"])


def sign(signer: Signer, typ: str, payload: bytes, extra: Mapping[str, int] | None = None) -> str:
    """Sign bytes; `extra` are further integer members of the protected header."""
    head = _head(algorithm(signer.public_jwk), signer.kid, typ, tuple((extra or {}).items()))
    signed = f"{head}.{base64url(payload)}"
    return f"{signed}.{base64url(signer.sign(signed.encode()))}"


@lru_cache(maxsize=1024)
def _head(alg: str, kid: str, typ: str, extra: tuple[tuple[str, int], ...]) -> str:
    """The first part of a JWS: of messages between the same two it is always the same."""
    header = {"typ": typ, "alg": alg, "kid": kid, **dict(extra)}
    return base64url(json.dumps(header, separators=(",", ":")).encode())


def read_unverified(token: str, limit: int) -> tuple[dict[str, Any], bytes]:
    """Header and payload of a JWS nobody has verified: only for finding whose key to verify with. Raises JwsProblem."""
    if not isinstance(token, str) or len(token) > limit or not _COMPACT.fullmatch(token):
        raise JwsProblem("malformed")
    try:
        header, payload = _read(token)
        return dict(header), payload
    except NotStrict:
        raise JwsProblem("header") from None
    except ValueError:
        raise JwsProblem("malformed") from None


@lru_cache(maxsize=64)
def _read(token: str) -> tuple[Mapping[str, Any], bytes]:
    """Both parts: a token is read once to see whose it claims to be, and once to verify it. Raises ValueError."""
    first, second, _ = token.split(".")
    return _read_head(first), _decoded(second)


@lru_cache(maxsize=1024)
def _read_head(first: str) -> Mapping[str, Any]:
    """The first part of a JWS, read: of messages from the same sender it is always the same. Raises ValueError."""
    return MappingProxyType(read_object(_decoded(first)))


def _decoded(text: str) -> bytes:
    """Base64url whose signs were looked at before. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(token: str, keys: Iterable[Jwk], typ: str, *, limit: int, extra: frozenset[str] = frozenset()) -> Verified:
    """Verify a JWS of type `typ` by the one of `keys` whose thumbprint its `kid` names. Raises JwsProblem.

    `limit` is the most characters; `extra` names further header members, which must be there as integers.
    """
    header, _ = read_unverified(token, limit)
    _check_header(header, typ, extra)
    jwk = next((jwk for jwk in keys if _named(jwk, header["kid"])), None)
    if jwk is None:
        raise JwsProblem("key")
    return Verified(header, _verified_payload(token, header, jwk))


def _check_header(header: Mapping[str, Any], typ: str, extra: frozenset[str]) -> None:
    if "crit" in header:
        raise JwsProblem("crit")
    if header.get("alg") not in ALGORITHMS:
        raise JwsProblem("algorithm")
    if header.get("typ") != typ:
        raise JwsProblem("type")
    if set(header) != {"alg", "kid", "typ"} | extra or not isinstance(header["kid"], str):
        raise JwsProblem("header")
    if not all(type(header[name]) is int for name in extra):
        raise JwsProblem("header")


def _named(jwk: Jwk, kid: str) -> bool:
    try:
        return thumbprint(jwk) == kid
    except KeyProblem:
        return False


def _verified_payload(token: str, header: Mapping[str, Any], jwk: Jwk) -> bytes:
    try:
        alg, key = algorithm(jwk), public_key(jwk)
    except KeyProblem:
        raise JwsProblem("key") from None
    if header["alg"] != alg:
        raise JwsProblem("algorithm")
    signed, _, last = token.rpartition(".")
    payload, signature = _exact(signed.partition(".")[2]), _exact(last)
    if not _VERIFIERS[alg].verify(signed.encode(), cast("Any", key), signature):
        raise JwsProblem("signature")
    return payload


def _exact(text: str) -> bytes:
    """Base64url in its one spelling: PyJWT's reader looks at every character in Python, this costs next to nothing."""
    try:
        data = _decoded(text)
    except ValueError:
        raise JwsProblem("signature") from None
    if base64url(data) != text:
        raise JwsProblem("signature")
    return data
