"""Keys derived from the master secret (HKDF-SHA256, RFC 5869) and values sealed under them (AES-256-GCM)."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector.vault.errors import SealBrokenError
from connector.vault.secret import Hidden, Secret

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12


def derive(master: Secret, use: str, name: str = "") -> Secret:
    """The 32-byte key for one use and name. Different uses or names give keys that say nothing of each other."""
    info = f"concord/1/{use}\0{name}".encode()
    return Secret(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master.reveal()))


class Sealer(Hidden):
    """Seals values under one key, each bound to its name: a sealed value moved to another name does not open."""

    __slots__ = ("_cipher",)

    def __init__(self, key: Secret) -> None:
        self._cipher = AESGCM(key.reveal())

    def seal(self, name: str, value: Secret) -> bytes:
        """The value as bytes that may be stored anywhere."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, value.reveal(), _VERSION + name.encode())

    def open(self, name: str, sealed: bytes) -> Secret:
        """The value sealed under this name. Raises SealBrokenError."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
            raise SealBrokenError("a sealed value is not of a known form")
        try:
            return Secret(self._cipher.decrypt(nonce, rest, _VERSION + name.encode()))
        except InvalidTag:
            raise SealBrokenError("a sealed value was changed, moved, or sealed under another master secret") from None
