"""Emergencies in care: declaring one, looking at the records, and the officer's review."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import Field

from connector.api.doors import participant_of
from connector.api.management.door import Called, ManagementRoute, Officer, Sent
from connector.problems import forbidden
from connector.services.actors import Actor
from connector.services.emergencies import Declaration, Declared, EmergencyRow
from connector.services.registry import Services

router = APIRouter(route_class=ManagementRoute, tags=["care"])


class EmergencySent(Sent):
    """Who looks (`account`), at whom, why, at which kinds of data (null: all), for how many hours; the second factor.

    `token` is an ID token of our sign-in provider for that account, from a sign-in of the last five minutes.
    """

    account: str
    person: str
    reason: str = Field(max_length=2000)
    categories: list[str] | None = None
    hours: float | None = None
    token: str = Field("", max_length=16_384)


class ReviewSent(Sent):
    """The officer's verdict: justified or not-justified, and what follows from it."""

    verdict: str
    note: str = Field("", max_length=2000)


async def _looking(request: Request, called: Services, account: str) -> Actor:
    """The member of staff with this account. Raises Problem 403: whether it is there or not."""
    found = next((one for one in await called.accounts.offered() if one.id == account), None)
    if found is None or not found.roles:
        raise forbidden("You are not among those who may declare an emergency here", "not-in-emergency-group")
    return Actor(found.id, found.name, found.roles[0], participant_of(request).identity.id)


@router.post("/emergencies", status_code=201)
async def declare(request: Request, called: Called, sent: EmergencySent) -> Declared:
    """Declare one; the person's wallet is told at once."""
    actor = await _looking(request, called, sent.account)
    asked = Declaration(sent.person, sent.reason, sent.categories, sent.hours)
    return await called.emergencies.declare(actor, asked, sent.token)


@router.get("/emergencies")
async def emergencies(called: Called, actor: Officer) -> list[EmergencyRow]:
    """Every emergency, those that wait for a verdict first."""
    return await called.emergencies.rows(actor)


@router.get("/emergencies/{id}/records")
async def emergency_records(
    request: Request, called: Called, id: str, account: Annotated[str, Header(alias="X-Account", max_length=200)] = ""
) -> Response:
    """The person's records as a FHIR Bundle; each look is logged. `X-Account` is whoever declared it."""
    found = await called.emergencies.records(await _looking(request, called, account), id)
    return Response(found, media_type="application/fhir+json", headers={"Cache-Control": "no-store"})


@router.post("/emergencies/{id}/review")
async def review(called: Called, actor: Officer, id: str, sent: ReviewSent) -> EmergencyRow:
    """The verdict, once; the person is told it."""
    return await called.emergencies.review(actor, id, sent.verdict, sent.note)
