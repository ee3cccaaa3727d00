"""PostgreSQL with several processes: one turn, one order, bells everywhere, and a server that goes away."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from connector.ports import EVERY_BELL, StoreFull
from connector.problems import Problem
from connector.records import LogEntry, Setting
from connector.storage import migrate, sessions
from connector.storage.postgres import PostgresStore
from tests import postgres

PATIENCE = 20


@pytest.fixture
def stores(url):
    """Two processes of one participant, as far as the database can tell."""
    opened = [PostgresStore(url), PostgresStore(url)]
    yield opened
    for store in opened:
        store.close()


def setting(name: str = "a", value: str = "0") -> Setting:
    return Setting(name=name, value=value)


def administer(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        ran = connection.execute(statement)
        return ran.fetchall() if ran.description else []


def end_sessions(url: str, of: str = "true") -> int:
    """Cut connections, as a server that restarts does; returns how many."""
    return len(administer(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of}"
                               " AND datname = current_database() AND pid <> pg_backend_pid()"))  # fmt: skip


def until(holds, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


# Turns


def test_commands_of_several_processes_follow_one_another_and_none_is_lost(stores):
    stores[0].submit(lambda tx: tx.add(setting())).result()

    def increase(tx):
        found = tx.get(Setting, "a")
        tx.put(setting(value=str(int(found.value) + 1)))

    futures = [stores[n % 2].submit(increase) for n in range(200)]
    assert [future.result(PATIENCE) for future in futures] == [None] * 200
    assert stores[1].read_now(lambda tx: tx.get(Setting, "a")).value == "200"


def test_what_one_sees_missing_another_cannot_add_meanwhile(stores):
    """Two rows that must not both be there: nothing but the turn keeps the second command from not seeing the first."""

    def add_unless_there(name):
        def command(tx):
            if tx.count(Setting) == 0:
                tx.add(setting(name))

        return command

    for _ in range(20):
        futures = [store.submit(add_unless_there(str(n))) for n, store in enumerate(stores)]
        for future in futures:
            future.result(PATIENCE)
        assert stores[0].submit(lambda tx: tx.remove(Setting, name=["0", "1"])).result(PATIENCE) == 1


def test_entries_of_the_log_are_numbered_without_gaps_in_the_order_they_commit(stores):
    seen: list[list[int]] = []
    over = threading.Event()

    def watch():
        while not over.is_set():
            seen.append(stores[1].read_now(lambda tx: [one.sequence for one in tx.find(LogEntry, order="sequence")]))

    def append(tx, fails):
        tx.append(LogEntry, position=None)
        if fails:
            raise RuntimeError

    watcher = threading.Thread(target=watch)
    watcher.start()
    futures = [stores[n % 2].submit(lambda tx, n=n: append(tx, n % 5 == 0)) for n in range(200)]
    assert sum(future.exception(PATIENCE) is not None for future in futures) == 40
    over.set()
    watcher.join()
    assert all(some == list(range(1, len(some) + 1)) for some in seen)
    assert len(stores[0].read_now(lambda tx: tx.find(LogEntry))) == 160


def test_a_process_that_stands_still_loses_its_turn_and_does_its_command_again(url, monkeypatch):
    monkeypatch.setattr(sessions, "_BEGIN", sessions._BEGIN.replace("'15s'", "'300ms'"))
    slow, quick = PostgresStore(url), PostgresStore(url)
    began, runs = threading.Event(), []

    def stand_still(tx):
        runs.append(tx)
        tx.put(setting("slow"))
        began.set()
        if len(runs) == 1:
            until(lambda: quick.read_now(lambda tx: tx.get(Setting, "quick")), "the other's turn")

    try:
        first = slow.submit(stand_still)
        assert began.wait(PATIENCE)
        quick.submit(lambda tx: tx.put(setting("quick"))).result(PATIENCE)
        first.result(PATIENCE)
        assert len(runs) == 2
        assert quick.read_now(lambda tx: tx.count(Setting)) == 2
    finally:
        slow.close()
        quick.close()


# Bells


def test_a_bell_rings_in_every_process_once_it_is_durable_and_in_the_own_one_once(url):
    rung: tuple[list[set[str]], list[set[str]]] = ([], [])
    stores = [PostgresStore(url, rung[n].append) for n in range(2)]

    def command(tx):
        tx.add(setting())
        for bell in ("one", "two's", "\u00e4" * 5000):
            tx.ring(bell)

    def failing(tx):
        tx.ring("never")
        raise RuntimeError

    assert stores[0].submit(failing).exception(PATIENCE) is not None
    stores[0].submit(command).result(PATIENCE)
    until(lambda: rung[1], "the bells")
    stores[1].submit(lambda tx: tx.ring("back")).result(PATIENCE)
    until(lambda: {"back"} in rung[0], "the answer")
    for store in stores:
        store.close()
    assert rung[0] == [{"one", "two's", "\u00e4" * 5000}, {"back"}]
    assert rung[1] == [{"one", "two's", EVERY_BELL}, {"back"}]  # a name too long for a notice rings them all


def test_many_bells_of_one_commit_all_arrive(url):
    heard: set[str] = set()
    stores = [PostgresStore(url), PostgresStore(url, heard.update)]
    names = {f"about:urn:uuid:{n:032}" for n in range(1000)}
    stores[0].submit(lambda tx: [tx.ring(name) for name in names]).result(PATIENCE)
    until(lambda: heard == names, "all bells")
    for store in stores:
        store.close()


def test_after_a_lost_connection_every_bell_rings_once_since_some_may_have_been_missed(url):
    rung: list[set[str]] = []
    stores = [PostgresStore(url), PostgresStore(url, rung.append)]
    assert end_sessions(url, "query LIKE 'LISTEN%'") == 2
    until(lambda: rung == [{EVERY_BELL}], "the catch-up ring")
    stores[0].submit(lambda tx: tx.ring("after")).result(PATIENCE)
    until(lambda: rung == [{EVERY_BELL}, {"after"}], "a bell over the new connection")
    for store in stores:
        store.close()


# A server that goes away


def test_a_command_whose_connection_was_lost_is_done_again(stores, url):
    runs = []

    def command(tx):
        runs.append(tx)
        tx.add(setting())
        if len(runs) == 1:
            end_sessions(url, "state LIKE 'idle in transaction%'")
        return tx.count(Setting)

    assert stores[0].submit(command).result(PATIENCE) == 1
    assert len(runs) == 2


@pytest.mark.parametrize("happened", [True, False])
def test_a_commit_that_was_not_answered_is_asked_for_by_its_number(stores, url, monkeypatch, happened):
    """The answer to a commit is lost: with what it did, or before it did anything."""
    commit, calls, runs = sessions.Session.commit, [], []

    def cut(session):
        calls.append(session)
        if len(calls) > 1:
            return commit(session)
        if happened:
            commit(session)
        end_sessions(url, f"pid = {session.connection.info.backend_pid}")
        session.say("SELECT 1")
        return None

    monkeypatch.setattr(sessions.Session, "commit", cut)

    def command(tx):
        runs.append(tx)
        return tx.append(LogEntry, position=None)

    assert stores[0].submit(command).result(PATIENCE) == 1
    assert len(runs) == (1 if happened else 2)
    assert stores[1].read_now(lambda tx: tx.count(LogEntry)) == 1


def test_a_question_whose_connection_was_lost_is_asked_again(stores, url):
    assert stores[0].read_now(lambda tx: tx.count(Setting)) == 0
    assert end_sessions(url) > 2
    assert stores[0].read_now(lambda tx: tx.count(Setting)) == 0


async def test_everything_acknowledged_outlives_a_server_that_is_killed_again_and_again(tmp_path):
    server = postgres.Server(postgres.programs() or pytest.skip(postgres.WHY), durable=True)
    server.found()
    store = PostgresStore(server.created("durable"))
    kept: list[str] = []
    over = asyncio.Event()

    async def write(lane):
        number = 0
        while not over.is_set():
            number += 1
            name = f"{lane}-{number}"
            await store.write(lambda tx, name=name: (tx.append(LogEntry, position=None), tx.add(setting(name))))
            kept.append(name)

    try:
        writers = [asyncio.create_task(write(lane)) for lane in range(8)]
        for _ in range(3):
            before = len(kept)
            await asyncio.to_thread(until, lambda before=before: len(kept) >= before + 50, "fifty commands")
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        over.set()
        await asyncio.gather(*writers)
        there = await store.read(lambda tx: {one.name for one in tx.find(Setting)})
        numbers = await store.read(lambda tx: [one.sequence for one in tx.find(LogEntry, order="sequence")])
        assert there == set(kept)
        assert numbers == list(range(1, len(kept) + 1))
    finally:
        over.set()
        await asyncio.to_thread(store.close)
        server.remove()


def test_a_server_that_stays_away_is_a_problem_and_work_goes_on_when_it_is_back(url, stores, monkeypatch):
    monkeypatch.setattr("connector.storage.postgres._PATIENCE", 0.3)
    connect = sessions.connect

    def refuse(_url):
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(sessions, "connect", refuse)
    end_sessions(url)
    for ask in (lambda: stores[0].submit(lambda tx: tx.add(setting())).result(PATIENCE),
                lambda: stores[0].read_now(lambda tx: tx.count(Setting))):  # fmt: skip
        with pytest.raises(Problem) as said:
            ask()
        assert (said.value.status, said.value.code) == (503, "store-unreachable")
    monkeypatch.setattr(sessions, "connect", connect)
    stores[0].submit(lambda tx: tx.add(setting())).result(PATIENCE)
    assert stores[0].read_now(lambda tx: tx.count(Setting)) == 1


def test_a_full_disk_is_said_by_the_ports_name_and_leaves_nothing(stores, url):
    administer(url, "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END$$")  # fmt: skip
    administer(url, "CREATE TRIGGER no_room BEFORE INSERT ON setting FOR EACH ROW WHEN (NEW.name = 'big')"
                    " EXECUTE FUNCTION no_room()")  # fmt: skip
    held = threading.Event()
    first = stores[0].submit(lambda tx: held.wait(PATIENCE))
    futures = [stores[0].submit(lambda tx, n=n: [tx.add(setting(f"s{n}")), tx.add(setting(n))]) for n in ("big", "b")]
    held.set()
    first.result(PATIENCE)
    assert isinstance(futures[0].exception(PATIENCE), StoreFull)
    assert futures[1].exception(PATIENCE) is None
    assert stores[0].read_now(lambda tx: {one.name for one in tx.find(Setting)}) == {"sb", "b"}


@pytest.mark.parametrize("alone", [True, False])
def test_a_command_that_looks_past_an_error_of_the_server_is_not_believed(stores, alone):
    def command(tx):
        tx.add(setting("half"))
        try:
            tx._cursor.execute("SELECT 1/0")
        except psycopg.Error:
            return "fine"

    held = threading.Event()
    first = stores[0].submit(lambda tx: held.wait(PATIENCE))
    futures = [stores[0].submit(command)] + ([] if alone else [stores[0].submit(lambda tx: tx.add(setting("good")))])
    held.set()
    first.result(PATIENCE)
    assert futures[0].exception(PATIENCE) is not None
    assert stores[0].read_now(lambda tx: [one.name for one in tx.find(Setting)]) == ([] if alone else ["good"])


# Databases


def test_migrations_lead_forward_and_back_and_several_processes_may_start_at_once():
    server = postgres.needed()
    url = server.created("by_several")
    opened: list[PostgresStore] = []
    threads = [threading.Thread(target=lambda: opened.append(PostgresStore(url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 3
    for store in opened:
        store.close()
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.connect() as connection:
        assert migrate.differences(connection) == []
        migrate.downgrade(connection, "base")
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        assert set(tables) == {"turn", "counter", "alembic_version"}
    engine.dispose()
    PostgresStore(url).close()


def test_a_database_that_a_newer_version_migrated_is_used_as_it_is(url):
    """Old and new run side by side while a participant is brought to a new version: migrations only add."""
    administer(url, "ALTER TABLE setting ADD COLUMN newer VARCHAR NOT NULL DEFAULT 'x'")
    administer(url, "UPDATE alembic_version SET version_num = '9999'")
    store = PostgresStore(url)
    store.submit(lambda tx: [tx.put(setting()), tx.put(setting(value="2"))]).result(PATIENCE)
    assert store.read_now(lambda tx: tx.find(Setting)) == [setting(value="2")]
    store.close()
    assert administer(url, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_database_that_cannot_hold_every_text_is_refused():
    server = postgres.needed()
    administer(server.url("postgres"), "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(Problem, match="UTF8"):
        PostgresStore(server.url("latin"))


def test_a_database_that_cannot_be_reached_is_said_without_its_password():
    with pytest.raises(Problem) as said:
        PostgresStore("postgresql://somebody:hunter2@127.0.0.1:1/nothing")
    assert said.value.code == "store-unreachable"
    assert "hunter2" not in str(said.value)


def test_ordered_questions_are_answered_by_an_index(stores, url):
    plans = {
        "SELECT * FROM log_entry ORDER BY position DESC NULLS LAST LIMIT 1": "ix_log_entry_position",
        "SELECT * FROM outbox_message WHERE standing = 'waiting' AND due_at > 'x' ORDER BY due_at NULLS FIRST LIMIT 1":
            "ix_outbox_message_standing_due_at",
    }  # fmt: skip
    for question, index in plans.items():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET enable_seqscan = off")
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {question}"))
        assert index in plan
        assert "Sort" not in plan


@pytest.mark.parametrize("given", ["", "?options=-c%20work_mem%3D7MB"])
def test_the_server_notices_within_seconds_that_a_process_is_gone(url, given):
    """Locks and the turn to write end with the session, so the session must end with the host."""
    with sessions.connect(url + given) as connection:
        names = ("idle", "interval", "count")
        told = [connection.execute(f"SHOW tcp_keepalives_{name}").fetchone() for name in names]
        assert told == [("5",), ("5",), ("3",)]
        assert connection.execute("SHOW tcp_user_timeout").fetchone() == ("20000",)
        assert not given or connection.execute("SHOW work_mem").fetchone() == ("7MB",)
