"""What the demonstration must show, on the shipped people, from its report and from what it leaves behind."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from connector.demo.bundles import identifiers, shipped
from connector.demo.scan import files_of, scan
from tests.demo.conftest import CONCORD, surroundings, tell

pytestmark = pytest.mark.slow
ROLES = ["hospital", "vendor", "wallet", "research"]


@pytest.fixture(scope="module")
def report(played) -> dict:
    _, told = played
    assert told.code == 0, told.why
    return told.report


def test_four_participants_are_processes_with_directories_of_their_own(report, played):
    space, _ = played
    found = report["participants"]
    assert [one["role"] for one in found] == ROLES
    assert len({one["pid"] for one in found}) == len({one["url"] for one in found}) == 4
    assert [Path(one["directory"]) for one in found] == [space / role for role in ROLES]
    assert all((space / role / name).exists() for role in ROLES for name in ("concord.toml", "store.db", "vault"))


def test_everybody_was_released_or_withheld_for_a_reason(report):
    release = report["release"]
    assert report["patients"] == 29
    assert report["consented"] >= 10
    assert release["people"] + sum(release["withheld"].values()) == report["patients"]
    assert 10 <= release["people"] <= report["consented"]
    assert {"refused", "no-consent", "not-linked"} <= set(release["withheld"])
    assert sum(release["withheld_resources"].values()) > 0
    assert release["manifest_verified"] is True


def test_the_negotiation_was_finalized_and_timed(report):
    assert report["negotiation"]["state"] == "FINALIZED"
    assert report["negotiation"]["milliseconds"] > 0
    assert int(report["expected_yield"]) >= 10


def test_the_stop_reached_everybody_while_data_flowed(report):
    withdrawal, stream = report["withdrawal"], report["stream"]
    assert set(withdrawal["reached_milliseconds"]) == {"St. Elisabeth Hospital", "Lumen Wearables"}
    assert all(took > 0 for took in withdrawal["reached_milliseconds"].values())
    assert withdrawal["releases_running"] > 0
    assert withdrawal["bytes_erased"] > 0
    assert stream["flows_on"]
    assert stream["events"] > 0
    assert stream["points_per_second"] >= 5
    assert stream["stopped_milliseconds"] > 0
    for one in withdrawal["recipients"]:
        assert one["stopped"]
        assert one["erased"]
        assert one["statement_verified"]
    assert {one["name"] for one in withdrawal["recipients"]} == {"Northgate Heart Study Group"}
    assert withdrawal["bytes_after"] == withdrawal["lines_left"] == 0


def test_the_evidence_holds(report):
    assert report["audit"]["verified"] is True
    assert report["audit"]["entries"] > 100
    assert report["replay"]["same"] is True
    assert report["leaks"] == 0


def test_nothing_that_names_a_person_is_left_on_the_research_side_or_in_logs(report, played):
    space, _ = played
    logs = [space / role / "process.log" for role in ROLES]
    assert all(log.stat().st_size for log in logs)
    assert scan(identifiers(shipped()), [*files_of(space / "research"), *logs]) == []


def test_what_was_received_is_pseudonymised_and_kept_where_the_record_says(report, played):
    space, _ = played
    with sqlite3.connect(space / "research" / "store.db") as store:
        rows = store.execute("select path, kind, lines, verified from received_transfer").fetchall()
    store.close()
    assert {kind for _, kind, _, _ in rows} == {"records", "stream"}
    for path, kind, _lines, verified in rows:
        assert Path(path).is_relative_to(space / "research" / "received")
        assert verified or kind == "stream"
    first = next(Path(path) for path, kind, _, _ in rows if kind == "records")
    assert json.loads(first.read_text().splitlines()[0])["resourceType"]


def test_no_process_is_left_behind(report):
    assert not any(Path(f"/proc/{one['pid']}").exists() for one in report["participants"])


def test_the_stopped_participants_logs_verify_and_export(report, played, tmp_path):
    space, _ = played
    for command in (["audit", "verify"], ["audit", "export", str(tmp_path / "log")]):
        done = subprocess.run(
            [*CONCORD, *command, "--directory", str(space / "hospital"), "--json"],
            capture_output=True, text=True, env=surroundings(), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    script = tmp_path / "log" / "verify_export.py"
    done = subprocess.run([sys.executable, "-I", script, script.parent], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:3]) == (0, "ok:")


def test_a_second_run_is_a_new_round_on_the_old_state(report, played):
    space, _ = played
    again = tell(space)
    assert again.code == 0, again.why
    assert again.report["round"] == 2
    assert [one["participant_id"] for one in again.report["participants"]] == [
        one["participant_id"] for one in report["participants"]
    ]
    assert again.report["audit"]["entries"] > report["audit"]["entries"]
    assert again.report["release"]["people"] == report["release"]["people"]
    with sqlite3.connect(space / "wallet" / "store.db") as store:
        accounts = store.execute("select count(*), count(distinct subject) from account").fetchone()
        links = store.execute("select count(*), count(distinct account || holder) from wallet_link").fetchone()
    store.close()
    assert accounts == (30, 30)
    assert links[0] == links[1]
