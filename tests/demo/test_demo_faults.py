"""The demonstration on other people's bundles, and with its processes killed under it."""

import json
import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.demo.conftest import CONCORD, Told, surroundings, tell

pytestmark = pytest.mark.slow


def finished(told: Told) -> dict:
    assert told.code == 0, told.why
    assert told.report is not None
    return told.report


class Killer:
    """Kills participants when certain words appear on the terminal."""

    def __init__(self, space: Path, plan: dict[str, list[str]]) -> None:
        self._space = space
        self._plan = dict(plan)
        self.killed: list[str] = []

    def __call__(self, line: str) -> None:
        for words in [words for words in self._plan if words in line]:
            for who in self._plan.pop(words):
                pid = json.loads((self._space / who / "process.json").read_text())["pid"]
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(who)


def test_killing_each_process_at_several_points_loses_nothing(tmp_path, three_bundles):
    space = tmp_path / "space"
    plan = {
        "Data is imported": ["hospital"],
        "keeps records of": ["research"],
        "People link their records": ["wallet", "vendor"],
        "said yes": ["hospital"],
        "finalized": ["research"],
        "Wearables send": ["vendor"],
        "stops, while data flows": ["hospital", "wallet", "research"],
        "What happened can be proved": ["vendor"],
    }
    killer = Killer(space, plan)
    report = finished(tell(space, "--bundles", str(three_bundles), on_line=killer))
    assert len(killer.killed) >= 8
    assert set(killer.killed) == {"hospital", "vendor", "wallet", "research"}
    assert sum(report["restarts"].values()) >= len(killer.killed) - 1
    assert report["withdrawal"]["bytes_after"] == report["withdrawal"]["lines_left"] == 0


@pytest.fixture(scope="module")
def own(tmp_path_factory, three_bundles) -> tuple[Path, dict]:
    """The story on somebody's own three bundles: where, and what was measured."""
    space = tmp_path_factory.mktemp("own-space") / "space"
    return space, finished(tell(space, "--bundles", str(three_bundles)))


def test_other_peoples_bundles_play_the_same_story(own):
    _, report = own
    release = report["release"]
    assert report["patients"] == 3
    assert release["people"] + sum(release["withheld"].values()) == 3
    assert report["expected_yield"] == "fewer than 10"
    assert report["leaks"] == 0


def test_a_port_that_is_taken_meanwhile_is_replaced_and_the_others_learn_of_it(own, three_bundles):
    space, _ = own
    ports = {
        who: int((space / who / "concord.toml").read_text().partition("\nport = ")[2].partition("\n")[0])
        for who in ("hospital", "wallet")
    }
    with socket.socket() as first, socket.socket() as second:
        for taken, port in zip((first, second), ports.values(), strict=True):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
        report = finished(tell(space, "--bundles", str(three_bundles)))
    urls = {one["role"]: one["url"] for one in report["participants"]}
    assert all(urls[who] != f"http://127.0.0.1:{port}" for who, port in ports.items())
    assert report["round"] == 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "nothing to read"),
        ({"a.json": '{"resourceType": "Bundle", "type": "collection"}'}, "Nobody in these bundles can decide"),
        ({"a.json": "this is not JSON"}, "Nobody in these bundles can decide"),
    ],
)
def test_bundles_no_story_can_be_played_with_are_refused_in_one_line(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [*CONCORD, "demo", "--once", "--bundles", str(tmp_path)],
        capture_output=True, text=True, env=surroundings(), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
