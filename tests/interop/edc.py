"""One Eclipse EDC connector as a process (control plane, data plane and pull proxy), from its published jars."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.interop.management import Management
from tests.interop.process import cpu_seconds, resident

RUNTIME = "org.eclipse.edc.boot.system.runtime.BaseRuntime"
APIS = {"": "/api", "control": "/control", "management": "/management", "protocol": "/protocol",
        "version": "/versions", "public": "/public"}  # fmt: skip
POLLING = ("negotiation.consumer", "negotiation.provider", "transfer", "data.plane.selector", "dataplane",
           "policy.monitor")  # fmt: skip
"""The state machines whose pause between two looks can be set; a second unless told otherwise."""
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options under which a JVM is ready sooner and slower afterwards: for scenarios, never for measurements."""
READY_WITHIN = 120.0


@dataclass
class Edc:
    """One EDC participant. `start` it, speak to it by `management`, `stop` it."""

    name: str
    directory: Path
    jars: Path
    client: httpx2.AsyncClient
    polling: int | None = 50
    """Milliseconds between two looks of every state machine; None leaves EDC's own second."""
    heap: str = "512m"
    """The most the JVM may take for its heap; empty leaves the JVM's own limit."""
    options: tuple[str, ...] = ()
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.ports = dict(zip(APIS, free_ports(len(APIS)), strict=True))
        self.management = Management(self.client, self._url("management"))

    @property
    def id(self) -> str:
        """Its participant id."""
        return self.name

    @property
    def protocol(self) -> str:
        """Where DSP messages go, by version below it."""
        return self._url("protocol")

    @property
    def dsp(self) -> str:
        """The base address of DSP 2025-1."""
        return f"{self.protocol}/2025-1"

    @property
    def data(self) -> str:
        """Where its data is pulled."""
        return self._url("public")

    def _url(self, api: str) -> str:
        return f"http://127.0.0.1:{self.ports[api]}{APIS[api]}"

    def launch(self) -> None:
        """Start the process; returns at once."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        settings = self.directory / "edc.properties"
        settings.write_text("".join(f"{key}={_escaped(value)}\n" for key, value in self._settings().items()))
        settings.chmod(0o600)
        limit = [f"-Xmx{self.heap}"] if self.heap else []
        command = ["java", *limit, *self.options, f"-Dedc.fs.config={settings}", "-cp", f"{self.jars}/*",
                   RUNTIME]  # fmt: skip
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=output, stderr=subprocess.STDOUT)

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.directory / "edc.log"

    async def ready(self) -> None:
        """Wait until its data plane takes transfers, the last thing to come up."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} stopped: {self.log.read_text()[-2000:]}"
            if await self.management.data_plane_available():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready after {READY_WITHIN} s: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def memory(self) -> int:
        """Bytes of memory it holds now."""
        assert self.process is not None
        return resident(self.process.pid)

    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        assert self.process is not None
        return cpu_seconds(self.process.pid)

    def _settings(self) -> dict[str, str]:
        private, public = key_pair()
        settings = {
            "edc.participant.id": self.name,
            "edc.dsp.callback.address": self.protocol,
            "edc.dataplane.api.public.baseurl": self.data,
            # What no vault holds is looked for among the settings.
            "edc.transfer.proxy.token.signer.privatekey.alias": "signing-key",
            "edc.transfer.proxy.token.verifier.publickey.alias": "checking-key",
            "signing-key": private,
            "edc.iam.publickeys.data.id": "checking-key",
            "edc.iam.publickeys.data.value": public,
            "edc.mock.region": "eu",
            # With it, a term that no extension evaluates is a fault; without, it is carried along unread.
            "edc.policy.validation.enabled": "false",
        }
        for api, path in APIS.items():
            place = f"web.http.{api}." if api else "web.http."
            settings |= {f"{place}port": str(self.ports[api]), f"{place}path": path}
        if self.polling is not None:
            settings |= {f"edc.{one}.state-machine.iteration-wait-millis": str(self.polling) for one in POLLING}
        return settings


def _escaped(value: str) -> str:
    """As a Java properties file has it."""
    return json.dumps(value)[1:-1]


def key_pair() -> tuple[str, str]:
    """A fresh EC key for the tokens of EDC's data plane, as PEM: private, public."""
    key = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@asynccontextmanager
async def running(*connectors: Edc) -> AsyncIterator[None]:
    """All of them started side by side, and stopped whatever happens."""
    async with AsyncExitStack() as stack:
        for one in connectors:
            stack.callback(one.stop)
            one.launch()
        await asyncio.gather(*(one.ready() for one in connectors))
        yield
