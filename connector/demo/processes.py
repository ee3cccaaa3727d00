"""The participants' processes: started, watched, and started again when one dies, until the demonstration ends.

Each is `concord serve` or `concord worker` in a process of its own. It says on its output when it is ready, and ends
when its input does: no process outlives the demonstration, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import connector
from connector.demo.space import Home

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_MOST_FAILURES = 8
_RUN = "from connector.cli import main; main()"


class CannotStart(Exception):
    """A participant's process ends whenever it is started; says which, and why."""


class Served:
    """One process of a participant (`kind`: serve or worker), whichever it is just now."""

    def __init__(self, home: Home, directory: Path, kind: str = "serve") -> None:
        self.home = home
        self.directory = directory
        self.kind = kind
        self.starts = 0
        self._failures = 0
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self.failed: CannotStart | None = None
        self._stopping = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The operating system's number of the process that serves now, 0 between two."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    @property
    def is_ready(self) -> bool:
        """Whether the process of this moment answers."""
        return self._ready.is_set() and self.failed is None

    @property
    def errors(self) -> Path:
        """What it wrote on its standard error."""
        return self.directory / ("process.err" if self.kind == "serve" else f"{self.kind}.err")

    async def start(self) -> None:
        """Start, and come back when it answers. Raises CannotStart."""
        self._watch = asyncio.create_task(self._keep_running())
        await self.ready()

    async def ready(self) -> None:
        """Wait until the process of this moment answers. Raises CannotStart."""
        await self._ready.wait()
        if self.failed is not None:
            raise self.failed

    async def stop(self) -> None:
        """End it, gently first."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
        if self._watch is not None:
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _keep_running(self) -> None:
        try:
            while not self._stopping:
                await self._run_once()
        except CannotStart as fault:
            self.failed = fault
            self._ready.set()

    async def _run_once(self) -> None:
        self.starts += 1
        self._process = process = await _spawn(self)
        try:
            if await asyncio.wait_for(_line(process), _START_SECONDS):
                self._failures = 0
                self._ready.set()
            await process.wait()
        except TimeoutError:
            process.kill()
        finally:
            was_ready = self._ready.is_set()
            self._ready.clear()
            await process.wait()
        if not was_ready and not self._stopping:
            await self._count_failure()

    async def _count_failure(self) -> None:
        """The first start of all must succeed; after a death, what the old process held may need a moment."""
        self._failures += 1
        if self.starts == 1 or self._failures == _MOST_FAILURES:
            reason = _last_line(self.errors) or f"its log is {_log(self)}"
            raise CannotStart(f"{self.home.character.name} did not start: {reason}")
        await asyncio.sleep(0.1 * self._failures)


async def _spawn(one: Served) -> Process:
    arguments = [one.kind, "--directory", str(one.directory), "--log-file", str(_log(one)), "--json"]
    with one.errors.open("ab") as errors:
        # A session of its own: Ctrl-C at the terminal is for the demonstration, which then ends its processes in order.
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _RUN, *arguments, "--until-input-ends",
            stdin=PIPE, stdout=PIPE, stderr=errors, env=_environment(), start_new_session=True,
        )  # fmt: skip


def _environment() -> dict[str, str]:
    """Ours, without settings that were meant for one participant, and with our own packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    return kept | {"PYTHONPATH": str(Path(connector.__file__).parent.parent)}


async def _line(process: Process) -> bytes:
    return await process.stdout.readline() if process.stdout is not None else b""


def _log(one: Served) -> Path:
    return one.errors.with_suffix(".log")


def _last_line(file: Path) -> str:
    lines = file.read_text("utf-8", errors="replace").splitlines() if file.exists() else []
    return lines[-1] if lines else ""
