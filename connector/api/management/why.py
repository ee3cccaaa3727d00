"""Why something stands as it does, and what is wrong or waits now."""

from __future__ import annotations

from fastapi import APIRouter

from connector.api.management.door import Called, ManagementRoute, Operator
from connector.services.why.surroundings import Surroundings
from connector.services.why.views import TroubleRow, Why

router = APIRouter(route_class=ManagementRoute, tags=["why"])


@router.get("/why")
async def troubles(called: Called, actor: Operator) -> list[TroubleRow]:
    """What is held up, what failed within 30 days, and what waits."""
    return await called.why.troubles(actor)


@router.get("/surroundings")
async def surroundings(called: Called, actor: Operator) -> Surroundings:
    """Whom we listen to and where, and the last time our log wrote down: for `concord doctor`."""
    return await called.why.surroundings(actor)


@router.get("/why/{id}")
async def why(called: Called, actor: Operator, id: str) -> Why:
    """Why the thing of this id stands as it does: a negotiation, transfer, contract, release, message, withdrawal,
    study, source or participant, by either side's number; `sign-in` and `callers` name who was refused lately."""
    return await called.why.explain(actor, id)
