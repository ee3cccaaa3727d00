"""The pages on policies and consents, followed line by line: their files are written, their commands answer."""

import gzip
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from connector.demo.bundles import shipped
from tests.demo.conftest import ROOT, surroundings

pytestmark = pytest.mark.slow
PAGES = {"policies.md": 10, "consents.md": 4, "risk.md": 7}
"""Each page, and how many commands it has at least."""
FILE = re.compile(r"`([a-z]+\.[a-z]+)`[^`]*:\n\n```(?:turtle|json|csv)\n(.*?)```", re.DOTALL)


def text(page: str) -> str:
    return (ROOT / "docs" / page).read_text("utf-8")


def commands(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text(page), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("concord ")]


@pytest.fixture(params=sorted(PAGES))
def page(request) -> str:
    return request.param


@pytest.fixture
def place(tmp_path: Path, page: str) -> Path:
    """An empty directory with the command, the files that the page shows, and a bundle."""
    for name, body in FILE.findall(text(page)):
        (tmp_path / name).write_text(body)
    command = tmp_path / "bin" / "concord"
    command.parent.mkdir()
    # As an installed command is: a worker process reads it again, and must not run it again.
    command.write_text(f'#!{sys.executable}\nfrom connector.cli import main\nif __name__ == "__main__":\n    main()\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "one.json").write_bytes(gzip.decompress(sorted(shipped().iterdir())[3].read_bytes()))
    return tmp_path


def said(place: Path, line: str) -> subprocess.CompletedProcess[str]:
    around = surroundings()
    around["PATH"] = f"{place / 'bin'}{os.pathsep}{around.get('PATH', os.environ['PATH'])}"
    return subprocess.run(
        line, shell=True, cwd=place, env=around, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_file_that_a_command_names_is_on_the_page(page):
    shown = {name for name, _ in FILE.findall(text(page))}
    named = {name for line in commands(page) for name in re.findall(r"\b[a-z]+\.(?:ttl|json|csv)\b", line)}
    assert named == shown


def test_each_command_of_the_page_works_as_it_stands(place, page):
    lines = commands(page)
    assert len(lines) > PAGES[page]
    for line in lines:
        done = said(place, line)
        assert done.returncode == (1 if line.endswith("# exit 1") else 0), f"{line}\n{done.stdout}{done.stderr}"
        assert done.stdout
