"""The vault: one master secret, and everything secret that is derived from it or sealed under it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Protocol

from connector.vault.domains import DomainCoder
from connector.vault.errors import VaultFileError
from connector.vault.file_store import FileSealedStore
from connector.vault.keys import KeyRing, SigningKey
from connector.vault.private_files import private_directory, read_private, write_once
from connector.vault.sealing import KEY_BYTES, Sealer, derive
from connector.vault.secret import Hidden, Secret
from connector.vault.stores import SealedStore

PARTICIPANT_KEY = "participant"
LOG_KEY = "log"

MASTER = "master.secret"
_KEYS = "keys"
_GONE = ".gone"


class Vault(Protocol):
    """What the rest of the connector sees of its secrets. A KMS or HSM can stand behind it."""

    @property
    def keys(self) -> KeyRing:
        """The keys of the participant itself: `PARTICIPANT_KEY`, `LOG_KEY`."""

    def people(self, store: SealedStore) -> KeyRing:
        """The signing keys of the people this participant hosts, sealed in `store`."""

    def domain(self, domain: str, store: SealedStore) -> DomainCoder:
        """The pseudonym domain of this name (an agreement's id), its people's secrets sealed in `store`.

        Raises VaultLockedError, as all of these do while the vault may not be used.
        """

    def box(self, use: str) -> Box:
        """Seals what is kept for one use (`quarantine`, `matching`), under a key that serves nothing else."""


class Box(Hidden):
    """Seals bytes bound to a name, and opens them again. What was sealed for one use or name opens for no other."""

    __slots__ = ("_sealer",)

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, name: str, value: bytes) -> bytes:
        """The value as bytes that may be stored anywhere (AES-256-GCM, fresh nonce)."""
        return self._sealer.seal(name, Secret(value))

    def open(self, name: str, sealed: bytes) -> bytes:
        """The value sealed under this name. Raises SealBrokenError."""
        return self._sealer.open(name, sealed).reveal()


class FileVault(Hidden):
    """A `Vault` in a directory (mode 0700): `master.secret` and `keys/<name>.key`, each mode 0600.

    Raises VaultFileError when the directory holds no vault, or others can read it.
    """

    __slots__ = ("_files", "_gone", "_master", "_secrets", "_signers", "keys")

    def __init__(self, directory: Path, master: Secret | None = None) -> None:
        private_directory(directory)
        self._master = _checked(master, directory) if master else read_master(directory / MASTER)
        self._signers = Sealer(derive(self._master, "seal signing keys"))
        self._secrets = Sealer(derive(self._master, "seal person secrets"))
        self._files = FileSealedStore(directory / _KEYS)
        self._gone = directory / _KEYS
        self.keys = KeyRing(self._signers, self._files)

    def versions(self, use: str) -> dict[int, str]:
        """The keys that are here for one use, by number: `participant` is number 1, `participant-2` followed it."""
        found = (re.fullmatch(rf"{use}(?:-([1-9][0-9]{{0,5}}))?", name) for name in self._files.names())
        return {int(match[1] or 1): match[0] for match in found if match is not None}

    def newest(self, use: str) -> SigningKey:
        """The key that signs for one use now. Raises UnknownKeyError, SealBrokenError."""
        versions = self.versions(use)
        return self.keys.signing_key(versions[max(versions)] if versions else use)

    def bury(self, id: str) -> None:
        """Destroy a key for good, and remember that: it never comes back from a copy of the store."""
        write_once(self._gone / f"{id}{_GONE}", Secret(b"destroyed"))
        self.keys.destroy(id)

    def is_gone(self, id: str) -> bool:
        """Whether a key of this name was destroyed here."""
        return (self._gone / f"{id}{_GONE}").exists()

    @classmethod
    def create(cls, directory: Path) -> FileVault:
        """Make a new vault with a random master secret. Raises VaultFileError when there is one already."""
        private_directory(directory)
        if not write_once(directory / MASTER, Secret(secrets.token_bytes(KEY_BYTES))):
            raise VaultFileError(f"{directory.name}: there is a vault here already")
        return cls(directory)

    def check(self) -> None:
        """Raises VaultLockedError while the vault may not be used; one with its secret on its own disk always may."""

    def people(self, store: SealedStore) -> KeyRing:
        """See the port."""
        self.check()
        return KeyRing(self._signers, store)

    def domain(self, domain: str, store: SealedStore) -> DomainCoder:
        """See the port."""
        self.check()
        domain_key = derive(self._master, "domain", domain)
        naming_key = derive(self._master, "names of person secrets", domain)
        return DomainCoder(domain, domain_key, naming_key, self._secrets, store)

    def box(self, use: str) -> Box:
        """See the port."""
        self.check()
        return Box(Sealer(derive(self._master, "box", use)))


def read_master(path: Path) -> Secret:
    """The master secret in a file. Raises VaultFileError."""
    master = read_private(path)
    if master is None:
        raise VaultFileError(f"{path.parent.name}: there is no vault here")
    return _checked(master, path)


def _checked(master: Secret, path: Path) -> Secret:
    if len(master.reveal()) != KEY_BYTES:
        raise VaultFileError(f"{path.name}: this is not a master secret")
    return master
