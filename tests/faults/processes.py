"""Connectors as processes of their own, that a test may kill: only network and disk are shared with them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connector.api.heads import HTTP
from connector.founding import STORE_FILE, Founded, found
from connector.records import MemberEntry
from connector.settings import load
from connector.storage import OpenStore, open_store

REPOSITORY = Path(__file__).parents[2]
SERVE = ("-m", "uvicorn", "connector.app:create", "--factory", "--http", HTTP, "--loop", "uvloop",
         "--log-level", "warning", "--no-access-log")  # fmt: skip
READY_WITHIN = 45.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """One participant's process, started again as often as it is killed."""

    founded: Founded
    port: int
    command: tuple[str, ...] = SERVE
    process: subprocess.Popen[bytes] | None = None
    log: list[Path] = field(default_factory=list)
    code: Path = REPOSITORY
    """Where the version lies that is to serve."""

    @classmethod
    def founded_in(cls, directory: Path, name: str, role: str, command: tuple[str, ...] = SERVE) -> Served:
        """Found a participant; it is not started yet."""
        port = free_port()
        return cls(found(directory / name, f"{name.capitalize()} One", role, port), port, command)

    @property
    def url(self) -> str:
        return self.founded.url

    @property
    def directory(self) -> Path:
        return Path(self.founded.directory)

    def start(self) -> None:
        """Start the process; returns at once."""
        arguments = [sys.executable, *self.command]
        if self.command[1] == "uvicorn":
            arguments += ["--port", str(self.port)]
        environment = os.environ | {"CONCORD_DIRECTORY": str(self.directory), "PYTHONPATH": str(self.code)}
        self.log.append(self.directory / f"process-{len(self.log)}.log")
        with self.log[-1].open("wb") as output:
            self.process = subprocess.Popen(
                arguments, cwd=self.code, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output
            )

    def wait_ready(self) -> None:
        """Wait until it takes requests."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log[-1].read_text()[-2000:]
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.founded.name} is not ready: {self.log[-1].read_text()[-2000:]}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """As a power cut would: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """The orderly way."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.process = None

    def memory(self) -> int:
        """Bytes of memory it holds now."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024

    @contextlib.contextmanager
    def opened(self) -> Iterator[OpenStore]:
        """Its store, while it does not run."""
        assert self.process is None, "two processes never use one store"
        store = open_store(self.directory / STORE_FILE, url=load(self.directory).store_url)
        try:
            yield store
        finally:
            store.close()


def introduce(*parties: Served) -> None:
    """Everybody learns to know everybody else, while nobody runs: entries as `concord trust add` would make them."""
    from connector.identity.keys import fingerprint, read_fingerprint
    from connector.identity.members import Member
    from connector.services.signing import KeySigner
    from connector.vault import FileVault
    from connector.vault.vault import PARTICIPANT_KEY

    members = []
    for party in parties:
        jwk = KeySigner(FileVault(party.directory / "vault").keys.signing_key(PARTICIPANT_KEY)).public_jwk
        assert fingerprint(jwk) == read_fingerprint(party.founded.fingerprint)
        members.append(
            Member(
                id=party.founded.id, name=party.founded.name, role=party.founded.role, origin=party.url,
                dsp=f"{party.url}/dsp/2025-1", consent=f"{party.url}/consent", data=f"{party.url}/data", keys=(jwk,),
                fingerprint=fingerprint(jwk), allow_http=True, added_at="2026-01-01T00:00:00Z",
            )
        )  # fmt: skip
    for party in parties:
        with party.opened() as store:
            for member in members:
                if member.id != party.founded.id:
                    entry = MemberEntry(
                        id=member.id, origin=member.origin, standing="active", entry=member.model_dump(mode="json")
                    )
                    store.submit(lambda tx, entry=entry: tx.put(entry)).result()
