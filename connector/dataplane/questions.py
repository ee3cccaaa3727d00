"""Asking received data: each question is answered by a process of its own, which is killed when its time is over."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

PROGRAM = "connector.dataplane.asking"
_ROOT = Path(__file__).resolve().parents[2]
_STARTING = 10.0
"""Seconds a process may take beside the time for its question."""


class QuestionProcess:
    """Implements `connector.services.received.asking.Runner`. `turns` questions are answered side by side."""

    def __init__(self, turns: int = 2) -> None:
        self._turns = asyncio.Semaphore(turns)

    async def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer of the process, or {"failed": why}."""
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT), "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
            try:
                async with asyncio.timeout(float(job["seconds"]) + _STARTING):
                    answer, _ = await process.communicate(orjson.dumps(job))
            except TimeoutError:
                return {"failed": f"It took longer than {job['seconds']} seconds"}
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            return {"failed": "It needed more memory or time than a question may take"}
        said: dict[str, Any] = orjson.loads(answer)
        return said
