"""Forward and back with records of every kind in the tables: nothing is lost that the older shape can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from connector.records import RECORDS, LogEntry, OutboxMessage
from connector.storage import migrate, open_store
from connector.storage.sessions import connect
from connector.storage.tables import COUNTED, KEYS, TABLES
from tests import postgres
from tests.twins.records import records

BACK = ("0005", "0004", "0003", "0002", "0001")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """File and address of a store."""
    url = postgres.needed().belonging_to(tmp_path) if request.param == "postgresql" else ""
    return tmp_path / "store.db", url


@pytest.fixture
def connection(place: tuple[Path, str]) -> Iterator[Connection]:
    file, url = place
    filled(place)
    if url:
        engine = create_engine("postgresql+psycopg://", creator=lambda: plain(url), poolclass=NullPool)
    else:
        engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def plain(url: str) -> Any:
    made = connect(url)
    made.autocommit = False
    return made


def some(kind: type) -> Any:
    """A record of this kind, whatever is in it: the last of several drawn, since the first is an empty one."""
    found = []

    @settings(max_examples=8, phases=[Phase.generate], database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(records(kind))
    def draw(record: Any) -> None:
        found.append(record)

    draw()
    return dataclasses.replace(found[-1], **{KEYS[kind][0]: 41}) if kind in COUNTED else found[-1]


ALL = {kind: some(kind) for kind in RECORDS}


def filled(place: tuple[Path, str]) -> None:
    store = open_store(place[0], url=place[1])
    store.submit(lambda tx: [tx.add(one) for one in ALL.values()]).result()
    store.close()


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    tables = [name for name in inspect(connection).get_table_names() if name in {t.name for t in TABLES.values()}]
    found = {name: connection.execute(text(f"select count(*) from {name}")).scalar_one() for name in tables}
    connection.rollback()
    return found


def test_every_step_back_and_forward_again_keeps_what_both_shapes_hold(connection: Connection, place: tuple[Path, str]):
    assert set(counts(connection).values()) == {1}
    held = {}
    for revision in BACK:
        migrate.downgrade(connection, revision)
        assert migrate.current(connection) == revision
        held = counts(connection)
        assert set(held.values()) == {1}, revision
    migrate.upgrade(connection)
    assert migrate.current(connection) == migrate.HEAD
    assert migrate.differences(connection) == []
    now = counts(connection)
    assert {name for name, count in now.items() if count} == set(held)
    connection.close()
    store = open_store(place[0], url=place[1])
    try:
        for kind, record in ALL.items():
            if TABLES[kind].name in held:
                key = [getattr(record, name) for name in KEYS[kind]]
                assert store.read_now(lambda tx, kind=kind, key=key: tx.get(kind, *key)) is not None, kind.__name__
    finally:
        store.close()


def test_one_step_back_loses_only_what_the_newest_shape_added(connection: Connection, place: tuple[Path, str]):
    known = {table.name: {column.name for column in table.columns} for table in TABLES.values()}
    migrate.downgrade(connection, "0005")
    seen = inspect(connection)
    before = {name: {one["name"] for one in seen.get_columns(name)} & known[name]
              for name in seen.get_table_names() if name in known}  # fmt: skip
    connection.rollback()
    migrate.upgrade(connection)
    connection.close()
    store = open_store(place[0], url=place[1])
    try:
        for kind, record in ALL.items():
            columns = before.get(TABLES[kind].name)
            if columns is None:
                continue
            key = [getattr(record, name) for name in KEYS[kind]]
            found = store.read_now(lambda tx, kind=kind, key=key: tx.get(kind, *key))
            for one in dataclasses.fields(kind):
                wanted = getattr(record, one.name) if one.name in columns else one.default
                assert getattr(found, one.name) == wanted, f"{kind.__name__}.{one.name}"
    finally:
        store.close()


def test_numbers_go_on_after_a_way_back_and_forward(connection: Connection, place: tuple[Path, str]):
    newest = ALL[LogEntry].sequence
    migrate.downgrade(connection, "0005")
    migrate.upgrade(connection)
    connection.close()
    store = open_store(place[0], url=place[1])
    try:
        assert store.submit(lambda tx: tx.append(LogEntry, position=None)).result() == newest + 1
        store.submit(lambda tx: tx.add(OutboxMessage(id="n", lane="l"))).result()
    finally:
        store.close()
