"""A collector of traces: a real OTLP/HTTP receiver on loopback that decodes what it is sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Seen:
    """One span: who kept it, which trace it is in, what it is part of, and its words."""

    participant: str
    trace: str
    id: str
    parent: str
    name: str
    words: dict[str, Any]


@dataclass
class Collector:
    """Receives while the block lasts. `raw` is everything that came, as it came."""

    spans: list[Seen] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    status: int = 200

    def __enter__(self) -> Collector:
        outer = self

        class Receiver(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
                    self.send_error(400)
                    return
                if outer.status == 200:
                    outer.take(body)
                said = ExportTraceServiceResponse().SerializeToString()
                self.send_response(outer.status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            who = _words(resource.resource.attributes)["service.instance.id"]
            for scope in resource.scope_spans:
                for one in scope.spans:
                    self.spans.append(
                        Seen(who, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), one.name,
                             _words(one.attributes))
                    )  # fmt: skip

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]


def _words(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
