"""The management API as an application of its own, with its description."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import State

from connector.api import faults
from connector.api.management.door import check_token


def application(state: State) -> FastAPI:
    """Every room under `/api`; `state` is the one of the application around it."""
    from connector.api.management.routes import router  # a hundred doors: only for who asks

    app = FastAPI(
        title="Concord", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state = state
    faults.install(app)
    app.add_api_route("/api/openapi.json", _description, include_in_schema=False)
    app.include_router(router)
    return app


async def _description(request: Request) -> JSONResponse:
    """What the management API takes and gives, for its own callers only. Raises Problem 401."""
    check_token(request)
    app: FastAPI = request.app
    return JSONResponse(app.openapi())
