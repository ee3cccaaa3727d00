"""A worker of a participant: delivers its messages and does its jobs, with no door of its own.

It needs a database that several processes may use, and takes neither the directory nor a port: any number of workers
run beside the processes that serve.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from connector.jobs.consuming import Consuming
from connector.problems import Problem
from connector.settings import Settings
from connector.wiring import PRODUCTION, Plugs, build

log = logging.getLogger("concord.worker")


def require_workers(settings: Settings) -> None:
    """Raises Problem 409 where the settings leave workers nothing to do."""
    if settings.jobs != "celery":
        raise Problem(
            409, "no-workers", "This participant does its jobs in the process that serves it", "", "jobs",
            'jobs = "celery", with a PostgreSQL database and a broker',
        )  # fmt: skip


async def work(
    settings: Settings, at_once: int, ready: Callable[[], None], stop: asyncio.Event, plugs: Plugs = PRODUCTION
) -> None:
    """Work until `stop` is set; `ready` is called once it does. Raises Problem when it cannot."""
    require_workers(settings)
    participant = await build(settings, plugs, "worker", at_once)
    if participant.hands is None:
        raise RuntimeError("a worker always has hands")
    courier, runner = participant.hands
    consuming = Consuming(participant.identity.id, settings.broker, courier.deliver, runner.take, at_once)
    try:
        consuming.start()
        log.info("ready", extra={"participant": participant.identity.id})
        ready()
        await stop.wait()
    finally:
        await consuming.close()
        await participant.close()
