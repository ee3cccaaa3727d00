"""The Dataspace Protocol 2025-1 over HTTPS: one base path for both roles (bindings: catalog, negotiation, transfer)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of, sender_of
from connector.api.faults import again
from connector.api.packing import packed
from connector.identity.members import Member
from connector.problems import Problem
from connector.services.processes.answers import Answer
from connector.services.used_tokens import spending
from contracts.names import CONTEXT_URL, NIL_PID, MessageType

BASE = "/dsp/2025-1"
router = APIRouter(include_in_schema=False)
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
_ERRORS = {
    "catalog": {"@type": "CatalogError"},
    "negotiations": {"@type": "ContractNegotiationError", "providerPid": NIL_PID, "consumerPid": NIL_PID},
    "transfers": {"@type": "TransferError", "providerPid": NIL_PID, "consumerPid": NIL_PID},
}

Door = Callable[[Request], Awaitable[Response]]


@root.get("/.well-known/dspace-version")
async def versions() -> JSONResponse:
    """Version discovery: unversioned and unauthenticated (DSP 2025-1, common)."""
    return JSONResponse({"protocolVersions": [{"version": "2025-1", "path": BASE, "binding": "HTTPS"}]})


class Tidied:
    """Takes slashes too many, at the end of a path or behind our base: some peers' clients write them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with a path as the bindings spell it."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith(f"{BASE}/"):
            scope = {**scope, "path": f"{BASE}/{path[len(BASE) :].strip('/')}"}
        await self._app(scope, receive, send)


def _answering(part: str) -> Callable[[Door], Door]:
    """Errors in the form of this part of the protocol, whoever found them."""

    def wrapped(door: Door) -> Door:
        async def answered(request: Request) -> Response:
            try:
                return await door(request)
            except Problem as problem:
                return JSONResponse(error_body(part, problem), problem.status, again(problem))

        return answered

    return wrapped


def error_body(part: str, problem: Problem) -> dict[str, Any]:
    """A refusal in the form of one part of the protocol: `catalog`, `negotiations`, `transfers`."""
    form = _ERRORS.get(part, _ERRORS["catalog"])
    return {"@context": [CONTEXT_URL], **form, "code": problem.code, "reason": [str(problem)]}


@_answering("catalog")
async def catalog_request(request: Request) -> Response:
    """The catalogue as this participant may see it, paged by `Link`."""
    member, body = await _message(request)
    token = request.query_params.get("continuationToken")
    status, answer, links = await participant_of(request).services.catalogue.request(member, body, token)
    return await packed(request, _json(answer, status, {"link": links} if links else None))


@_answering("catalog")
async def catalog_dataset(request: Request) -> Response:
    """One dataset."""
    member = await _asker(request)
    dataset = str(request.path_params["dataset"])
    status, answer = await participant_of(request).services.catalogue.dataset(member, dataset)
    return await packed(request, _json(answer, status))


@_answering("negotiations")
async def negotiation_begun(request: Request) -> Response:
    """The initial contract request, or a provider's initial offer."""
    kind = MessageType.CONTRACT_OFFER if request.url.path.endswith("/offers") else MessageType.CONTRACT_REQUEST
    member, body = await _message(request, shares=True)
    return _sent(await participant_of(request).services.negotiations.receive(member, kind, None, body))


@_answering("negotiations")
async def negotiation(request: Request) -> Response:
    """Where a negotiation stands, and every further message of it, for either role."""
    return await _process(request, participant_of(request).services.negotiations, _NEGOTIATION)


@_answering("transfers")
async def transfer_begun(request: Request) -> Response:
    """The request for a transfer."""
    member, body = await _message(request, shares=True)
    transfers = participant_of(request).services.transfers
    return _sent(await transfers.receive(member, MessageType.TRANSFER_REQUEST, None, body))


@_answering("transfers")
async def transfer(request: Request) -> Response:
    """Where a transfer stands, and every further message of it, for either role."""
    return await _process(request, participant_of(request).services.transfers, _TRANSFER)


async def _process(request: Request, processes: Any, kinds: dict[str, MessageType]) -> Response:
    pid, tail = str(request.path_params["pid"]), str(request.path_params.get("tail", ""))
    if request.method == "GET":
        member = await _asker(request)
        if tail:
            raise Problem(404, "not-found", "There is nothing here")
        return _sent(await processes.state_of(member, pid))
    member, body = await _message(request, shares=True)
    if (kind := kinds.get(tail)) is None:
        raise Problem(404, "not-found", "There is nothing here")
    return _sent(await processes.receive(member, kind, pid, body))


async def _message(request: Request, *, shares: bool = False) -> tuple[Member, dict[str, Any]]:
    """Size, JSON, token: in this order (design 3.3). `shares`: the token is noted where the message is taken."""
    participant = participant_of(request)
    data = await read_bytes(request, participant.settings.body_limit)
    body = read_object(data)
    if shares:
        spending()
    return await sender_of(request, data), body


async def _asker(request: Request) -> Member:
    return await sender_of(request)


def _sent(answer: Answer) -> Response:
    return _json(answer.body, answer.status, then=BackgroundTask(answer.then) if answer.then else None)


def _json(
    body: Any, status: int, headers: dict[str, str] | None = None, then: BackgroundTask | None = None
) -> Response:
    """A JSON answer; `body` may be JSON already."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(content, status, headers, "application/json", then)


class Straight:
    """Opens the doors that take messages itself; everything else goes on to the framework.

    Its way to a door (router, exit stacks, four wrappers around the answer) costs as much as reading the message.
    """

    _EXACT: Mapping[str, Door] = {
        "catalog/request": catalog_request, "negotiations/request": negotiation_begun,
        "negotiations/offers": negotiation_begun, "transfers/request": transfer_begun,
    }  # fmt: skip
    _PROCESSES: Mapping[str, Door] = {"negotiations": negotiation, "transfers": transfer}

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        door = self._door(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if door is None:
            await self._app(scope, receive, send)
        else:
            answer = await door(Request(scope, receive, send))
            await answer(scope, receive, send)

    def _door(self, scope: Scope) -> Door | None:
        base, _, rest = scope["path"].partition(f"{BASE}/")
        if base or not rest:
            return None
        if (door := self._EXACT.get(rest)) is None:
            kind, _, named = rest.partition("/")
            pid, _, tail = named.partition("/")
            if (door := self._PROCESSES.get(kind)) is None or not pid:
                return None
            scope["path_params"] = {"pid": pid, "tail": tail}
        return door


for _path, _door, _methods in (
    ("/catalog/request", catalog_request, ["POST"]),
    ("/catalog/datasets/{dataset:path}", catalog_dataset, ["GET"]),
    ("/negotiations/request", negotiation_begun, ["POST"]),
    ("/negotiations/offers", negotiation_begun, ["POST"]),
    ("/negotiations/{pid}", negotiation, ["GET", "POST"]),
    ("/negotiations/{pid}/{tail:path}", negotiation, ["GET", "POST"]),
    ("/transfers/request", transfer_begun, ["POST"]),
    ("/transfers/{pid}", transfer, ["GET", "POST"]),
    ("/transfers/{pid}/{tail:path}", transfer, ["GET", "POST"]),
):
    router.add_route(f"{BASE}{_path}", _door, _methods, include_in_schema=False)
