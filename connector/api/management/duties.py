"""Duties of contracts: what is owed, what was done and what proves it, and stating that something is done."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.duties.views import DutyRow, DutyView

router = APIRouter(route_class=ManagementRoute, tags=["duties"])


class ProofSent(Sent):
    """What proves that a duty is done: a link, the SHA-256 of a document, words; at least one of them."""

    link: str = Field("", max_length=2048)
    digest: str = Field("", max_length=64)
    words: str = Field("", max_length=4000)


@router.get("/duties")
async def duties(
    called: Called, actor: Operator, agreement: str | None = None, state: str | None = None
) -> list[DutyRow]:
    """Duties of our contracts, the most pressing first."""
    return await called.duties.list(actor, agreement, state)


@router.get("/duties/{id}")
async def duty(called: Called, actor: Operator, id: str) -> DutyView:
    """One duty with its proof."""
    return await called.duties.show(actor, id)


@router.post("/duties/{id}/done", status_code=204)
async def done(called: Called, actor: Operator, id: str, sent: ProofSent) -> None:
    """State that a duty of ours is done."""
    await called.duties.state(actor, id, sent.link, sent.digest, sent.words)
