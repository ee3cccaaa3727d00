"""Participants founded by the command itself, and one way to call it: in this process, or as a process of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.cli.program import run

ROOT = Path(__file__).parent.parent.parent.parent.parent
CONCORD = [sys.executable, "-c", "from connector.cli import main; main()"]


@dataclass
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


Concord = Callable[..., Said]


@pytest.fixture
def concord(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Concord:
    """Call the command in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CONCORD_DIRECTORY", raising=False)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run([str(one) for one in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def hospital(tmp_path: Path, concord: Concord) -> Path:
    """A participant that is not running."""
    directory = tmp_path / "hospital"
    assert concord("init", directory, "--name", "Test Hospital", "--role", "hospital", "--port", free_port()).code == 0
    return directory


def surroundings(**extra: str) -> dict[str, str]:
    """The environment of a newcomer."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | extra


def apart(*arguments: object, cwd: Path | None = None, **extra: str) -> Said:
    """Call the command as a process of its own."""
    done = subprocess.run(
        [*CONCORD, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=surroundings(**extra),
        timeout=120, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
