"""OpenBao or HashiCorp Vault as a process of its own, in development mode, with the engine transit and one key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.servers.process import free_port, serving

KEY, ROOT = "concord", "a-root-token-of-tests"
POLICY = f"""
path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}
path "transit/decrypt/{KEY}" {{ capabilities = ["update"] }}
"""


_AS_BEFORE = "x509negativeserial=1"
"""A driver in it reads a certificate at its start that newer Go does not like."""


@dataclass
class Server:
    """One that runs. `token` may encrypt and decrypt with the key, and nothing else."""

    origin: str
    client: httpx2.AsyncClient
    token: str = ""

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request of its operator's."""
        answer = await self.client.request(
            method, f"{self.origin}/v1/{path}", json=dict(body or {}), headers={"x-vault-token": ROOT}
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    async def new_token(self) -> str:
        """A token of the policy."""
        made = await self.call("POST", "auth/token/create", {"policies": ["concord"], "no_default_policy": True})
        return str(made["auth"]["client_token"])


@asynccontextmanager
async def running(program: Path, scratch: Path) -> AsyncIterator[Server]:
    """Started, unsealed, with a key and a token."""
    port = free_port()
    command = [
        str(program), "server", "-dev", f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={ROOT}",
        "-dev-no-store-token",
    ]  # fmt: skip
    environment = {"HOME": str(scratch), "PATH": "", "GODEBUG": _AS_BEFORE}
    async with httpx2.AsyncClient(trust_env=False) as client:
        made = Server(f"http://127.0.0.1:{port}", client)

        async def answers() -> bool:
            try:
                return bool((await client.get(f"{made.origin}/v1/sys/health")).status_code == 200)
            except httpx2.TransportError:
                return False

        async with serving(command, environment, answers, 60):
            await made.call("POST", "sys/mounts/transit", {"type": "transit"})
            await made.call("POST", f"transit/keys/{KEY}")
            await made.call("PUT", "sys/policies/acl/concord", {"policy": POLICY})
            made.token = await made.new_token()
            yield made
