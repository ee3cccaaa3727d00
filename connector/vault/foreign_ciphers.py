"""The keys of foreign rule sets (`connector.deidentify.foreign`): digests, ciphers, pseudonyms and date shifts.

Two kinds. `RuleSetKeys` are derived from the vault, one set for each rule set by its name, so that what two of them
give cannot be joined. `FileKeys` are those that stand in a rule file itself, and give what the file's own tool gives:
weak where that is weak (a date shift of 101 values from an unkeyed sum, AES-CBC that nobody can tell was changed),
and only for who must go on with values made before.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes
from typing import TYPE_CHECKING

from connector.vault.codes import encode
from connector.vault.errors import VaultError
from connector.vault.sealing import derive
from connector.vault.secret import Hidden

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from connector.vault.vault import FileVault

LONGEST_SHIFT = 50
REMEMBERED = 4096
_BLOCK = 64
_NONCE = 12
_AT_ONCE = 64
_IV = 16
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_SEED = 131
_SALT = b"FhirPseudonymizer.KeyDerivation.v1"


class NoKeyError(VaultError):
    """A rule file has no key for what it wants to do."""


class _Hashing:
    """HMAC-SHA256 on two copied states: the textbook value at a quarter of its price."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER))
        self._outer = sha256(padded.translate(_OUTER))

    def hex(self, text: str) -> str:
        """64 hexadecimal digits."""
        inner = self._inner.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class RuleSetKeys(Hidden):
    """The keys of one rule set, from the vault."""

    __slots__ = ("_cipher", "_digests", "_key", "_pseudonyms", "_random")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._digests = _Hashing(self._part(b"digest"))
        self._pseudonyms = _Hashing(self._part(b"pseudonym"))
        self._cipher: AESGCM | None = None
        self._random = b""

    def digest(self, text: str) -> str:
        """HMAC-SHA256, 64 hexadecimal digits."""
        return self._digests.hex(text)

    def encrypted(self, text: str) -> str:
        """AES-256-GCM with a fresh nonce, base64: whoever changes it is found out."""
        # Random bytes are fetched in larger portions: each is used once, and then forgotten.
        if len(self._random) < _NONCE:
            self._random = token_bytes(_NONCE * _AT_ONCE)
        nonce, self._random = self._random[:_NONCE], self._random[_NONCE:]
        return b2a_base64(nonce + self._sealing().encrypt(nonce, text.encode(), None), newline=False).decode()

    def decrypted(self, sealed: bytes) -> str:
        """The text behind what `encrypted` gave, without its base64. Raises cryptography's InvalidTag."""
        return self._sealing().decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()

    def _sealing(self) -> AESGCM:
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._part(b"encrypt"))
        return self._cipher

    def pseudonym(self, domain: str, text: str) -> str:
        """A code of 26 characters, the same for a text in a domain of this rule set."""
        return encode(bytes.fromhex(self._pseudonyms.hex(f"{len(domain)}:{domain}{text}")))

    def person(self, person_id: str) -> bytes:
        """The key of one person, for an allow-list profile used outside of a release."""
        return hmac.digest(self._part(b"person"), person_id.encode(), "sha256")

    def days(self, scope: str) -> int:
        """-50 to 50, never 0."""
        shift = int.from_bytes(hmac.digest(self._part(b"days"), scope.encode(), "sha256")[:8], "big")
        found = shift % (2 * LONGEST_SHIFT) - LONGEST_SHIFT
        return found if found < 0 else found + 1

    def _part(self, use: bytes) -> bytes:
        return hmac.digest(self._key, use, "sha256")


class FileKeys(Hidden):
    """The keys that stand in a rule file, used as its own tool does. `by_hex`: ciphers are written in hexadecimal."""

    __slots__ = ("_by_hex", "_digests", "_encrypt", "_shift")

    def __init__(self, keys: Mapping[str, str], *, by_hex: bool = False, context: str = "") -> None:
        self._shift = keys.get("dateShiftKey", "")
        digest, cipher = keys.get("cryptoHashKey", ""), keys.get("encryptKey", "").encode()
        if context and digest:
            digest = _derived(digest, context, "cryptoHash").hex()
        self._digests = _Hashing(digest.encode()) if digest else None
        self._encrypt = cipher
        self._by_hex = by_hex

    def digest(self, text: str) -> str:
        """HMAC-SHA256 with `cryptoHashKey`. Raises NoKeyError."""
        if self._digests is None:
            raise NoKeyError("cryptoHashKey: the rule file has no such key")
        return self._digests.hex(text)

    def encrypted(self, text: str) -> str:
        """AES-CBC with `encryptKey`, a random vector in front. Raises NoKeyError."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        from cryptography.hazmat.primitives.padding import PKCS7

        if len(self._encrypt) not in (16, 24, 32):
            raise NoKeyError("encryptKey: the rule file has no key of 16, 24 or 32 bytes")
        vector = token_bytes(_IV)
        padder = PKCS7(algorithms.AES.block_size).padder()
        maker = Cipher(algorithms.AES(self._encrypt), modes.CBC(vector)).encryptor()
        found = vector + maker.update(padder.update(text.encode()) + padder.finalize()) + maker.finalize()
        return found.hex().upper() if self._by_hex else b64encode(found).decode()

    def pseudonym(self, domain: str, text: str) -> str:  # noqa: ARG002 - see `Keys`
        """The tool asks a service for it, which no key of the file stands for. Raises NoKeyError."""
        raise NoKeyError("pseudonymize: a rule file has no key for it; use the vault's")

    def days(self, scope: str) -> int:
        """The tool's sum over the bytes of scope and key, -50 to 50. Raises NoKeyError."""
        if not self._shift:
            raise NoKeyError("dateShiftKey: the rule file has no such key")
        return _summed(scope + self._shift)


@lru_cache(maxsize=REMEMBERED)
def _summed(text: str) -> int:
    offset = 0
    for byte in text.encode("utf-8", "surrogatepass"):
        offset = (offset * _SEED + byte) % (2 * LONGEST_SHIFT + 1)
    return offset - LONGEST_SHIFT


def _derived(master: str, context: str, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) of one block, as miracum's tool derives keys."""
    secret = hmac.digest(_SALT, master.encode(), "sha256")
    return hmac.digest(secret, f"{context}:{purpose}".encode() + b"\x01", "sha256")


def rule_set_keys(vault: FileVault, name: str) -> RuleSetKeys:
    """The keys of the rule set of this name, derived from the vault's master secret."""
    return RuleSetKeys(derive(vault._master, "rule set", name).reveal())
