"""The connector's ASGI application. `consent_ui.app` wraps it with the pages for people."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from connector.api import back_channel, cds, data, dsp, exchange, faults, health, idp, metrics
from connector.api.deferred import Deferred
from connector.api.limiting import Limited
from connector.api.management.application import application
from connector.api.management.deidentifying import Application
from connector.lock import DirectoryLock
from connector.pace import steady
from connector.rootnames import require_own_packages
from connector.settings import load
from connector.wiring import PRODUCTION, Plugs, build

log = logging.getLogger("concord.app")


def create(plugs: Plugs = PRODUCTION) -> FastAPI:
    """Build the application for the directory in CONCORD_DIRECTORY; the participant starts with the lifespan."""
    require_own_packages()
    settings = load(Path(os.environ.get("CONCORD_DIRECTORY", ".")))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        lock = DirectoryLock(settings.directory).take()
        try:
            participant = await build(settings, plugs)
            app.state.running = lock.announce(_local(settings.bind_host, settings.port, bool(settings.tls_certificate)))
            app.state.participant = participant
            steady()
            log.info("ready", extra={"participant": participant.identity.id})
            try:
                yield
            finally:
                await participant.close()
        finally:
            lock.release()

    app = Application(
        title="Concord", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None,
        lifespan=lifespan, redirect_slashes=False,
    )  # fmt: skip
    app.state.settings = settings
    app.add_middleware(dsp.Straight)
    faults.install(app)
    for router in (dsp.router, data.router, exchange.router, dsp.root, health.router, cds.router, metrics.router):
        app.include_router(router)
    app.router.routes.append(Deferred(lambda path: path.startswith("/api/"), lambda: application(app.state)))
    app.add_middleware(dsp.Tidied)
    app.add_middleware(Limited)
    if settings.traces == "on":
        from connector.observe.traces import TracedRequests  # only for who keeps traces

        app.add_middleware(TracedRequests)
    idp.install(app, settings)
    back_channel.install(app, settings)
    return app


def _local(host: str, port: int, tls: bool) -> str:
    """How the owner of this directory reaches the process: by loopback where it listens on every address."""
    reachable = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104 - compared, not bound
    return f"{'https' if tls else 'http'}://{reachable}:{port}"
