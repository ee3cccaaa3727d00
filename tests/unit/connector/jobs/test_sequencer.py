"""What is logged gets its place in the tree soon, in order, under a signature; and whatever is changed is found."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.bells import LocalBells
from connector.founding import VAULT
from connector.jobs import sequencer
from connector.jobs.sequencer import Sequencer
from connector.provenance.entry import LogRow
from connector.provenance.note import NoteSigner, NoteVerifier
from connector.provenance.verify import verify_log
from connector.records import LogCheckpoint, LogEntry, LogNode
from connector.services.context import Context
from connector.storage import SqliteStore
from connector.vault import verify_signature
from connector.vault.log_head import FileLogHead
from tests.two_party.space import until

NAME = "urn:concord:hospital:0000"


class Log:
    """A store with a sequencer beside it."""

    def __init__(self, path) -> None:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        self.verifier = NoteVerifier(NAME, public, verify_signature)
        self.path = path / "store.db"
        (path / VAULT).mkdir(mode=0o700)
        self.bells = LocalBells(asyncio.get_running_loop())
        self.store = SqliteStore(self.path, self.bells.ring_from_thread)
        self.context = SimpleNamespace(
            store=self.store, bells=self.bells, clock=lambda: datetime.now(UTC), random=os.urandom, directory=path,
            log_head=FileLogHead(path),
            me=SimpleNamespace(id=NAME), vault=SimpleNamespace(keys=SimpleNamespace(public=lambda _: public)),
        )  # fmt: skip
        self.head = FileLogHead(path)
        self.signer = NoteSigner(NAME, public, key.sign)
        self.sequencer = Sequencer(self.context, self.signer)

    async def write(self, *numbers, fail=False):
        def command(tx):
            for number in numbers:
                Context.log(self.context, tx, "test.entry", f"urn:{number}", {"number": number, "text": "Zürich"})
            if fail:
                raise RuntimeError

        await self.store.write(command)

    async def verdict(self):
        return await self.store.read(self._verify)

    def _verify(self, tx):
        rows = [
            LogRow(one.position, one.at, one.kind, one.subject, one.commitment, one.salt, one.body, one.leaf_hash)
            for one in tx.find(LogEntry, order="position")
        ]
        notes = [one.note for one in tx.find(LogCheckpoint)]
        nodes = {(one.level, one.position): one.hash for one in tx.find(LogNode)}
        return verify_log(rows, notes, self.verifier, lambda level, place: nodes[level, place])

    async def change(self, statement: str, *values) -> None:
        """Somebody changes the file behind our back."""
        with closing(sqlite3.connect(self.path)) as file:
            assert file.execute(statement, values).rowcount == 1
            file.commit()


@pytest.fixture
async def log(tmp_path):
    opened = Log(tmp_path)
    yield opened
    opened.store.close()


async def test_entries_get_their_places_in_the_order_they_were_written(log):
    await log.write(*range(7))
    assert await log.sequencer.integrate() == 7
    entries = await log.store.read(lambda tx: tx.find(LogEntry, order="sequence"))
    assert [(one.position, one.subject) for one in entries] == [(n, f"urn:{n}") for n in range(7)]
    assert (await log.verdict()).ok


@pytest.mark.parametrize("batches", [(1,), (1, 1), (5, 3), (8, 8, 1), (64, 1, 63, 100)])
async def test_a_log_grown_in_any_portions_verifies_under_every_checkpoint(log, batches):
    number = 0
    for batch in batches:
        await log.write(*range(number, number + batch))
        number += batch
        await log.sequencer.integrate()
    verdict = await log.verdict()
    assert (verdict.ok, verdict.entries, verdict.signed) == (True, number, number)
    sizes = await log.store.read(lambda tx: [one.size for one in tx.find(LogCheckpoint, order="size")])
    assert sizes == [sum(batches[: n + 1]) for n in range(len(batches))]


async def test_nothing_to_integrate_makes_no_checkpoint(log):
    assert await log.sequencer.integrate() == 0
    assert await log.store.read(lambda tx: tx.count(LogCheckpoint)) == 0


async def test_an_entry_of_a_command_that_failed_is_not_there(log):
    await log.write(1)
    with pytest.raises(RuntimeError):
        await log.write(2, fail=True)
    await log.write(3)
    await log.sequencer.integrate()
    entries = await log.store.read(lambda tx: [one.subject for one in tx.find(LogEntry, order="position")])
    assert entries == ["urn:1", "urn:3"]
    assert (await log.verdict()).ok


async def test_the_running_sequencer_integrates_whatever_comes(log):
    task = asyncio.create_task(log.sequencer.run())
    try:
        await asyncio.gather(*(log.write(number) for number in range(50)))
        await until(lambda: integrated(log, 50), "every entry to have a place")
        await log.write(50)
        await until(lambda: integrated(log, 51), "the last entry to have a place")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await log.verdict()).signed == 51


async def integrated(log, number):
    return await log.store.read(lambda tx: tx.count(LogEntry) == number and not tx.find(LogEntry, position=None))


async def test_more_than_one_batch_is_integrated_without_a_second_call_for_it(log, monkeypatch):
    monkeypatch.setattr(sequencer, "_BATCH", 10)
    await log.write(*range(35))
    task = asyncio.create_task(log.sequencer.run())
    try:
        await until(lambda: integrated(log, 35), "every entry to have a place")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await log.verdict()).ok


async def test_the_sequencer_outlives_a_store_that_takes_nothing_for_a_while(log, monkeypatch):
    monkeypatch.setattr(sequencer, "_RETRY", 0.01)
    real, failures = log.store.write, iter([OSError("disk")] * 3)

    async def write(command):
        if (failure := next(failures, None)) is not None:
            raise failure
        return await real(command)

    await log.write(1)
    monkeypatch.setattr(log.store, "write", write)
    task = asyncio.create_task(log.sequencer.run())
    try:
        await until(lambda: integrated(log, 1), "the entry to have a place")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


TAMPERINGS = {
    "a byte of the body": ("update log_entry set body = replace(body, '5', '6') where position = ?", 5),
    "the kind": ("update log_entry set kind = 'test.other' where position = ?", 5),
    "the subject": ("update log_entry set subject = subject || 'x' where position = ?", 5),
    "the time": ("update log_entry set at = replace(at, 'Z', '0Z') where position = ?", 5),
    "the commitment": ("update log_entry set commitment = 'ab' || substr(commitment, 3) where position = ?", 5),
    "the salt": ("update log_entry set salt = zeroblob(32) where position = ?", 5),
    "the leaf hash": ("update log_entry set leaf_hash = zeroblob(32) where position = ?", 5),
    "a leaf of the tree": ("update log_node set hash = zeroblob(32) where level = 0 and position = ?", 5),
    "an entry taken out": ("delete from log_entry where position = ?", 5),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_any_change_is_found_and_the_entry_named(log, what):
    await log.write(*range(12))
    await log.sequencer.integrate()
    await log.change(*TAMPERINGS[what])
    verdict = await log.verdict()
    assert (verdict.ok, verdict.first_bad) == (False, 5), verdict.what


async def test_the_newest_entries_cannot_be_cut_off(log):
    await log.write(*range(12))
    await log.sequencer.integrate()
    await log.change("delete from log_entry where position = 11")
    verdict = await log.verdict()
    assert (verdict.ok, verdict.first_bad) == (False, 11)


async def test_an_entry_rewritten_with_everything_that_follows_from_it_still_meets_the_signed_root(log):
    """Whoever can write the store can make one row agree with itself, but cannot sign another root."""
    await log.write(*range(4))
    await log.sequencer.integrate()
    await log.write(99)
    forged = await log.store.read(lambda tx: tx.find(LogEntry, position=None)[0])
    await log.change("delete from log_entry where sequence = ?", forged.sequence)
    await log.change(
        "update log_entry set at = ?, subject = ?, commitment = ?, salt = ?, body = ?, leaf_hash = ?"
        " where position = 2",
        forged.at, forged.subject, forged.commitment, forged.salt, forged.body, forged.leaf_hash,
    )  # fmt: skip
    await log.change("update log_node set hash = ? where level = 0 and position = 2", forged.leaf_hash)
    verdict = await log.verdict()
    assert not verdict.ok
    assert verdict.first_bad is not None


async def test_a_checkpoint_nobody_signed_is_found(log):
    await log.write(1, 2)
    await log.sequencer.integrate()
    await log.change(
        "update log_checkpoint set note = replace(note, char(10) || '2' || char(10), char(10) || '1' || char(10))"
    )
    assert not (await log.verdict()).ok
