"""A master secret that lies on no disk: wrapped by a key service, unwrapped into memory when the vault is opened.

The key service (HashiCorp Vault or OpenBao, engine *transit*) holds a key that never leaves it. Here lies only what it
made of the master secret (`master.wrapped`). Whoever takes the disk has nothing; whoever withdraws the key, or our
token, closes this vault at the next look: then no pseudonym is made, nothing is sealed or opened, nothing released.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from connector.vault.errors import KeyServiceError, VaultFileError, VaultLockedError
from connector.vault.private_files import private_directory, read_private, remove_private, write_once
from connector.vault.secret import Hidden, Secret
from connector.vault.vault import MASTER, FileVault, read_master

WRAPPED = "master.wrapped"


class KeyService(Protocol):
    """Wraps and unwraps a few bytes under a key it never shows. Raises KeyServiceError."""

    @property
    def name(self) -> str:
        """Which key of which service: what a wrapped secret has to name to be unwrapped by it."""
        ...

    def wrap(self, secret: bytes) -> Awaitable[str]:
        """The secret as text that only this key opens."""
        ...

    def unwrap(self, wrapped: str) -> Awaitable[bytes]:
        """What was wrapped."""
        ...


def token_in(file: Path) -> str:
    """Our token for a key service, from a file that only its owner can read. Raises KeyServiceError."""
    try:
        found = read_private(file)
    except VaultFileError as fault:
        raise KeyServiceError(f"the token for the key service cannot be read: {fault}") from None
    if found is None or not (token := found.reveal().decode("ascii", "replace").strip()):
        raise KeyServiceError("there is no token for the key service in the file that the settings name")
    return token


class WrappedVault(FileVault):
    """A `FileVault` whose master secret came from a key service; it can be locked, and unlocked again."""

    __slots__ = ("_service", "_wrapped", "locked")

    def __init__(self, directory: Path, master: Secret, service: KeyService, wrapped: str) -> None:
        super().__init__(directory, master)
        self._service = service
        self._wrapped = wrapped
        self.locked = ""
        """Why the vault is locked; empty while it is open."""

    def check(self) -> None:
        """Raises VaultLockedError while it is locked."""
        if self.locked:
            raise VaultLockedError(self.locked)

    async def look(self) -> str:
        """Ask the key service whether it still opens our secret; returns why not, empty when it does."""
        try:
            same = hmac.compare_digest(await self._service.unwrap(self._wrapped), self._master.reveal())
        except KeyServiceError as fault:
            return str(fault)
        return "" if same else "the key service opens another secret than ours"


async def open_vault(directory: Path, service: KeyService | None) -> FileVault:
    """The vault of a directory, however its master secret is kept. Raises VaultFileError, KeyServiceError."""
    private_directory(directory)
    kept = read_private(directory / WRAPPED)
    if kept is None:
        return FileVault(directory)
    if (directory / MASTER).exists():
        raise VaultFileError(f"{directory.name}: there is a master secret beside the wrapped one; delete one of them")
    if service is None:
        raise VaultFileError(f"{WRAPPED}: the settings name no key service that could unwrap it")
    wrapped = _read(kept, service.name)
    return WrappedVault(directory, Secret(await service.unwrap(wrapped)), service, wrapped)


async def wrap(directory: Path, service: KeyService) -> None:
    """Have the key service wrap the master secret; the plain one is deleted once it is proven to come back."""
    master = read_master(directory / MASTER)
    wrapped = await service.wrap(master.reveal())
    if not hmac.compare_digest(await service.unwrap(wrapped), master.reveal()):
        raise KeyServiceError("the key service does not give back what it wrapped; nothing was changed")
    content = json.dumps({"key": service.name, "wrapped": wrapped}).encode()
    if not write_once(directory / WRAPPED, Secret(content)):
        raise VaultFileError(f"{WRAPPED}: there is one already")
    remove_private(directory / MASTER)


async def unwrap(directory: Path, service: KeyService) -> None:
    """Put the master secret back into a file of its own."""
    kept = read_private(directory / WRAPPED)
    if kept is None:
        raise VaultFileError(f"{directory.name}: there is no wrapped master secret here")
    master = await service.unwrap(_read(kept, service.name))
    if not write_once(directory / MASTER, Secret(master)):
        raise VaultFileError(f"{MASTER}: there is one already")
    read_master(directory / MASTER)
    remove_private(directory / WRAPPED)


def _read(kept: Secret, name: str) -> str:
    try:
        found = json.loads(kept.reveal())
        key, wrapped = found["key"], found["wrapped"]
    except (ValueError, TypeError, KeyError):
        raise VaultFileError(f"{WRAPPED}: this is not a wrapped master secret") from None
    if key != name or not isinstance(wrapped, str):
        raise VaultFileError(f"{WRAPPED}: it was wrapped by another key than the settings name")
    return wrapped


class Watched(Hidden):
    """Locks a wrapped vault once its key service has not confirmed for longer than `patience` looks."""

    __slots__ = ("_failed", "_patience", "_vault")

    def __init__(self, vault: WrappedVault, patience: int = 2) -> None:
        self._vault = vault
        self._patience = patience
        self._failed = 0

    async def look(self, changed: Callable[[str], None]) -> None:
        """One look; `changed` hears why the vault is locked now, or "" when it is open again."""
        fault = await self._vault.look()
        self._failed = self._failed + 1 if fault else 0
        before = self._vault.locked
        self._vault.locked = fault if self._failed >= self._patience else ("" if not fault else before)
        if bool(before) != bool(self._vault.locked):
            changed(self._vault.locked)
