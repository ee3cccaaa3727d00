"""What every door shares: how it gets hold of the participant it serves, who sends, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import Request

from connector.problems import Problem, unauthenticated, unavailable
from connector.services import tracing
from connector.services.limits import place_of

if TYPE_CHECKING:
    from starlette.types import Scope

    from connector.identity.members import Member
    from connector.wiring import Participant


def participant_of(request: Request) -> Participant:
    """The running participant. Raises Problem 503 before it has started."""
    participant = getattr(request.app.state, "participant", None)
    if participant is None:
        raise unavailable("This participant is starting")
    return cast("Participant", participant)


def token_of(request: Request) -> str:
    """The bearer token; the scheme may be left out (DSP data addresses name it apart). Raises Problem 401."""
    scheme, _, token = request.headers.get("authorization", "").strip().rpartition(" ")
    if not token or scheme.strip().lower() not in ("", "bearer"):
        raise unauthenticated("A bearer token is needed", "no-token")
    return token


async def sender_of(request: Request, body: bytes = b"") -> Member:
    """The participant that signed a request with this body, as long as it has not come too often.

    Raises Problem 401, 429.
    """
    context = participant_of(request).context
    try:
        sender = await context.members.authenticate(request.headers.get("authorization"), body)
    except Problem as refused:
        if refused.status == 401:
            context.limits.refused(place(request.scope))
        raise
    tracing.sender_known()
    context.limits.participant(sender.id, request.scope["path"])
    return sender


def place(scope: Scope) -> str:
    """Where a request came from, as far as it counts."""
    client = scope.get("client")
    return place_of(client[0]) if client else ""
