"""A research group's connector, served, that starts negotiations when told to on standard input.

Run as `python -m tests.faults.asking PORT PLAN` with CONCORD_DIRECTORY set. Each line of input is a number: so many
negotiations are started, and the id of each is printed the moment it has been promised (`start` returned). PLAN is a
JSON file with provider, dataset, offer, study and purpose.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from connector.api.heads import HTTP
from connector.app import create
from connector.services.actors import Actor
from tests.two_party.space import until


async def serve(port: int, plan: dict[str, Any]) -> None:
    """Serve, and ask, until the input ends or the process is killed."""
    app = create()
    server = uvicorn.Server(uvicorn.Config(app, port=port, http=HTTP, access_log=False, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the server")
    services = app.state.participant.services
    actor = Actor("researcher", "Researcher", "researcher", app.state.participant.identity.id)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        for _ in range(int(line)):
            pid = await services.negotiations.start(actor, **plan)
            sys.stdout.write(pid + "\n")
            sys.stdout.flush()
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
