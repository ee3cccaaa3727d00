"""What every store promises (`connector.ports.Store`, `Transaction`), on every engine that is registered here.

An engine joins by one more entry in `ENGINES`: a function that opens a store in a directory. Opening the same
directory again must show what was kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ports import Duplicate, Stale
from connector.records import (
    RECORDS,
    Agreement,
    Consent,
    DevicePoint,
    HandedOver,
    LogEntry,
    LogNode,
    Negotiation,
    OutboxMessage,
    Sealed,
    Setting,
    SourceRecord,
    Study,
)
from connector.storage import SqliteStore
from connector.storage.postgres import PostgresStore
from tests import postgres
from tests.twins.beside import beside
from tests.twins.records import records

Open = Callable[..., Any]


@cache
def _migrated() -> bytes:
    """An empty SQLite store: migrating takes far longer than everything a test here does."""
    with TemporaryDirectory() as directory:
        SqliteStore(Path(directory) / "store.db").close()
        return (Path(directory) / "store.db").read_bytes()


def _sqlite(directory: Path, *rest: Any) -> SqliteStore:
    path = directory / "store.db"
    if not path.exists():
        path.write_bytes(_migrated())
    return SqliteStore(path, *rest)


def _postgresql(directory: Path, *rest: Any) -> PostgresStore:
    return PostgresStore(postgres.needed().belonging_to(directory), *rest)


ENGINES: dict[str, Open] = {"sqlite": _sqlite, "postgresql": _postgresql, "two versions": beside}


@pytest.fixture(params=ENGINES, scope="module")
def engine(request) -> Open:
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def lasting(engine, tmp_path_factory):
    """One store for the properties, which make their own keys."""
    opened = engine(tmp_path_factory.mktemp("twin"))
    yield opened
    opened.close()


@pytest.fixture
def store(engine, tmp_path: Path):
    opened = engine(tmp_path)
    yield opened
    opened.close()


def key_of(record: object) -> tuple[Any, ...]:
    return tuple(getattr(record, field.name) for field in fields(record)[: type(record).key_width])


def setting(value: str = "1", name: str = "a") -> Setting:
    return Setting(name=name, value=value)


# Values


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_record_comes_back_as_it_was_put(lasting, kind, data):
    record = data.draw(records(kind))
    lasting.submit(lambda tx: tx.put(record)).result()
    assert lasting.read_now(lambda tx: tx.get(kind, *key_of(record))) == record


def test_instants_are_found_and_ordered_as_time_passes(store):
    days = [datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 1, 999, 9999, 1000)]
    days.append(datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=9))))  # still 2025 in UTC
    store.submit(lambda tx: [tx.add(Study(id=str(n), organisation="o", received_at=day)) for n, day in enumerate(days)])
    found = store.submit(lambda tx: tx.find(Study, order="received_at")).result()
    assert [one.received_at for one in found] == sorted(days)
    late = store.submit(lambda tx: tx.find(Study, received_at__ge=datetime(2025, 12, 31, tzinfo=UTC))).result()
    assert len(late) == 3


def test_a_time_without_a_zone_is_refused_and_nothing_is_kept(store):
    zoneless = datetime.now(UTC).replace(tzinfo=None)
    with pytest.raises(Exception, match="without zone"):
        store.submit(lambda tx: tx.add(Study(id="s", organisation="o", received_at=zoneless))).result()
    assert store.read_now(lambda tx: tx.count(Study)) == 0


def test_nothing_is_found_as_nothing_whatever_its_kind(store):
    empty = SourceRecord(source="s", resource_type="Patient", id="1", person=None)
    store.submit(lambda tx: [tx.add(empty), tx.add(replace(empty, id="2", person="p"))]).result()
    store.submit(
        lambda tx: [tx.add(Study(id="1", organisation="o")), tx.add(Study(id="2", organisation="o", document={}))]
    )
    found = store.submit(lambda tx: (tx.find(SourceRecord, person=None), tx.find(Study, document=None))).result()
    assert [[one.id for one in kind] for kind in found] == [["1"], ["1"]]


# Reading and writing


async def test_what_was_written_is_read(store):
    await store.write(lambda tx: tx.add(setting("1")))
    assert await store.read(lambda tx: tx.get(Setting, "a")) == setting("1")
    assert await store.read(lambda tx: tx.get(Setting, "b")) is None


async def test_a_write_returns_what_its_command_returns(store):
    assert await store.write(lambda _tx: "done") == "done"


async def test_a_read_sees_one_state_from_its_beginning_to_its_end(store):
    await store.write(lambda tx: [tx.add(setting(name="a")), tx.add(setting(name="b"))])
    loop = asyncio.get_running_loop()

    def slowly(tx):
        first = tx.get(Setting, "a").value
        asyncio.run_coroutine_threadsafe(write_both(), loop).result(10)
        return first, tx.get(Setting, "b").value

    async def write_both():
        await store.write(lambda tx: tx.alter(Setting, {"value": "2"}, name=["a", "b"]))

    assert await store.read(slowly) == ("1", "1")
    assert await store.read(lambda tx: tx.get(Setting, "b").value) == "2"


async def test_adding_a_key_twice_is_a_duplicate_and_the_first_stays(store):
    await store.write(lambda tx: tx.add(setting("1")))
    with pytest.raises(Duplicate):
        await store.write(lambda tx: tx.add(setting("2")))
    assert await store.read(lambda tx: tx.get(Setting, "a")) == setting("1")


async def test_a_duplicate_may_be_handled_inside_its_command(store):
    def command(tx):
        tx.add(setting("1"))
        try:
            tx.add(setting("2"))
        except Duplicate:
            tx.put(setting("3"))

    await store.write(command)
    assert await store.read(lambda tx: tx.find(Setting)) == [setting("3")]


async def test_put_replaces_and_add_does_not(store):
    await store.write(lambda tx: tx.put(setting("1")))
    await store.write(lambda tx: tx.put(setting("2")))
    assert await store.read(lambda tx: tx.find(Setting)) == [setting("2")]


async def test_conditions_compare_combine_and_mean_any_of(store):
    await store.write(lambda tx: [tx.add(LogNode(level=0, position=n, hash=b"")) for n in range(10)])

    def places(**conditions):
        return lambda tx: [node.position for node in tx.find(LogNode, order="position", **conditions)]

    assert await store.read(places(position__lt=3)) == [0, 1, 2]
    assert await store.read(places(position__le=3, position__gt=1)) == [2, 3]
    assert await store.read(places(position__ge=8)) == [8, 9]
    assert await store.read(places(position__ne=0, position__lt=3)) == [1, 2]
    assert await store.read(places(position=[1, 4, 44])) == [1, 4]
    assert await store.read(places(position=(5,))) == [5]
    assert await store.read(places(position=[])) == []
    assert await store.read(lambda tx: tx.count(LogNode, position__ge=5)) == 5
    assert await store.read(lambda tx: [n.position for n in tx.find(LogNode, order="-position", limit=2)]) == [9, 8]


async def test_a_condition_on_a_field_that_does_not_exist_is_a_mistake_not_an_answer(store):
    with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the engine's matter; silence would be wrong
        await store.read(lambda tx: tx.find(Setting, colour="red"))


async def test_texts_are_ordered_and_compared_by_their_bytes(store):
    names = ["a", "B", "_", "-", "Z", "\u00e4", "z", "\uffee", "\U0001f600", "ab", "a b", ""]
    await store.write(lambda tx: [tx.add(setting(name=name)) for name in names])
    ordered = sorted(names, key=str.encode)
    assert [one.name for one in await store.read(lambda tx: tx.find(Setting, order="name"))] == ordered
    assert [one.name for one in await store.read(lambda tx: tx.find(Setting, order="-name"))] == ordered[::-1]
    assert await store.read(lambda tx: tx.count(Setting, name__gt="a")) == len(ordered) - ordered.index("a") - 1


async def test_what_is_missing_comes_before_everything_and_last_when_turned_round(store):
    await store.write(lambda tx: [tx.append(LogEntry, position=place) for place in (1, None, 0, None, 2)])

    def places(order):
        return lambda tx: [entry.position for entry in tx.find(LogEntry, order=order)]

    assert await store.read(places("position")) == [None, None, 0, 1, 2]
    assert await store.read(places("-position")) == [2, 1, 0, None, None]


async def test_rows_are_the_fields_of_what_is_found(store):
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    kept = [
        OutboxMessage(id=str(n), lane="l", recipient="r", url="u", kind="k", sequence=n, body={"n": n}, due_at=day)
        for n, day in enumerate(days)
    ]
    await store.write(lambda tx: [tx.add(one) for one in kept])
    names = ("body", "id", "due_at", "delivered_at")
    found = await store.read(lambda tx: tx.find(OutboxMessage, order="due_at", lane="l"))
    rows = await store.read(lambda tx: tx.rows(OutboxMessage, names, order="due_at", lane="l"))
    assert rows == [tuple(getattr(one, name) for name in names) for one in found]
    assert [row[1] for row in rows] == ["1", "2", "0"]


async def test_claiming_takes_the_first_that_fit_and_returns_them_as_they_now_are(store):
    await store.write(
        lambda tx: [tx.add(LogNode(level=n % 2, position=n, hash=bytes([n]))) for n in (5, 3, 1, 0, 2, 4)]
    )
    taken = await store.write(lambda tx: tx.claim(LogNode, {"hash": b"x"}, order="position", limit=2, level=1))
    assert taken == [LogNode(level=1, position=place, hash=b"x") for place in (1, 3)]
    last = await store.write(lambda tx: tx.claim(LogNode, {"hash": b"y"}, order="-position", limit=9, hash__ne=b"x"))
    assert [one.position for one in last] == [5, 4, 2, 0]
    assert await store.write(lambda tx: tx.claim(LogNode, {"hash": b"z"}, order="position", limit=9, level=7)) == []


async def test_what_several_claim_at_once_goes_to_one_of_them(store):
    await store.write(lambda tx: [tx.add(setting("", name=f"{n:03}")) for n in range(40)])

    def claim(token):
        return lambda tx: tx.claim(Setting, {"value": token}, order="name", limit=3, value="")

    taken = await asyncio.gather(*(store.write(claim(str(n))) for n in range(20)))
    names = [one.name for some in taken for one in some]
    assert sorted(names) == [f"{n:03}" for n in range(40)]
    assert await store.write(lambda tx: tx.alter(Setting, {"value": "done"}, name="000", value="nobody's")) == 0


async def test_altering_and_removing_say_how_many(store):
    await store.write(lambda tx: [tx.add(setting(name=name)) for name in "abc"])
    assert await store.write(lambda tx: tx.alter(Setting, {"value": "9"}, name=["a", "b"])) == 2
    assert await store.write(lambda tx: tx.alter(Setting, {"value": "9"}, name="z")) == 0
    assert await store.write(lambda tx: tx.remove(Setting, value="9")) == 2
    assert await store.read(lambda tx: tx.find(Setting)) == [setting(name="c")]


async def test_removing_everything_is_refused(store):
    await store.write(lambda tx: tx.add(setting()))
    with pytest.raises(ValueError, match="never meant"):
        await store.write(lambda tx: tx.remove(Setting))
    assert await store.read(lambda tx: tx.count(Setting)) == 1


async def test_appended_records_are_numbered_in_order_and_take_their_defaults(store):
    numbers = await store.write(lambda tx: [tx.append(LogEntry, position=None, kind=kind) for kind in ("a", "b", "c")])
    assert numbers == sorted(set(numbers))
    found = await store.read(lambda tx: tx.find(LogEntry, order="sequence"))
    assert [(one.sequence, one.kind, one.salt) for one in found] == list(zip(numbers, "abc", [b""] * 3, strict=True))


async def test_a_number_is_never_given_twice_even_when_the_newest_record_was_removed(store):
    first = await store.write(lambda tx: tx.append(DevicePoint, source="s", person="p"))
    await store.write(lambda tx: tx.remove(DevicePoint, sequence=first))
    assert await store.write(lambda tx: tx.append(DevicePoint, source="s", person="p")) > first


async def test_numbers_have_no_gaps_where_commands_failed(store):
    def command(fails):
        def run(tx):
            number = tx.append(LogEntry, position=None)
            if fails:
                raise RuntimeError
            return number

        return run

    outcomes = await asyncio.gather(*(store.write(command(n % 3 == 1)) for n in range(30)), return_exceptions=True)
    assert sorted(one for one in outcomes if isinstance(one, int)) == list(range(1, 21))


async def test_numbers_go_on_after_one_that_was_given(store):
    await store.write(lambda tx: tx.add(LogEntry(sequence=7, position=None)))
    assert await store.write(lambda tx: tx.append(LogEntry, position=None)) == 8


async def test_composite_keys_are_told_apart(store):
    await store.write(lambda tx: [tx.add(HandedOver(agreement=a, person=p, study=a + p)) for a in "xy" for p in "12"])
    assert (await store.read(lambda tx: tx.get(HandedOver, "y", "1"))).study == "y1"
    with pytest.raises(Exception):  # noqa: B017, PT011 - half a key is a mistake in the caller
        await store.read(lambda tx: tx.get(HandedOver, "y"))


# All or nothing


async def test_a_failing_command_leaves_nothing_behind(store):
    def command(tx):
        tx.add(setting("1"))
        tx.ring("never")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await store.write(command)
    assert await store.read(lambda tx: tx.count(Setting)) == 0


async def test_a_failing_command_does_not_hurt_those_beside_it(store):
    def command(number):
        def run(tx):
            tx.add(setting(name=str(number)))
            if number % 3 == 0:
                raise RuntimeError(str(number))
            return number

        return run

    outcomes = await asyncio.gather(*(store.write(command(n)) for n in range(60)), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, RuntimeError)] == list(range(0, 60, 3))
    names = await store.read(lambda tx: {one.name for one in tx.find(Setting)})
    assert names == {str(n) for n in range(60) if n % 3}


async def test_commands_follow_one_another_and_none_is_lost(store):
    await store.write(lambda tx: tx.add(setting("0")))

    def increase(tx):
        tx.change(tx.get(Setting, "a"), value=str(int(tx.get(Setting, "a").value) + 1))

    await asyncio.gather(*(store.write(increase) for _ in range(100)))
    assert (await store.read(lambda tx: tx.get(Setting, "a"))).value == "100"


# Compare and set


def negotiation(**changes: Any) -> Negotiation:
    return Negotiation(pid="n", role="provider", counterparty="c", their_pid=None, **changes)


async def test_a_change_returns_the_record_as_it_now_is(store):
    await store.write(lambda tx: tx.add(negotiation()))
    changed = await store.write(lambda tx: tx.change(tx.get(Negotiation, "n"), state="AGREED", their_pid="t"))
    assert (changed.state, changed.their_pid, changed.revision) == ("AGREED", "t", 1)
    assert await store.read(lambda tx: tx.get(Negotiation, "n")) == changed


async def test_of_many_changes_to_one_revision_exactly_one_succeeds(store):
    await store.write(lambda tx: tx.add(negotiation()))
    seen = await store.read(lambda tx: tx.get(Negotiation, "n"))
    outcomes = await asyncio.gather(
        *(store.write(lambda tx, n=n: tx.change(seen, state=f"S{n}")) for n in range(40)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 39
    [winner] = [outcome for outcome in outcomes if not isinstance(outcome, Stale)]
    assert await store.read(lambda tx: tx.get(Negotiation, "n")) == winner


async def test_a_stale_change_takes_everything_else_of_its_command_with_it(store):
    await store.write(lambda tx: tx.add(negotiation()))
    old = await store.read(lambda tx: tx.get(Negotiation, "n"))
    await store.write(lambda tx: tx.change(old, state="NEW"))

    def command(tx):
        tx.add(setting())
        tx.change(old, state="OLD")

    with pytest.raises(Stale):
        await store.write(command)
    assert await store.read(lambda tx: tx.count(Setting)) == 0


@pytest.mark.parametrize("kind", [Agreement, Consent], ids=["with a revision", "without"])
async def test_changing_what_is_gone_is_stale(store, kind):
    keys = {"link": "l", "person": "p", "study": "s", "version": 1} if kind is Consent else {
        "role": "provider", "counterparty": "c", "negotiation": "n", "dataset": "d"}  # fmt: skip
    record = kind(id="x", **keys)
    with pytest.raises(Stale):
        await store.write(lambda tx: tx.change(record, digest="new"))


# Bells


async def test_bells_ring_once_their_command_is_durable_and_only_then(engine, tmp_path):
    rung: list[tuple[set[str], int]] = []
    store = engine(tmp_path, lambda bells: rung.append((set(bells), store.read_now(lambda tx: tx.count(Setting)))))

    def command(tx):
        tx.add(setting())
        tx.ring("one")
        tx.ring("two")
        return len(rung)

    def failing(tx):
        tx.ring("never")
        raise RuntimeError

    assert await store.write(command) == 0
    with pytest.raises(RuntimeError):
        await store.write(failing)
    store.close()
    assert rung == [({"one", "two"}, 1)]


# Lasting


async def test_everything_acknowledged_is_there_after_a_restart(engine, tmp_path):
    store = engine(tmp_path)
    await asyncio.gather(*(store.write(lambda tx, n=n: tx.add(setting(name=str(n)))) for n in range(50)))
    await store.write(lambda tx: tx.add(Sealed(name="s", value=bytes(range(256)))))
    before = await store.read(lambda tx: (tx.find(Setting, order="name"), tx.find(Sealed)))
    store.close()
    store = engine(tmp_path)
    assert await store.read(lambda tx: (tx.find(Setting, order="name"), tx.find(Sealed))) == before
    store.close()


async def test_closing_finishes_what_was_asked_and_refuses_what_comes_later(engine, tmp_path):
    store = engine(tmp_path)
    futures = [store.submit(lambda tx, n=n: tx.add(setting(name=str(n)))) for n in range(20)]
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(Exception):  # noqa: B017, PT011 - anything but waiting for ever
        await asyncio.wait_for(store.write(lambda tx: tx.add(setting())), 5)
    store.close()


async def test_a_write_given_up_by_its_caller_happens_wholly_or_not_at_all(store):
    tasks = [
        asyncio.create_task(store.write(lambda tx, n=n: [tx.add(setting(name=f"{n}{half}")) for half in "ab"]))
        for n in range(100)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    names = await store.read(lambda tx: {one.name for one in tx.find(Setting)})
    for number, outcome in enumerate(outcomes):
        pair = {f"{number}a", f"{number}b"} & names
        assert len(pair) in ((2,) if not isinstance(outcome, asyncio.CancelledError) else (0, 2))
    assert await store.write(lambda _tx: "still writing") == "still writing"


def test_messages_wait_in_the_order_they_were_given(store):
    for number in (3, 1, 2):
        store.submit(lambda tx, n=number: tx.add(OutboxMessage(id=str(n), lane="l", sequence=n))).result()
    found = store.read_now(lambda tx: tx.find(OutboxMessage, standing="waiting", order="sequence"))
    assert [one.id for one in found] == ["1", "2", "3"]


def test_a_day_comes_back_as_a_day(store):
    record = SourceRecord(
        source="s", resource_type="R", id="1", person=None, start=date(1, 1, 1), end=date(9999, 12, 31)
    )
    store.submit(lambda tx: tx.add(record)).result()
    assert store.read_now(lambda tx: tx.find(SourceRecord, start__le=date(1900, 1, 1))) == [record]


async def test_what_is_queued_stands_behind_everything_that_waits_in_its_lane(store):
    """Whatever the clocks say by which the numbers are made: one may have been set back since."""

    def message(id, sequence, **fields):
        return OutboxMessage(id=id, lane="l", sequence=sequence, **fields)

    def queue(one):
        return lambda tx: tx.queue(one, "sequence", lane=one.lane, standing="waiting")

    await store.write(lambda tx: tx.add(message("before", 900, standing="delivered")))
    assert await store.write(queue(message("a", 500))) == (message("a", 500), True)
    assert await store.write(queue(message("b", 100))) == (message("b", 501), False)
    assert await store.write(queue(message("c", 700))) == (message("c", 700), False)
    both = await store.write(lambda tx: [queue(message(id, 0))(tx)[0].sequence for id in "de"])
    assert both == [701, 702]
    with pytest.raises(Duplicate):
        await store.write(queue(message("a", 1)))
    waiting = await store.read(lambda tx: tx.find(OutboxMessage, lane="l", standing="waiting", order="sequence"))
    assert [one.id for one in waiting] == ["a", "b", "c", "d", "e"]
