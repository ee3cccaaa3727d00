"""Databases reach the present shape from nothing, stay there without work, and can go back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlmodel import Session, select

import connector.storage.migrate as migrate
from connector.records import Negotiation, OutboxMessage, Setting
from connector.storage import SqliteStore
from connector.storage.models import MODELS
from connector.storage.tables import TABLES, metadata

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    made.attributes["connection"] = connection
    return made


def test_an_empty_database_gets_every_table(connection):
    assert migrate.current(connection) is None
    migrate.upgrade(connection)
    assert migrate.current(connection) == migrate.HEAD
    assert set(inspect(connection).get_table_names()) == {table.name for table in TABLES.values()} | {"alembic_version"}


def test_migrations_lead_to_exactly_the_shape_of_the_records(connection):
    migrate.upgrade(connection)
    differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_the_newest_revision_is_the_one_a_start_compares_with(connection):
    assert ScriptDirectory.from_config(config(connection)).get_heads() == [migrate.HEAD]


def test_upgrading_twice_changes_nothing(connection):
    migrate.upgrade(connection)
    before = connection.execute(text("select sql from sqlite_master order by name")).all()
    migrate.upgrade(connection)
    assert connection.execute(text("select sql from sqlite_master order by name")).all() == before


def test_one_can_go_back_to_nothing_and_forward_again(connection):
    migrate.upgrade(connection)
    command.downgrade(config(connection), "base")
    assert set(inspect(connection).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    migrate.upgrade(connection)
    assert migrate.current(connection) == migrate.HEAD


def test_a_start_without_work_to_do_loads_neither_alembic_nor_an_object_mapper(tmp_path):
    SqliteStore(tmp_path / "store.db").close()
    script = (
        "import sys; from pathlib import Path; from connector.storage import SqliteStore; "
        f"SqliteStore(Path({str(tmp_path / 'store.db')!r})).close(); "
        "print(*[name for name in ('alembic', 'sqlmodel', 'sqlalchemy.orm') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_every_table_has_a_model_over_it(connection):
    migrate.upgrade(connection)
    with Session(connection) as session:
        for record, table in TABLES.items():
            assert session.exec(select(MODELS[record])).all() == []
            assert MODELS[record].__table__ is table


@pytest.mark.parametrize("after", [1, 20, 60])
def test_an_interrupted_migration_leaves_nothing_and_is_taken_up_at_the_next_start(tmp_path, after):
    """A migration is all or nothing: killed halfway, the next start finds what was there before."""
    ran = []

    def interrupt(_connection, _cursor, statement, *_rest):
        ran.append(statement)
        if statement.lstrip().startswith("CREATE") and len(ran) > after:
            raise KeyboardInterrupt

    event.listen(Engine, "before_cursor_execute", interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            SqliteStore(tmp_path / "store.db")
    finally:
        event.remove(Engine, "before_cursor_execute", interrupt)
    with closing(sqlite3.connect(tmp_path / "store.db")) as left:
        assert left.execute("select name from sqlite_master").fetchall() == []
    again = SqliteStore(tmp_path / "store.db")
    assert again.submit(lambda tx: tx.add(Setting(name="a", value="1"))).result() is None
    again.close()


def test_what_an_older_participant_remembers_is_still_there_after_the_upgrade(tmp_path):
    """A directory of the first shape, with a negotiation and a waiting message in it."""
    path = tmp_path / "concord.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        command.upgrade(config(connection), "0001")
        connection.execute(text(
            "insert into negotiation (pid, role, counterparty, callback, state, revision, dataset)"
            " values ('urn:uuid:n', 'provider', 'urn:x:them', 'https://x', 'REQUESTED', 3, 'urn:x:d')"
        ))  # fmt: skip
        connection.execute(text(
            "insert into outbox_message (id, lane, sequence, recipient, url, kind, about, standing, attempts)"
            " values ('urn:uuid:m', 'urn:uuid:n', 7, 'urn:x:them', 'https://x/y',"
                " 'dsp.negotiation', 'urn:uuid:n', 'waiting', 2)"
        ))  # fmt: skip
        connection.commit()
    engine.dispose()
    store = SqliteStore(path)
    try:
        [negotiation] = store.read_now(lambda tx: tx.find(Negotiation))
        [message] = store.read_now(lambda tx: tx.find(OutboxMessage))
    finally:
        store.close()
    assert (negotiation.pid, negotiation.revision, negotiation.initiator) == ("urn:uuid:n", 3, "consumer")
    assert (message.attempts, message.repeats, message.overtaken, message.reason) == (2, 0, False, "")
