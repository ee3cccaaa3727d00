"""`concord worker`: a process beside those that serve, which delivers messages and does jobs from Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Annotated

import typer

from connector import logs
from connector.cli import showing
from connector.cli.options import HERE, Directory, Json
from connector.cli.serving import Bound, LogFile
from connector.settings import Settings, load

Concurrency = Annotated[int, typer.Option(min=1, max=32, help="How many jobs it does at a time; deliveries apart.")]


def worker(
    concurrency: Concurrency = 2, directory: Directory = HERE, log_file: LogFile = None, json: Json = False,
    bound: Bound = False,
) -> int:  # fmt: skip
    """Deliver this participant's messages and do its jobs, beside the processes that serve it, until stopped."""
    from connector.worker import require_workers

    settings = load(directory.resolve())
    require_workers(settings)
    logs.configure(settings.log_level, log_file, settings.keep_logs_days)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_work(settings, concurrency, json, bound))
    return 0


async def _work(settings: Settings, at_once: int, json: bool, bound: bool) -> None:
    from connector.worker import work

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop.set)
    if bound:
        threading.Thread(target=_watch_input, args=(loop, stop), daemon=True).start()
    await work(settings, at_once, lambda: _announce(settings, json), stop)


def _announce(settings: Settings, json: bool) -> None:
    """One line on stdout, at the moment it works."""
    if json:
        sys.stdout.write(f'{{"participant": "{settings.participant_id}", "pid": {os.getpid()}}}\n')
    else:
        showing.say(f"A worker of {showing.safe(settings.name)} is ready")
    sys.stdout.flush()


def _watch_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Whoever started us holds the other end: when it is gone, nobody wants us any more."""
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(epilog="Example: concord worker --directory hospital --concurrency 4")(worker)
