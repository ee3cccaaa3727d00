"""The whole story on PostgreSQL, Redis and Celery, with two processes for the hospital, also while some are killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests import brokers, postgres
from tests.demo.conftest import CONCORD, Told, surroundings, tell

pytestmark = pytest.mark.slow
ROLES = ("hospital", "vendor", "wallet", "research")
Telling = Callable[..., Told]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the command needs to find the servers that this process started."""
    database, broker = postgres.needed(), brokers.needed()
    folder = tmp_path_factory.mktemp("servers")
    (folder / "database").write_text(database.url("postgres"))
    (folder / "broker").write_text(broker.url)
    return ["--database-url-file", str(folder / "database"), "--broker-url-file", str(folder / "broker")]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, servers: list[str]) -> tuple[Path, Told]:
    space = tmp_path_factory.mktemp("production") / "space"
    return space, tell(space, "--engine", "production", *servers)


@pytest.fixture(scope="module")
def report(played: tuple[Path, Told]) -> dict:
    _, told = played
    assert told.code == 0, told.why
    assert told.report is not None
    return told.report


def test_every_participant_has_a_worker_and_the_hospital_two_processes(report, played):
    space, _ = played
    kinds = {one["role"]: Counter(process["kind"] for process in one["processes"]) for one in report["participants"]}
    assert report["engine"] == "production"
    assert kinds == {role: {"serve": 2 if role == "hospital" else 1, "worker": 1} for role in ROLES}
    pids = [process["pid"] for one in report["participants"] for process in one["processes"]]
    assert len(set(pids)) == len(pids) == 9
    assert not list(space.rglob("store.db")), "records are kept in files"


def test_the_figures_are_those_of_the_embedded_engine(report):
    release, withdrawal = report["release"], report["withdrawal"]
    assert report["patients"] == 29
    assert report["consented"] == 13
    assert release["people"] + sum(release["withheld"].values()) == 29
    assert release["manifest_verified"] is True
    assert report["negotiation"]["state"] == "FINALIZED"
    assert report["stream"]["flows_on"]
    assert set(withdrawal["reached_milliseconds"]) == {"St. Elisabeth Hospital", "Lumen Wearables"}
    assert all(one["stopped"] and one["erased"] and one["statement_verified"] for one in withdrawal["recipients"])
    assert withdrawal["bytes_after"] == withdrawal["lines_left"] == 0
    assert report["leaks"] == 0
    assert report["audit"]["verified"] is True
    assert report["replay"]["same"] is True


def test_both_processes_of_the_hospital_did_something(report, played):
    space, _ = played
    for place in ("hospital", "hospital-2"):
        assert "ready" in (space / place / "process.log").read_text()
        assert (space / place / "vault" / "log-head").exists(), "it never kept the head of the log"
    assert not (space / "hospital-2" / "provenance").exists()
    assert list((space / "hospital" / "provenance").iterdir())


class Killer:
    """Kills processes when certain words appear on the terminal; they are named by their verb and directory."""

    def __init__(self, space: Path, plan: dict[str, list[tuple[str, str]]]) -> None:
        self._space = space
        self._plan = dict(plan)
        self.killed: list[tuple[str, str]] = []

    def __call__(self, line: str) -> None:
        for words in [words for words in self._plan if words in line]:
            for verb, place in self._plan.pop(words):
                for pid in _running(verb, self._space / place):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        self.killed.append((verb, place))


def _running(verb: str, directory: Path) -> list[int]:
    """The processes of the system that were started with this verb for this directory."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            said = one.read_bytes().split(b"\0")
            if verb.encode() in said and str(directory).encode() in said:
                found.append(int(one.parent.name))
    return found


def test_killing_processes_and_workers_at_several_points_loses_nothing(tmp_path, servers, three_bundles):
    space = tmp_path / "space"
    killer = Killer(space, {
        "Data is imported": [("serve", "hospital")],
        "keeps records of": [("worker", "hospital"), ("worker", "research")],
        "People link their records": [("worker", "wallet"), ("serve", "vendor")],
        "said yes": [("serve", "hospital-2")],
        "finalized": [("worker", "hospital"), ("serve", "research")],
        "Wearables send": [("worker", "vendor")],
        "stops, while data flows": [("serve", "hospital"), ("worker", "wallet"), ("worker", "research")],
        "What happened can be proved": [("serve", "hospital-2")],
    })  # fmt: skip
    told = tell(space, "--engine", "production", *servers, "--bundles", str(three_bundles), on_line=killer)
    assert told.code == 0, told.why
    assert told.report is not None
    assert len(killer.killed) >= 10
    assert sum(told.report["restarts"].values()) >= len(killer.killed) - 2
    assert told.report["withdrawal"]["bytes_after"] == told.report["withdrawal"]["lines_left"] == 0
    assert told.report["leaks"] == 0
    assert told.report["audit"]["verified"] is True


@pytest.mark.parametrize(("given", "words"), [((), "PostgreSQL"), (("database",), "Redis")])
def test_without_servers_the_command_says_which_one_it_needs(tmp_path, given, words):
    (tmp_path / "database").write_text("postgresql://127.0.0.1/postgres")
    files = [text for name in given for text in (f"--{name}-url-file", str(tmp_path / name))]
    done = subprocess.run(
        [*CONCORD, "demo", "--once", "--engine", "production", *files],
        capture_output=True, text=True, env=surroundings(), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"needs a {words} server" in done.stderr
    assert len(done.stderr.splitlines()) == 1
