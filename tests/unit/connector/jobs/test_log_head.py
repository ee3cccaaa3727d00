"""A history rewritten in the store is neither signed again nor believed: what was signed is also kept outside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from connector.jobs.sequencer import HistoryChanged, Sequencer
from connector.provenance.checkpoint import parse_checkpoint
from connector.records import LogCheckpoint
from connector.services.evidence import Evidence
from connector.vault import VaultFileError
from tests.unit.connector.jobs.test_sequencer import Log

DELETED = ("delete from log_checkpoint", "delete from log_node")
ALL = (*DELETED, "update log_entry set position = null")
REWRITES = {
    "checkpoints and nodes deleted, to be signed anew": ALL,
    "checkpoints deleted": ("delete from log_checkpoint",),
    "everything deleted": (*DELETED, "delete from log_entry"),
    "the end deleted with its checkpoint and nodes": (
        "delete from log_entry where position >= 8", "delete from log_checkpoint where size > 8",
        "delete from log_node where (position + 1) * (1 << level) > 8",
    ),
    "rows deleted, checkpoints kept": ("delete from log_entry where position >= 8",),
    "all rows deleted, checkpoints kept": ("delete from log_entry",),
    "an entry to be placed again": ("update log_entry set position = null where position = 3",),
    "a node changed": ("update log_node set hash = zeroblob(32) where level = 3",),
}  # fmt: skip


@pytest.fixture
async def log(tmp_path):
    opened = Log(tmp_path)
    await opened.write(*range(8))
    await opened.sequencer.integrate()
    await opened.write(*range(8, 12))
    await opened.sequencer.integrate()
    yield opened
    opened.store.close()


def tamper(log, statements):
    with closing(sqlite3.connect(log.path)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


async def sizes(log):
    return await log.store.read(lambda tx: [one.size for one in tx.find(LogCheckpoint, order="size")])


def restarted(log):
    return Sequencer(log.context, log.signer)


@pytest.mark.parametrize("what", REWRITES)
@pytest.mark.parametrize("again", [False, True], ids=["running", "started anew"])
async def test_a_rewritten_history_is_not_signed(log, what, again):
    tamper(log, REWRITES[what])
    before, head = await sizes(log), log.head.read()
    await log.write(99)
    with pytest.raises(HistoryChanged):
        await (restarted(log) if again else log.sequencer).integrate()
    assert (await sizes(log), log.head.read()) == (before, head)


@pytest.mark.parametrize("what", [*REWRITES])
@pytest.mark.parametrize("running", [False, True])
async def test_a_rewritten_history_does_not_verify(log, what, running):
    evidence = Evidence(log.context, running=running)
    found = await evidence.verify()
    assert found.ok, found.what
    assert "the head kept in the vault" in found.what
    tamper(log, REWRITES[what])
    assert not (await evidence.verify()).ok


async def test_a_sequencer_that_refuses_ends_and_says_so(log, caplog):
    tamper(log, ALL)
    await restarted(log).run()
    assert "nothing more is signed: 12 entries were signed" in caplog.text


async def test_the_head_is_the_newest_checkpoint_for_its_owner_alone(log, tmp_path):
    newest = await log.store.read(lambda tx: tx.find(LogCheckpoint, order="-size", limit=1))
    assert log.head.read() == newest[0].note
    file = tmp_path / "vault" / "log-head"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["log-head"]
    file.chmod(0o644)
    with pytest.raises(VaultFileError):
        log.head.read()
    assert not (await Evidence(log.context, running=False).verify()).ok


async def test_a_process_that_ended_between_checkpoint_and_head_raises_no_alarm(log):
    behind = (await log.store.read(lambda tx: tx.find(LogCheckpoint, order="size", limit=1)))[0].note
    log.head.keep(behind)
    assert (await Evidence(log.context, running=False).verify()).ok
    begun = restarted(log)
    assert await begun.integrate() == 0
    assert parse_checkpoint(log.head.read()).size == 12
    await log.write(99)
    assert await begun.integrate() == 1
    assert parse_checkpoint(log.head.read()).size == 13


async def test_a_head_that_could_not_be_written_is_written_with_the_next_batch(log, monkeypatch):
    real, failures = log.sequencer._file.keep, iter([OSError("disk")])

    def keep(note):
        if (failure := next(failures, None)) is not None:
            raise failure
        real(note)

    monkeypatch.setattr(log.sequencer._file, "keep", keep)
    await log.write(99)
    with pytest.raises(OSError, match="disk"):
        await log.sequencer.integrate()
    assert (await sizes(log))[-1] == 13
    assert await log.sequencer.integrate() == 0
    assert parse_checkpoint(log.head.read()).size == 13


@pytest.mark.parametrize("note", ["", "nonsense", None])
async def test_a_head_that_is_not_ours_stops_everything(log, note):
    log.head.keep(log.head.read().replace("\n12\n", "\n11\n") if note is None else note)
    with pytest.raises(HistoryChanged):
        await restarted(log).integrate()
    assert not (await Evidence(log.context, running=False).verify()).ok


async def test_a_store_from_before_the_head_was_kept_gets_one(log, tmp_path):
    (tmp_path / "vault" / "log-head").unlink()
    assert "no head" in (await Evidence(log.context, running=False).verify()).what
    await restarted(log).integrate()
    assert parse_checkpoint(log.head.read()).size == 12


async def test_a_checkpoint_row_that_differs_from_its_note_is_found(log):
    await log.change("update log_checkpoint set root = zeroblob(32) where size = 12")
    found = await Evidence(log.context, running=False).verify()
    assert (found.ok, "differs from its signed note" in found.what) == (False, True)


async def test_while_a_process_runs_entries_may_wait_ten_seconds_and_no_longer(log):
    await log.write(99)
    assert (await Evidence(log.context).verify()).ok
    log.context.clock = lambda: datetime.now(UTC) + timedelta(seconds=11)
    found = await Evidence(log.context).verify()
    assert (found.ok, found.first_bad) == (False, 12)


async def test_an_emptied_entry_does_not_verify(log):
    await log.change("update log_entry set salt = x'', body = null where position = 5")
    found = await Evidence(log.context, running=False).verify()
    assert (found.ok, found.first_bad) == (False, 5)
