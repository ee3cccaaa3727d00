"""The portal as one ASGI app with the connector: `uvicorn --factory consent_ui.app:create`.

The connector's app keeps its own addresses and error format; the portal is mounted behind it for everything else.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from connector import app as connector_app
from consent_ui.pages import answering, dpo, entry, patient, researcher, steward, stopping, study_requests
from consent_ui.pages.contracting import contracts, first_offer, offers, requests, rooms, rules, transfers, unproven
from consent_ui.rendering import STATIC
from consent_ui.shield import Shield
from consent_ui.trouble import HANDLERS
from consent_ui.visit import SIDES

FOR_MACHINES = frozenset({"dsp", "api", "data", "consent", ".well-known", "idp", "health", "openapi.json"})
"""First steps of addresses that belong to the connector alone."""


class PeopleOnly(Mount):
    """A mount at the root that leaves the connector's addresses alone, unknown ones included."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """No match for anything a machine asks."""
        if scope["path"].lstrip("/").partition("/")[0] in FOR_MACHINES:
            return Match.NONE, {}
        return super().matches(scope)


def portal(connector: FastAPI) -> FastAPI:
    """The people's pages over a connector's app."""
    pages = FastAPI(
        title="Concord portal", openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=HANDLERS
    )
    pages.state.connector = connector
    pages.add_middleware(Shield)
    for both_sides in (rooms, transfers):
        for side in SIDES:
            pages.include_router(both_sides.router, prefix=f"/{side}")
    for routes in (unproven, contracts, rules, first_offer, requests, offers):
        pages.include_router(routes.router)
    for routes in (entry, patient, answering, stopping, researcher, study_requests, steward, dpo):
        pages.include_router(routes.router)
    pages.mount("/static", StaticFiles(directory=STATIC), name="static")
    return pages


def create() -> FastAPI:
    """The connector's app with the portal at `/`."""
    app = connector_app.create()
    app.router.routes.append(PeopleOnly("/", app=portal(app), name="portal"))
    return app
