"""A FHIR server as a source: what it says it is, and asking it, with every answer checked before it is believed.

FHIR R4 3.1.0 (RESTful API). The server is the operator's choice, its answers are not trusted: one origin only, no
redirects, nothing but JSON of bounded size, and what it refuses is one line without an address or a word of its body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar
from urllib.parse import urljoin

from connector.outbound.answer import MIB, Answer, Caps
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.origins import Origin
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource, parse

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from connector.outbound.guard import Destination
    from connector.outbound.incoming import Incoming

T = TypeVar("T")
FHIR_JSON = "application/fhir+json"
_RELEASES = {"4.0": "R4", "4.1": "R4B", "4.3": "R4B", "5.0": "R5"}
_PAGE = Caps(connect=5.0, total=180.0, idle=120.0, body=64 * MIB)
_LATER = (429, 503)


class ServerFault(Exception):
    """Why reading the server stopped, in one line: what, and what would be read. Never an address or a value."""

    def __init__(self, where: str, what: str, accepted: str = "") -> None:
        line = f"{where}: {what}" if where else what
        super().__init__(f"{line}; accepted: {accepted}" if accepted else line)


class Door(Protocol):
    """What is used of `connector.outbound.client.Outbound`."""

    async def send(
        self, method: str, url: str, *, to: Destination, headers: Mapping[str, str], content: bytes, caps: Caps
    ) -> Answer:
        """One exchange, read whole."""

    def stream(
        self, url: str, *, to: Destination, headers: Mapping[str, str], caps: Caps
    ) -> AbstractAsyncContextManager[Incoming]:
        """A long answer, part by part."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a server is asked: resources a page, lines a portion, seconds.

    `first` is how long an export is left alone before its state is looked at, `longest_wait` the most of one pause,
    `longest` of all pauses of one export. `tries` are those of a request that the server puts off (429, 503).
    """

    count: int = 200
    portion: int = 500
    line_bytes: int = 16 * MIB
    pages: int = 100_000
    tries: int = 5
    first: float = 2.0
    longest_wait: float = 300.0
    longest: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class FhirServer:
    """One server. `base` is its address without a slash at the end, `token` a bearer token or empty.

    `wait` sleeps, `aside` runs what computes for long outside the event loop.
    """

    base: str
    door: Door
    to: Destination
    wait: Callable[[float], Awaitable[None]]
    aside: Callable[..., Awaitable[Any]]
    token: str = field(default="", repr=False)
    pace: Pace = Pace()

    def own(self, address: object, where: str) -> str:
        """An address that the server named, which must be on its own origin. Raises ServerFault."""
        if not isinstance(address, str) or not address:
            raise ServerFault(where, "no address where one belongs", "an address on the same server")
        try:
            full = urljoin(f"{self.base}/", address)
            if Origin.parse(full) != Origin.parse(self.base):
                raise ServerFault(where, "it leads to another server", "an address on the same server")
        except (OutboundRefused, ValueError):
            raise ServerFault(where, "an address that is not understood", "an address on the same server") from None
        return full

    def headers(self, accept: str = FHIR_JSON, *, token: bool = True) -> dict[str, str]:
        """The header fields of a request."""
        allowed = {"authorization": f"Bearer {self.token}"} if self.token and token else {}
        return {"accept": accept, **allowed}

    async def ask(self, url: str, where: str, more: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """One exchange. Put off by the server, it is tried again when the server says. Raises ServerFault."""
        for left in reversed(range(self.pace.tries)):
            with faults_of(where):
                answer = await self.door.send(
                    method, url, to=self.to, headers={**self.headers(), **(more or {})}, content=b"", caps=_PAGE
                )
            if answer.status not in _LATER or not left:
                return answer
            await self.wait(self.pause(answer, self.pace.first))
        raise AssertionError  # the last try returns

    async def document(self, url: str, where: str) -> Resource:
        """A JSON document. Raises ServerFault."""
        answer = await self.ask(url, where)
        return await self.read(answer, where)

    async def read(self, answer: Answer, where: str) -> Resource:
        """The JSON object of an answer with status 200. Raises ServerFault."""
        if answer.status != 200:
            refuse(answer.status, where)
        if "json" not in answer.headers.get("content-type", "").lower():
            raise ServerFault(where, "the answer is not JSON", FHIR_JSON)
        return await self.thought(parse, where, answer.body)

    async def thought(self, work: Callable[..., T], where: str, *given: object) -> T:
        """What `work` makes of it, outside the event loop. Raises ServerFault for what it cannot read."""
        try:
            found: T = await self.aside(work, *given)
        except Unreadable as fault:
            raise ServerFault(where, fault.what, fault.accepted) from None
        return found

    def pause(self, answer: Answer, otherwise: float) -> float:
        """How long the server wants to be left alone (RFC 9110 10.2.3), within bounds; what it does not say: given."""
        said = answer.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return min(float(said[:6]), self.pace.longest_wait)
        until, now = _date(said), _date(answer.headers.get("date", ""))
        seconds = (until - now).total_seconds() if until and now else otherwise
        return min(max(seconds, 0.0), self.pace.longest_wait)


@contextmanager
def faults_of(where: str) -> Iterator[None]:
    """What keeps an answer from us, as a ServerFault."""
    try:
        yield
    except Unreachable as fault:
        raise ServerFault(where, f"no usable answer came ({fault.reason})") from None
    except OutboundRefused as fault:
        raise ServerFault(where, f"we may not call this address ({fault.reason})") from None


def refuse(status: int, where: str) -> NoReturn:
    """Raises ServerFault for an answer with this status."""
    if 300 <= status < 400:
        raise ServerFault(where, "the server answers with a redirect", "the address that answers by itself")
    if status in (401, 403):
        raise ServerFault(where, f"the server does not let us in (status {status})", "a token that may read everything")
    raise ServerFault(where, f"the server answers with status {status}")


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a server says of itself: the FHIR release of its resources, which kinds it has and which can be searched,
    where it keeps histories (kinds, or everything at once), and its own time, if it says one."""

    release: str
    kinds: frozenset[str]
    searched: frozenset[str]
    histories: frozenset[str]
    whole_history: bool
    at: datetime | None


