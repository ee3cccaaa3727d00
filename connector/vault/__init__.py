"""The vault: signing keys, pseudonym secrets, and the coders made from them. Secrets go in and never come out."""

from connector.vault.coders import KeyedIds, PersonCoder
from connector.vault.domains import DomainCoder
from connector.vault.errors import KeyExistsError, SealBrokenError, UnknownKeyError, VaultError, VaultFileError
from connector.vault.file_store import FileSealedStore
from connector.vault.keys import KeyRing, SigningKey, verify_signature
from connector.vault.stores import MemorySealedStore, SealedStore
from connector.vault.vault import LOG_KEY, PARTICIPANT_KEY, FileVault, Vault

__all__ = [
    "LOG_KEY",
    "PARTICIPANT_KEY",
    "DomainCoder",
    "FileSealedStore",
    "FileVault",
    "KeyExistsError",
    "KeyRing",
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
    "verify_signature",
]
