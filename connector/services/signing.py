"""Keys of the vault as signers."""

from __future__ import annotations

from connector.identity.keys import jwk_of_ed25519
from connector.vault.keys import SigningKey


class KeySigner:
    """Implements `connector.ports.Signer` with a key of the vault."""

    __slots__ = ("_key", "kid", "public_jwk")

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_jwk = jwk_of_ed25519(key.public)
        self.kid = self.public_jwk["kid"]

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature over `data`."""
        return self._key.sign(data)
