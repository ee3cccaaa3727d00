"""One writer, shared commits: what SQLite does with commands that come together, and with a disk that says no."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from connector.records import Setting
from connector.storage import SqliteStore


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    opened.close()


def setting(name: str, value: str = "") -> Setting:
    return Setting(name=name, value=value)


def statements(store: SqliteStore) -> list[str]:
    """Every statement the writer runs from now on."""
    heard: list[str] = []
    store.submit(lambda tx: tx._driver.set_trace_callback(heard.append)).result()
    while not heard:  # the commit of what switched it on
        threading.Event().wait(0.001)
    heard.clear()
    return heard


class Held:
    """Keeps the writer busy inside one command, so that what comes meanwhile queues up."""

    def __init__(self, store: SqliteStore) -> None:
        self._let_go = threading.Event()
        started = threading.Event()

        def command(_tx) -> None:
            started.set()
            self._let_go.wait(10)

        self.future = store.submit(command)
        assert started.wait(10)

    def let_go(self) -> None:
        self._let_go.set()


def test_commands_that_wait_together_share_one_commit(store):
    heard = statements(store)
    held = Held(store)
    futures = [store.submit(lambda tx, n=n: tx.add(setting(str(n)))) for n in range(200)]
    held.let_go()
    assert [future.result(10) for future in futures] == [None] * 200
    assert heard.count("COMMIT") == 2  # the one that held the writer, and everything that waited
    assert heard.count("SAVEPOINT command") == 200


def test_a_command_that_comes_alone_is_a_transaction_without_a_savepoint(store):
    heard = statements(store)
    assert store.submit(lambda tx: tx.add(setting("alone"))).result(10) is None
    assert [one.partition(" ")[0] for one in heard] == ["BEGIN", "INSERT", "COMMIT"]


def test_a_command_that_fails_alone_leaves_nothing_and_is_not_committed(store):
    def command(tx) -> None:
        tx.add(setting("half"))
        raise RuntimeError("no")

    heard = statements(store)
    with pytest.raises(RuntimeError):
        store.submit(command).result(10)
    assert [one.partition(" ")[0] for one in heard] == ["BEGIN", "INSERT", "ROLLBACK"]
    assert store.read_now(lambda tx: tx.count(Setting)) == 0
    assert store.submit(lambda tx: tx.add(setting("after"))).result(10) is None


async def test_a_write_given_up_before_its_turn_never_happens(store):
    held = Held(store)
    given_up = asyncio.create_task(store.write(lambda tx: tx.add(setting("given up"))))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    held.let_go()
    assert await store.write(lambda tx: tx.count(Setting)) == 0


async def test_a_group_wakes_its_event_loop_once(store, monkeypatch):
    loop, woken = asyncio.get_running_loop(), []
    wake = loop.call_soon_threadsafe
    held = Held(store)
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *given: (woken.append(given), wake(*given)))
    writes = [asyncio.create_task(store.write(lambda tx, n=n: tx.add(setting(str(n))))) for n in range(50)]
    await asyncio.sleep(0)
    held.let_go()
    await asyncio.gather(*writes)
    assert len(woken) == 1


async def test_a_look_is_answered_in_the_thread_that_asks(store):
    assert await store.look(lambda _tx: threading.get_ident()) == threading.get_ident()
    assert await store.read(lambda _tx: threading.get_ident()) != threading.get_ident()


def test_a_group_has_a_limit_so_that_nobody_waits_for_everybody(store):
    heard = statements(store)
    held = Held(store)
    futures = [store.submit(lambda tx, n=n: tx.add(setting(str(n)))) for n in range(300)]
    held.let_go()
    for future in futures:
        future.result(10)
    assert heard.count("COMMIT") == 3


async def test_many_concurrent_writes_take_far_fewer_commits(store):
    heard = statements(store)
    await asyncio.gather(*(store.write(lambda tx, n=n: tx.add(setting(str(n)))) for n in range(500)))
    assert heard.count("COMMIT") < 100
    assert await store.read(lambda tx: tx.count(Setting)) == 500


def test_a_commit_that_fails_leaves_nobody_believing(store):
    """A deferred foreign key makes SQLite refuse at COMMIT, when every command of the group has already succeeded."""
    store.submit(lambda tx: _run(tx, "create table parent (id integer primary key)")).result()
    store.submit(
        lambda tx: _run(tx, "create table child (id integer references parent deferrable initially deferred)")
    ).result()
    held = Held(store)
    good = [store.submit(lambda tx, n=n: tx.add(setting(str(n)))) for n in range(3)]
    bad = store.submit(lambda tx: _run(tx, "insert into child values (7)"))
    held.let_go()
    for future in (*good, bad):
        with pytest.raises(sqlite3.IntegrityError):
            future.result(10)
    assert store.read_now(lambda tx: tx.count(Setting)) == 0
    assert held.future.exception() is None
    assert store.submit(lambda tx: tx.add(setting("after"))).result(10) is None


def test_a_full_disk_leaves_nobody_believing_and_the_store_goes_on_when_there_is_room(store):
    room = store.submit(lambda tx: _run(tx, "pragma page_count").scalar()).result()
    store.submit(lambda tx: _run(tx, f"pragma max_page_count={room + 2}")).result()
    futures = [store.submit(lambda tx, n=n: tx.add(setting(str(n), "x" * 50_000))) for n in range(5)]
    kept = []
    for number, future in enumerate(futures):
        if future.exception(10) is None:
            kept.append(str(number))
    assert not kept
    assert store.read_now(lambda tx: [one.name for one in tx.find(Setting)]) == kept
    store.submit(lambda tx: _run(tx, "pragma max_page_count=1000000")).result()
    store.submit(lambda tx: tx.add(setting("after", "x" * 50_000))).result()
    assert store.read_now(lambda tx: [one.name for one in tx.find(Setting)]) == ["after"]


def test_a_command_that_runs_out_of_room_does_not_hurt_small_ones_beside_it(store):
    room = store.submit(lambda tx: _run(tx, "pragma page_count").scalar()).result()
    store.submit(lambda tx: _run(tx, f"pragma max_page_count={room + 2}")).result()
    held = Held(store)
    small = store.submit(lambda tx: tx.add(setting("small")))
    large = store.submit(lambda tx: tx.add(setting("large", "x" * 500_000)))
    last = store.submit(lambda tx: tx.add(setting("last")))
    held.let_go()
    assert large.exception(10) is not None
    believed = {"small": small.exception(10) is None, "last": last.exception(10) is None}
    kept = store.read_now(lambda tx: {one.name for one in tx.find(Setting)})
    assert kept == {name for name, believes in believed.items() if believes}


def test_given_up_commands_in_a_failing_group_do_not_stop_the_writer(store):
    store.submit(lambda tx: _run(tx, "create table parent (id integer primary key)")).result()
    store.submit(
        lambda tx: _run(tx, "create table child (id integer references parent deferrable initially deferred)")
    ).result()
    held = Held(store)
    given_up = [store.submit(lambda tx: tx.add(setting("given up"))) for _ in range(3)]
    bad = store.submit(lambda tx: _run(tx, "insert into child values (7)"))
    assert all(future.cancel() for future in given_up)
    held.let_go()
    assert bad.exception(10) is not None
    assert store.submit(lambda _tx: "alive").result(10) == "alive"


def test_a_reader_does_not_wait_for_the_writer(store):
    held = Held(store)
    assert store.read_now(lambda tx: tx.count(Setting)) == 0
    held.let_go()


def test_a_deleted_secret_is_overwritten_on_disk(store, tmp_path):
    secret = "the-secret-of-somebody-" + "x" * 200
    store.submit(lambda tx: tx.add(setting("s", secret))).result()
    store.submit(lambda tx: _run(tx, "select 1")).result()
    store.submit(lambda tx: tx.remove(Setting, name="s")).result()
    store.close()
    assert secret.encode() not in (tmp_path / "store.db").read_bytes()


def _run(tx, statement: str):
    return tx._connection.exec_driver_sql(statement)
