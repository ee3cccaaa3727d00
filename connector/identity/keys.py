"""Public keys as JWK (RFC 7517, 8037), their thumbprints (RFC 7638), and fingerprints for people to compare.

Two kinds of key exist here: Ed25519 (EdDSA) and P-256 (ES256). A JWK with anything else in it, a private part above
all, is refused. A key's `kid` is its thumbprint in base64url; its fingerprint is the same thumbprint in hexadecimal.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policy.canonical import canonical

Jwk = Mapping[str, str]
Algorithm = Literal["EdDSA", "ES256"]
PublicKey = object
"""A key object of the cryptography library, as PyJWT takes it."""

ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256")
_KINDS: dict[tuple[str, str], Algorithm] = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256"}
_NEEDED: dict[Algorithm, tuple[str, ...]] = {"EdDSA": ("crv", "kty", "x"), "ES256": ("crv", "kty", "x", "y")}
_EXTRAS = {"kid", "alg", "use"}
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")


class KeyProblem(ValueError):
    """A key that cannot be used: not a public Ed25519 or P-256 JWK, or its `kid` is not its thumbprint."""


def algorithm(jwk: Jwk) -> Algorithm:
    """The one algorithm this key is for. Raises KeyProblem."""
    kind = _KINDS.get((str(jwk.get("kty")), str(jwk.get("crv"))))
    if kind is None:
        raise KeyProblem("not an Ed25519 or P-256 key")
    return kind


def checked(jwk: object) -> dict[str, str]:
    """A public JWK from outside, with its `kid` set to its thumbprint. Raises KeyProblem."""
    if not isinstance(jwk, Mapping) or not all(isinstance(value, str) for value in jwk.values()):
        raise KeyProblem("not a JWK of text members")
    kind = algorithm(jwk)
    needed = _NEEDED[kind]
    if set(jwk) - _EXTRAS != set(needed):
        raise KeyProblem("a member is missing or not expected")
    if jwk.get("alg", kind) != kind or jwk.get("use", "sig") != "sig":
        raise KeyProblem("the key is for another use")
    public_key(jwk)
    if jwk.get("kid", thumbprint(jwk)) != thumbprint(jwk):
        raise KeyProblem("kid is not the key's thumbprint")
    return {name: jwk[name] for name in needed} | {"kid": thumbprint(jwk), "alg": kind, "use": "sig"}


def public_key(jwk: Jwk) -> PublicKey:
    """The key object that verifies signatures. Raises KeyProblem."""
    kind = algorithm(jwk)
    coordinates = tuple(jwk.get(name, "") for name in ("x", "y")[: 1 if kind == "EdDSA" else 2])
    if not all(isinstance(text, str) and _COORDINATE.fullmatch(text) for text in coordinates):
        raise KeyProblem("a coordinate is not 32 bytes in base64url")
    return _key_object(coordinates)


def jwk_of_ed25519(raw: bytes) -> dict[str, str]:
    """The JWK of 32 raw bytes. Raises KeyProblem."""
    return checked({"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)})


def jwk_of_p256(x: int, y: int) -> dict[str, str]:
    """The JWK of a point on P-256. Raises KeyProblem when it is not on the curve."""
    parts = {name: base64url(number.to_bytes(32)) for name, number in (("x", x), ("y", y))}
    return checked({"kty": "EC", "crv": "P-256", **parts})


def thumbprint(jwk: Jwk) -> str:
    """The RFC 7638 thumbprint, base64url without padding. Raises KeyProblem."""
    return base64url(bytes.fromhex(fingerprint(jwk)))


def fingerprint(jwk: Jwk) -> str:
    """The RFC 7638 thumbprint as 64 lower-case hexadecimal digits: the form stored and compared. Raises KeyProblem."""
    try:
        return _fingerprint(tuple((name, jwk[name]) for name in _NEEDED[algorithm(jwk)]))
    except KeyError:
        raise KeyProblem("a member is missing") from None


def shown(digits: str) -> str:
    """A fingerprint in groups of four, for people to read aloud and compare."""
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def read_fingerprint(text: str) -> str:
    """A fingerprint as somebody typed it, spaces, colons, hyphens and case aside. Raises KeyProblem."""
    digits = re.sub(r"[\s:\-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise KeyProblem("a fingerprint has 64 hexadecimal digits")
    return digits


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=1024)
def _fingerprint(members: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(canonical(dict(members))).hexdigest()


@lru_cache(maxsize=1024)
def _key_object(coordinates: tuple[str, ...]) -> PublicKey:
    raw = [base64.urlsafe_b64decode(text + "=") for text in coordinates]
    if [base64url(number) for number in raw] != list(coordinates):
        raise KeyProblem("a coordinate is not canonical base64url")
    try:
        if len(raw) == 1:
            return Ed25519PublicKey.from_public_bytes(raw[0])
        return EllipticCurvePublicNumbers(int.from_bytes(raw[0]), int.from_bytes(raw[1]), SECP256R1()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem("not a point of its curve") from None
