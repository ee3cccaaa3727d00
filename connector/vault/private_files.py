"""Files only their owner can read: written completely or not at all, never replaced, durable on return."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from connector.vault.errors import VaultFileError
from connector.vault.secret import Secret

_OTHERS = 0o077


def private_directory(directory: Path) -> None:
    """Make a directory (mode 0700) if it is missing. Raises VaultFileError when others can enter it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) & _OTHERS:
        raise VaultFileError(f"{directory.name}: others can read this directory; set its mode to 0700")


def write_once(path: Path, content: Secret) -> bool:
    """Create a file (mode 0600) holding `content`; False when it exists already, which is then left as it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.reveal())
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync_directory(path.parent)
    return True


def read_private(path: Path) -> Secret | None:
    """The content of a file, None when there is none. Raises VaultFileError when others can read or write it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultFileError(f"{path.name}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS:
            raise VaultFileError(f"{path.name}: others can read or write this file; set its mode to 0600")
        return Secret(file.read())


def remove_private(path: Path) -> bool:
    """Delete a file for good; False when there was none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _sync_directory(path.parent)
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
