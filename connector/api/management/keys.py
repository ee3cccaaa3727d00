"""Our own signing keys: which count, changing them, ending an overlap."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.rotation import LONGEST_DAYS, KeyRow

router = APIRouter(route_class=ManagementRoute, tags=["vault"])


class RotationSent(Sent):
    """How many days the key before it goes on counting; without it, as long as the settings say."""

    days: int | None = Field(default=None, ge=1, le=LONGEST_DAYS)


@router.get("/keys")
async def keys(called: Called, actor: Operator) -> list[KeyRow]:
    """Every signing key of this participant, the newest first."""
    return await called.rotation.rows(actor)


@router.post("/keys", status_code=201)
async def rotate(called: Called, actor: Operator, sent: RotationSent) -> KeyRow:
    """Sign with a new key from now on; the one before it goes on counting for a while."""
    return await called.rotation.rotate(actor, sent.days)


@router.post("/keys/{id}/retire")
async def retire(called: Called, actor: Operator, id: str) -> KeyRow:
    """End the overlap of an earlier key now."""
    return await called.rotation.retire(actor, id)
