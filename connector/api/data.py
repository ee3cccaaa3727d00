"""The data plane over HTTP: pulling a release or a stream with the token of its transfer, the inbox, the device ingest.

Releases in segments have routes of their own (`connector.api.data_segments`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from connector.api import data_export, data_segments
from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of, token_of
from connector.api.faults import answer
from connector.api.handing_over import HandedOver
from connector.problems import Problem, invalid, missing
from connector.services.holding.ingest import LARGEST_BATCH
from connector.services.receiving import Inbox

router = APIRouter(include_in_schema=False)
router.include_router(data_segments.router)
router.include_router(data_export.router)
_EVENT = re.compile(r"[0-9]{1,15}")


@router.get("/data/releases/{pid}/manifest")
async def manifest(request: Request, pid: str) -> Response:
    """The signed manifest of the newest complete release."""
    return JSONResponse(await participant_of(request).services.releasing.manifest(pid, token_of(request)))


@router.get("/data/releases/{pid}")
async def release(request: Request, pid: str) -> Response:
    """The records, as NDJSON."""
    releasing = participant_of(request).services.releasing
    return HandedOver(releasing, await releasing.open(pid, token_of(request), "records"))


@router.get("/data/streams/{pid}")
async def stream(request: Request, pid: str) -> Response:
    """The points as they arrive, as server-sent events; `Last-Event-ID` goes on after that event."""
    releasing = participant_of(request).services.releasing
    last = request.headers.get("last-event-id", "0")
    if not _EVENT.fullmatch(last):
        raise invalid("This is not the number of an event", "Last-Event-ID", "digits, as in the id of an event")
    return HandedOver(releasing, await releasing.open(pid, token_of(request), "stream"), int(last))


@router.post("/data/inbox/{pid}")
@router.put("/data/inbox/{pid}")
async def pushed(request: Request, pid: str) -> Response:
    """What the provider of a push transfer sends; the whole body is one push."""
    try:
        inbox, token = _inbox(request), token_of(request)
        await inbox.open(pid, token)
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise Problem(415, "compressed", "A push is taken as it is", "", "Content-Encoding", "identity")
        receipt = await inbox.take(pid, token, request.headers.get("content-type", ""), _parts(request))
    except Problem as problem:
        refused = answer(problem)
        # What is still to come of the body will not be read.
        refused.headers["connection"] = "close"
        return refused
    return JSONResponse(asdict(receipt))


@router.post("/data/inbox/{pid}/manifest")
async def pushed_manifest(request: Request, pid: str) -> Response:
    """The signed manifest of what was pushed last."""
    inbox, token = _inbox(request), token_of(request)
    await inbox.open(pid, token)
    manifest = read_object(await read_bytes(request, participant_of(request).settings.body_limit)).get("manifest")
    if not isinstance(manifest, str):
        raise invalid("The manifest is missing", "manifest", "a compact JWS")
    return JSONResponse(asdict(await inbox.check(pid, token, manifest)))


def _inbox(request: Request) -> Inbox:
    inbox = participant_of(request).services.inbox
    if inbox is None:
        raise missing("Nothing is pushed to this participant")
    return inbox


async def _parts(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Problem 400 when it breaks off; nobody is there then to read that."""
    try:
        async for part in request.stream():
            if part:
                yield part
    except ClientDisconnect:
        raise invalid("The push broke off", code="broken-off") from None


@router.post("/ingest/openmhealth")
async def ingest(request: Request) -> Response:
    """Data points from a person's device: NDJSON, a JSON array, or one JSON object."""
    desk = participant_of(request).services.ingest
    token = token_of(request)
    await desk.recognise(token)
    desk.admit(token)
    body = await read_bytes(request, LARGEST_BATCH)
    return JSONResponse(await desk.accept(token, body))
