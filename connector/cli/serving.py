"""`concord serve`: one process for one participant, on uvicorn (uvloop, httptools)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector import logs
from connector.cli import showing
from connector.cli.options import HERE, Directory, Json
from connector.lock import running
from connector.problems import Problem
from connector.settings import Settings, load

if TYPE_CHECKING:
    import uvicorn

_GRACE = 3
"""Seconds that answers under way may still take after a stop was asked for, and hand-overs have ended; then cut."""
_LOOK = 0.1
"""Seconds after which a second Ctrl-C is noticed."""
_IDLE, _MOST_AT_ONCE = 5, 1000
"""Seconds a connection may be idle between two requests, and how many connections there may be (then 503)."""
_WITH_PORTAL, _WITHOUT = "consent_ui.app:create", "connector.app:create"

Place = Annotated[Path | None, typer.Argument(help="The participant's directory.", metavar="[DIR]", show_default=False)]
LogFile = Annotated[Path | None, typer.Option(help="Write the log there instead of stderr.", dir_okay=False)]
Bound = Annotated[bool, typer.Option("--until-input-ends", hidden=True, help="Stop when standard input ends.")]


def serve(
    place: Place = None, directory: Directory = HERE, log_file: LogFile = None, json: Json = False, bound: Bound = False
) -> int:
    """Serve this participant until stopped: the protocols for other connectors, the API, and the people's portal."""
    where = (place or directory).resolve()
    settings = load(where)
    if (other := running(where)) is not None:
        raise Problem(409, "in-use", f"Process {other.pid} serves this directory already", f"at {other.url}")
    listener = _listen(settings)
    os.environ["CONCORD_DIRECTORY"] = str(where)
    logs.configure(settings.log_level, log_file, settings.keep_logs_days)
    server = _server(settings, lambda: _announce(settings, json))
    for wanted in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops gracefully, then raises the signal again: by then it has done its work.
        signal.signal(wanted, lambda *_: None)
    if bound:
        threading.Thread(target=_watch_input, args=(server,), daemon=True).start()
    try:
        server.run(sockets=[listener])
    except SystemExit:
        raise _unable() from None
    return 0


def _server(settings: Settings, ready: Callable[[], None]) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Says when it is ready, once it really answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Nobody new is let in; what is being handed over may come to its end; then the rest is ended."""
            for server in self.servers:
                server.close()
            for connection in list(self.server_state.connections):
                connection.shutdown()
            draining = asyncio.ensure_future(_drained(self.config.loaded_app, settings.drain_seconds))
            while not (draining.done() or self.force_exit):
                await asyncio.wait({draining}, timeout=_LOOK)
            draining.cancel()
            await super().shutdown(sockets)

    return Server(uvicorn.Config(**_config(settings)))


async def _drained(app: Any, seconds: float) -> None:
    """Wait for hand-overs under way, so long at most. The app may stand in others that only pass on."""
    while not hasattr(app, "state"):
        app = app.app
    if (participant := getattr(app.state, "participant", None)) is not None:
        await participant.services.releasing.drain(seconds)


def _config(settings: Settings) -> dict[str, Any]:
    """uvicorn's settings. No access log: an address can name a person."""
    from connector.api.heads import HTTP

    return {
        "app": _WITH_PORTAL if settings.portal else _WITHOUT,
        "factory": True,
        "loop": "uvloop",
        "http": HTTP,
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.forwarded_allow_ips),
        "forwarded_allow_ips": settings.forwarded_allow_ips or None,
        "ssl_certfile": _beside(settings, settings.tls_certificate),
        "ssl_keyfile": _beside(settings, settings.tls_key),
        "timeout_graceful_shutdown": _GRACE,
        "timeout_keep_alive": _IDLE,
        "limit_concurrency": _MOST_AT_ONCE,
    }


def _listen(settings: Settings) -> socket.socket:
    """A bound socket. Raises Problem when the address is not to be had."""
    family = socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.bind_host, settings.port))
        listener.listen(1024)
    except OSError as fault:
        listener.close()
        raise Problem(
            409, "port-taken", f"Nothing can listen on {settings.bind_host} port {settings.port}",
            fault.strerror or "", "concord.toml", "a free `port`, with `public_url` to match",
        ) from None  # fmt: skip
    listener.set_inheritable(False)
    return listener


def _announce(settings: Settings, json: bool) -> None:
    """One line on stdout, at the moment the participant can be used."""
    if json:
        sys.stdout.write(f'{{"participant": "{settings.participant_id}", "pid": {os.getpid()}}}\n')
    else:
        showing.say(f"{showing.safe(settings.name)} is ready at {showing.safe(settings.public_url)}")
    sys.stdout.flush()


def _watch_input(server: uvicorn.Server) -> None:
    """Whoever started us holds the other end: when it is gone, nobody wants us any more."""
    while os.read(0, 4096):
        pass
    server.should_exit = True


def _unable() -> Problem:
    return Problem(409, "not-started", "The participant could not start", "the log says why")


def _beside(settings: Settings, file: Path | None) -> str | None:
    if file is None:
        return None
    return str(file if file.is_absolute() else settings.directory / file)


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(epilog="Example: concord serve --directory hospital --log-file hospital.log")(serve)
