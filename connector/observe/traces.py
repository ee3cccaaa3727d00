"""Spans kept by OpenTelemetry and sent by OTLP over HTTP, through the one client that sends anything here.

Loaded only where traces are on. Spans are sent in the background and in batches; a collector that does not answer costs
spans and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from connector.outbound.answer import Caps
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.services import tracing
from connector.services.tracing import UNKEPT, Span

if TYPE_CHECKING:
    from connector.outbound.client import Outbound
    from connector.ports import Transaction
    from connector.settings import Settings
    from connector.storage import OpenStore

R = TypeVar("R")
SECONDS = 2.0
"""How long spans are gathered before they are sent."""
_CAPS = Caps(connect=3.0, total=10.0, idle=10.0)
_KINDS = {"receive": SpanKind.SERVER, "deliver": SpanKind.CLIENT, "job": SpanKind.CONSUMER}

logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
log = logging.getLogger("concord.traces")


class OtlpTraces:
    """Implements `connector.services.tracing.Traces`. Make one per process, `close` it before the client."""

    def __init__(self, exporter: SpanExporter, participant: str, role: str, version: str = "0.1.0") -> None:
        # The detectors of the SDK would add the command line and the user of this process.
        resource = Resource(
            {"service.name": "concord", "service.version": version, "service.instance.id": participant,
             "concord.role": role}
        )  # fmt: skip
        self._provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SECONDS * 1000))
        self._tracer = self._provider.get_tracer("concord")

    @contextmanager
    def span(self, name: str, parent: str = "", *, begins: bool = False, **words: str | int) -> Iterator[Span]:
        """See the port."""
        place = parent or tracing.current()
        if not place and not begins:
            yield UNKEPT
            return
        made = self.start(name, place, words)
        try:
            with tracing.within(_traceparent(made.get_span_context())):
                yield _Kept(made)
        except BaseException as fault:
            made.set_attribute("error.type", type(fault).__name__)  # its words may quote what somebody sent
            made.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            made.end()

    def start(self, name: str, place: str, words: Mapping[str, str | int], since: int | None = None) -> trace.Span:
        """A span that its caller ends; `since` in nanoseconds of the epoch where it has begun already."""
        said, kind = {f"concord.{key}": one for key, one in words.items()}, _KINDS.get(name, SpanKind.INTERNAL)
        return self._tracer.start_span(name, _context(place), kind, said, start_time=since)

    async def close(self) -> None:
        """Send what is left, as long as somebody takes it."""
        await asyncio.to_thread(self._provider.shutdown)


class _Kept:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def say(self, **words: str | int) -> None:
        """See the port."""
        for key, one in words.items():
            self._span.set_attribute(f"concord.{key}", one)


class OutboundExporter(SpanExporter):
    """Sends spans to the operator's collector by `Outbound`; called on a thread of the SDK's."""

    def __init__(self, outbound: Outbound, endpoint: str) -> None:
        self._outbound = outbound
        self._endpoint = endpoint
        parts = urlsplit(endpoint)
        named = NamedOrigin.parse(f"{parts.scheme}://{parts.netloc}", allow_http=parts.scheme == "http")
        self._to = Destination.of_operator(named)
        self._loop = asyncio.get_running_loop()
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """One batch."""
        body = encode_spans(spans).SerializeToString()
        try:
            sending = asyncio.run_coroutine_threadsafe(self._send(body), self._loop)
            taken = sending.result(_CAPS.total + 1)
        except Exception:  # the loop is ending, or nobody answers in time
            taken = False
        if not taken and not self._failing:
            log.warning("traces are not taken by the collector; what is not taken is lost")
        self._failing = not taken
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    async def _send(self, body: bytes) -> bool:
        try:
            answer = await self._outbound.send(
                "POST", self._endpoint, to=self._to, headers={"content-type": "application/x-protobuf"}, content=body,
                caps=_CAPS,
            )  # fmt: skip
        except (OutboundRefused, Unreachable):
            return False
        return bool(answer.ok)


class TracedStore:
    """A store whose commands are spans (`commit`), and know within their transaction what they are part of."""

    def __init__(self, store: OpenStore, traces: OtlpTraces) -> None:
        self._store = store
        self._traces = traces

    async def write(self, command: Callable[[Transaction], R]) -> R:
        """See `connector.ports.Store`."""
        if not tracing.current():
            return await self._store.write(command)
        with self._traces.span("commit"):
            place = tracing.current()

            def placed(tx: Transaction) -> R:
                with tracing.within(place):  # the store runs it on a thread of its own
                    return command(tx)

            return await self._store.write(placed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


Scope = MutableMapping[str, Any]


class _Arrival:
    """A request that came in: a span from the moment its sender is known, nothing before and without that."""

    def __init__(self, traces: OtlpTraces, name: str, place: str, words: Mapping[str, str | int]) -> None:
        self._start = partial(traces.start, name, place, words, time.time_ns())
        self._span: trace.Span | None = None

    def begin(self) -> str:
        """Keep it; returns its place, for what is part of it."""
        if self._span is None:
            self._span = self._start()
        return _traceparent(self._span.get_span_context())

    def say(self, key: str, one: str | int) -> None:
        """Note about it, if it is kept."""
        if self._span is not None:
            self._span.set_attribute(key, one)

    def failed(self, fault: BaseException) -> None:
        """It ends by an error."""
        self.say("error.type", type(fault).__name__)  # its words may quote what somebody sent
        if self._span is not None:
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """It is over."""
        if self._span is not None:
            self._span.end()


class TracedRequests:
    """ASGI: requests of others and of people are spans (`receive`, `release`, `ask`) once their sender is known.

    Strangers write no traces. Only messages of the dataspace protocol stay in the trace their sender names; whatever
    may be about people begins one of its own.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on."""
        named = _named(scope) if scope["type"] == "http" else None
        running = getattr(scope["app"].state, "participant", None) if named else None
        if named is None or running is None:
            await self._app(scope, receive, send)
            return
        name, door = named
        words = {"door": door, "method": str(scope["method"])}
        arrival = _Arrival(running.context.traces, name, _place_sent(scope) if door.startswith("dsp") else "", words)

        async def answered(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                if name == "release" and message["status"] < 400:  # the token was one of ours
                    tracing.sender_known()
                arrival.say("concord.status", int(message["status"]))
            await send(message)

        with tracing.arriving(arrival.begin):
            try:
                await self._app(scope, receive, answered)
            except BaseException as fault:
                arrival.failed(fault)
                raise
            finally:
                arrival.end()


def _place_sent(scope: Scope) -> str:
    """The place in a trace that a request names."""
    sent = next((value.decode("ascii", "replace") for key, value in scope["headers"] if key == b"traceparent"), "")
    return tracing.read(sent)


_DOORS = {"dsp": "receive", "consent": "receive", "data": "release", "api": "ask"}
_WORDS = frozenset((
    "catalog", "request", "datasets", "negotiations", "offers", "agreement", "verification", "events", "termination",
    "transfers", "start", "completion", "suspension", "studies", "links", "doubts", "link-standings", "consents",
    "heartbeat", "withdrawals", "statements", "resumptions", "reminders", "standings", "suspensions", "progress",
    "endings", "erasures", "profiles", "amendments", "answers", "duties", "opt-outs", "uses", "releases", "streams",
    "pushes", "segments", "manifest",
))  # fmt: skip


def _named(scope: Scope) -> tuple[str, str] | None:
    """What a request is, and at which door, in words of the house; an identifier in the path is left out."""
    first, *rest = [part for part in scope["path"].split("/") if part] or [""]
    kind = _DOORS.get(first)
    if kind is None:
        return None
    return kind, "/".join([first, *(part if part in _WORDS else "-" for part in rest if part != "2025-1")][:5])


def _context(place: str) -> Any:
    if not place:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    _, trace_id, span_id, _ = place.split("-")
    known = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(known))


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def traces_of(settings: Settings, outbound: Outbound) -> OtlpTraces:
    """Traces as the settings ask for them; call on the running loop. Raises OutboundRefused for an unusable address."""
    return OtlpTraces(OutboundExporter(outbound, settings.traces_endpoint), settings.participant_id, settings.role)
