"""The README's way to one's own connector, followed line by line."""

import gzip
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from connector.demo.bundles import shipped
from tests.demo.conftest import ROOT, surroundings

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A place as the README expects it: the command in .venv/bin, and some bundles."""
    command = tmp_path / ".venv" / "bin" / "concord"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{sys.executable}\nfrom connector.cli import main\nmain()\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "bundles").mkdir()
    for number, bundle in enumerate(sorted(shipped().iterdir())[:2]):
        (tmp_path / "bundles" / f"{number}.json").write_bytes(gzip.decompress(bundle.read_bytes()))
    return tmp_path


def steps() -> list[str]:
    section = (ROOT / "README.md").read_text().partition("## Your own connector, with your own bundles")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1].splitlines()


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_lines_of_the_readme_make_a_connector_that_serves_ones_own_bundles(checkout):
    setup, *lines, serve = steps()
    assert setup == "make setup"
    assert [line.split()[1] for line in [*lines, serve]] == ["init", "import", "publish", "serve"]
    free = port()
    # The address comes from the environment, so that the test needs no port of its own to be free.
    around = surroundings() | {"CONCORD_PORT": str(free), "CONCORD_PUBLIC_URL": f"http://127.0.0.1:{free}"}
    for line in lines:
        done = subprocess.run(
            line, shell=True, cwd=checkout, env=around, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout
    process = subprocess.Popen(
        shlex.split(serve), cwd=checkout, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert f"http://127.0.0.1:{free}" in process.stdout.readline()
        assert _get(f"http://127.0.0.1:{free}/health/ready") == {"status": "ready"}
        assert _get(f"http://127.0.0.1:{free}/.well-known/dspace-version")["protocolVersions"]
        listed = subprocess.run(
            [checkout / ".venv/bin/concord", "show", "-d", "hospital", "--json"],
            cwd=checkout, env=around, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert json.loads(listed.stdout)["name"] == "St. Elisabeth Hospital"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        code = process.wait(15)
        process.stdout.close()
        process.stderr.close()
    assert code == 0


def _get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())
