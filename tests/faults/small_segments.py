"""The connector's application with segments of 64 KiB, for uvicorn: a release is many of them, and soon there."""

from __future__ import annotations

from fastapi import FastAPI

from connector import app
from connector.services.releasing import planning
from connector.wiring import Plugs


def create() -> FastAPI:
    """For uvicorn, as `connector.app.create`."""
    planning.TARGET = 64 * 1024
    return app.create(Plugs(fetching=False))
