"""A private Redis server for tests: in a new directory, on a free port of this machine, gone with the process.

Where there is no server to start, tests skip visibly.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import redis

PROGRAM = "redis-server"
WHY = "needs a Redis server (Debian: redis-server), which is not installed"
_PATIENCE = 20.0


@dataclass
class Broker:
    """One running server, which keeps nothing on disk."""

    place: Path = field(default_factory=lambda: Path(mkdtemp(prefix="redis-", dir="/tmp")))
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def found(self) -> None:
        """Choose a port, and start."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()
        atexit.register(self.remove)

    @property
    def url(self) -> str:
        """How it is reached."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it empty, and wait until it answers."""
        command = [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", str(self.place)]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            assert time.monotonic() < until, "the Redis server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """As if it had been killed: what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """Forget everything."""
        with self.client() as client:
            client.flushall()

    def held(self) -> list[str]:
        """The names of everything it holds."""
        with self.client() as client:
            return sorted(key.decode() for key in client.keys("*"))

    def client(self) -> redis.Redis:
        """For looking into it."""
        return redis.Redis(port=self.port)

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.place, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@cache
def broker() -> Broker | None:
    """The server of this process, started the first time somebody asks; None where there is none."""
    if shutil.which(PROGRAM) is None:
        return None
    made = Broker()
    made.found()
    return made


def needed() -> Broker:
    """The same, or the test is skipped."""
    found = broker()
    if found is None:
        pytest.skip(WHY)
    return found
