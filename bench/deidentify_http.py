"""`POST /api/deidentify` against a bare ASGI echo of the same Bundle: `python -m bench.deidentify_http`.

Both are uvicorn processes with the settings of `concord serve` (uvloop, its HTTP protocol, no access log), one worker
each; ours is `concord serve` itself, with its portal, its middleware and its token check. The Bundle is miracum's
(three resources, 4.3 kB); the rules are the four its tool ships with: names redacted, visit and patient numbers
encrypted, ids hashed. Requests go over a few kept connections, in turns A-B-A-B. The figure is what each server
process spends of CPU per request, so that this client's price does not count. Bar: 0.4 of the echo. `--all` hashes
references and addresses too, `--rules FILE` takes other rules.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from bench.ratio import Ratio
from connector.api.heads import HTTP

BAR = 0.4
ROUNDS, REQUESTS, CONNECTIONS, WARM = 7, 2000, 4, 300
SHARED = Path(__file__).parents[2] / "shared" / "data" / "deid"
OWN = Path(__file__).parents[1] / "tests" / "vectors" / "deid"
BUNDLE = Path("fhir-pseudonymizer/benchmark/bundle.json")
_TYPED = "nodesByType('Identifier').where(type.coding.where(system='{}' and code='{}').exists()).value"
_V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
RULES: dict[str, Any] = {
    "fhirVersion": "R4",
    "fhirPathRules": [
        {"path": "nodesByType('HumanName')", "method": "redact"},
        {"path": _TYPED.format(_V2, "VN"), "method": "encrypt"},
        {"path": _TYPED.format(_V2, "MR"), "method": "encrypt"},
        {"path": "Resource.id", "method": "cryptoHash"},
    ],
}
"""The four rules of the tool's own default, by which its speed is told."""
MORE = ("nodesByType('Reference').reference", "Bundle.entry.fullUrl", "Bundle.entry.request.url")
"""What else has to be hashed so that nothing in the Bundle names anybody."""


async def echo(scope, receive, send):  # type: ignore[no-untyped-def] # an ASGI application, nothing more
    """The least there is: read the body, send it back."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Spent(NamedTuple):
    """Microseconds per request."""

    cpu: float
    wall: float


class Lane:
    """One kept connection that sends a request and reads its answer, as cheaply as Python can."""

    def __init__(self, port: int, request: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._left = b""

    def send(self) -> None:
        """Send the request."""
        self._socket.sendall(self._request)

    def read(self) -> bytes:
        """The body of the answer. Raises RuntimeError unless it is a 200."""
        data = self._left
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(data.decode("utf-8", "replace")[:600])
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(data) < end + 4 + length:
            data += self._more()
        self._left = data[end + 4 + length :]
        return data[end + 4 : end + 4 + length]

    def _more(self) -> bytes:
        found = self._socket.recv(65536)
        if not found:
            raise RuntimeError("the server closed the connection")
        return found


def cpu(pid: int) -> float:
    """Seconds of CPU a process has spent, all its threads, to the nanosecond (the kernel's own account)."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


def spent(pid: int, lanes: list[Lane], requests: int) -> Spent:
    """Microseconds per request: of CPU in the server, and of wall time seen from here."""
    before, began = cpu(pid), perf_counter()
    for _ in range(requests // len(lanes)):
        for lane in lanes:
            lane.send()
        for lane in lanes:
            lane.read()
    return Spent((cpu(pid) - before) / requests * 1e6, (perf_counter() - began) / requests * 1e6)


@contextmanager
def served(command: list[str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block; `ready` stands in the line by which it says that it answers."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as one:
        try:
            assert one.stdout is not None
            for line in one.stdout:
                if ready in line:
                    break
            else:
                raise RuntimeError(f"{command[1:4]} did not start")
            yield one
        finally:
            one.terminate()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def asked(port: int, path: str, body: bytes, token: str = "") -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/fhir+json\r\n"
    return f"{head}authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def ours(directory: Path, rules: str) -> Iterator[tuple[int, int, str]]:
    """A participant of our own, served, with the rules added: its process, port and token."""
    port = free_port()
    concord = [sys.executable, "-c", "from connector.cli import main; main()"]
    made = [*concord, "init", str(directory), "--name", "Bench", "--role", "hospital", "--port", str(port)]
    subprocess.run(made, check=True, capture_output=True)
    file = directory / "rules.txt"
    file.write_text(rules, "utf-8")
    added = [*concord, "deidentify", "add", str(file), "--name", "bench", "--directory", str(directory)]
    subprocess.run(added, check=True, capture_output=True)
    with served([*concord, "serve", str(directory), "--json"], "{") as process:
        running = json.loads((directory / "process.json").read_text("utf-8"))
        yield process.pid, port, running["token"]


def compared(directory: Path, rules: str, body: bytes) -> tuple[Spent, Spent]:
    """What a request costs, ours and the echo's, medians of the rounds."""
    port = free_port()
    bare = [sys.executable, "-m", "uvicorn", "bench.deidentify_http:echo", "--port", str(port), "--loop", "uvloop"]
    bare += ["--http", HTTP, "--no-access-log", "--no-server-header", "--lifespan", "off"]
    with served(bare, "Uvicorn running") as floor, ours(directory, rules) as (pid, own_port, token):
        request = asked(own_port, "/api/deidentify?profile=bench", body, token)
        lanes = [Lane(own_port, request) for _ in range(CONNECTIONS)]
        echoes = [Lane(port, asked(port, "/", body)) for _ in range(CONNECTIONS)]
        spent(pid, lanes, WARM)
        spent(floor.pid, echoes, WARM)
        pairs = [(spent(pid, lanes, REQUESTS), spent(floor.pid, echoes, REQUESTS)) for _ in range(ROUNDS)]
    return _median([one for one, _ in pairs]), _median([other for _, other in pairs])


def _median(rounds: list[Spent]) -> Spent:
    return Spent(median(one.cpu for one in rounds), median(one.wall for one in rounds))


def main(arguments: list[str]) -> int:
    """Measure, print; 0 when the bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.deidentify_http", description=__doc__)
    parser.add_argument("--rules", type=Path, default=None, help="a rule file in place of the tool's own rules")
    parser.add_argument("--all", action="store_true", help="hash references and addresses besides")
    stated = parser.parse_args(arguments)
    more = [{"path": path, "method": "cryptoHash"} for path in MORE] if stated.all else []
    rules = json.dumps({**RULES, "fhirPathRules": [*RULES["fhirPathRules"], *more]})
    rules = stated.rules.read_text("utf-8") if stated.rules else rules
    body = ((SHARED if SHARED.is_dir() else OWN) / BUNDLE).read_bytes()
    with tempfile.TemporaryDirectory() as made:
        mine, floor = compared(Path(made) / "bench", rules, body)
    ratio = Ratio("of a bare echo", floor.cpu / mine.cpu, BAR, at_least=True)
    print(f"echo {floor.cpu:.0f}, ours {mine.cpu:.0f} microseconds of CPU per request ({len(body)} bytes)")
    print(f"by wall time, this client included: {floor.wall / mine.wall:.2f} of its requests a second")
    print(f"{ratio.name} {ratio.value:.2f} (>= {ratio.bar:g}) {'met' if ratio.met else 'MISSED'}")
    return int(not ratio.met)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
