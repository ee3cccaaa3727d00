"""Signing keys (Ed25519, RFC 8032): made, kept sealed, used, destroyed. Private keys never leave this module."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connector.vault.errors import KeyExistsError, UnknownKeyError
from connector.vault.sealing import Sealer
from connector.vault.secret import Hidden, Secret
from connector.vault.stores import SealedStore


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 key `public` (32 bytes) made `signature` (64 bytes) over `message`. False for malformed."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class KeyRing(Hidden):
    """Signing keys by name, sealed in one store. Nothing is cached: a destroyed key signs nothing more, anywhere."""

    __slots__ = ("_sealer", "_store")

    def __init__(self, sealer: Sealer, store: SealedStore) -> None:
        self._sealer = sealer
        self._store = store

    def create(self, name: str) -> bytes:
        """Make a key and return its public half (32 bytes). Raises KeyExistsError."""
        key = Ed25519PrivateKey.generate()
        sealed = self._sealer.seal(name, Secret(key.private_bytes_raw()))
        if self._store.put({name: sealed})[name] != sealed:
            raise KeyExistsError(f"there is a key {name} already")
        return key.public_key().public_bytes_raw()

    def mint(self, name: str) -> tuple[bytes, bytes]:
        """A new key that is kept nowhere yet: its public half (32 bytes), and itself sealed under this name."""
        key = Ed25519PrivateKey.generate()
        return key.public_key().public_bytes_raw(), self._sealer.seal(name, Secret(key.private_bytes_raw()))

    def adopt(self, name: str, sealed: bytes) -> None:
        """Keep a key that `mint` made, here or in another process. Raises SealBrokenError, KeyExistsError."""
        self._sealer.open(name, sealed)
        if self._store.put({name: sealed})[name] != sealed:
            raise KeyExistsError(f"there is another key {name} already")

    def has(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return name in self._store.get([name])

    def public(self, name: str) -> bytes:
        """The public half of a key (32 bytes). Raises UnknownKeyError, SealBrokenError."""
        return self._key(name).public_key().public_bytes_raw()

    def sign(self, name: str, message: bytes) -> bytes:
        """The signature (64 bytes) over a message. Raises UnknownKeyError, SealBrokenError."""
        return self._key(name).sign(message)

    def signing_key(self, name: str) -> SigningKey:
        """One key, opened once, for whoever signs often. Raises UnknownKeyError, SealBrokenError."""
        return SigningKey(name, self._key(name))

    def destroy(self, name: str) -> bool:
        """Destroy a key for good; False when there was none."""
        return self._store.delete([name]) == 1

    def _key(self, name: str) -> Ed25519PrivateKey:
        sealed = self._store.get([name])
        if name not in sealed:
            raise UnknownKeyError(f"there is no key {name}")
        return Ed25519PrivateKey.from_private_bytes(self._sealer.open(name, sealed[name]).reveal())


class SigningKey(Hidden):
    """One opened key: the participant's own, which signs every message."""

    __slots__ = ("_key", "name", "public")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self.public = key.public_key().public_bytes_raw()
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """The signature (64 bytes) over a message."""
        return self._key.sign(message)
