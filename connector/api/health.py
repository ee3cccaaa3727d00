"""Is it alive, is it ready, and who is it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.doors import participant_of
from connector.identity.document import MEDIA_TYPE
from connector.records import Setting

router = APIRouter(include_in_schema=False)


@router.get("/health/live")
async def live() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "live"})


@router.get("/health/ready")
async def ready(request: Request) -> JSONResponse:
    """The store takes writes and gives reads."""
    participant = getattr(request.app.state, "participant", None)
    if participant is None:
        return JSONResponse({"status": "starting"}, 503)
    try:
        async with asyncio.timeout(3):
            now = participant.context.clock().isoformat()
            await participant.store.write(lambda tx: tx.put(Setting(name="ready", value=now)))
    except Exception:
        return JSONResponse({"status": "store does not answer"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/.well-known/concord-participant")
async def document(request: Request, key: str = "") -> Response:
    """The participant document, signed by that of our keys whose fingerprint is asked for, else by the oldest."""
    return Response(participant_of(request).keys.document(key), media_type=MEDIA_TYPE)
