"""Coders: what turns one person's, or one domain's, identifiers into keyed replacements.

A coder holds one derived 32-byte key and nothing above it, so it may travel to a worker process (pickle): whoever
catches one can recompute that person's replacements in that domain and open what was sealed for them there, and
nothing else. HMAC-SHA256 runs on two copied
hash states, which gives the textbook value at a quarter of its price.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256, sha512
from typing import TYPE_CHECKING, Any

from connector.vault.codes import encode
from connector.vault.errors import SealBrokenError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

LONGEST_SHIFT = 180
"""Days by which a person's dates move at most, either way."""

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
# The two top bits of an RFC 9562 UUID's fourth group are 1 0.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
# A UUID and two quotation marks.
_QUOTED = 38
_FEW = 64


class KeyedIds:
    """Replaces resource ids under one key: the same id gives the same replacement, and no key, no way back."""

    __slots__ = ("_inner", "_key", "_outer")

    def __init__(self, key: bytes) -> None:
        self._key = key
        padded = key.ljust(_BLOCK, b"\0")
        # What every id has in front is hashed once, here.
        self._inner = sha256(padded.translate(_INNER) + b"id\0")
        self._outer = sha256(padded.translate(_OUTER))

    def id(self, resource_type: str, resource_id: str) -> str:
        """A UUID (RFC 9562 version 8, lower case) in place of a resource's id: a valid FHIR id and `urn:uuid:`."""
        inner = self._inner.copy()
        inner.update(f"{resource_type}/{resource_id}".encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return _uuid(outer.hexdigest())

    def quoted_ids(self, references: Iterable[str]) -> list[bytes]:
        """The same as `id` for many resources (`Observation/1`), each as JSON (in quotes): cheaper than one by one."""
        begun, ended = self._inner.copy, self._outer.copy
        digests = []
        for reference in references:
            inner = begun()
            inner.update(reference.encode())
            outer = ended()
            outer.update(inner.digest())
            digests.append(outer.digest())
        return _quoted(digests) if digests else []

    def __reduce__(self) -> tuple[Any, ...]:
        """Hash states do not pickle; the key does, and they are rebuilt from it."""
        return type(self), (self._key,)

    def __repr__(self) -> str:
        """Without the key, and without the code, which a log has no need to name."""
        return f"<{type(self).__name__}>"


class PersonCoder(KeyedIds):
    """One person inside one pseudonym domain; implements `connector.ports.PersonCoder`."""

    __slots__ = ("code", "days")

    code: str
    """The 26-character code name put in place of the person (`connector.vault.codes`)."""
    days: int
    """The date shift of everything about this person here: -180 to 180, never 0."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.code = encode(hmac.digest(key, b"code", "sha256"))
        shift = int.from_bytes(hmac.digest(key, b"days", "sha256")[:8], "big") % (2 * LONGEST_SHIFT)
        self.days = shift - LONGEST_SHIFT if shift < LONGEST_SHIFT else shift - LONGEST_SHIFT + 1

    def seal(self, text: str) -> str:
        """A text encrypted for the vault (AES-SIV, RFC 5297, in base64url): the same text, the same result."""
        return urlsafe_b64encode(self._siv().encrypt(text.encode(), None)).rstrip(b"=").decode()

    def unseal(self, sealed: str) -> str:
        """What `seal` was given. Raises `SealBrokenError` when it was sealed for somebody else, or changed."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv().decrypt(urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)), None).decode()
        except (InvalidTag, ValueError):
            raise SealBrokenError("a sealed text that was not sealed for this person in this domain") from None

    def _siv(self) -> AESSIV:
        # Loaded here: hardly any profile seals, and a worker that loads nothing starts faster.
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return AESSIV(hmac.digest(self._key, b"seal", sha512))


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def _quoted(digests: list[bytes]) -> list[bytes]:
    """UUIDs in quotes of the first 128 bits of each digest, all of them at once."""
    if len(digests) < _FEW:
        return [f'"{_uuid(digest.hex())}"'.encode() for digest in digests]
    # Loaded here: whoever only looks an id up needs none of it.
    import numpy as np

    bits = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)[:, :16].copy()
    bits[:, 6] = bits[:, 6] & 0x0F | 0x80
    bits[:, 8] = bits[:, 8] & 0x3F | 0x80
    text = np.frombuffer(bits.tobytes().hex().encode(), np.uint8).reshape(len(digests), -1)
    whole = np.full((len(digests), _QUOTED), ord("-"), np.uint8)
    whole[:, 0] = whole[:, -1] = ord('"')
    for start, end, place in ((0, 8, 1), (8, 12, 10), (12, 16, 15), (16, 20, 20), (20, 32, 25)):
        whole[:, place : place + end - start] = text[:, start:end]
    written = whole.tobytes()
    return [written[start : start + _QUOTED] for start in range(0, len(written), _QUOTED)]
