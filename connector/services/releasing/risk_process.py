"""Measuring in a process of its own, so that the serving process neither loads the engine nor waits for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import orjson

from connector.services.releasing.risk_figures import Figures, NotMeasured

PROGRAM = "connector.services.releasing.risk_program"
PATIENCE = 600.0
"""Seconds the process may take to answer once it has everything."""
_ROOT = Path(__file__).resolve().parents[3]


class Measurement:
    """One measurement; use as an async context manager. Every method raises `NotMeasured`.

    A row holds one text (or None) per quasi-identifier of `names`, and the sensitive value last.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Measurement:
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT), "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
        except OSError:
            raise NotMeasured from None
        await self._say(self._names)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())

    async def add(self, rows: Sequence[tuple[str | None, ...]]) -> None:
        """Hand rows over; waits while the process has not taken those before."""
        await self._say(rows)

    async def figures(self, *, sensitive: bool) -> Figures:
        """The figures over all rows; without `sensitive` nothing about the sensitive values."""
        await self._say({"sensitive": sensitive})
        try:
            async with asyncio.timeout(PATIENCE):
                said = await self._out.read()
            found = orjson.loads(said)
        except (TimeoutError, orjson.JSONDecodeError):
            raise NotMeasured from None
        if not found:
            raise NotMeasured
        return Figures.read(found)

    async def _say(self, value: object) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise NotMeasured
        try:
            process.stdin.write(orjson.dumps(value) + b"\n")
            await process.stdin.drain()
        except (OSError, TypeError):  # gone, or a text that is no text
            raise NotMeasured from None

    @property
    def _out(self) -> asyncio.StreamReader:
        if self._process is None or self._process.stdout is None:
            raise NotMeasured
        return self._process.stdout
