"""`concord serve`: ready when it says so, found by other verbs, quiet about people, and gone when asked."""

import json
import signal
import socket
import subprocess
from contextlib import contextmanager

import pytest

from connector.outbound.management import ManagementClient
from tests.unit.connector.cli.conftest import CONCORD, apart, surroundings


@contextmanager
def serving(directory, *arguments, **extra):
    process = subprocess.Popen(
        [*CONCORD, "serve", "--directory", str(directory), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(**extra),
    )  # fmt: skip
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def port_of(directory) -> int:
    return int((directory / "concord.toml").read_text().partition("\nport = ")[2].partition("\n")[0])


@pytest.mark.slow
def test_a_served_participant_is_found_logs_no_person_and_stops_when_asked(concord, hospital, tmp_path):
    log = tmp_path / "serve.log"
    with serving(hospital, "--log-file", str(log)) as (process, first):
        assert first == f"Test Hospital is ready at http://127.0.0.1:{port_of(hospital)}\n"
        assert concord("show", "-d", hospital, "--json").value["pid"] == process.pid
        assert concord("trust", "list", "-d", hospital).code == 0
        verified = concord("audit", "verify", "-d", hospital, "--json")
        assert verified.value["ok"] is True
        second = concord("serve", "-d", hospital)
        assert (second.code, str(process.pid) in second.err) == (2, True)
        with ManagementClient(f"http://127.0.0.1:{port_of(hospital)}", "wrong") as client:
            assert client.call("GET", "/health/ready?name=Secret-Person").status == 200
            assert client.call("GET", "/nothing/Secret-Person").status == 404
            assert client.call("GET", "/api/members").status == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["what"] for line in lines} >= {"ready"}
    assert "Secret-Person" not in log.read_text()


@pytest.mark.slow
def test_it_ends_with_whoever_started_it(hospital):
    with serving(hospital, "--until-input-ends", "--json") as (process, first):
        assert json.loads(first)["pid"] == process.pid
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_port_that_is_taken_is_one_clear_line(hospital):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port_of(hospital)))
        taken.listen()
        said = apart("serve", hospital)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert str(port_of(hospital)) in said.err


def test_settings_nobody_could_sign_in_safely_with_do_not_start(hospital):
    said = apart("serve", hospital, CONCORD_BIND_HOST="0.0.0.0")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert "oidc_issuer" in said.err
