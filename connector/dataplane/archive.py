"""Documents kept as files below a participant's directory: the provenance of each release."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from connector.dataplane.private import sync_directory


class FileArchive:
    """Implements `connector.ports.Archive` on one folder, readable by the participant only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, name: str, content: bytes) -> None:
        """Write a document durably, whole or not at all; the same name again replaces it."""
        await asyncio.to_thread(self._write, name, content)

    async def read(self, name: str) -> bytes | None:
        """A document, None when there is none of this name."""
        return await asyncio.to_thread(self._read, name)

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / Path(name).name
        draft = path.with_name(path.name + ".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_directory(self._folder)

    def _read(self, name: str) -> bytes | None:
        path = self._folder / Path(name).name
        return path.read_bytes() if path.exists() else None
