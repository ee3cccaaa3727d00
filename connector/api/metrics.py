"""`GET /metrics`: figures for a supervisor (Prometheus), with a token of their own; there only where turned on."""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connector.api.doors import participant_of
from connector.identity.access import token_hash
from connector.problems import missing, unauthenticated

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Everything as it is now. Raises Problem 401, 404."""
    participant = participant_of(request)
    measuring = participant.services.metrics
    if measuring is None:
        raise missing("There are no metrics here")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = participant.settings.metrics_token_hash
    if not (scheme.lower() == "bearer" and hmac.compare_digest(token_hash(token), expected)):
        raise unauthenticated("The token for metrics is needed; its hash stands in `metrics_token_hash`")
    return Response(await measuring.text(), media_type=measuring.content_type)
