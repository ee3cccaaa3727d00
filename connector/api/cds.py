"""CDS Hooks 2.0 about consents, below `/cds-services`; there only where the operator turned it on.

What services there are everybody may read, as CDS Hooks has it; asking one needs a token: the one of this process, as
for `/api`, or the one whose hash the operator set for this alone.
"""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of
from connector.api.management.door import check_token
from connector.identity.access import token_hash
from connector.problems import Problem, missing, unauthenticated
from connector.services.hooks.consulting import SERVICES, Consulting
from connector.sources.fhir_json import parse, write

router = APIRouter(include_in_schema=False)
JSON = "application/json"


@router.get("/cds-services")
async def discovery(request: Request) -> Response:
    """Which services there are."""
    _turned_on(request)
    return JSONResponse(dict(SERVICES))


@router.post("/cds-services/patient-consent-consult")
async def consult(request: Request) -> Response:
    """What the patient's consents say to this request."""
    _turned_on(request)
    _check(request)
    participant = participant_of(request)
    data = await read_bytes(request, participant.settings.body_limit)
    read_object(data)
    answer: Any = await Consulting(participant.context).answer(parse(data))
    return Response(write(answer), media_type=JSON)


def _turned_on(request: Request) -> None:
    """Raises Problem 404 where the operator has not turned the hook on."""
    if participant_of(request).settings.cds_hooks != "on":
        raise missing("There are no CDS services here")


def _check(request: Request) -> None:
    """Raises Problem 401 without one of the two tokens."""
    expected = participant_of(request).settings.cds_token_hash
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if expected and scheme.lower() == "bearer" and hmac.compare_digest(token_hash(token), expected):
        return
    try:
        check_token(request)
    except Problem:
        raise unauthenticated("A token for this service is needed; the operator here gives one") from None
