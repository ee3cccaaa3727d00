"""One process per directory: a lock that dies with its holder, and a note where that process can be reached."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from connector.problems import Problem

_LOCK = "process.lock"
_NOTE = "process.json"
_ATTEMPTS, _PAUSE = 5, 0.05
"""`running` holds the lock for the moment it looks: a start that meets it tries again."""


@dataclass(frozen=True, slots=True)
class Running:
    """The process that serves a directory: operating-system pid, management address, management token."""

    pid: int
    url: str
    token: str


class DirectoryLock:
    """Held while a process uses a directory's store; the kernel lets go of it however the process dies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> Self:
        """Take the lock. Raises Problem 409 when another process holds it."""
        for _ in range(_ATTEMPTS):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                return self
        os.close(self._file)
        raise Problem(
            409, "in-use", f"Another process is using {self._directory}", accepted="one process per directory"
        )

    def announce(self, url: str) -> Running:
        """Write down how this process is reached, for its owner only."""
        running = Running(os.getpid(), url, secrets.token_urlsafe(32))
        path = self._directory / _NOTE
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"pid": running.pid, "url": running.url, "token": running.token}, file)
        draft.replace(path)
        return running

    def release(self) -> None:
        """Let go of the directory."""
        (self._directory / _NOTE).unlink(missing_ok=True)
        os.close(self._file)


def running(directory: Path) -> Running | None:
    """The process that serves this directory now, or None. A note left by a dead process does not count."""
    try:
        probe = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_note(directory)
    finally:
        os.close(probe)
    return None


def _read_note(directory: Path) -> Running | None:
    try:
        note = json.loads((directory / _NOTE).read_text(encoding="utf-8"))
        return Running(int(note["pid"]), str(note["url"]), str(note["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
