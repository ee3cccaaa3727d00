"""The kit's way of making the connector a consumer: two requests no other connector knows, served by the fixture alone.

Bodies as the kit sends them: whom to ask, for what, and at which address.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of
from connector.identity.members import Member
from connector.problems import invalid, missing
from connector.records import Agreement
from tests.conformance.plugs import offer_of

router = APIRouter(prefix="/tck", include_in_schema=False)


@router.post("/negotiations/requests")
async def negotiate(request: Request) -> JSONResponse:
    """Ask the kit for a contract. Problem 400, 401."""
    provider, asked = await _asked(request, "datasetId", "offerId", "connectorAddress")
    dataset = asked["datasetId"]
    pid = await participant_of(request).services.negotiations.ask(
        provider, dataset, offer_of(dataset, asked["offerId"]), callback=asked["connectorAddress"]
    )
    return JSONResponse({"consumerPid": pid}, 201)


@router.post("/transfers/requests")
async def transfer(request: Request) -> JSONResponse:
    """Ask the kit for the data of an agreement. Problem 400, 401, 404."""
    _, asked = await _asked(request, "agreementId", "format", "connectorAddress")
    participant = participant_of(request)
    agreement = await participant.store.read(lambda tx: tx.get(Agreement, asked["agreementId"]))
    if agreement is None:
        raise missing("There is no such agreement here")
    pid = await participant.services.transfers.ask(
        agreement, format=asked["format"], callback=asked["connectorAddress"]
    )
    return JSONResponse({"consumerPid": pid}, 201)


async def _asked(request: Request, *keys: str) -> tuple[Member, dict[str, Any]]:
    """Who is to be asked (the kit, which is the only one that speaks here), and the body with these texts in it."""
    participant = participant_of(request)
    data = await read_bytes(request, participant.settings.body_limit)
    body = read_object(data)
    provider = await participant.context.members.authenticate(request.headers.get("authorization"), data)
    for key in keys:
        if not isinstance(body.get(key), str) or not body[key]:
            raise invalid("The trigger cannot be read", key, "a text")
    return provider, body
