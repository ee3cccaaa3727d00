"""The data plane over HTTP: pulling a release or a stream with the token of its transfer, the inbox, the device ingest.

A release's body is given to the server chunk by chunk, each only when the server has room for it: so that handing over
a chunk, for which the release gate is held, never waits for the reader. Middleware that buffers bodies must not stand
before these routes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of
from connector.api.faults import answer
from connector.problems import Problem, invalid, missing, unauthenticated
from connector.services.holding.ingest import LARGEST_BATCH
from connector.services.receiving import Inbox
from connector.services.releasing.service import Opening, Releasing

router = APIRouter(include_in_schema=False)
_EVENT = re.compile(r"[0-9]{1,15}")
_MEDIA = {"records": b"application/fhir+ndjson", "stream": b"text/event-stream"}


@router.get("/data/releases/{pid}/manifest")
async def manifest(request: Request, pid: str) -> Response:
    """The signed manifest of the newest complete release."""
    return JSONResponse(await participant_of(request).services.releasing.manifest(pid, _token(request)))


@router.get("/data/releases/{pid}")
async def release(request: Request, pid: str) -> Response:
    """The records, as NDJSON."""
    releasing = participant_of(request).services.releasing
    return HandedOver(releasing, await releasing.open(pid, _token(request), "records"))


@router.get("/data/streams/{pid}")
async def stream(request: Request, pid: str) -> Response:
    """The points as they arrive, as server-sent events; `Last-Event-ID` goes on after that event."""
    releasing = participant_of(request).services.releasing
    last = request.headers.get("last-event-id", "0")
    if not _EVENT.fullmatch(last):
        raise invalid("This is not the number of an event", "Last-Event-ID", "digits, as in the id of an event")
    return HandedOver(releasing, await releasing.open(pid, _token(request), "stream"), int(last))


@router.post("/data/inbox/{pid}")
@router.put("/data/inbox/{pid}")
async def pushed(request: Request, pid: str) -> Response:
    """What the provider of a push transfer sends; the whole body is one push."""
    try:
        inbox, token = _inbox(request), _token(request)
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
    inbox, token = _inbox(request), _token(request)
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
    token = _token(request)
    await desk.recognise(token)
    desk.admit(token)
    body = await read_bytes(request, LARGEST_BATCH)
    return JSONResponse(await desk.accept(token, body))


def _token(request: Request) -> str:
    """The bearer token; the scheme may be left out (DSP data addresses name it apart)."""
    scheme, _, token = request.headers.get("authorization", "").strip().rpartition(" ")
    if not token or scheme.strip().lower() not in ("", "bearer"):
        raise unauthenticated("A bearer token is needed", "no-token")
    return token


class HandedOver(Response):
    """The answer whose body is a release."""

    def __init__(self, releasing: Releasing, opening: Opening, last_event: int = 0) -> None:
        super().__init__()
        self._releasing = releasing
        self._opening = opening
        self._last_event = last_event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the release is over. An answer broken off has no proper end, so that the reader notices."""
        body = Body(send, receive, _MEDIA[self._opening.kind])
        try:
            whole = await self._releasing.serve(self._opening, body, self._last_event)
        except Problem as problem:
            if body.begun:
                raise
            await answer(problem)(scope, receive, send)
            return
        finally:
            body.close()
        if whole:
            await body.end()


class Body:
    """One body as `connector.services.releasing.course.Sink` sees it."""

    def __init__(self, send: Send, receive: Receive, media_type: bytes) -> None:
        self._send = send
        self._media_type = media_type
        self._left = asyncio.create_task(self._watch(receive))
        self.begun = False

    async def ready(self) -> bool:
        """Wait until the server has room. An empty part waits for that and writes nothing."""
        await self._begin()
        # Some loops write, and notice a full buffer, only after this turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        part = asyncio.ensure_future(self._part(b""))
        try:
            await asyncio.wait({part, self._left}, return_when=asyncio.FIRST_COMPLETED)
            return not self._left.done() and part.exception() is None
        finally:
            part.cancel()

    async def send(self, data: bytes) -> None:
        """Hand over one chunk."""
        await self._part(data)

    async def gone(self) -> None:
        """Wait until the reader is gone."""
        await asyncio.shield(self._left)

    async def end(self) -> None:
        """The proper end of the body."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self) -> None:
        """Stop watching."""
        self._left.cancel()

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            headers = [(b"content-type", self._media_type), (b"cache-control", b"no-store")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _part(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    @staticmethod
    async def _watch(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
