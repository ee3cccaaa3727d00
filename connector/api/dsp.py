"""The Dataspace Protocol 2025-1 over HTTPS: one base path for both roles (bindings: catalog, negotiation, transfer)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of
from connector.identity.members import Member
from connector.problems import Problem
from connector.services.processes.machine import Answer
from contracts.names import NIL_PID, MessageType

router = APIRouter(prefix="/dsp/2025-1", include_in_schema=False)
root = APIRouter(include_in_schema=False)

_NEGOTIATION: dict[str, MessageType] = {
    "request": MessageType.CONTRACT_REQUEST,
    "offers": MessageType.CONTRACT_OFFER,
    "agreement": MessageType.CONTRACT_AGREEMENT,
    "agreement/verification": MessageType.CONTRACT_VERIFICATION,
    "events": MessageType.CONTRACT_EVENT,
    "termination": MessageType.CONTRACT_TERMINATION,
}
_TRANSFER: dict[str, MessageType] = {
    "start": MessageType.TRANSFER_START,
    "completion": MessageType.TRANSFER_COMPLETION,
    "suspension": MessageType.TRANSFER_SUSPENSION,
    "termination": MessageType.TRANSFER_TERMINATION,
}


@root.get("/.well-known/dspace-version")
async def versions() -> JSONResponse:
    """Version discovery: unversioned and unauthenticated (DSP 2025-1, common)."""
    return JSONResponse({"protocolVersions": [{"version": "2025-1", "path": "/dsp/2025-1", "binding": "HTTPS"}]})


@router.post("/catalog/request")
async def catalog_request(request: Request) -> Response:
    """The catalogue as this participant may see it, paged by `Link`."""
    try:
        member, body = await _message(request)
    except Problem as problem:
        return _catalog_error(problem)
    token = request.query_params.get("continuationToken")
    status, answer, links = await participant_of(request).services.catalogue.request(member, body, token)
    headers = {"link": links} if links else None
    return JSONResponse(answer, status, headers)


@router.get("/catalog/datasets/{dataset:path}")
async def catalog_dataset(request: Request, dataset: str) -> Response:
    """One dataset."""
    try:
        member = await _asker(request)
    except Problem as problem:
        return _catalog_error(problem)
    status, answer = await participant_of(request).services.catalogue.dataset(member, dataset.rstrip("/"))
    return JSONResponse(answer, status)


@router.post("/negotiations/request")
async def negotiation_request(request: Request) -> Response:
    """The initial contract request."""
    return await _negotiation(request, MessageType.CONTRACT_REQUEST, None)


@router.post("/negotiations/offers")
async def negotiation_offers(request: Request) -> Response:
    """A provider's initial offer."""
    return await _negotiation(request, MessageType.CONTRACT_OFFER, None)


@router.get("/negotiations/{pid}")
async def negotiation_state(request: Request, pid: str) -> Response:
    """Where a negotiation stands, for the counter-party."""
    try:
        member = await _asker(request)
    except Problem as problem:
        return _process_error(problem, "ContractNegotiationError")
    return _sent(await participant_of(request).services.negotiations.state_of(member, pid))


@router.post("/negotiations/{pid}/{tail:path}")
async def negotiation_message(request: Request, pid: str, tail: str) -> Response:
    """Every further message of a negotiation, for either role."""
    kind = _NEGOTIATION.get(tail.rstrip("/"))
    if kind is None:
        return _process_error(Problem(404, "not-found", "Not found"), "ContractNegotiationError")
    return await _negotiation(request, kind, pid)


@router.post("/transfers/request")
async def transfer_request(request: Request) -> Response:
    """The request for a transfer."""
    return await _transfer(request, MessageType.TRANSFER_REQUEST, None)


@router.get("/transfers/{pid}")
async def transfer_state(request: Request, pid: str) -> Response:
    """Where a transfer stands, for the counter-party."""
    try:
        member = await _asker(request)
    except Problem as problem:
        return _process_error(problem, "TransferError")
    return _sent(await participant_of(request).services.transfers.state_of(member, pid))


@router.post("/transfers/{pid}/{tail:path}")
async def transfer_message(request: Request, pid: str, tail: str) -> Response:
    """Every further message of a transfer, for either role."""
    kind = _TRANSFER.get(tail.rstrip("/"))
    if kind is None:
        return _process_error(Problem(404, "not-found", "Not found"), "TransferError")
    return await _transfer(request, kind, pid)


async def _negotiation(request: Request, kind: MessageType, pid: str | None) -> Response:
    try:
        member, body = await _message(request)
    except Problem as problem:
        return _process_error(problem, "ContractNegotiationError")
    return _sent(await participant_of(request).services.negotiations.receive(member, kind, pid, body))


async def _transfer(request: Request, kind: MessageType, pid: str | None) -> Response:
    try:
        member, body = await _message(request)
    except Problem as problem:
        return _process_error(problem, "TransferError")
    return _sent(await participant_of(request).services.transfers.receive(member, kind, pid, body))


async def _message(request: Request) -> tuple[Member, dict[str, Any]]:
    """Size, JSON, token: in this order (design 3.3)."""
    participant = participant_of(request)
    data = await read_bytes(request, participant.settings.body_limit)
    body = read_object(data)
    return await participant.context.members.authenticate(request.headers.get("authorization"), data), body


async def _asker(request: Request) -> Member:
    return await participant_of(request).context.members.authenticate(request.headers.get("authorization"), b"")


def _sent(answer: Answer) -> Response:
    return JSONResponse(answer.body, answer.status)


def _catalog_error(problem: Problem) -> Response:
    body = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogError",
            "code": problem.code, "reason": [str(problem)]}  # fmt: skip
    return JSONResponse(body, problem.status)


def _process_error(problem: Problem, kind: str) -> Response:
    body = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": kind, "providerPid": NIL_PID,
            "consumerPid": NIL_PID, "code": problem.code, "reason": [str(problem)]}  # fmt: skip
    return JSONResponse(body, problem.status)
