"""The fixture as a process of its own: started, killed and started again on the same directory and port."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds a start may take, on a machine that has other things to do."""


class NotReady(Exception):
    """The fixture did not start; says what it said last."""


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """One fixture with its options by name; as a context manager, started on the way in and stopped on the way out."""

    def __init__(self, directory: Path, port: int | None = None, **options: int) -> None:
        self.directory, self.port = directory, port or free_port()
        self._options = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory.with_name(f"{directory.name}.log")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it answers. Raises NotReady."""
        asked = [sys.executable, "-m", "tests.conformance.fixture", "--port", str(self.port)]
        asked += ["--directory", str(self.directory), *self._options]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(asked, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True)
        if (said := self._first_line(self._process)) != f"ready {self.url}":
            self.kill()
            raise NotReady(f"the fixture did not start: {said or 'it said nothing'}\n{self.last_words()}")

    def kill(self) -> None:
        """SIGKILL: nothing is written any more, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._ended(self._process)

    def stop(self) -> None:
        """The orderly way."""
        if self._process is not None:
            self._process.terminate()
            self._ended(self._process)

    def last_words(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def _first_line(process: subprocess.Popen[str]) -> str:
        said: queue.Queue[str] = queue.Queue()
        out = process.stdout
        assert out is not None
        threading.Thread(target=lambda: said.put(out.readline().strip()), daemon=True).start()
        try:
            return said.get(timeout=PATIENCE)
        except queue.Empty:
            return ""

    def _ended(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
