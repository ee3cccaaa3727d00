"""How data comes in: files of this machine, or a FHIR server, with progress as lines; people's devices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.problems import Problem, invalid
from connector.services.holding.reach import Reach
from connector.services.holding.sources_desk import SourceShown
from connector.services.registry import Services

_Heard = dict[str, Any] | Problem
router = APIRouter(route_class=ManagementRoute, tags=["provider"])


@dataclass(frozen=True, slots=True)
class Registered:
    """A person with a device. The token is shown only now."""

    person: str
    token: str


class ImportSent(Sent):
    """A file or folder on this machine, by its full path, or a FHIR server; and the name of the source it becomes.

    Of files: `release` is the FHIR release they are in. Of a server: `how` it is read, `token_file` the full path of
    the file its bearer token is in, `since` when changes count. `whole`: what did not come is deleted.
    """

    path: Path | None = None
    server: str = Field("", max_length=1024)
    source: str = Field("Health records", min_length=1, max_length=200)
    release: Literal["R4", "R4B", "R5"] = "R4"
    how: Literal["search", "export"] = "search"
    token_file: str = Field("", max_length=4096)
    since: AwareDatetime | None = None
    whole: bool = False


class SyncSent(Sent):
    """Reading a source's server again: what changed, or `whole`: everything, and what is missing there is deleted."""

    since: AwareDatetime | None = None
    whole: bool = False


class DeviceSent(Sent):
    """Somebody's device: the source it sends to, the person's name and number there."""

    source: str = Field("Devices", min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    source_id: str = Field(min_length=1, max_length=200)


@router.post("/imports", response_class=StreamingResponse)
async def import_files(called: Called, actor: Operator, sent: ImportSent) -> StreamingResponse:
    """NDJSON: `{"files": n}` for each file or kind begun, then `{"report": {...}}`, or `{"problem": {...}}`."""
    if (sent.path is None) == (not sent.server):
        raise invalid("Say one of the two: files, or a server", "path", "path or server")
    if sent.path is None:
        reach = Reach(sent.server, sent.how, sent.token_file)
        return await _told(
            called,
            lambda tell: called.syncing.import_server(
                actor, sent.source, reach, tell, since=sent.since, whole=sent.whole
            ),
        )
    path = sent.path
    if not path.is_absolute():
        raise invalid("This is not a full path", "path", "a path that starts at the root")
    if not await asyncio.to_thread(path.exists):
        raise invalid("There is no such file or folder on this machine", "path", "FHIR files, or a folder of them")
    return await _told(
        called,
        lambda tell: called.importing.import_fhir(
            actor, path, sent.source, tell, release=sent.release, whole=sent.whole
        ),
    )


@router.get("/sources/{source}")
async def source(called: Called, actor: Operator, source: str) -> SourceShown:
    """One source, by its id or name, and how the last reading of its server went."""
    return await called.sources_desk.one(actor, source)


@router.post("/sources/{source}/sync", response_class=StreamingResponse)
async def sync(called: Called, actor: Operator, source: str, sent: SyncSent) -> StreamingResponse:
    """Read a source's server again; answers as `/imports` does."""
    id = await called.sources_desk.id_of(actor, source)
    return await _told(called, lambda tell: called.syncing.sync(actor, id, tell, since=sent.since, whole=sent.whole))


async def _told(called: Services, work: Callable[[Callable[[str], None]], Awaitable[Any]]) -> StreamingResponse:
    """Do it, whoever listens, and tell how it goes. Raises the Problem it begins with."""
    heard: asyncio.Queue[_Heard] = asyncio.Queue()
    called.context.tasks.spawn(_work(work, heard))
    first = await heard.get()
    if isinstance(first, Problem):
        raise first
    return StreamingResponse(_lines(first, heard), media_type="application/x-ndjson")


async def _work(work: Callable[[Callable[[str], None]], Awaitable[Any]], heard: asyncio.Queue[_Heard]) -> None:
    """Files are counted, not named: names of files can name people."""
    files = count(1)
    try:
        report = await work(lambda _name: heard.put_nowait({"files": next(files)}))
        heard.put_nowait({"report": asdict(report)})
    except Problem as problem:
        heard.put_nowait(problem)
    except Exception:
        heard.put_nowait(Problem(500, "fault", "The import broke off here", "What was taken in before is kept"))
        raise


async def _lines(first: dict[str, Any], heard: asyncio.Queue[_Heard]) -> AsyncIterator[bytes]:
    value = first
    while "files" in value:
        yield _line(value)
        following = await heard.get()
        value = {"problem": following.document()} if isinstance(following, Problem) else following
    yield _line(value)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode() + b"\n"


@router.post("/devices", status_code=201)
async def register_device(called: Called, actor: Operator, sent: DeviceSent) -> Registered:
    """Register a person's device at the public ingest."""
    person, token = await called.ingest.register_device_person(actor, sent.source, sent.name, sent.source_id)
    return Registered(person.id, token)
