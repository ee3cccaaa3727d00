"""The consumer of the comparison: Concord's own application, with one more door by which the driver asks and waits.

Waiting is by the connector's bells, so that neither side of the comparison is polled by its driver. What was agreed is
not fetched by itself: the driver takes the first byte.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from connector.app import create as connector
from connector.records import Agreement, Negotiation, Transfer
from connector.services.actors import Actor
from connector.wiring import Participant, Plugs
from contracts import edc
from contracts.messages import DataAddress

OVER = ("FINALIZED", "TERMINATED")


def create() -> FastAPI:
    """The application, for uvicorn."""
    app = connector(Plugs(fetching=False))
    for verb in (ask, ended, transfer, started):
        app.add_api_route(f"/bench/{verb.__name__}", verb, methods=["POST"], response_model=None)
    return app


async def ask(request: Request) -> Response:
    """Ask for a contract as `concord` does, the offer at hand."""
    participant, asked = await _called(request)
    actor = Actor("bench", "bench", "researcher", participant.identity.id)
    return _answer({"pid": await participant.services.asking.start(actor, **asked)})


async def ended(request: Request) -> Response:
    """A negotiation once it is over."""
    participant, asked = await _called(request)
    found = await _when(participant, Negotiation, asked["pid"], lambda one: one.state in OVER)
    return _answer({"state": found.state, "agreement": found.agreement, "theirs": found.their_pid, "why": found.reason})


async def transfer(request: Request) -> Response:
    """Ask for the data of a contract."""
    participant, asked = await _called(request)
    agreement = await participant.store.read(lambda tx: tx.get(Agreement, asked["agreement"]))
    return _answer({"pid": await participant.services.transfers.ask(agreement)})


async def started(request: Request) -> Response:
    """Where a transfer's data is, once it has started."""
    participant, asked = await _called(request)
    found = await _when(participant, Transfer, asked["pid"], lambda one: one.state == "STARTED")
    reach = edc.read_address(DataAddress.read(found.data_address))
    assert reach is not None
    return _answer({"endpoint": reach.endpoint, "authorization": reach.authorization, "theirs": found.their_pid})


async def _called(request: Request) -> tuple[Participant, dict[str, Any]]:
    return request.app.state.participant, orjson.loads(await request.body())


async def _when(participant: Participant, kind: type, pid: str, holds: Any) -> Any:
    bells = participant.context.bells
    while True:
        seen = bells.count(f"about:{pid}")
        found = await participant.store.read(lambda tx: tx.get(kind, pid))
        if found is not None and holds(found):
            return found
        await bells.wait(f"about:{pid}", timeout=5.0, seen=seen)


def _answer(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
