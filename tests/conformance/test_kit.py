"""The compatibility kit itself: 65 tests, all of them passed; and how its runner says that it cannot run, or lost.

The whole kit takes a minute, so a run of every test leaves it to `make conformance`, plays one test of each kind, and
says so where there is no Java. `CONCORD_WHOLE_KIT=1` asks for all of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import ids, jars, kit
from tests.conformance.kit import Result
from tests.conformance.served import REPOSITORY, Served, free_port

needs_java = pytest.mark.skipif(
    bool(jars.missing()), reason=f"the compatibility kit needs {' and '.join(jars.missing())}"
)
EACH_KIND = "MET:|CAT:|CN:01-03|CN:03-04|CN_C:01-01|CN_C:03-06|TP:01-04|TP:03-06|TP_C:01-04|TP_C:02-03"


def play(connector: Served, place: Path, only: str) -> Result:
    said: list[str] = []
    result = kit.run(place, kit.settings(connector.url, free_port()), only, said.append)
    assert result.failed == 0, "\n".join(said)
    return result


@pytest.fixture(scope="module")
def unhurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The fixture as the kit needs it: with the delays it wants before a move."""
    with Served(tmp_path_factory.mktemp("kit") / "connector") as served:
        yield served


@needs_java
@pytest.mark.slow
def test_one_test_of_each_kind_of_the_kit_passes(unhurried: Served, tmp_path: Path):
    assert play(unhurried, tmp_path, EACH_KIND) == Result(12, 0, 0)


@needs_java
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CONCORD_WHOLE_KIT"), reason="a minute: `make conformance` runs the whole kit")
def test_the_whole_kit_passes(unhurried: Served, tmp_path: Path):
    assert play(unhurried, tmp_path, "").good(kit.ALL)


# The runner.


def runner(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "tests.conformance.kit", *arguments]
    return subprocess.run(
        asked, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False, env=os.environ | environment
    )


def test_without_java_and_maven_it_says_what_is_missing_and_fails(tmp_path: Path):
    """An environment in which there is no program at all."""
    ended = runner(PATH=str(tmp_path))
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    for word in ("java", "javac", "mvn"):
        assert f"({word})" in ended.stderr
    assert ended.stdout.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize("wrong", [["--times", "0"], ["--times", "x"], ["--commit-delay", "x"], ["--nothing"]])
def test_an_option_it_does_not_know_is_a_usage_error(wrong: list[str]):
    assert runner(*wrong).returncode == 2


def test_an_old_java_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for program in ("java", "javac", "mvn"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert jars.missing() == ("a JDK 17 or later (java is 11)",)


@pytest.mark.parametrize(
    ("result", "expected", "good"),
    [
        (Result(65, 0, 2), 65, True),
        (Result(64, 0, 3), 65, False),
        (Result(64, 1, 2), 65, False),
        (Result(66, 0, 0), 65, False),
        (Result(65, 1, 0), 65, False),
        (Result(0, 0, 0), 65, False),
        (Result(3, 0, 0), None, True),
        (Result(0, 0, 0), None, False),
        (Result(3, 1, 0), None, False),
    ],
)
def test_only_all_of_65_is_a_success(result: Result, expected: int | None, good: bool):
    assert result.good(expected) is good


def test_the_poorest_of_several_runs_is_the_one_that_counts():
    assert min([Result(65, 0, 2), Result(60, 5, 2), Result(64, 1, 2)]) == Result(60, 5, 2)


def test_every_test_of_the_kit_has_its_ids():
    named = ids.properties()
    assert len({name for name in named if name.endswith("_DATASETID")}) == 15 + 16 + 3
    assert len({name for name in named if name.endswith("_AGREEMENTID")}) == 32
    assert named["CN_01_02_OFFERID"] == "CD123:ACN0102:456"
    assert named["CN_C_03_06_DATASETID"] == "ACNC0306"
    assert named["TP_C_02_04_AGREEMENTID"] == "ATPC0204"
    assert named["CAT_01_03_DATASETID"] == ids.UNKNOWN not in ids.DATASETS


def test_the_versions_of_the_kit_are_pinned_and_no_registry_is_named():
    pom = jars.POM.read_text()
    assert "<repository>" not in pom
    assert "<repositories>" not in pom
    assert not [word for word in ("LATEST", "RELEASE", "SNAPSHOT", "[", "(") if word in pom.partition("-->")[2]]
