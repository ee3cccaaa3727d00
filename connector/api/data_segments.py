"""Releases in segments over HTTP: the index of a plan, and its segments with validators and ranges (RFC 9110)."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.doors import participant_of, token_of
from connector.api.faults import answer
from connector.api.handing_over import SegmentAnswer
from connector.api.ranges import Answer, Unsatisfiable, answer_to, chosen_coding
from connector.problems import invalid
from connector.services.releasing.asked import Asked
from connector.services.releasing.manifest import NDJSON
from connector.services.releasing.rendering import CODINGS
from connector.services.releasing.segments import Gone, Ready, Segments

router = APIRouter(include_in_schema=False)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PARAMETERS = frozenset({"_outputFormat", "continues"})
NOT_YET = {"retry-after": "1"}


@router.get("/data/releases/{pid}/segments")
async def index(request: Request, pid: str) -> Response:
    """The segments of the running plan; a new plan when there is none for what is asked."""
    given = request.query_params
    if unknown := sorted(set(given) - _PARAMETERS):
        raise invalid("There is no such parameter", unknown[0], ", ".join(sorted(_PARAMETERS)))
    continues = given.get("continues", "")
    if continues and not _DIGEST.fullmatch(continues):
        raise invalid("This is no digest of a manifest", "continues", "64 lower-case hexadecimal digits")
    asked = Asked(given.get("_outputFormat") or NDJSON, continues)
    coding = chosen_coding(request.headers.getlist("accept-encoding"), CODINGS)
    plan = await _segments(request).plan(pid, token_of(request), asked, coding)
    if plan is None:
        return JSONResponse({"standing": "planning"}, 202, NOT_YET)
    return JSONResponse(plan.view(pid), headers={"cache-control": "no-store"})


@router.api_route("/data/releases/{pid}/segments/{id}", methods=["GET", "HEAD"])
async def segment(request: Request, pid: str, id: str) -> Response:
    """One segment, or a range of it."""
    segments = _segments(request)
    coding = chosen_coding(request.headers.getlist("accept-encoding"), CODINGS)
    try:
        ready = await segments.open(pid, token_of(request), id, coding)
    except Gone as gone:
        refused = answer(gone)
        if gone.href is not None:
            refused.headers["link"] = f'<{gone.href}>; rel="successor-version"'
        return refused
    return _answer(request, segments, ready)


def _answer(request: Request, segments: Segments, ready: Ready) -> Response:
    size, etag = len(ready.copy.data), ready.etag
    try:
        found = answer_to(request.headers, etag, size)
    except Unsatisfiable as fault:
        refused = answer(fault)
        refused.headers["content-range"] = f"bytes */{size}"
        return refused
    if found.start > ready.reached:
        found = Answer(200, 0, size)  # RFC 9110, 14.2: a range may be ignored; what left must have no gap
    fields = {"etag": etag, "accept-ranges": "bytes", "vary": "Accept-Encoding", "cache-control": "no-store"}
    if found.status == 304:
        return Response(status_code=304, headers=fields)
    fields |= {"content-type": ready.copy.rendered.media_type, "content-length": str(found.stop - found.start)}
    if ready.copy.coding:
        fields["content-encoding"] = ready.copy.coding
    if found.status == 206:
        fields["content-range"] = f"bytes {found.start}-{found.stop - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=found.status, headers=fields)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
    return SegmentAnswer(segments, ready, found.status, headers, (found.start, found.stop))


def _segments(request: Request) -> Segments:
    return participant_of(request).services.releasing.segments
