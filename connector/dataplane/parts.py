"""What has come of a segment that is not whole yet: its encoded bytes, in `<transfer>.part/<number>-<id>`.

One segment of a transfer comes at a time. A connection that breaks, or a process that dies, goes on after the bytes
that were made durable. They are compressed, so nobody can tell whose they are: when somebody has to be erased they go
as a whole, and are fetched again. All of this blocks: call it from a thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from connector.dataplane.private import open_private, sync_directory
from connector.dataplane.tally import Dropped

_SHARE = 256 * 1024


class Parts:
    """The partial segments of one transfer. One object per transfer, shared by who fetches and who erases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def size(self, number: int, id: str, encoding: str) -> int:
        """How many bytes of a segment are here, durable or not."""
        with self._lock:
            path = self._named(number, id, encoding)
            return path.stat().st_size if path.exists() else 0

    def begin(self, number: int, id: str, encoding: str, keep: int = 0) -> None:
        """Take a segment in, after the first `keep` bytes of what is here; any other one is dropped. Raises Dropped."""
        with self._lock:
            self._release()
            path = self._named(number, id, encoding)
            self._empty(but=path)
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = open_private(path)
            if os.fstat(file.fileno()).st_size < keep:
                file.close()
                raise Dropped
            file.truncate(keep)
            self._path, self._file = path, file

    def append(self, data: bytes) -> None:
        """Store what came next. Raises Dropped."""
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[self._opened().write(view) :]

    def sync(self) -> int:
        """Make durable what was stored; returns how many bytes that is. Raises Dropped."""
        with self._lock:
            file = self._opened()
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    def chunks(self) -> Iterator[bytes]:
        """What is here of the segment being taken in. Raises Dropped, also on the way."""
        position = 0
        while data := self._read(position):
            position += len(data)
            yield data

    def drop(self) -> None:
        """Forget everything; whoever is taking a segment in notices."""
        with self._lock:
            self._release()
            self._path = None
            self._empty()

    def close(self) -> None:
        """Let go of the open file; what is in it stays."""
        with self._lock:
            self._release()

    def _read(self, position: int) -> bytes:
        with self._lock:
            file = self._opened()
            return os.pread(file.fileno(), _SHARE, position)

    def _opened(self) -> BinaryIO:
        if self._path is None:
            raise Dropped
        if self._file is None:
            self._file = open_private(self._path)
        return self._file

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _named(self, number: int, id: str, encoding: str) -> Path:
        return self._folder / f"{number}-{id}{'' if encoding == 'identity' else '.' + encoding}"

    def _empty(self, but: Path | None = None) -> None:
        if not self._folder.exists():
            return
        others = [path for path in self._folder.iterdir() if path != but]
        for path in others:
            path.unlink()
        if others:
            sync_directory(self._folder)
        if but is None:
            self._folder.rmdir()
            sync_directory(self._folder.parent)
