"""Two processes serve one hospital from one PostgreSQL database: what is done in one holds in the other at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from connector.dataplane.lines import code_of
from connector.identity.members import Standing
from connector.records import LogCheckpoint, LogEntry, Notice, Release
from connector.replicas import replicate
from connector.services.evidence import Evidence
from connector.settings import load
from tests import postgres
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, many_records, opened_by_hand, pulling, smallest_bundles
from tests.two_party.space import Party, listening, until


@pytest.fixture(autouse=True)
def on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.needed()
    monkeypatch.setattr("tests.two_party.space.ENGINE", "postgresql")


async def replica_of(trio: Trio) -> Party:
    """A second process of the hospital: the same settings and vault, the same database, a directory of its own."""
    first = Path(trio.hospital.founded.directory)
    place = first.with_name("hospital-again")
    with listening() as free:
        port = free.getsockname()[1]
    made = replicate(load(first), place, port)
    assert (made.port, made.shared_folder) == (port, str(first))
    made = Party(replace(trio.hospital.founded, directory=str(place)), port)
    trio.space.parties["hospital-again"] = made
    await made.start()
    return made


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))


async def test_a_release_that_runs_in_one_process_is_cut_by_a_withdrawal_committed_in_another(stage: Stage, trio: Trio):
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    replica = await replica_of(trio)
    pid, token = await opened_by_hand(stage)
    order = await stage.order_of_release()
    async with pulling(replica, pid, token) as reader:
        await reader.until(lambda body: body.count(b"\n") > 200)
        current = str(code_of(reader.body.splitlines()[0]))
        await stage.withdraw(order[0])  # the wallet reaches the first process
        [told] = await until(lambda: stage.holder.find(Notice), "a notice")
        body = await reader.to_the_end()
        assert reader.whole
    cut, end = (told.cut or {})[pid], 0
    codes: Counter[str] = Counter()
    for line in body.splitlines(keepends=True):
        end += len(line)
        codes[str(code_of(line))] += 1
        assert str(code_of(line)) != current or end <= cut
    assert len(codes) == 3
    assert 200 < codes[current] < 3000
    [release] = await stage.holder.find(Release, transfer=pid)
    assert (release.standing, release.bytes) == ("complete", len(body))


async def test_a_member_suspended_through_one_process_is_shut_out_of_the_other(trio: Trio):
    replica = await replica_of(trio)
    research = trio.research.id
    assert replica.context.members.known(research).standing == "active"
    members = trio.hospital.context.members
    await members.put(members.known(research).model_copy(update={"standing": Standing.SUSPENDED}))
    await until(lambda: replica.context.members.known(research).standing == "suspended", "the other process to hear")


async def test_contracts_are_made_while_both_run_and_the_log_of_both_is_one(trio: Trio):
    replica = await replica_of(trio)
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    pids = await asyncio.gather(*(story.ask(trio.research, trio.hospital, offer, study) for _ in range(4)))
    for pid in pids:
        assert (await story.outcome(trio.research, pid)).state == "FINALIZED"
    await trio.hospital.quiet()
    await asyncio.gather(*(one.store.write(lambda tx, c=one.context: c.log(tx, "test", "s", {})) for one in
                           (trio.hospital, replica) * 10))  # fmt: skip

    async def integrated():
        return not await replica.find(LogEntry, position=None)

    await until(integrated, "every entry to have its place")
    for one in (trio.hospital, replica):
        verdict = await Evidence(one.context).verify()
        assert verdict.ok, verdict.what
    assert len(await replica.find(LogCheckpoint)) > 0
    places = [one.position for one in await replica.find(LogEntry, order="sequence")]
    assert places == list(range(len(places)))
