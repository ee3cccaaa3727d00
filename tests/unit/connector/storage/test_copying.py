"""A backup of a participant that runs, the loss of its disk, and the participant again; on both engines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from connector.cli.program import run
from connector.founding import STORE_FILE, VAULT, found
from connector.records import LogEntry, Setting
from connector.settings import load
from connector.storage import open_store
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def directory(request, tmp_path, monkeypatch) -> Path:
    """A participant with records and a file, its store open as that of one which runs."""
    monkeypatch.delenv("CONCORD_DIRECTORY", raising=False)
    place = tmp_path / "hospital"
    found(place, "Hospital", "hospital", 8080)
    if request.param == "postgresql":
        with (place / "concord.toml").open("a") as settings:
            settings.write(f'\ndatabase_url = "{postgres.needed().belonging_to(place)}"\n')
    (place / "received" / "t").mkdir(parents=True)
    (place / "received" / "t" / "data").write_bytes(b"what was received")
    store = open_store(place / STORE_FILE, url=load(place).store_url)
    store.submit(lambda tx: [tx.add(Setting(name="a", value="1")), tx.add(Setting(name="b", value="\u00e4'"))]).result()
    store.submit(lambda tx: tx.append(LogEntry, position=None)).result()
    yield place
    store.close()


def lost(directory: Path) -> None:
    """The disk is gone."""
    url = load(directory).store_url
    if url:
        name = url.rpartition("/")[2]
        with psycopg.connect(postgres.needed().url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgres.needed().created(name)
    shutil.rmtree(directory)


def kept(directory: Path) -> list[Setting]:
    store = open_store(directory / STORE_FILE, url=load(directory).store_url)
    try:
        assert store.submit(lambda tx: tx.append(LogEntry, position=None)).result() == 2
        return store.read_now(lambda tx: tx.find(Setting, order="name"))
    finally:
        store.close()


def test_what_was_backed_up_is_there_again_after_the_disk_was_lost(directory, tmp_path, capsys):
    records, vault = tmp_path / "backup", tmp_path / "safe"
    assert run(["admin", "backup", str(records), "--vault", str(vault), "-d", str(directory), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"].keys() == {"concord.toml", said["store"], "files/received/t/data"}
    assert not [one for one in records.rglob("*") if VAULT in one.parts]
    keys = {one.name: one.read_bytes() for one in (directory / VAULT).rglob("*") if one.is_file()}
    lost(directory)
    assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(directory)]) == 0
    assert kept(directory) == [Setting(name="a", value="1"), Setting(name="b", value="\u00e4'")]
    assert {one.name: one.read_bytes() for one in (directory / VAULT).rglob("*") if one.is_file()} == keys
    assert (directory / "received" / "t" / "data").read_bytes() == b"what was received"
    assert {one.stat().st_mode & 0o077 for one in (directory, directory / VAULT)} == {0}


def test_a_backup_that_was_changed_is_not_restored(directory, tmp_path, capsys):
    records, vault = tmp_path / "backup", tmp_path / "safe"
    assert run(["admin", "backup", str(records), "--vault", str(vault), "-d", str(directory)]) == 0
    lost(directory)
    (records / "files" / "received" / "t" / "data").write_bytes(b"something else")
    assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(directory)]) == 2
    assert "not as it was made" in capsys.readouterr().err
    assert not (directory / "concord.toml").exists()


def test_nothing_is_restored_over_what_is_there(directory, tmp_path, capsys):
    records, vault, other = tmp_path / "backup", tmp_path / "safe", tmp_path / "other"
    assert run(["admin", "backup", str(records), "--vault", str(vault), "-d", str(directory)]) == 0
    assert run(["admin", "backup", str(records), "-d", str(directory)]) == 2
    assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(directory)]) == 2
    if load(directory).store_url:
        assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(other)]) == 2
        assert "tables in the database" in capsys.readouterr().err
        assert not (other / "concord.toml").exists()


def test_vault_and_records_do_not_go_into_one_place(directory, tmp_path):
    inside = tmp_path / "backup" / "vault"
    assert run(["admin", "backup", str(tmp_path / "backup"), "--vault", str(inside), "-d", str(directory)]) == 2
    assert not inside.exists()


def test_a_whole_store_is_said_to_be_whole_and_a_damaged_one_is_not(directory, capsys):
    assert run(["admin", "check", "-d", str(directory), "--json"]) == 1  # the entry above has no hash: the log is bad
    said = json.loads(capsys.readouterr().out)
    assert (said["faults"], said["log"]["ok"]) == ([], False)
    url = load(directory).store_url
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE quarantined")
            connection.execute("UPDATE counter SET last = 0 WHERE name = 'log_entry'")
        wrong = ["1 tables are missing", "the numbers of log_entry would be given again"]
    else:
        (directory / STORE_FILE).write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
        for beside in ("-wal", "-shm"):
            (directory / f"{STORE_FILE}{beside}").unlink(missing_ok=True)
        wrong = ["SQLite cannot read the file: DatabaseError"]
    assert run(["admin", "check", "-d", str(directory), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"][: len(wrong)] == wrong


@pytest.mark.parametrize("where", ["elsewhere", "inside"])
def test_files_of_a_shared_folder_are_backed_up_and_restored_to_where_the_settings_say(directory, tmp_path, where):
    shared = tmp_path / "mounted" if where == "elsewhere" else directory / "ours" / "shared"
    (shared / "provenance").mkdir(parents=True)
    (shared / "provenance" / "one").write_bytes(b"a record")
    (shared / "store.db").write_bytes(b"of another process")
    (shared / "vault").mkdir()
    (shared / "vault" / "secret").write_bytes(b"of another process")
    with (directory / "concord.toml").open("a") as settings:
        settings.write(f'\nshared_folder = "{shared}"\n')
    records, vault = tmp_path / "backup", tmp_path / "safe"
    assert run(["admin", "backup", str(records), "--vault", str(vault), "-d", str(directory)]) == 0
    assert not [one for one in records.rglob("*") if one.is_file() and one.read_bytes() == b"of another process"]
    lost(directory)
    shutil.rmtree(shared, ignore_errors=True)
    assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(directory)]) == 0
    assert (shared / "provenance" / "one").read_bytes() == b"a record"
    assert (directory / "received" / "t" / "data").read_bytes() == b"what was received"


def test_no_backup_without_the_shared_folder_and_no_restore_over_its_files(directory, tmp_path, capsys):
    shared = tmp_path / "mounted"
    with (directory / "concord.toml").open("a") as settings:
        settings.write(f'\nshared_folder = "{shared}"\n')
    records, vault = tmp_path / "backup", tmp_path / "safe"
    wanted = ["admin", "backup", str(records), "--vault", str(vault), "-d", str(directory)]
    assert run(wanted) == 2
    assert "shared folder is not there" in capsys.readouterr().err
    (shared / "received").mkdir(parents=True)
    (shared / "received" / "data").write_bytes(b"newer")
    assert run(wanted) == 0
    lost(directory)
    assert run(["admin", "restore", str(records), "--vault", str(vault), "-d", str(directory)]) == 2
    assert not (directory / "concord.toml").exists()
    assert (shared / "received" / "data").read_bytes() == b"newer"


def test_copies_on_their_way_out_are_not_backed_up(directory, tmp_path):
    for name in ("segments", "exports"):
        (directory / name).mkdir()
        (directory / name / "one").write_bytes(b"of people who may stop")
    assert run(["admin", "backup", str(tmp_path / "backup"), "-d", str(directory)]) == 0
    assert {one.name for one in (tmp_path / "backup" / "files").iterdir()} == {"received"}
