"""Exports before they take their place: files of ours alone, forgotten when the process that made them is gone."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from uuid import uuid4

from connector.dataplane.private import sync_directory


class StagedFiles:
    """Everything in one folder. What an earlier process left there is deleted. All of this blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for left in folder.iterdir() if folder.exists() else ():
            left.unlink()

    def begin(self, suffix: str) -> Path:
        """A new, empty file, named like what it will be."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{uuid4()}{suffix}"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def place(self, staged: Path, path: Path) -> None:
        """Move it to where it belongs, durably. Raises OSError; what is there already is never written over."""
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(staged, path)
        except OSError as fault:
            if fault.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            _copied(staged, path)
        staged.unlink()
        sync_directory(path.parent)

    def drop(self, staged: Path) -> None:
        """Forget it."""
        staged.unlink(missing_ok=True)


def _copied(staged: Path, path: Path) -> None:
    """To another disk; a copy that fails is taken away again."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new, staged.open("rb") as file:
            shutil.copyfileobj(file, new)
            new.flush()
            os.fsync(new.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
