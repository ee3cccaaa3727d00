"""Reading a server by search: kind after kind, page after page, only along the links it calls `next`.

FHIR R4 3.1.1 (search), 3.1.1.4 (paging), 2.9 (history). `total` is never asked for, nor believed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from connector.sources.fhir_changes import Gone, method_of, read_gone
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource
from connector.sources.fhir_pieces import TURNS, Piece
from connector.sources.fhir_portions import page_pieces
from connector.sources.fhir_server import Capability, FhirServer, ServerFault
from connector.sources.fhir_subject import KINDS

_EMPTY_PAGES = 3
"""Pages in a row that may bring nothing new before the server is taken to go in a circle."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What came in one answer: the kind of resource that was asked for, and the pieces to take in or refuse."""

    kind: str
    pieces: Sequence[Piece]


def in_turn(kinds: Collection[str]) -> list[str]:
    """Kinds of resource in the order they are read in: people, what they allow, then everything else."""
    return sorted(kinds, key=lambda kind: (TURNS.get(kind, len(TURNS)), kind))


def instant(at: datetime) -> str:
    """A time as FHIR writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


async def search(
    server: FhirServer, kinds: Collection[str], since: datetime | None, known: Callable[[str], bool]
) -> AsyncGenerator[Batch, None]:
    """Everything of these kinds that was changed after `since` (None: everything). Raises ServerFault."""
    after = f"&_lastUpdated=gt{quote(instant(since))}" if since else ""
    for kind in in_turn(kinds):
        yield Batch(kind, ())
        first = f"{server.base}/{kind}?_count={server.pace.count}&_sort=_id{after}"
        async for name, entries in _pages(server, first, kind, "searchset"):
            pieces = await server.thought(page_pieces, name, name, _of_kind(entries, kind, name), known, server.base)
            yield Batch(kind, pieces)


async def deletions(
    server: FhirServer, kinds: Collection[str], offered: Capability, since: datetime
) -> AsyncGenerator[tuple[Gone, ...], None]:
    """What of these kinds was deleted after `since` and is deleted still, from the server's history. ServerFault."""
    wanted = frozenset(kinds) & KINDS
    # Kind by kind where that can be had: a history of everything may hold the files of every export, too.
    ways = [""] if offered.whole_history and not offered.histories >= wanted else in_turn(wanted & offered.histories)
    for kind in ways:
        last = set[Gone]()
        place = f"{server.base}/{kind}/_history" if kind else f"{server.base}/_history"
        first = f"{place}?_count={server.pace.count}&_since={quote(instant(since))}"
        async for name, entries in _pages(server, first, f"history of {kind or 'everything'}", "history"):
            found = [one for entry in entries if (one := _last_word(entry, wanted, last, name)) is not None]
            if found:
                yield tuple(found)


def _last_word(entry: Resource, wanted: frozenset[str], last: set[Gone], name: str) -> Gone | None:
    """The resource that this entry deletes, unless something newer was said of it, or it is of no kind we read."""
    resource, kind, id = entry.get("resource"), None, None
    if isinstance(resource, dict):
        kind, id = resource.get("resourceType"), resource.get("id")
    elif method_of(entry) == "DELETE":
        try:
            named = read_gone(entry, KINDS)
        except Unreadable as fault:
            raise ServerFault(name, fault.what, fault.accepted) from None
        kind, id = named.resource_type, named.id
    if not isinstance(kind, str) or not isinstance(id, str) or kind not in wanted:
        return None
    one = Gone(kind, id)
    if one in last:
        return None
    last.add(one)
    return one if method_of(entry) == "DELETE" else None


async def _pages(
    server: FhirServer, first: str, what: str, kind: str
) -> AsyncGenerator[tuple[str, list[Resource]], None]:
    """The entries of each page. Raises ServerFault also for pages without end."""
    address, seen, met, idle = first, {hash(first)}, set[int](), 0
    for number in range(1, server.pace.pages + 1):
        name = f"{what}, page {number}"
        bundle = await server.document(address, name)
        entries = _entries(bundle, kind, name)
        yield name, entries
        following = _next(bundle, name)
        if following is None:
            return
        address = server.own(following, name)
        new = {_mark(entry) for entry in entries} - met
        met |= new
        idle = 0 if new else idle + 1
        if hash(address) in seen or idle >= _EMPTY_PAGES:
            raise ServerFault(name, "the server's pages go in a circle", "pages that end")
        seen.add(hash(address))
    raise ServerFault(what, "the server's pages do not end", f"at most {server.pace.pages} pages")


def _mark(entry: Resource) -> int:
    """What tells an entry from those of other pages: the resource, and in a history its version."""
    resource = entry.get("resource")
    said = resource if isinstance(resource, dict) else {}
    named = said.get("resourceType"), said.get("id"), said.get("meta")
    return hash(str((entry.get("fullUrl"), entry.get("request"), entry.get("response"), named)))


def _entries(bundle: Resource, kind: str, name: str) -> list[Resource]:
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != kind:
        raise ServerFault(name, "the answer is not what was asked for", f"a Bundle of type {kind}")
    listed = bundle.get("entry", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise ServerFault(name, "entries that are none", "a list of entries")
    return [entry for entry in listed if not _is_remark(entry)]


def _is_remark(entry: Resource) -> bool:
    """Whether an entry is what the server says about the search, no match of it."""
    resource = entry.get("resource")
    return isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome"


def _of_kind(entries: list[Resource], kind: str, name: str) -> list[Resource]:
    for entry in entries:
        resource = entry.get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise ServerFault(name, "it brings another kind of resource than was asked for", kind)
    return entries


def _next(bundle: Resource, name: str) -> object:
    links = bundle.get("link", [])
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise ServerFault(name, "links that are none", "a list of links")
    return next((link.get("url", "") for link in links if link.get("relation") == "next"), None)
