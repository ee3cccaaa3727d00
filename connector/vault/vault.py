"""The vault: one master secret, and everything secret that is derived from it or sealed under it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Protocol

from connector.vault.domains import DomainCoder
from connector.vault.errors import VaultFileError
from connector.vault.file_store import FileSealedStore
from connector.vault.keys import KeyRing
from connector.vault.private_files import private_directory, read_private, write_once
from connector.vault.sealing import KEY_BYTES, Sealer, derive
from connector.vault.secret import Hidden, Secret
from connector.vault.stores import SealedStore

PARTICIPANT_KEY = "participant"
LOG_KEY = "log"

_MASTER = "master.secret"
_KEYS = "keys"


class Vault(Protocol):
    """What the rest of the connector sees of its secrets. A KMS or HSM can stand behind it."""

    @property
    def keys(self) -> KeyRing:
        """The keys of the participant itself: `PARTICIPANT_KEY`, `LOG_KEY`."""

    def people(self, store: SealedStore) -> KeyRing:
        """The signing keys of the people this participant hosts, sealed in `store`."""

    def domain(self, domain: str, store: SealedStore) -> DomainCoder:
        """The pseudonym domain of this name (an agreement's id), its people's secrets sealed in `store`."""


class FileVault(Hidden):
    """A `Vault` in a directory (mode 0700): `master.secret` and `keys/<name>.key`, each mode 0600.

    Raises VaultFileError when the directory holds no vault, or others can read it.
    """

    __slots__ = ("_master", "_secrets", "_signers", "keys")

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._master = _read_master(directory / _MASTER)
        self._signers = Sealer(derive(self._master, "seal signing keys"))
        self._secrets = Sealer(derive(self._master, "seal person secrets"))
        self.keys = KeyRing(self._signers, FileSealedStore(directory / _KEYS))

    @classmethod
    def create(cls, directory: Path) -> FileVault:
        """Make a new vault with a random master secret. Raises VaultFileError when there is one already."""
        private_directory(directory)
        if not write_once(directory / _MASTER, Secret(secrets.token_bytes(KEY_BYTES))):
            raise VaultFileError(f"{directory.name}: there is a vault here already")
        return cls(directory)

    def people(self, store: SealedStore) -> KeyRing:
        """See the port."""
        return KeyRing(self._signers, store)

    def domain(self, domain: str, store: SealedStore) -> DomainCoder:
        """See the port."""
        domain_key = derive(self._master, "domain", domain)
        naming_key = derive(self._master, "names of person secrets", domain)
        return DomainCoder(domain, domain_key, naming_key, self._secrets, store)


def _read_master(path: Path) -> Secret:
    master = read_private(path)
    if master is None:
        raise VaultFileError(f"{path.parent.name}: there is no vault here")
    if len(master.reveal()) != KEY_BYTES:
        raise VaultFileError(f"{path.name}: this is not a master secret")
    return master
