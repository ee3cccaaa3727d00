"""The counter-party of the black-box suite: it knows the connector by HTTP alone, and examines all that comes from it.

It listens on loopback, keeps what it hears and answers as a content counter-party would, unless told otherwise. What
it heard that was not as it must be stands in `faults`, which the suite looks at after every test.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

import httpx2

from contracts.names import CONTEXT_URL
from tests.conformance import ids
from tests.conformance.examined import POSTED, error_kind, examine

BASE = "/dsp/2025-1"
PATIENCE = 20.0
"""Seconds after which something that ought to happen in milliseconds counts as not happening."""
Json = dict[str, Any]


def urn() -> str:
    """A fresh identifier."""
    return f"urn:uuid:{uuid4()}"


def message(kind: str, **keys: Any) -> Json:
    """A message with an id of its own."""
    return {"@context": [CONTEXT_URL], "@type": kind, "@id": urn()} | keys


@dataclass(frozen=True, slots=True)
class Heard:
    """One message the connector posted to us."""

    path: str
    body: Json

    @property
    def kind(self) -> str:
        """Its `@type`."""
        return str(self.body.get("@type"))

    def about(self, pid: str) -> bool:
        """Whether it belongs to the process with this pid, on either side."""
        return pid in (self.body.get("providerPid"), self.body.get("consumerPid"))


Answering = Callable[[Heard], tuple[int, Any]]


def content(heard: Heard) -> tuple[int, Any]:
    """Takes whatever comes: a first message with the state it begins, any other with an empty body, as the kit does."""
    if not heard.path.endswith(("/negotiations/request", "/transfers/request", "/negotiations/offers")):
        return 200, None
    kind = "TransferProcess" if "/transfers/" in heard.path else "ContractNegotiation"
    pids = {name: heard.body.get(name) or urn() for name in ("providerPid", "consumerPid")}
    state = "OFFERED" if heard.path.endswith("/offers") else "REQUESTED"
    return 201, {"@context": [CONTEXT_URL], "@type": kind, **pids, "state": state}


@dataclass
class Peer:
    """Talks to the connector at `url`."""

    url: str
    heard: list[Heard] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answering: Answering = content
    authorization: str = "a peer"

    def __enter__(self) -> Self:
        peer = self

        class Ear(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, body = peer.hear(self.path, self.rfile.read(int(self.headers.get("content-length", "0"))))
                data = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nobody reads it."""

        self._ear = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
        self._ear.daemon_threads = True
        self._listening = threading.Thread(target=self._ear.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._listening.start()
        self.client = httpx2.Client(base_url=self.url, trust_env=False, timeout=PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._ear.shutdown()
        self._ear.server_close()
        self._listening.join()

    @property
    def callback(self) -> str:
        """Where the connector is to send its messages."""
        return f"http://127.0.0.1:{self._ear.server_address[1]}/dsp"

    def hear(self, path: str, data: bytes) -> tuple[int, Any]:
        """Keep a message, judge it, answer it."""
        try:
            heard = Heard(path, json.loads(data))
            examine(heard.body, *POSTED)
        except (AssertionError, ValueError) as fault:
            self.faults.append(f"{path}: {fault}")
            return 200, None
        self.heard.append(heard)
        return self.answering(heard)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """POST below the base path; whatever is answered is examined."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._examined(path, self.client.post(BASE + path, content=sent, headers=self._headers(headers)))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """GET below the base path; whatever is answered is examined."""
        return self._examined(path, self.client.get(BASE + path, headers=self._headers(headers)))

    def trigger(self, what: str, **asked: str) -> str:
        """Make the connector a consumer; returns its pid."""
        body = {"providerId": ids.KIT, "connectorAddress": self.callback} | asked
        answer = self.client.post(f"/tck/{what}/requests", json=body, headers=self._headers(None))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["consumerPid"])

    def awaits(self, kind: str, pid: str) -> Heard:
        """The first message of this type about this process, as soon as it is there."""
        found: Heard = self.until(
            lambda: next((one for one in self.heard if one.kind == kind and one.about(pid)), None), f"a {kind}"
        )
        return found

    @staticmethod
    def until(look: Callable[[], Any], what: str) -> Any:
        """What `look` returns, as soon as that is something."""
        last = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < last, f"waited {PATIENCE} s in vain for {what}"
            time.sleep(0.005)
        return found

    def _headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        usual = {"content-type": "application/json", "authorization": self.authorization} | dict(headers or {})
        return {name: value for name, value in usual.items() if value}

    @staticmethod
    def _examined(path: str, answer: httpx2.Response) -> httpx2.Response:
        assert answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:300]}"
        if answer.is_success and not answer.content:
            return answer
        assert answer.headers["content-type"].partition(";")[0] == "application/json", answer.headers
        body = answer.json()
        kind = examine(body, *([error_kind(path)] if answer.is_error else []))
        if answer.is_error:
            assert body.get("code"), f"{kind} without a code"
            assert body.get("reason"), f"{kind} without a reason"
        return answer
