"""A signing key that lives as long as the process: for the development provider, whose tokens outlive nothing else.

Several processes of one participant share a seed, and so the key. Keys that must last are the vault's.
Clients read the new key from the provider's JWKS when it has changed.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from connector.identity.keys import Algorithm, jwk_of_ed25519, jwk_of_p256

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class PassingKey:
    """A fresh key, or (ES256) the one of a 32-byte seed, and a `Signer` of it.

    An ES256 signature is r and s, 32 bytes each (RFC 7518, 3.4).
    """

    def __init__(self, algorithm: Algorithm = "ES256", seed: bytes | None = None) -> None:
        self._key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey
        if algorithm == "EdDSA":
            self._key = Ed25519PrivateKey.generate()
            self._jwk = jwk_of_ed25519(self._key.public_key().public_bytes_raw())
        else:
            self._key = ec.generate_private_key(ec.SECP256R1()) if seed is None else _of(seed)
            numbers = self._key.public_key().public_numbers()
            self._jwk = jwk_of_p256(numbers.x, numbers.y)

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint."""
        return self._jwk["kid"]

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key."""
        return dict(self._jwk)

    def sign(self, data: bytes) -> bytes:
        """The signature in the form JWS wants it."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(data)
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


def _of(seed: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1 + int.from_bytes(seed) % (_P256_ORDER - 1), ec.SECP256R1())
