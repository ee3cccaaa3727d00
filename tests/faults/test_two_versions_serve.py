"""A hospital is brought to a new version while it works: the older, the newer beside it, each alone in between."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from connector.settings import load
from connector.storage import migrate
from connector.storage.sessions import connect
from tests import postgres
from tests.faults.pair import Pair, Side, verdict
from tests.faults.processes import REPOSITORY, Served, free_port
from tests.faults.test_database_restarted import Asking, kept
from tests.twins import beside


@dataclass
class Upgrading:
    """A research group, and a hospital whose processes share one database that the older version has shaped."""

    pair: Pair
    url: str
    again: Side

    def revision(self) -> str:
        with psycopg.connect(self.url) as connection:
            [found] = connection.execute("select version_num from alembic_version").fetchone() or [""]
        return str(found)


@pytest.fixture
def upgrading(tmp_path: Path) -> Iterator[Upgrading]:
    server = postgres.needed()
    older = beside.older_code()
    if older is None:
        pytest.skip("the history of this repository does not reach back to the older version")

    def moved(directory: Path) -> None:
        with (directory / "concord.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\ndatabase_url = "{server.belonging_to(directory)}"\n')

    pair = Pair.founded_in(tmp_path, moved=moved)
    hospital = pair.hospital.served
    hospital.code = older
    url = load(hospital.directory).store_url
    go_back(url, beside.REVISION)
    made = Upgrading(pair, url, Side("hospital again", beside_it(hospital)))
    yield made
    pair.close()
    made.again.kill()


def go_back(url: str, revision: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: plain(url), poolclass=NullPool)
    with engine.connect() as connection:
        migrate.downgrade(connection, revision)
    engine.dispose()


def plain(url: str) -> Any:
    connection = connect(url)
    connection.autocommit = False
    return connection


def beside_it(first: Served) -> Served:
    """The next version's process of the same participant: settings, vault and database, another directory and port."""
    place = first.directory.with_name("hospital-again")
    place.mkdir(mode=0o700)
    shutil.copy(first.directory / "concord.toml", place)
    shutil.copytree(first.directory / "vault", place / "vault")
    founded = replace(first.founded, directory=str(place))
    return Served(founded, free_port(), first.command, code=REPOSITORY)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_contracts_are_made_all_the_while_and_none_is_lost(upgrading: Upgrading):
    pair, newer = upgrading.pair, upgrading.again
    for side in pair.sides:
        side.start()
    assert upgrading.revision() == beside.REVISION
    asking = Asking(pair)
    asking.start()
    asking.wait_for_promises(3)
    newer.start()  # migrates, while the older one goes on
    assert upgrading.revision() == migrate.HEAD
    asking.wait_for_promises(8)
    swap(pair.hospital.served, newer.served)  # who asks is now answered by the newer; both deliver
    asking.wait_for_promises(8)
    newer.served.stop()  # by now this is the older one
    asking.wait_for_promises(4)
    asking.enough = True
    asking.join()
    pair.wait_until_quiet()
    for side in pair.sides:
        side.served.stop()

    ours, mine, my_steps, my_dead = kept(pair.research)
    theirs, yours, your_steps, your_dead = kept(pair.hospital)
    states = {negotiation.pid: negotiation.state for negotiation in ours}
    assert len(asking.promised) >= 23
    assert {states.get(pid) for pid in asking.promised} == {"FINALIZED"}
    assert {(one.their_pid, one.pid, one.state) for one in ours} == {
        (one.pid, one.their_pid, one.state) for one in theirs
    }
    assert {(one.id, one.digest) for one in mine} == {(one.id, one.digest) for one in yours}
    assert set(my_steps.values()) == set(your_steps.values()) == {1}
    assert (my_dead, your_dead) == ([], [])
    for side in pair.sides:
        found = verdict(side)
        assert found.ok, found.what


def swap(older: Served, newer: Served) -> None:
    """Both change places: the newer version serves at the address that others know, the older beside it."""
    older.stop()
    newer.stop()
    older.code, newer.code = newer.code, older.code
    for one in (older, newer):
        one.start()
    for one in (older, newer):
        one.wait_ready()


def test_a_table_that_is_being_read_is_changed_afterwards_and_nobody_queues_up_meanwhile(tmp_path: Path):
    """A backup reads every table for as long as it takes: the migration lets all others pass in between."""
    from connector.storage.postgres import PostgresStore

    server = postgres.needed()
    url = server.belonging_to(tmp_path)
    go_back(url, beside.REVISION)
    opened: list[PostgresStore] = []
    starting = threading.Thread(target=lambda: opened.append(PostgresStore(url)))
    with psycopg.connect(url) as backup:
        backup.execute("select count(*) from outbox_message")  # and its transaction stays open
        starting.start()
        waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        with psycopg.connect(url, autocommit=True) as other:
            deadline = time.monotonic() + 20
            while other.execute(waits).fetchone() != (1,) and time.monotonic() < deadline:
                time.sleep(0.01)
            other.execute("set statement_timeout = '15s'")
            other.execute("select count(*) from outbox_message")  # waits for two seconds at most
        assert not opened
    starting.join(60)
    [store] = opened
    store.close()
    with psycopg.connect(url) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (migrate.HEAD,)