async def capability(server: FhirServer) -> Capability:
    """Ask what it is (FHIR R4 5.1). Raises ServerFault when it is none that can be read."""
    where = "capability statement"
    answer = await server.ask(f"{server.base}/metadata", where)
    return read_capability(await server.read(answer, where), _date(answer.headers.get("date", "")))


def read_capability(said: Resource, at: datetime | None) -> Capability:
    """The same from the statement. Raises ServerFault."""
    where = "capability statement"
    if said.get("resourceType") != "CapabilityStatement":
        raise ServerFault(where, "this is not a FHIR server", "a CapabilityStatement at its address + /metadata")
    version = said.get("fhirVersion")
    release = _RELEASES.get(".".join(version.split(".")[:2])) if isinstance(version, str) else None
    if release is None:
        raise ServerFault(where, "a FHIR release that is not read", "FHIR 4.0 (R4), 4.3 (R4B) or 5.0 (R5)")
    rests = [one for one in _objects(said.get("rest")) if one.get("mode", "server") == "server"]
    kinds = [one for rest in rests for one in _objects(rest.get("resource"))]
    return Capability(
        release, _that(kinds, ""), _that(kinds, "search-type"), _that(kinds, "history-type"),
        any("history-system" in _codes(rest) for rest in rests), at,
    )  # fmt: skip


def _that(kinds: list[Resource], interaction: str) -> frozenset[str]:
    """The kinds of resource for which the server offers this; without a word, all it has."""
    return frozenset(
        one["type"]
        for one in kinds
        if isinstance(one.get("type"), str) and (not interaction or interaction in _codes(one))
    )


def _codes(rest: Resource) -> set[str]:
    return {one["code"] for one in _objects(rest.get("interaction")) if isinstance(one.get("code"), str)}


def _objects(value: object) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
