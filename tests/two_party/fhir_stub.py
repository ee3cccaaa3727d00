"""A FHIR server of this test process, which can be told to misbehave: search with pages, histories, bulk exports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.two_party.space import QuietServer, listening, until

Json = dict[str, Any]
FHIR, NDJSON = "application/fhir+json", "application/fhir+ndjson"
KINDS = ("Patient", "Consent", "Observation", "Condition", "Practitioner")


@dataclass
class FhirStub:
    """`odd` maps the beginning of a path (with its query) to what is answered there in place of what is right."""

    port: int = 0
    release: str = "4.0.1"
    histories: str = "history-system"
    page: int = 3
    kept: dict[tuple[str, str], Json] = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    jobs: dict[str, list[tuple[str, list[Json]]]] = field(default_factory=dict)
    manifest: Json = field(default_factory=dict)
    looks: int = 0
    odd: dict[str, Callable[[Request], Response]] = field(default_factory=dict)
    _version: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def put(self, *resources: Json) -> None:
        """Store these, each under its own id, with what a server stamps on them."""
        for resource in resources:
            self._version += 1
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            stamp = {"versionId": str(self._version), "lastUpdated": at, "source": f"#{self._version}"}
            key = resource["resourceType"], resource["id"]
            self.kept[key] = {**resource, "meta": {**resource.get("meta", {}), **stamp}}
            request, response = {"method": "PUT", "url": "/".join(key)}, {"status": "200", "lastModified": at}
            self.history.append({"request": request, "response": response, "resource": self.kept[key]})

    def delete(self, kind: str, id: str) -> None:
        self._version += 1
        del self.kept[kind, id]
        request = {"method": "DELETE", "url": f"{kind}/{id}/_history/{self._version}"}
        response = {"status": "204", "lastModified": datetime.now(UTC).isoformat(timespec="milliseconds")}
        self.history.append({"request": request, "response": response, "fullUrl": f"{self.base}/{kind}/{id}"})

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    async def answer(self, request: Request) -> Response:
        """Everything: what is odd first."""
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.url.path.removeprefix("/fhir/") + query
        self.asked.append((request.method, path, dict(request.headers)))
        for beginning, odd in self.odd.items():
            if path.startswith(beginning):
                return odd(request)
        match request.url.path.removeprefix("/fhir/").split("/"):
            case ["metadata"]:
                return fhir(self._metadata())
            case ["$export"]:
                return self._begin(request)
            case ["jobs", number]:
                return self._job(request, number)
            case ["files", number, place]:
                lines = self.jobs[number][int(place)][1]
                return Response("".join(json.dumps(one) + "\n" for one in lines), media_type=NDJSON)
            case [*of, "_history"]:
                since = datetime.fromisoformat(request.query_params["_since"])
                told = [one for one in self.history if not of or one["request"]["url"].startswith(f"{of[0]}/")]
                told = [one for one in told if datetime.fromisoformat(one["response"]["lastModified"]) > since]
                return self._page(request, list(reversed(told)), "history")
            case [kind]:
                found = [one for key, one in sorted(self.kept.items()) if key[0] == kind]
                return self._page(request, [{"resource": one} for one in found], "searchset")
        return fhir({"resourceType": "OperationOutcome"}, 404)

    def _metadata(self) -> Json:
        offered = [{"code": "search-type"}, {"code": self.histories}]
        kinds = [{"type": kind, "interaction": offered} for kind in KINDS]
        rest = {"mode": "server", "resource": kinds, "interaction": [{"code": self.histories}]}
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.release, "rest": [rest]}

    def _page(self, request: Request, entries: list[Json], kind: str) -> Response:
        start = int(request.query_params.get("page", "0")) * self.page
        path = request.url.path
        for one in entries:
            if "resource" in one:
                one.setdefault("fullUrl", f"{self.base}/{one['resource']['resourceType']}/{one['resource']['id']}")
        links = [{"relation": "self", "url": str(request.url)}]
        if start + self.page < len(entries):
            since = f"&_since={request.query_params['_since']}" if "_since" in request.query_params else ""
            following = f"http://127.0.0.1:{self.port}{path}?page={start // self.page + 1}{since}"
            links.append({"relation": "next", "url": following})
        return fhir(
            {"resourceType": "Bundle", "type": kind, "link": links, "entry": entries[start : start + self.page]}
        )

    def _begin(self, request: Request) -> Response:
        if request.headers.get("prefer") != "respond-async":
            return fhir({"resourceType": "OperationOutcome"}, 400)
        number = str(len(self.jobs))
        wanted = request.query_params["_type"].split(",")
        kinds = sorted({kind for kind, _ in self.kept if kind in wanted}, reverse=True)
        self.jobs[number] = [
            (kind, [one for key, one in sorted(self.kept.items()) if key[0] == kind]) for kind in kinds
        ]  # fmt: skip
        return Response(status_code=202, headers={"content-location": f"{self.base}/jobs/{number}"})

    def _job(self, request: Request, number: str) -> Response:
        if request.method == "DELETE":
            return fhir({"resourceType": "OperationOutcome"}, 404)
        if self.looks:
            self.looks -= 1
            return Response(status_code=202, headers={"retry-after": "7", "x-progress": "soon"})
        files = [
            {"type": kind, "url": f"{self.base}/files/{number}/{place}", "count": len(lines)}
            for place, (kind, lines) in enumerate(self.jobs[number])
        ]
        said = {"transactionTime": datetime.now(UTC).isoformat(), "requiresAccessToken": True, "output": files,
                "deleted": [], "error": []}  # fmt: skip
        return JSONResponse(said | self.manifest)


def fhir(value: Json, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type=FHIR)


@asynccontextmanager
async def serving(stub: FhirStub) -> AsyncIterator[FhirStub]:
    """Serve it on loopback."""
    bound = listening(stub.port)
    stub.port = bound.getsockname()[1]
    app = Starlette(routes=[Route("/{path:path}", stub.answer, methods=["GET", "POST", "DELETE"])])
    server = QuietServer(uvicorn.Config(app, lifespan="off", access_log=False, log_config=None))
    task = asyncio.create_task(server.serve([bound]))
    await until(lambda: server.started, "the FHIR stub to start")
    try:
        yield stub
    finally:
        server.should_exit = True
        await task
