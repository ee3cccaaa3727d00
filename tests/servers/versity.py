"""Versity's S3 gateway as a process of its own: objects are files below a folder, signatures are checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import free_port, serving

ACCESS, SECRET, BUCKET, REGION = "concord-tests", "a-secret-of-tests/+=", "research", "eu-central-1"


@dataclass
class Versity:
    """One that runs."""

    root: Path
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def objects(self) -> dict[str, bytes]:
        """What is in the bucket, by key."""
        bucket = self.root / BUCKET
        files = (path for path in sorted(bucket.rglob("*")) if path.is_file())
        return {str(path.relative_to(bucket)): path.read_bytes() for path in files if ".sgwtmp" not in path.parts}


@asynccontextmanager
async def running(program: Path, scratch: Path) -> AsyncIterator[Versity]:
    """Started, with an empty bucket."""
    port = free_port()
    root, beside = scratch / "objects", scratch / "beside"
    for folder in (root / BUCKET, beside):
        folder.mkdir(parents=True)
    command = [
        str(program), "--port", f"127.0.0.1:{port}", "--region", REGION, "--quiet",
        "posix", "--sidecar", str(beside), str(root),
    ]  # fmt: skip
    environment = {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET, "PATH": ""}

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async with serving(command, environment, answers, 30):
        yield Versity(root, port)
