"""At the last instant of a contract what runs under it stops by itself, and what was received has to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.records import Agreement, ContractEnding, Release, Transfer
from connector.services.exchange.ending import BELL
from tests.two_party.releases import BUNDLES, hospital_stage, many_records, opened_by_hand, pulling, vendor_stage
from tests.two_party.space import until


async def runs_out(stage, seconds: float, *parties) -> datetime:
    """The contract was made with this end."""
    over = datetime.now(UTC) + timedelta(seconds=seconds)
    for party in parties:
        await party.store.write(lambda tx: (tx.alter(Agreement, {"until": over}, id=stage.agreement), tx.ring(BELL)))
    return over


async def test_a_running_stream_ends_at_that_instant_at_both_sides(trio):
    stage, _ = await vendor_stage(trio, {"band-0001-aa": "Ann Example"})
    await stage.answer("band-0001-aa")
    pid = await stage.transfer()
    await until(lambda: trio.hospital.find(Release, kind="stream", standing="running"), "the stream to begin")
    over = await runs_out(stage, 1.0, trio.hospital, trio.research)
    [ended] = await until(lambda: trio.hospital.find(Release, kind="stream", standing="ended"), "the stream to end")
    assert timedelta() <= ended.finished_at - over < timedelta(seconds=5)
    done = await trio.research.eventually(Transfer, pid, where=lambda one: one.state == "TERMINATED")
    assert done.reason["code"] == "agreement-ran-out"
    owed = await trio.research.eventually(ContractEnding, stage.agreement)
    assert (owed.ended_at, owed.erase_by) == (over, over + timedelta(days=30))


async def test_a_running_release_goes_no_further_after_that_instant(trio):
    stage = await hospital_stage(trio, BUNDLES)
    for one in await stage.source_ids():
        await stage.answer(one)
    await many_records(stage, 4000)
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.read(2048)
        over = await runs_out(stage, 0.4, stage.holder)
        await until(lambda: datetime.now(UTC) > over, "the instant")
        sent = (await stage.holder.find(Release, transfer=pid))[0].offset
        await reader.to_the_end()
        assert not reader.whole
    [release] = await until(lambda: stage.holder.find(Release, transfer=pid, standing="ended"), "the release to end")
    assert release.offset == sent
    async with pulling(stage.holder, pid, token) as again:
        await again.to_the_end()
        assert again.status in (401, 410)
