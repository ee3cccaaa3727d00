"""Workers as processes of their own, beside a participant that this process serves, on a real Redis and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.founding import Founded
from connector.wiring import PRODUCTION, Plugs
from tests.brokers import Broker
from tests.faults.processes import REPOSITORY
from tests.two_party.space import Party, move_to_postgresql

_RUN = "import sys; from connector.cli import main; sys.exit(main())"
READY_WITHIN = 60.0


def by_workers(broker: Broker) -> Callable[[Founded], Plugs]:
    """For `Space.add`: a participant whose messages and jobs are done by workers."""

    def settle(founded: Founded) -> Plugs:
        place = Path(founded.directory)
        if "database_url" not in (place / "concord.toml").read_text("utf-8").replace("# database_url", ""):
            move_to_postgresql(place)
        with (place / "concord.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'jobs = "celery"\nbroker_url = "{broker.url}"\n')
        return PRODUCTION

    return settle


@dataclass
class WorkerProcess:
    """One worker, started again as often as it is killed."""

    directory: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self, concurrency: int = 2) -> None:
        """Start it; returns when it works."""
        arguments = ["worker", "--directory", str(self.directory), "--json", "--concurrency", str(concurrency)]
        with (self.directory / f"worker-{os.urandom(3).hex()}.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _RUN, *arguments, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_WITHIN):
            line = await self.process.stdout.readline()
        assert b"participant" in line, [one.read_text()[-2000:] for one in self.directory.glob("worker-*.log")]

    def send(self, which: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(which)

    async def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        """End it, as a power cut would unless told otherwise; returns its exit code."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(30):
            code = await self.process.wait()
        self.process = None
        return code


@dataclass
class Mailbox:
    """What arrives at a party of the protocol's messages, by id; `hold` keeps them from being answered."""

    party: Party
    came: Counter[str] = field(default_factory=Counter)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()
        negotiations = self.party.services.negotiations
        real = negotiations.receive

        async def receive(sender: Any, kind: Any, pid: Any, body: Any) -> Any:
            self.came[str(body.get("@id"))] += 1
            await self.open.wait()
            return await real(sender, kind, pid, body)

        negotiations.receive = receive
