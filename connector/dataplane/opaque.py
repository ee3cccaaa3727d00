"""What a connector that is none of ours sends: bytes of which we know nothing, kept as they came.

No line of it can be told to be somebody's, so nothing in it can be erased by a person's code; it goes as a whole. All
of this blocks: call it from a thread.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from connector.dataplane.private import open_private, sync_directory
from connector.dataplane.tally import Removed


class OpaqueFile:
    """One transfer's file, `<transfer>.bytes`, for one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data: BinaryIO | None = None

    def begin(self) -> None:
        """Start from nothing: what is sent again comes whole."""
        self._opened().truncate(0)

    def append(self, data: bytes) -> None:
        """Store what arrived next."""
        file, view = self._opened(), memoryview(data)
        while view:
            view = view[file.write(view) :]

    def sync(self) -> None:
        """Make durable what was stored."""
        os.fsync(self._opened().fileno())
        sync_directory(self.path.parent)

    def close(self) -> None:
        """Let go of the open file; it is opened again when needed."""
        file, self._data = self._data, None
        if file is not None:
            file.close()

    def _opened(self) -> BinaryIO:
        if self._data is None:
            self._data = open_private(self.path)
        return self._data


def delete(path: Path) -> Removed:
    """Delete such a file; whoever still writes into it writes to nowhere. Lines are not counted: there may be none."""
    size = path.stat().st_size
    path.unlink()
    sync_directory(path.parent)
    return Removed(0, size, 0)
