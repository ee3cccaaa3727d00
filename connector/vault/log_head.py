"""The head of the evidence log, kept beside the keys: the newest signed checkpoint, outside the store it speaks about.

Whoever can rewrite the store cannot rewrite this. It is written after the store has committed, so it may be behind the
store and is never ahead of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from connector.vault.errors import VaultFileError
from connector.vault.private_files import read_private

_PLACE = Path("vault") / "log-head"


class FileLogHead:
    """Implements `connector.ports.LogHead`: one signed note in `vault/log-head` (mode 0600) of a directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _PLACE

    def read(self) -> str | None:
        """The note kept, None when none ever was. Raises VaultFileError when it is not to be trusted."""
        kept = read_private(self._path)
        try:
            return None if kept is None else kept.reveal().decode()
        except UnicodeDecodeError:
            raise VaultFileError(f"{self._path.name}: this is not a checkpoint") from None

    def keep(self, note: str) -> None:
        """Put a newer note in the place of the old one, wholly or not at all. Raises OSError."""
        draft = self._path.with_name(f".{self._path.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
