"""Every page of the portal as one ASGI app."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from consent_ui.pages import (
    acting,
    answering,
    assessing,
    copies,
    desk,
    dpo,
    entry,
    following,
    handing_over,
    opting,
    patient,
    pausing,
    quarantine,
    receipts,
    relations,
    renewing,
    researcher,
    rights,
    steward,
    stopping,
    study_requests,
    tracing,
    watching,
    why,
)
from consent_ui.pages.contracting import (
    contracts,
    duties,
    first_offer,
    offers,
    requests,
    rooms,
    rules,
    transfers,
    unproven,
)
from consent_ui.rendering import STATIC
from consent_ui.shield import Shield
from consent_ui.trouble import HANDLERS
from consent_ui.visit import SIDES, STAFF

ROUTERS: tuple[tuple[str, APIRouter], ...] = (
    *(("", pages.router) for pages in (receipts, rights, opting, watching, desk)),
    *((f"/{side}", both_sides.router) for side in SIDES for both_sides in (rooms, transfers)),
    *((f"/{side}", tracing.router) for side in STAFF),
    *((f"/{side}", assessing.router) for side in STAFF),
    *((f"/{side}", quarantine.router) for side in STAFF),
    *((f"/{side}", why.router) for side in why.ROLES),
    ("", copies.router),
    *(("", pages.router) for pages in (pausing, following)),
    *(("", pages.router) for pages in (unproven, duties, contracts, rules, first_offer, requests, offers)),
    *(("", pages.router) for pages in (entry, patient, answering, stopping, researcher, study_requests, steward, dpo)),
    *(("", pages.router) for pages in (acting, renewing, handing_over, relations)),
)
"""Every page with what stands before its address; the narrower address before the one that would swallow it."""


def portal(connector: FastAPI) -> FastAPI:
    """The people's pages over a connector's app."""
    pages = FastAPI(
        title="Concord portal", openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=HANDLERS
    )
    pages.state.connector = connector
    pages.add_middleware(Shield)
    for prefix, router in ROUTERS:
        pages.include_router(router, prefix=prefix)
    pages.mount("/static", StaticFiles(directory=STATIC), name="static")
    return pages
