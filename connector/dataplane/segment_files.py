"""Segments that were prepared ahead, each a file of ours alone in one folder, until it is handed over or nobody comes.

A file appears whole or not at all, and what is there is never written over: whoever comes late leaves nothing. All of
this blocks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_UNFINISHED = ".new"


class SegmentFiles:
    """Implements `connector.ports.KeptSegments` in one folder that every process of the participant reaches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, release: str, id: str, parts: Iterable[bytes]) -> bool:
        """See the port. Raises OSError, as on a full disk."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        unfinished = self._folder / f"{uuid4()}{_UNFINISHED}"
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines(parts)
            os.link(unfinished, self._place(release, id))
        except FileExistsError:
            return False
        finally:
            unfinished.unlink(missing_ok=True)
        return True

    def read(self, release: str, id: str) -> bytes | None:
        """See the port."""
        with suppress(OSError):  # unreadable is as good as not there: it is made anew
            return self._place(release, id).read_bytes()
        return None

    def drop(self, release: str, id: str) -> None:
        """See the port."""
        with suppress(OSError):
            self._place(release, id).unlink()

    def tidy(self, running: Collection[str], seconds: float) -> list[tuple[str, str]]:
        """See the port."""
        stems, oldest, left = {_stem(release): release for release in running}, time.time() - seconds, []
        with suppress(FileNotFoundError):
            for file in self._folder.iterdir():
                stem, _, id = file.name.partition(".")
                with suppress(FileNotFoundError):
                    written = file.stat().st_mtime
                    # One from the future was written by a clock that has been set back since.
                    if not oldest <= written <= oldest + 2 * seconds:
                        file.unlink()
                    elif stem in stems:
                        left.append((stems[stem], id))
                    elif file.suffix != _UNFINISHED:
                        file.unlink()
        return left

    def _place(self, release: str, id: str) -> Path:
        if not id.isalnum():
            raise ValueError("the id of a segment has letters and digits only")
        return self._folder / f"{_stem(release)}.{id}"


def _stem(release: str) -> str:
    """A release's own part of its files' names."""
    stem = release.removeprefix("urn:uuid:")
    if not stem.replace("-", "").isalnum():
        raise ValueError("a release is named by a UUID")
    return stem
