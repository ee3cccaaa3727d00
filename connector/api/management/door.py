"""How the management API lets in: the process's own token first, then a bounded, strict body; then who acts."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of
from connector.problems import unauthenticated
from connector.services import tracing
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.registry import Services

if TYPE_CHECKING:
    from starlette.datastructures import State
    from starlette.types import Message

OPERATOR = "operator"
_Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class ManagementRoute(APIRoute):
    """Before anything of a request is believed: the token, the size, strict JSON."""

    def get_route_handler(self) -> _Handle:
        """See `fastapi.routing.APIRoute`."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            check_token(request)
            data = await read_bytes(request, participant_of(request).settings.body_limit)
            if data:
                read_object(data)

            async def again() -> Message:
                return {"type": "http.request", "body": data, "more_body": False}

            return await handle(Request(request.scope, again))

        return guarded


def check_token(request: Request) -> None:
    """Raises Problem 401 unless the request carries the token of the running process. Takes the same time for any."""
    check_authorization(request.app.state, request.headers.get("authorization", ""))


def check_authorization(state: State, stated: str) -> None:
    """The same of an `Authorization` header that was read already; `state` is the application's."""
    running = getattr(state, "running", None)
    scheme, _, token = stated.partition(" ")
    expected = running.token if running is not None else ""
    same = hmac.compare_digest(token.encode(), expected.encode())
    if not (same and expected and scheme.lower() == "bearer"):
        raise unauthenticated("The token of this process is needed; it stands in the participant's directory")
    tracing.sender_known()


class Sent(BaseModel):
    """A request body: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def acting(request: Request, role: str = OPERATOR) -> Actor:
    """The owner of this machine in a role."""
    return Actor(OPERATOR, OPERATOR, role, participant_of(request).identity.id)


def _operator(request: Request) -> Actor:
    return acting(request)


def _officer(request: Request) -> Actor:
    return acting(request, "dpo")


def _services(request: Request) -> Services:
    return participant_of(request).services


def _context(request: Request) -> Context:
    return participant_of(request).context


Operator = Annotated[Actor, Depends(_operator)]
Officer = Annotated[Actor, Depends(_officer)]
Called = Annotated[Services, Depends(_services)]
Around = Annotated[Context, Depends(_context)]
DOCUMENTED = [Security(HTTPBearer(auto_error=False, description="the token in process.json of the directory"))]
