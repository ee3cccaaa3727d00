"""How easily somebody could be singled out: reports made before releases, and trials."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.releasing.risk_views import RiskView

router = APIRouter(route_class=ManagementRoute, tags=["provider"])


class TrialSent(Sent):
    """A trial of a dataset; `profile` is another packaged one than its own."""

    profile: str = Field("", max_length=200)


@router.get("/risk")
async def reports(
    called: Called, actor: Operator, agreement: str | None = None, dataset: str | None = None
) -> list[RiskView]:
    """The newest risk reports, of one contract or dataset if named."""
    return await called.risk.reports(actor, agreement, dataset)


@router.get("/risk/{id}")
async def report(called: Called, actor: Operator, id: str) -> RiskView:
    """One of them."""
    return await called.risk.show(actor, id)


@router.post("/risk/agreements/{id}", status_code=201)
async def of_agreement(called: Called, actor: Operator, id: str) -> RiskView:
    """A trial of what a release under a contract would bring now; nothing is released."""
    return await called.risk.of_agreement(actor, id)


@router.post("/risk/datasets/{id}", status_code=201)
async def of_dataset(called: Called, actor: Operator, id: str, sent: TrialSent) -> RiskView:
    """A trial of what a release of everybody in a dataset would bring; nothing is released."""
    return await called.risk.of_dataset(actor, id, sent.profile)
