"""The vault: signing keys, pseudonym secrets, and the coders made from them. Secrets go in and never come out."""

from connector.vault.coders import KeyedIds, PersonCoder
from connector.vault.domains import DomainCoder
from connector.vault.errors import (
    KeyExistsError,
    KeyServiceError,
    SealBrokenError,
    UnknownKeyError,
    VaultError,
    VaultFileError,
    VaultLockedError,
)
from connector.vault.file_store import FileSealedStore
from connector.vault.keys import KeyRing, SigningKey, verify_signature
from connector.vault.stores import MemorySealedStore, SealedStore
from connector.vault.vault import LOG_KEY, PARTICIPANT_KEY, Box, FileVault, Vault
from connector.vault.wrapped import KeyService, Watched, WrappedVault, open_vault

__all__ = [
    "LOG_KEY",
    "PARTICIPANT_KEY",
    "Box",
    "DomainCoder",
    "FileSealedStore",
    "FileVault",
    "KeyExistsError",
    "KeyRing",
    "KeyService",
    "KeyServiceError",
    "KeyedIds",
    "MemorySealedStore",
    "PersonCoder",
    "SealBrokenError",
    "SealedStore",
    "SigningKey",
    "UnknownKeyError",
    "Vault",
    "VaultError",
    "VaultFileError",
    "VaultLockedError",
    "Watched",
    "WrappedVault",
    "open_vault",
    "verify_signature",
]
