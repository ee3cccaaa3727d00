"""Anybody who runs a kit can start the fixture; it works on after a SIGKILL and is no way into a real connector."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connector.app import create
from connector.founding import STORE_FILE, found
from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused
from connector.outbound.guard import clear
from connector.problems import Problem
from contracts.names import Role
from contracts.negotiation import NegotiationStep as N
from tests.conformance import ids, plugs, processes, seeds
from tests.conformance.fixture import main
from tests.conformance.peer import Peer
from tests.conformance.processes import NEGOTIATIONS, TRANSFERS
from tests.conformance.served import REPOSITORY, Served, free_port


def fixture(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, for as long as it takes to refuse."""
    asked = [sys.executable, "-m", "tests.conformance.fixture", *arguments]
    return subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org"])
def test_it_listens_on_nothing_but_loopback_and_says_why(tmp_path: Path, capsys, host: str):
    refused = main(["--port", str(free_port()), "--directory", str(tmp_path / "d"), "--host", host])
    said = capsys.readouterr()
    assert (refused, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert "loopback" in said.err
    assert not (tmp_path / "d").exists()


def test_it_does_not_take_over_the_directory_of_another_participant(tmp_path: Path):
    """Whoever points it at a real one by mistake finds everything as it was."""
    found(tmp_path / "real", "A Hospital", "hospital", free_port())
    before = (tmp_path / "real" / STORE_FILE).read_bytes()
    refused = fixture("--port", str(free_port()), "--directory", str(tmp_path / "real"))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "another participant" in refused.stderr
    assert (tmp_path / "real" / STORE_FILE).read_bytes() == before


def test_what_was_acknowledged_before_a_kill_is_there_afterwards(tmp_path: Path):
    with Served(tmp_path / "connector", delay=0) as served, Peer(served.url) as peer:
        agreed = NEGOTIATIONS[Role.PROVIDER, "AGREED"](peer)
        started = TRANSFERS[Role.PROVIDER, "STARTED"](peer)
        served.kill()
        served.start()
        assert (agreed.state(), started.state()) == ("AGREED", "STARTED")
        agreed.told(N.VERIFY)
        assert peer.post(agreed.path(N.VERIFY), agreed.say(N.VERIFY)).status_code == 400
        processes.requested(peer, "ACN0104").reaches("AGREED").told(N.VERIFY).reaches("FINALIZED")


def test_a_script_goes_on_after_a_kill_where_it_was(tmp_path: Path):
    """Killed with its offer on the way: the same offer arrives afterwards, once."""
    with Served(tmp_path / "connector", delay=0) as served, Peer(served.url) as peer:
        peer.answering = lambda heard: (503, None)
        begun = processes.requested(peer, "ACN0205")
        first = peer.awaits("ContractOfferMessage", begun.ours)
        served.kill()
        peer.answering = lambda heard: (200, None)
        served.start()
        peer.awaits("ContractNegotiationTerminationMessage", begun.ours)
        begun.reaches("TERMINATED")
        offers = [heard.body for heard in peer.heard if heard.kind == "ContractOfferMessage"]
        assert offers.count(first.body) == len(offers) > 1


def test_a_dead_address_of_a_peer_does_not_hold_up_its_living_one(tmp_path: Path):
    """The kit listens on another port in every run: what an earlier run left behind must not slow this one down."""
    with Served(tmp_path / "connector", delay=0) as served:
        with Peer(served.url) as gone:
            gone.answering = lambda heard: (503, None)
            for _ in range(10):
                begun = processes.requested(gone, "ACN0204")
            gone.awaits("ContractOfferMessage", begun.ours)
        with Peer(served.url) as peer:
            for _ in range(5):
                processes.requested(peer, "ACN0103").reaches("OFFERED").told(N.ACCEPT).reaches("AGREED")


@pytest.mark.parametrize("what", ["negotiations", "transfers"])
def test_a_trigger_wants_an_authorization_and_all_it_is_to_do(peer: Peer, what: str):
    nobody = peer.client.post(f"/tck/{what}/requests", json={})
    assert nobody.status_code == 401
    for body in ({}, {"datasetId": 7, "agreementId": 7}, {"datasetId": "", "agreementId": ""}):
        answer = peer.client.post(f"/tck/{what}/requests", json=body, headers={"authorization": "x"})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_trigger_for_an_agreement_that_is_not_there_is_not_found(peer: Peer):
    asked = {"agreementId": "none", "format": ids.FORMAT, "connectorAddress": peer.callback}
    answer = peer.client.post("/tck/transfers/requests", json=asked, headers={"authorization": "x"})
    assert answer.status_code == 404


# What is plugged in.


@pytest.mark.parametrize("header", [None, "", "  "])
def test_without_a_header_nobody_is_the_kit(header: str | None):
    identity = plugs.KitIdentity(None)  # type: ignore[arg-type]
    with pytest.raises(Problem) as refused:
        asyncio.run(identity.authenticate(header, b""))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "url", ["https://example.org/", "http://192.0.2.1/", "http://10.0.0.1/", "http://127.0.0.1.example.org/", "x", ""]
)
def test_the_kit_is_called_nowhere_but_on_this_machine(url: str):
    kit: Member = seeds.kit_member()
    with pytest.raises(OutboundRefused):
        clear(url, plugs.KitIdentity(None).destination(kit, url))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://localhost:8083/", "http://[::1]:2/", "http://127.9.9.9/"]
)
def test_every_address_of_this_machine_may_be_called(url: str):
    assert clear(url, plugs.KitIdentity(None).destination(seeds.kit_member(), url)).private  # type: ignore[arg-type]


def test_a_slow_disk_takes_its_time_for_every_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr(plugs.time, "sleep", slept.append)
    store = plugs.SlowStore(tmp_path / "store.db", lambda bells: None, delay=0.02)
    for _ in range(3):
        store.submit(lambda tx: None).result()
    store.close()
    assert slept == [0.02] * 3


# Nothing of it belongs to the product.


def test_the_product_has_no_triggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found(tmp_path / "d", "A Hospital", "hospital", free_port())
    monkeypatch.setenv("CONCORD_DIRECTORY", str(tmp_path / "d"))
    assert not [route for route in create().routes if getattr(route, "path", "").startswith("/tck")]


def test_nothing_of_the_fixture_is_in_the_wheel():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(packed) == {"packages"}
    assert not [name for name in packed["packages"] if name.startswith("tests")]


def test_the_product_knows_nothing_of_the_fixture():
    for folder in ("connector", "contracts", "catalog", "policy", "consent_ui"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            text = file.read_text()
            assert not re.search(r"\b(?:from|import)\s+tests\b|[\"']tests\.", text), file
            assert ids.KIT not in text, file
            assert ids.CONNECTOR not in text, file


def test_a_port_that_is_taken_is_said_and_not_waited_for(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = fixture("--port", str(taken.getsockname()[1]), "--directory", str(tmp_path / "d"))
    assert refused.returncode != 0
    assert "ready" not in refused.stdout
