"""How data comes in: importing files of this machine, with progress as lines; registering people's devices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.problems import Problem, invalid
from connector.services.actors import Actor
from connector.services.holding.importing import Importing

_Heard = dict[str, Any] | Problem
router = APIRouter(route_class=ManagementRoute, tags=["provider"])


@dataclass(frozen=True, slots=True)
class Registered:
    """A person with a device. The token is shown only now."""

    person: str
    token: str


class ImportSent(Sent):
    """A file or folder on this machine, by its full path, and the name of the source it becomes part of."""

    path: Path
    source: str = Field("Health records", min_length=1, max_length=200)


class DeviceSent(Sent):
    """Somebody's device: the source it sends to, the person's name and number there."""

    source: str = Field("Devices", min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    source_id: str = Field(min_length=1, max_length=200)


@router.post("/imports", response_class=StreamingResponse)
async def import_files(called: Called, actor: Operator, sent: ImportSent) -> StreamingResponse:
    """NDJSON: `{"files": n}` for each file begun, then `{"report": {...}}`, or `{"problem": {...}}` if it broke off."""
    if not sent.path.is_absolute():
        raise invalid("This is not a full path", "path", "a path that starts at the root")
    if not await asyncio.to_thread(sent.path.exists):
        raise invalid("There is no such file or folder on this machine", "path", "FHIR files, or a folder of them")
    heard: asyncio.Queue[_Heard] = asyncio.Queue()
    called.context.tasks.spawn(_work(called.importing, actor, sent, heard))
    first = await heard.get()
    if isinstance(first, Problem):
        raise first
    return StreamingResponse(_lines(first, heard), media_type="application/x-ndjson")


async def _work(importing: Importing, actor: Actor, sent: ImportSent, heard: asyncio.Queue[_Heard]) -> None:
    """Import, whoever listens. Files are counted, not named: names of files can name people."""
    files = count(1)
    try:
        report = await importing.import_fhir(
            actor, sent.path, sent.source, lambda _name: heard.put_nowait({"files": next(files)})
        )
        heard.put_nowait({"report": asdict(report)})
    except Problem as problem:
        heard.put_nowait(problem)
    except Exception:
        heard.put_nowait(Problem(500, "fault", "The import broke off here", "Files taken in before are kept"))
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
