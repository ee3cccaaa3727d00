"""What compose.yaml says, started by hand: the same commands and environment, on servers of this machine.

No container engine is needed. Paths of containers become folders of a test, ports become free ones, and the servers are
those that tests start anyway; in place of HAProxy stands the balancer of the demonstration.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from connector.demo.balancing import Balancer
from tests import brokers, postgres
from tests.house.tree import REPOSITORY

pytestmark = pytest.mark.slow
CONCORD = [sys.executable, "-P", "-c", "from connector.cli import main; main()"]
SERVED = ("hospital-1", "hospital-2", "research", "vendor", "wallet")
WORKERS = ("hospital-worker", "research-worker")
ONCE = ("hospital-founded", "hospital-replicated", "research-founded", "vendor-founded", "wallet-founded")
SECRETS = "/run/secrets"
PATIENCE = 120.0


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The whole file as docker-compose understands it, profiles included."""
    if not shutil.which("docker-compose"):
        pytest.skip("needs docker-compose, which is not installed")
    done = subprocess.run(
        ["docker-compose", "-f", "compose.yaml", "--profile", "metrics", "config"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, env=bare(),
    )  # fmt: skip
    described: dict[str, Any] = yaml.safe_load(done.stdout)
    return described


def bare() -> dict[str, str]:
    """The environment without settings of a participant."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}


def test_every_service_is_confined_and_pinned(described):
    for name, service in described["services"].items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"]), f"{name}: which version?"
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "keycloak", name
        assert not service.get("privileged"), name


def test_whoever_runs_on_says_how_it_is(described):
    running = {name: one for name, one in described["services"].items() if one["restart"] == "unless-stopped"}
    tests = {name: one.get("healthcheck", {}).get("test", ["NONE"]) for name, one in running.items()}
    unwatched = {name for name, test in tests.items() if test == ["NONE"]}
    assert unwatched == {"hospital", "hospital-worker", "research-worker", "prometheus"}


def test_no_secret_stands_in_the_file_and_each_is_made_by_the_script(described, tmp_path):
    subprocess.run(["sh", ".container/make-secrets", str(tmp_path / "made")], cwd=REPOSITORY, check=True)
    assert {one.name for one in (tmp_path / "made").iterdir()} == set(described["secrets"])
    before = {one.name: one.read_text() for one in (tmp_path / "made").iterdir()}
    subprocess.run(["sh", ".container/make-secrets", str(tmp_path / "made")], cwd=REPOSITORY, check=True)
    assert {one.name: one.read_text() for one in (tmp_path / "made").iterdir()} == before
    for name, service in described["services"].items():
        given = service.get("environment", {})
        assert not [one for one in given if "PASSWORD" in one and not one.endswith("_FILE")], name


def test_the_page_about_operations_explains_every_part(described):
    page = (REPOSITORY / "docs" / "operations.md").read_text().partition("### The data space in containers")[2]
    page = page.partition("\n## ")[0]
    named = [*described["services"], *described["volumes"], *described["secrets"]]
    variables = {one for service in described["services"].values() for one in service.get("environment", {})}
    named += sorted(one for one in variables if not one.startswith("CONCORD_") or one.endswith("_ORIGIN"))
    assert not [one for one in named if f"`{one}`" not in page]


@dataclass
class ByHand:
    """The services of the file as processes of this machine."""

    described: dict[str, Any]
    place: Path
    changed: list[tuple[str, str]]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def once(self, name: str) -> None:
        """A service that does one thing and ends."""
        done = subprocess.run(self.command(name), env=self.environment(name), capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"

    def start(self, name: str) -> str:
        """A service that runs on; returns the line with which it says that it is ready."""
        with (self.place / f"{name}.err").open("w") as errors:
            process = subprocess.Popen(
                [*self.command(name), "--json", "--until-input-ends"], env=self.environment(name), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self.running.append(process)
        assert process.stdout is not None
        return process.stdout.readline()

    def command(self, name: str) -> list[str]:
        service = self.described["services"][name]
        assert "entrypoint" not in service, name
        return [*CONCORD, *(self.here(one, name) for one in service["command"])]

    def environment(self, name: str) -> dict[str, str]:
        given = self.described["services"][name].get("environment", {})
        return (
            bare()
            | {"PYTHONPATH": str(REPOSITORY)}
            | {one: self.here(str(value), name) for one, value in given.items()}
        )

    def directory(self, name: str) -> Path:
        """Where this service keeps what is `/data` to it."""
        return Path(self.here("/replica" if name == "hospital-2" else "/data", name))

    def here(self, text: str, name: str) -> str:
        """What stands in the file, as it is called on this machine."""
        for volume in self.described["services"][name].get("volumes", ()):
            source, target = str(volume).split(":")[:2]
            text = re.sub(rf"^{target}(?=/|$)", str(self.place / source), text)
        for before, after in self.changed:
            text = text.replace(before, after)
        return text

    def end(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(PATIENCE)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def free_ports(count: int) -> list[int]:
    with_sockets = [socket.socket() for _ in range(count)]
    for one in with_sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in with_sockets]
    for one in with_sockets:
        one.close()
    return ports


@pytest.fixture
def by_hand(described: dict[str, Any], tmp_path: Path) -> Iterator[ByHand]:
    server, broker = postgres.needed(), brokers.needed()
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for number, name in enumerate(("hospital", "research")):
        database = server.created(f"compose_{name}_{os.getpid()}")
        (secrets / f"{name}_database_url").write_text(database)
        (secrets / f"{name}_broker_url").write_text(broker.url.replace("/0", f"/{number}"))
    published = ["8080", "8081", "8082", "8083", "8090", "8091", "8180"]
    changed = [(SECRETS, str(secrets)), *zip(published, map(str, free_ports(len(published))), strict=True)]
    made = ByHand(described, tmp_path, changed)
    yield made
    made.end()


async def test_the_whole_space_started_by_hand_is_ready_and_everybody_knows_everybody(by_hand: ByHand, tmp_path: Path):
    for name in ONCE:
        by_hand.once(name)
        by_hand.once(name)  # a set-up that is begun again finds what is there
    lines = await asyncio.gather(*(asyncio.to_thread(by_hand.start, name) for name in (*SERVED, *WORKERS)))
    assert all(json.loads(line)["pid"] for line in lines), lines
    ports = dict(by_hand.changed)
    async with Balancer(int(ports["8080"]), (int(ports["8090"]), int(ports["8091"]))):
        await introduced(by_hand, tmp_path)
        async with httpx2.AsyncClient(trust_env=False) as client:
            for port in ("8080", "8081", "8082", "8083", "8090", "8091"):
                answer = await client.get(f"http://127.0.0.1:{ports[port]}/health/ready")
                assert answer.status_code == 200, port
    for name in SERVED:
        healthy = [sys.executable, str(REPOSITORY / ".container" / "healthy.py"), str(by_hand.directory(name))]
        done = await asyncio.to_thread(subprocess.run, healthy, env=by_hand.environment(name))
        assert done.returncode == 0, name


async def introduced(by_hand: ByHand, tmp_path: Path) -> None:
    """The service `introduced`, with a `concord` on its path; doing it again adds nobody."""
    program = tmp_path / "bin" / "concord"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -P -c 'from connector.cli import main; main()' \"$@\"\n")
    program.chmod(0o755)
    service = by_hand.described["services"]["introduced"]
    places = [by_hand.here(one, "introduced") for one in service["command"]]
    command = [sys.executable, str(REPOSITORY / ".container" / "introduce.py"), *places]
    given = bare() | {"PYTHONPATH": str(REPOSITORY), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    for expected in ("12 introductions", "0 introductions"):
        done = await asyncio.to_thread(subprocess.run, command, env=given, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr


@pytest.mark.skipif(not shutil.which("haproxy"), reason="needs HAProxy (Debian: haproxy), which is not installed")
def test_the_balancers_settings_are_understood():
    done = subprocess.run(["haproxy", "-c", "-f", str(REPOSITORY / ".container" / "haproxy.cfg")], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_processes_behind_the_balancer_believe_it_and_nobody_else_does(described):
    believing = {
        name: one["environment"]["CONCORD_FORWARDED_ALLOW_IPS"]
        for name, one in described["services"].items()
        if "CONCORD_FORWARDED_ALLOW_IPS" in one.get("environment", {})
    }
    assert {believing.get("hospital-1"), believing.get("hospital-2")} == {"127.0.0.1"}
    assert all(name.startswith("hospital-") for name in believing)
