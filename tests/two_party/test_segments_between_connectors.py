"""Segments between two connectors of ours: whatever breaks on the way, what arrives is the release, byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connector.records import ReceivedPerson, ReceivedSegment, ReceivedTransfer, Release, Transfer
from connector.services.received.asking import Asked
from tests.two_party.conftest import Trio
from tests.two_party.releases import (
    Stage,
    agree,
    content_of,
    hospital_stage,
    many_records,
    opened_by_hand,
    publish,
    pulling,
    smallest_bundles,
)
from tests.two_party.space import until
from tests.two_party.test_release_deltas import Ward, pulse


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    """Four people with thousands of records, in segments of some hundred."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    await many_records(made, 1500)
    await made.everybody_agrees()
    return made


async def in_one(stage: Stage) -> bytes:
    """The same release as one body, by hand."""
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        body = await reader.to_the_end()
        assert reader.whole
    return body


async def on_the_way(stage: Stage, pid: str, segments: int = 3) -> ReceivedTransfer:
    """Until some segments are here, and more are to come."""

    async def looked() -> ReceivedTransfer | None:
        here = await stage.research.find(ReceivedSegment, transfer=pid, standing="here")
        row = await stage.research.get(ReceivedTransfer, pid)
        assert row is None or row.standing == "receiving", "it is over too soon to find out anything"
        return row if len(here) >= segments else None

    found: ReceivedTransfer = await until(looked, "some segments")
    return found


async def is_as_signed(stage: Stage, row: ReceivedTransfer) -> None:
    assert row.verified, row.finding
    [chain] = await stage.research.services.looking.verify(stage.research.acting("researcher"), row.transfer)
    assert chain.ok, chain.what


async def test_many_segments_are_the_one_body(stage: Stage):
    row = await stage.received(await stage.transfer())
    await is_as_signed(stage, row)
    assert row.segments > 10
    assert content_of(row.path) == await in_one(stage)


@pytest.mark.parametrize("who", ["provider", "consumer", "both"])
async def test_a_restart_on_the_way_changes_no_byte(stage: Stage, who: str):
    expected = await in_one(stage)
    pid = await stage.transfer()
    await on_the_way(stage, pid)
    if who != "provider":
        await stage.research.stop()
    if who != "consumer":
        await stage.holder.stop()
        await asyncio.sleep(0.05)
        await stage.holder.start()
    if who != "provider":
        await stage.research.start()
    row = await stage.received(pid)
    await is_as_signed(stage, row)
    assert content_of(row.path) == expected
    kept = await stage.research.find(ReceivedSegment, transfer=pid, standing="here")
    assert sum(one.bytes for one in kept) == len(expected)


async def test_of_somebody_who_stops_on_the_way_nothing_more_comes_and_the_manifest_counts_them(stage: Stage):
    order = await stage.order_of_release()
    pid = await stage.transfer()
    await on_the_way(stage, pid, 1)
    desk, actor = stage.research.services.transfer_desk, stage.research.acting("researcher")
    await desk.suspend(actor, pid, "A pause.")
    await stage.research.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    here = {one.code for one in await stage.research.find(ReceivedPerson, transfer=pid)}
    await stage.withdraw(order[-1])
    await desk.resume(actor, pid)
    row = await stage.received(pid)
    await is_as_signed(stage, row)
    assert row.people == 3
    assert len(here) < 4, "the last person had not come yet"
    [release] = await stage.holder.find(Release, transfer=(await stage.research.get(Transfer, pid)).their_pid)
    assert (release.withheld or {})["withdrawn"] == 1
    assert len({one.code for one in await stage.research.find(ReceivedPerson, transfer=pid)}) == 3


@pytest.fixture
async def ward(trio: Trio, tmp_path: Path) -> Ward:
    return Ward(trio, tmp_path / "ward.ndjson")


async def test_changes_and_deletions_at_the_source_come_to_what_is_asked(trio: Trio, ward: Ward):
    source = await ward.imported()
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", source, space_client=trio.space.client)
    await publish(stage)
    await agree(stage)
    for person in ("p-ann", "p-ben"):
        await stage.answer(person)
    first = await stage.received(await stage.transfer())
    await is_as_signed(stage, first)
    sql = "SELECT value_text FROM observations ORDER BY value"
    assert await asked(stage, sql) == [[str(value)] for value in sorted([*range(60, 65)] * 2)]
    ward.keep(pulse("p-ann-0", "p-ann", 99), pulse("p-ben-7", "p-ben", 7))
    ward.drop("Observation/p-ben-1")
    await ward.imported()
    await stage.answer("p-cara")
    desk = stage.research.services.transfer_desk
    pid = await desk.ask(stage.research.acting("researcher"), stage.agreement, since_last=True)
    second = await stage.received(pid)
    await is_as_signed(stage, second)
    assert second.lines < first.lines + 6
    values = [99, 61, 62, 63, 64, 60, 62, 63, 64, 7, *range(60, 65)]
    assert await asked(stage, sql) == [[str(value)] for value in sorted(values)]
    assert await asked(stage, "SELECT count(*) FROM patients") == [[3]]


async def asked(stage: Stage, sql: str) -> list[list[Any]]:
    answer = await stage.research.services.questions.ask(stage.research.acting("researcher"), Asked(), sql)
    return list(answer.rows)
