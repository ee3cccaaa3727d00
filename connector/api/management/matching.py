"""Matching inside the vault: who of one source may be who of another."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.matching import Matched

router = APIRouter(route_class=ManagementRoute, tags=["vault"])


class MatchingSent(Sent):
    """Two sources of records, by name or id; the same twice looks for people who stand in one source twice."""

    source: str = Field(max_length=200)
    other: str = Field(max_length=200)


@router.post("/matching")
async def compare(called: Called, actor: Operator, sent: MatchingSent) -> Matched:
    """Compare them; each such look is logged."""
    return await called.matching.compare(actor, sent.source, sent.other)
