"""A release by the conventions of FHIR Bulk Data Access (2.0.0): kick-off, status and manifest; files are segments.

Each file holds one type of resource. `_type` and `_since` narrow what the contract and people allow, never widen it.
Errors are OperationOutcome resources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.doors import participant_of, token_of
from connector.problems import Problem, invalid
from connector.services.releasing.asked import Asked, Holding
from connector.services.releasing.segments import Plan, Segments, href_of

router = APIRouter(include_in_schema=False)
_FHIR = "application/fhir+json"
_NDJSON = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
_PARAMETERS = ("_outputFormat", "_since", "_type")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_CODES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 406: "not-supported", 409: "conflict",
    410: "not-found", 503: "transient",
}  # fmt: skip


@router.get("/data/releases/{pid}/$export")
async def begin(request: Request, pid: str) -> Response:
    """Kick-off: the export is planned, and the status says when that is done."""
    try:
        if "respond-async" not in request.headers.get("prefer", "").replace(",", " ").split():
            raise invalid("An export is asked for asynchronously", "Prefer", "Prefer: respond-async")
        await _segments(request).begin_export(pid, token_of(request), _asked(request, pid))
    except Problem as problem:
        return _outcome(problem)
    return Response(status_code=202, headers={"content-location": f"{_place(request, pid)}/$export-status"})


@router.get("/data/releases/{pid}/$export-status")
async def status(request: Request, pid: str) -> Response:
    """In progress (202), or the manifest of its files."""
    try:
        plan = await _segments(request).exported(pid, token_of(request))
    except Problem as problem:
        return _outcome(problem)
    if plan is None:
        return Response(status_code=202, headers={"retry-after": "1", "x-progress": "everybody is being decided about"})
    return JSONResponse(_manifest(request, pid, plan), headers={"cache-control": "no-store"})


@router.delete("/data/releases/{pid}/$export-status")
async def cancel(request: Request, pid: str) -> Response:
    """The rest is not wanted any more."""
    try:
        await _segments(request).cancel(pid, token_of(request))
    except Problem as problem:
        return _outcome(problem)
    return Response(status_code=202)


def _asked(request: Request, pid: str) -> Asked:
    given = request.query_params
    if unknown := sorted(set(given) - set(_PARAMETERS)):
        raise invalid("There is no such parameter", unknown[0], ", ".join(_PARAMETERS))
    if given.get("_outputFormat", "ndjson") not in _NDJSON:
        raise invalid("This format is not offered", "_outputFormat", ", ".join(sorted(_NDJSON)))
    kinds = [one.strip() for value in given.getlist("_type") for one in value.split(",")]
    if not all(_TYPE.fullmatch(one) for one in kinds):
        raise invalid("This is no type of resource", "_type", "types of FHIR resources, separated by commas")
    query = f"?{request.url.query}" if request.url.query else ""
    asked = Asked(
        export=True, kinds=tuple(sorted(set(kinds))) if kinds else None, since=given.get("_since", ""),
        request=f"{_place(request, pid)}/$export{query}",
    )  # fmt: skip
    if asked.since:
        _ = asked.moment
    return asked


def _manifest(request: Request, pid: str, plan: Plan) -> Mapping[str, Any]:
    origin = participant_of(request).identity.origin
    files = []
    for row in plan.rows:
        file: dict[str, Any] = {
            "type": "Bundle" if row.deletions else Holding.of(row).kind, "url": f"{origin}{href_of(pid, row.id)}",
        }  # fmt: skip
        # A file is rendered when it is fetched: only then it is known how many of its records can be released.
        files.append((row.deletions, file | ({"count": row.resources} if row.standing == "sent" else {})))
    begun = plan.release.started_at
    return {
        "transactionTime": begun.isoformat().replace("+00:00", "Z") if begun else "",
        "request": plan.asked.request, "requiresAccessToken": True,
        "output": [file for deletions, file in files if not deletions],
        "deleted": [file for deletions, file in files if deletions], "error": [],
    }  # fmt: skip


def _outcome(problem: Problem) -> Response:
    code = _CODES.get(problem.status, "processing")
    issue = {"severity": "error", "code": code, "diagnostics": str(problem)}
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, problem.status, media_type=_FHIR)


def _place(request: Request, pid: str) -> str:
    return f"{participant_of(request).identity.origin}/data/releases/{pid}"


def _segments(request: Request) -> Segments:
    return participant_of(request).services.releasing.segments
