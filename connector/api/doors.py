"""What every door shares: how it gets hold of the participant it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import Request

from connector.problems import unauthenticated, unavailable

if TYPE_CHECKING:
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
