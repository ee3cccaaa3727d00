"""The hospital's HAProxy, run for real before two small servers: who calls, and what passes through as it comes."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.house.tree import REPOSITORY
from tests.servers.test_compose import free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("haproxy"), reason="needs HAProxy (Debian: haproxy), which is not installed"),
]
LIES = {
    "X-Forwarded-For": "203.0.113.9", "x-forwarded-proto": "https", "X-Forwarded-Host": "elsewhere.example",
    "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9",
}  # fmt: skip
GO_ON: queue.Queue[None] = queue.Queue()
"""The test has seen the first piece."""


class Behind(BaseHTTPRequestHandler):
    """A process of the hospital, as far as the balancer can tell."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/pieces":
            self.pieces()
        elif self.path == "/often":
            self.answered(429, b"{}", ("Retry-After", "7"))
        else:
            told = json.dumps([(name.lower(), value) for name, value in self.headers.items()]).encode()
            self.answered(200, told, ("X-Port", str(self.server.server_address[1])))

    def pieces(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        GO_ON.get(timeout=60)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")

    def answered(self, status: int, body: bytes, header: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of the address that the file describes, at free ports."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Behind) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    [address] = free_ports(1)
    text = (REPOSITORY / ".container" / "haproxy.cfg").read_text()
    for before, after in (("8080", address), ("8090", servers[0].server_port), ("8091", servers[1].server_port)):
        assert text.count(f":{before}") == 1
        text = text.replace(f":{before}", f":{after}")
    (tmp_path / "haproxy.cfg").write_text(text)
    process = subprocess.Popen(["haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")], stdout=subprocess.DEVNULL)
    try:
        with httpx2.Client(trust_env=False, base_url=f"http://127.0.0.1:{address}", timeout=60) as made:
            answering(made, process)
            yield made
    finally:
        process.terminate()
        process.wait(60)
        for server in servers:
            server.shutdown()
            server.server_close()


def answering(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if client.get("/").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("HAProxy does not answer")


def test_the_address_of_who_calls_goes_along_and_nothing_they_say_of_it(client: httpx2.Client):
    told = client.get("/", headers=LIES).json()
    about = [(name, value) for name, value in told if name in {one.lower() for one in LIES}]
    assert about == [("x-forwarded-for", "127.0.0.1")]


def test_requests_of_one_connection_take_turns(client: httpx2.Client):
    assert len({client.get("/").headers["x-port"] for _ in range(4)}) == 2


def test_a_piece_arrives_before_the_next_is_there(client: httpx2.Client):
    with client.stream("GET", "/pieces") as answer:
        arriving = answer.iter_bytes()
        assert next(arriving) == b"first"
        GO_ON.put(None)
        assert b"".join(arriving) == b"last"


def test_who_is_asked_to_come_less_often_hears_when(client: httpx2.Client):
    answer = client.get("/often")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
