"""The connector under test, for any build of the compatibility kit.

    python -m tests.conformance.fixture --port N --directory D [--commit-delay MS] [--delay MS]
                                         [--more-datasets N] [--host ADDRESS]

Founds (or takes up again) the participant `CONNECTOR_UNDER_TEST` in D and serves the product's own application, on
loopback only. Its base is `/dsp/2025-1`, its triggers are `/tck/negotiations/requests` and `/tck/transfers/requests`,
its ids those of `tests.conformance.ids`. Prints `ready URL` once it answers. Any `Authorization` is the kit's: nothing
but a test on this machine may ever reach it.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from connector import logs
from connector.api.heads import HTTP
from connector.app import create
from connector.outbound.origins import is_loopback_host
from connector.problems import Problem
from connector.services.registry import Deciding
from connector.storage import SqliteStore
from connector.wiring import Plugs
from tests.conformance import seeds, triggers
from tests.conformance.plugs import (
    DELAY,
    KitIdentity,
    NullDataPlane,
    ScriptedNegotiations,
    ScriptedTransfers,
    SlowStore,
)


def application(commit_delay: float = 0.0, delay: float = DELAY) -> FastAPI:
    """The product's application with the fixture's plugs and triggers; delays in seconds."""
    app = create(
        plugs=Plugs(
            identity=KitIdentity,
            deciding=Deciding(
                negotiating=lambda _context: ScriptedNegotiations(delay),
                transferring=lambda _context: ScriptedTransfers(delay),
                data_plane=lambda _context: NullDataPlane(),
            ),
            store=partial(SlowStore, delay=commit_delay) if commit_delay else SqliteStore,
            fetching=False,
        )
    )
    app.include_router(triggers.router)
    return app


class Server(uvicorn.Server):
    """Says when it is ready, once it really answers."""

    async def startup(self, sockets: list[object] | None = None) -> None:
        """As uvicorn's, and then the line the kit's runner waits for."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            print(f"ready http://{host}:{self.config.port}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The program. Returns its exit code: 2 with one line when it will not serve."""
    asked = _arguments().parse_args(arguments)
    if not is_loopback_host(asked.host):
        return _refused(f"the fixture believes whoever calls it, so it listens on loopback only, not on {asked.host}")
    try:
        seeds.founded(asked.directory.resolve(), asked.host, asked.port, asked.more_datasets)
        app = application(asked.commit_delay / 1000, asked.delay / 1000)
    except Problem as problem:
        return _refused(str(problem))
    logs.configure("info", None)
    config = uvicorn.Config(
        app, host=asked.host, port=asked.port, loop="uvloop", http=HTTP, lifespan="on", log_config=None,
        access_log=False, server_header=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    Server(config).run()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.fixture", description="The connector under test."
    )
    parser.add_argument("--port", type=_port, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="made when it is not there")
    parser.add_argument("--commit-delay", type=int, default=0, metavar="MS", help="how much slower the disk is")
    parser.add_argument("--delay", type=int, default=int(DELAY * 1000), metavar="MS", help="before a scripted move")
    parser.add_argument("--more-datasets", type=int, default=0, metavar="N", help="beside those the kit knows")
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine only (default 127.0.0.1)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("must be a port, 1 to 65535")
    return int(text)


def _refused(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
