#!/usr/bin/env python3
"""Check a Concord receipt, export or register without Concord: Python 3.9 or newer, and nothing else.

    python verify_receipt.py RECEIPT.jws KEY.json

KEY.json is the signer's public key (a JWK). Compare its fingerprint, which is printed, with the one the signer
publishes: a key that came with a file proves only that the file was not changed since. Exit code 0: valid, 1: not.
The signature is Ed25519 (RFC 8032) in a compact JWS (RFC 7515, RFC 8037); the key's name is its RFC 7638 thumbprint.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
TYPES = ("concord-receipt+jws", "concord-export+jws", "concord-register+jws", "concord-consent+jws")


def decoded(text: str) -> bytes:
    """Base64url in its one spelling."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("not the one spelling of base64url")
    return data


def add(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    """A point added to itself so many times."""
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = add(found, point)
        point, number = add(point, point), number >> 1
    return found


def point_of(data: bytes) -> Point:
    """The point 32 bytes stand for."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P or len(data) != 32:
        raise ValueError("not a point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    number = int.from_bytes(digest, "little") % L
    left = times(int.from_bytes(signature[32:], "little"), BASE)
    right = add(point_of(signature[:32]), times(number, point_of(key)))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def thumbprint(jwk: dict[str, str]) -> str:
    """The key's name (RFC 7638)."""
    text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def checked(jws: str, jwk: dict[str, str]) -> Any:
    """The claims of a JWS that this key signed. Raises ValueError."""
    head, payload, signature = jws.strip().split(".")
    header = json.loads(decoded(head))
    if header.get("alg") != "EdDSA" or header.get("typ") not in TYPES or header.get("kid") != thumbprint(jwk):
        raise ValueError("it is of another kind, or by another key")
    if not signed_by(decoded(jwk["x"]), decoded(signature), f"{head}.{payload}".encode()):
        raise ValueError("the signature does not fit")
    return json.loads(decoded(payload))


def main(arguments: list[str]) -> int:
    """Check the file named first with the key named second."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python verify_receipt.py RECEIPT.jws KEY.json\n")
        return 2
    try:
        jws, jwk = (Path(name).read_text(encoding="utf-8") for name in arguments)
        claims, name = checked(jws, json.loads(jwk)), thumbprint(json.loads(jwk))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        sys.stdout.write(f"NOT VALID: {fault}\n")
        return 1
    sys.stdout.write(f"valid: {claims.get('dct:identifier', claims.get('id', ''))}, signed by the key {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
