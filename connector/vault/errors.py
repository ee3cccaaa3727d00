"""What can go wrong in the vault. Messages name keys and files, never anything secret or personal."""

from __future__ import annotations


class VaultError(Exception):
    """The vault cannot do what was asked; nothing was changed."""


class UnknownKeyError(VaultError):
    """There is no key of this name."""


class KeyExistsError(VaultError):
    """There is a key of this name already; keys are never replaced in place."""


class SealBrokenError(VaultError):
    """A sealed value was changed, belongs to another name, or was sealed under another master secret."""


class VaultFileError(VaultError):
    """A file of the vault is missing, malformed, or readable by others."""


class VaultLockedError(VaultError):
    """The key service has not confirmed our key for too long: until it does, nothing is made, sealed or opened."""


class KeyServiceError(VaultError):
    """The key service does not answer, or refuses. Its message says which, and holds nothing secret."""
