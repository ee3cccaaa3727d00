"""A server as a process of its own: started, waited for until it answers, killed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from tests.two_party.space import listening


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with listening() as free:
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def serving(
    command: list[str], environment: Mapping[str, str], answers: Callable[[], Awaitable[bool]], seconds: float
) -> AsyncIterator[None]:
    """Runs it, with nothing else in its environment; `answers` says whether it does yet."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=dict(environment), stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(seconds):
            while not await answers():
                assert process.returncode is None, "the server ended"
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
