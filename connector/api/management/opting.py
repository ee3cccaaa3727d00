"""Opting out of secondary use, at a wallet, for the people it hosts."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connector.api.management.door import Called, ManagementRoute, Sent
from connector.api.management.people import person
from connector.services.wallet.opting_out import OptOutPage

router = APIRouter(route_class=ManagementRoute, tags=["wallet"])


class OptOutSent(Sent):
    """Whose opt-out it is."""

    account: str


@router.get("/people/{account}/opt-out")
async def opt_out_page(request: Request, called: Called, account: str) -> OptOutPage:
    """How a person stands, at which holders that counts, and what a change would change."""
    return await called.wallet.opt_outs.page(await person(request, called, account))


@router.post("/opt-outs", status_code=201)
async def opt_out(request: Request, called: Called, sent: OptOutSent) -> OptOutPage:
    """From now on no secondary use of this person's data."""
    return await called.wallet.opt_outs.opt_out(await person(request, called, sent.account))


@router.post("/opt-outs/reverse")
async def opt_in(request: Request, called: Called, sent: OptOutSent) -> OptOutPage:
    """Take it back."""
    return await called.wallet.opt_outs.opt_in(await person(request, called, sent.account))
