"""A hospital's disk is lost and its backup restored: its log is as it was signed, and its peers and it agree."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connector.cli.program import run
from connector.records import Agreement, LogCheckpoint, Negotiation
from connector.settings import load
from tests import postgres
from tests.faults.pair import Pair, Side, verdict
from tests.faults.test_database_restarted import kept


@dataclass
class Kept:
    """A pair, and where the hospital's backup lies: records and vault apart."""

    pair: Pair
    records: Path
    vault: Path

    def back_up(self) -> None:
        directory = str(self.pair.hospital.served.directory)
        assert run(["admin", "backup", str(self.records), "--vault", str(self.vault), "-d", directory]) == 0

    def lose_the_disk(self) -> None:
        """The process dies with it; so does its database."""
        hospital = self.pair.hospital.served
        hospital.kill()
        url = load(hospital.directory).store_url
        if url:
            name = url.rpartition("/")[2]
            with psycopg.connect(postgres.needed().url("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            postgres.needed().created(name)
        shutil.rmtree(hospital.directory)

    def restore(self) -> None:
        directory = str(self.pair.hospital.served.directory)
        assert run(["admin", "restore", str(self.records), "--vault", str(self.vault), "-d", directory]) == 0


def _in_place(_directory: Path) -> None:
    """SQLite: nothing to do."""


def _on_postgresql(directory: Path) -> None:
    with (directory / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\ndatabase_url = "{postgres.needed().belonging_to(directory)}"\n')


ENGINES: dict[str, Callable[[Path], None]] = {"sqlite": _in_place, "postgresql": _on_postgresql}


@pytest.fixture(params=ENGINES)
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.delenv("CONCORD_DIRECTORY", raising=False)
    if request.param == "postgresql":
        postgres.needed()
    pair = Pair.founded_in(tmp_path, moved=ENGINES[request.param])
    yield Kept(pair, tmp_path / "backup", tmp_path / "safe")
    pair.close()


def asked(pair: Pair, count: int) -> list[str]:
    """So many contracts asked for by the research group: their pids there."""
    pids = []
    for _ in range(count):
        status, answer = pair.research.call("POST", "/negotiations", pair.wanted)
        assert status == 201, answer
        pids.append(answer["pid"])
    return pids


def known_to(side: Side) -> set[str]:
    """The contracts of a side, whether it runs or not."""
    return {row[0] for row in side.rows("select id from agreement")}


def refused(side: Side, agreement: str) -> dict[str, Any]:
    """Ask for data under a contract that the other side has forgotten: what `concord why` says of it in the end."""
    status, answer = side.call("POST", "/transfers", {"agreement": agreement})
    assert status == 201
    deadline = time.monotonic() + 60
    while side.call("GET", f"/transfers/{answer['pid']}")[1]["state"] != "terminated" and time.monotonic() < deadline:
        time.sleep(0.05)
    return dict(side.call("GET", f"/why/{answer['pid']}")[1])


def contracts(side: Side) -> dict[str, tuple[str, str]]:
    """Of a side that does not run: the standing and the digest of every contract."""
    with side.served.opened() as store:
        found = store.read_now(lambda tx: tx.find(Agreement))
    return {one.id: (one.standing, one.digest) for one in found}


@pytest.mark.timeout(180)
def test_what_was_under_way_at_the_backup_is_brought_to_its_end_after_the_restore(stage: Kept):
    """The backup is made while contracts are negotiated; the disk is lost before anything more is asked for."""
    pair = stage.pair
    for side in pair.sides:
        side.start()
    before = asked(pair, 3)
    pair.wait_until_quiet()
    pair.research.kill()  # what the hospital says from now on waits in its outbox
    status, _ = pair.hospital.call("GET", "/negotiations")
    assert status == 200
    pair.research.start()
    during = asked(pair, 1)
    pair.research.kill()
    stage.back_up()
    stage.lose_the_disk()
    stage.restore()
    for side in pair.sides:
        side.start()
    after = asked(pair, 2)
    pair.wait_until_quiet()
    for side in pair.sides:
        side.served.stop()
    ours, mine, my_steps, my_dead = kept(pair.research)
    theirs, yours, your_steps, your_dead = kept(pair.hospital)
    states = {one.pid: one.state for one in ours}
    assert {states[pid] for pid in (*before, *during, *after)} == {"FINALIZED"}
    assert {(one.their_pid, one.pid, one.state) for one in ours} == {
        (one.pid, one.their_pid, one.state) for one in theirs
    }
    assert {(one.id, one.digest, one.standing) for one in mine} == {(one.id, one.digest, one.standing) for one in yours}
    assert set(my_steps.values()) == set(your_steps.values()) == {1}
    assert (my_dead, your_dead) == ([], [])
    for side in pair.sides:
        found = verdict(side)
        assert found.ok, found.what


@pytest.mark.timeout(180)
def test_a_restore_to_an_older_state_loses_what_came_after_and_nothing_before(stage: Kept):
    """The log goes on from where the backup was made; what only the peer still knows is named when it asks for it."""
    pair = stage.pair
    for side in pair.sides:
        side.start()
    asked(pair, 2)
    pair.wait_until_quiet()
    stage.back_up()
    pair.hospital.served.stop()
    known = contracts(pair.hospital)
    pair.hospital.start()
    asked(pair, 2)
    pair.wait_until_quiet()
    stage.lose_the_disk()
    stage.restore()
    pair.hospital.start()
    asked(pair, 1)
    pair.wait_until_quiet()
    forgotten = sorted(known_to(pair.research) - known_to(pair.hospital))
    assert len(forgotten) == 2
    said = refused(pair.research, forgotten[0])
    assert (said["headline"], said["answer"]["status"]) == ("The provider knows no such contract with us.", 404)
    for side in pair.sides:
        side.served.stop()
    here, there = contracts(pair.hospital), contracts(pair.research)
    assert len(there) == 5
    assert len(here) == 3
    assert known.items() <= here.items()
    assert here.items() <= there.items()
    for side in pair.sides:
        found = verdict(side)
        assert found.ok, found.what
    with pair.hospital.served.opened() as store:
        notes = store.read_now(lambda tx: [one.note for one in tx.find(LogCheckpoint)])
        steps = store.read_now(lambda tx: Counter(one.state for one in tx.find(Negotiation)))
    assert notes
    assert steps == {"FINALIZED": 3}
