"""The portal as one ASGI app with the connector: `uvicorn --factory consent_ui.app:create`.

The connector's app keeps its own addresses and error format; the portal stands behind it for everything else, and is
built when the first person comes.
"""

from __future__ import annotations

from fastapi import FastAPI

from connector import app as connector_app
from connector.api.deferred import Deferred

FOR_MACHINES = frozenset({"dsp", "api", "data", "consent", ".well-known", "idp", "health", "openapi.json"})
"""First steps of addresses that belong to the connector alone."""


def for_people(path: str) -> bool:
    """Whether an address is the portal's; unknown ones below the connector's are not."""
    return path.lstrip("/").partition("/")[0] not in FOR_MACHINES


def with_portal(connector: FastAPI) -> FastAPI:
    """A connector's app with the people's pages at `/`."""

    def build() -> FastAPI:
        from consent_ui.portal import portal  # a hundred pages: only for who comes

        return portal(connector)

    connector.router.routes.append(Deferred(for_people, build))
    return connector


def create() -> FastAPI:
    """The connector's app with the portal at `/`."""
    return with_portal(connector_app.create())
