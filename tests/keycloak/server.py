"""A real Keycloak on loopback with the realm that is published with Concord, and what its administrator does there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx2

from tests.two_party.space import listening

REALM_FILE = Path(__file__).parents[2] / ".container" / "keycloak" / "concord-realm.json"
REALM = "concord"
_START = 240.0
_HEAP = "-Xms64m -Xmx512m"


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with listening() as free:
        return int(free.getsockname()[1])


@dataclass
class Keycloak:
    """A server in a folder of its own. `secret` is the administrator's password, and everybody's."""

    home: Path
    port: int = field(default_factory=free_port)
    watched: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: token_urlsafe(24), repr=False)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.base}/realms/{REALM}"

    def start(self, environment: Mapping[str, str]) -> None:
        """Returns when it is ready; the first start takes half a minute."""
        imports = self.home / "data" / "import"
        imports.mkdir(parents=True, exist_ok=True)
        shutil.copy(REALM_FILE, imports / REALM_FILE.name)
        given = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "JAVA_OPTS_KC_HEAP": _HEAP, **environment,
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": self.secret,
        }  # fmt: skip
        options = {
            "http-host": "127.0.0.1", "http-port": self.port, "http-management-host": "127.0.0.1",
            "http-management-port": self.watched, "health-enabled": "true", "hostname-strict": "false",
        }  # fmt: skip
        asked = [f"--{name}={value}" for name, value in options.items()]
        # A session of its own: the script starts Java, and both have to go in the end.
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.home / "bin" / "kc.sh"), "start-dev", "--import-realm", *asked], env=given, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _START
        while not self._is_ready():
            words = (self.home / "server.log").read_text()[-2000:]
            assert self._process.poll() is None, words
            assert time.monotonic() < deadline, words
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.watched}/health/ready", trust_env=False, timeout=5)
        except httpx2.TransportError:
            return False
        return answer.status_code == 200

    def stop(self) -> None:
        """End it at once, and whatever it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def pause(self, paused: bool) -> None:
        """Let it stand still, answering nobody, or go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    async def person(self, name: str, given: str, family: str) -> str:
        """Make somebody, and return their id: the `sub` of their tokens."""
        credentials = [{"type": "password", "value": self.secret, "temporary": False}]
        sent = {
            "username": name, "enabled": True, "firstName": given, "lastName": family, "email": f"{name}@example.org",
            "emailVerified": True, "credentials": credentials,
        }  # fmt: skip
        answer = await self._asked("POST", "/users", sent)
        return answer.headers["location"].rpartition("/")[2]

    async def give(self, person: str, client: str, role: str, *, take: bool = False) -> None:
        """Give somebody a role at one portal, or take it."""
        [found] = (await self._asked("GET", f"/clients?clientId={client}")).json()
        meant = (await self._asked("GET", f"/clients/{found['id']}/roles/{role}")).json()
        where = f"/users/{person}/role-mappings/clients/{found['id']}"
        await self._asked("DELETE" if take else "POST", where, [meant])

    async def disable(self, person: str) -> None:
        """Let somebody sign in no more."""
        await self._asked("PUT", f"/users/{person}", {"enabled": False})

    async def sign_out(self, person: str) -> None:
        """End everything somebody has open."""
        await self._asked("POST", f"/users/{person}/logout", None)

    async def sessions(self, person: str) -> list[dict[str, Any]]:
        """What somebody has open."""
        found: list[dict[str, Any]] = (await self._asked("GET", f"/users/{person}/sessions")).json()
        return found

    async def _asked(self, method: str, path: str, sent: object = None) -> httpx2.Response:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self.secret}
        async with httpx2.AsyncClient(trust_env=False, timeout=60, base_url=self.base) as client:
            token = await client.post("/realms/master/protocol/openid-connect/token", data=form)
            token.raise_for_status()
            headers = {"authorization": f"Bearer {token.json()['access_token']}"}
            answer = await client.request(method, f"/admin/realms/{REALM}{path}", json=sent, headers=headers)
        assert answer.is_success, (method, path, answer.status_code, answer.text[:500])
        return answer


@contextmanager
def running(distribution: Path, directory: Path, environment: Mapping[str, str]) -> Iterator[Keycloak]:
    """A server from a copy of the distribution, which it writes into; ended in the end."""
    shutil.copytree(distribution, directory, symlinks=True)
    server = Keycloak(directory)
    try:
        server.start(environment)
        yield server
    finally:
        server.stop()
