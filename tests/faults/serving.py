"""The connector's application as it is served, without the jobs that fetch: transfers stay where people put them."""

from __future__ import annotations

from fastapi import FastAPI

from connector import app
from connector.wiring import Plugs


def create() -> FastAPI:
    """For uvicorn, as `connector.app.create`."""
    return app.create(Plugs(fetching=False))
