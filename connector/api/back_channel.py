"""`/idp/back-channel`: the configured sign-in provider tells that somebody signed out there, or was signed out.

OpenID Connect Back-Channel Logout 1.0. Nobody has to show who they are: the logout token is signed by the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from connector.api.bodies import read_bytes
from connector.api.doors import participant_of
from connector.api.faults import again
from connector.problems import Problem, invalid

if TYPE_CHECKING:
    from connector.settings import Settings

PATH = "/idp/back-channel"
_LIMIT = 65_536
_HEADERS = {"cache-control": "no-store"}
router = APIRouter(include_in_schema=False)


@router.post(PATH)
async def signed_out(request: Request) -> Response:
    """End the sessions of a sign-in that is over: 200, or 400 with the error in the form of the specification (2.8)."""
    participant = participant_of(request)
    try:
        token = _token(await read_bytes(request, _LIMIT))
        await participant.services.accounts.signed_out_there(token)
    except Problem as refused:
        told = {"error": "invalid_request", "error_description": refused.title}
        return JSONResponse(told, refused.status, _HEADERS | (again(refused) or {}))
    return Response(headers=_HEADERS)


def install(app: FastAPI, settings: Settings) -> None:
    """Where people sign in at a provider that the operator named."""
    if settings.oidc_issuer and settings.portal:
        app.include_router(router)


def _token(body: bytes) -> str:
    try:
        sent = parse_qsl(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        sent = []
    tokens = [value for name, value in sent if name == "logout_token"]
    if len(tokens) != 1:
        raise invalid("A logout token is needed", "logout_token", "a form with one logout token")
    return tokens[0]
