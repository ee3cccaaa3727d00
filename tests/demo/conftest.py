"""The demonstration as its users start it: a process of its own, in a directory of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.demo.bundles import shipped

ROOT = Path(__file__).parent.parent.parent
CONCORD = [sys.executable, "-c", "from connector.cli import main; main()"]


def surroundings() -> dict[str, str]:
    """The environment of a newcomer: nothing of Concord's in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@dataclass
class Told:
    """One telling: exit code, what was measured (None if no report was written), what stood on the terminal."""

    code: int
    report: dict | None
    lines: list[str]

    @property
    def why(self) -> str:
        """The end of what stood on the terminal, for a failing assertion."""
        return "\n".join(self.lines[-25:])


def tell(space: Path, *arguments: str, on_line: Callable[[str], None] = lambda _line: None) -> Told:
    """Play `concord demo --once` in `space`; `on_line` hears each line as it is written."""
    file = space.with_name(f"{space.name}-report.json")
    file.unlink(missing_ok=True)
    command = [*CONCORD, "demo", "--once", "--directory", str(space), "--json", str(file), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=surroundings(), cwd=space.parent
    )
    limit = threading.Timer(240, process.kill)
    limit.start()
    lines = []
    for line in process.stdout or ():
        lines.append(line.rstrip())
        on_line(line)
    code = process.wait()
    limit.cancel()
    if process.stdout:
        process.stdout.close()
    return Told(code, json.loads(file.read_text()) if file.exists() else None, lines)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    """The story on the shipped people, once."""
    space = tmp_path_factory.mktemp("demo") / "space"
    return space, tell(space)


@pytest.fixture(scope="session")
def three_bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of somebody's own: three bundles, with other names of files, one of them not packed."""
    import gzip

    folder = tmp_path_factory.mktemp("own")
    for number, bundle in enumerate(sorted(shipped().iterdir())[:3]):
        data = gzip.decompress(bundle.read_bytes())
        (folder / f"person {number}.json").write_bytes(data)
    return folder
