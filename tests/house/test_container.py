"""The image holds what the product needs, its health check tells the truth, and the compose file can be read."""

import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.house.tree import FLOORS, REPOSITORY

CONTAINERFILE = (REPOSITORY / ".container" / "Containerfile").read_text(encoding="utf-8")
HEALTHY = REPOSITORY / ".container" / "healthy.py"


@pytest.fixture
def participant(tmp_path):
    """A directory whose participant answers its readiness question with the status the test asks for."""
    servers = []

    def serve(status: int):
        class Readiness(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/health/ready" else 404)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Readiness)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        (tmp_path / "concord.toml").write_text(f"port = {server.server_port}\n")
        return tmp_path

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def verdict(directory) -> int:
    return subprocess.run([sys.executable, HEALTHY, directory], capture_output=True, env={}, check=False).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_says_what_the_participant_says(participant, status, expected):
    assert verdict(participant(status)) == expected


def test_a_directory_without_participant_is_not_healthy(tmp_path):
    assert verdict(tmp_path) != 0


def test_the_image_holds_every_package_and_installs_by_hash():
    assert set(re.findall(r"^COPY (\w+) \1$", CONTAINERFILE, re.MULTILINE)) == set(FLOORS)
    assert "--require-hashes -r pins.txt" in CONTAINERFILE
    assert re.search(r"^USER concord$", CONTAINERFILE, re.MULTILINE)


def test_what_the_image_copies_is_sent_to_the_engine():
    sent = set(re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE))
    local = [line for line in CONTAINERFILE.splitlines() if line.startswith("COPY ") and "--from" not in line]
    assert {name for line in local for name in line.split()[1:-1]} <= sent


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose, which is not installed")
def test_the_compose_file_can_be_read():
    answer = subprocess.run(
        ["docker-compose", "-f", "compose.yaml", "config", "-q"], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert answer.returncode == 0, answer.stderr.decode()
