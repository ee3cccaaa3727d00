"""People released on a consent of the source: when it says yes no more, whoever received them is told."""

from __future__ import annotations

import asyncio

import pytest

from connector.records import Agreement, HandedOver, LogEntry, Notice, OutboxMessage, SourceConsent, Study, Tombstone
from tests.two_party import sourced
from tests.two_party.space import until

UNCLEAR = {"url": "urn:x:unknown", "valueString": "?"}


def yes(id: str = "c1", patient: str = "ann") -> dict:
    return sourced.consent(id, patient)


@pytest.fixture
async def stage(trio, tmp_path):
    """A study that rests on consents of the source; Ann was released on hers, and nobody has a wallet."""
    made = await sourced.stage(trio, tmp_path / "first")
    await trio.hospital.store.write(lambda tx: tx.alter(Study, {"broad_consent": True}, id=made.study))
    await bring(trio, tmp_path, yes())
    assert await sourced.pulled(made) == {"ann": "released", "ben": "not-linked"}
    return made


async def bring(trio, tmp_path, *resources):
    report = await sourced.take_in(trio, sourced.write(tmp_path, "more", *resources))
    assert not report.refused, report.refused


async def owing_nothing(stage) -> None:
    """The contract as if it owed no erasure on a withdrawal."""
    agreement = await stage.holder.get(Agreement, stage.agreement)
    policy = {key: value for key, value in agreement.policy.items() if not key.endswith("obligation")}
    await stage.holder.store.write(lambda tx: tx.alter(Agreement, {"policy": policy}, id=agreement.id))


async def notices(stage) -> list[tuple[str, str]]:
    return [(one.kind, one.recipient) for one in await stage.holder.find(Notice, order="effective_at")]


@pytest.mark.parametrize("now", ["a no", "gone", "somebody else's"])
async def test_recipients_are_told_to_erase_where_the_contract_owes_it(trio, stage, tmp_path, now):
    changed = {
        "a no": sourced.consent("c1", "ann", "deny"), "gone": yes() | {"status": "inactive"},
        "somebody else's": yes(patient="ben"),
    }[now]  # fmt: skip
    await bring(trio, tmp_path, changed)
    assert await notices(stage) == [("erase", trio.research.id)]
    [notice] = await trio.hospital.find(Notice)
    assert (notice.consent, notice.link) == (f"source:{stage.source}/c1", "")
    assert notice.next_at is not None
    done = await trio.hospital.eventually(Notice, notice.id, where=lambda one: one.erased_at and one.check)
    assert (done.check, done.objects > 0) == ("gone", True)
    assert (await sourced.pulled(stage))["ann"] != "released"


async def test_a_contract_that_owes_no_erasure_is_stopped(trio, stage, tmp_path):
    await owing_nothing(stage)
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    assert await notices(stage) == [("stop", trio.research.id)]


async def test_what_nobody_can_read_is_a_pause_that_ends_when_it_says_yes_again(trio, stage, tmp_path):
    await bring(trio, tmp_path, yes() | {"modifierExtension": [UNCLEAR]})
    [notice] = await trio.hospital.find(Notice)
    assert notice.kind == "pause"
    await trio.hospital.quiet()
    [stone] = await trio.research.find(Tombstone)
    assert stone.kind == "pause"
    await bring(trio, tmp_path, yes())
    await trio.hospital.eventually(Notice, notice.id, where=lambda one: one.lifted_at)
    assert (await sourced.pulled(stage))["ann"] == "released"


async def test_what_was_unclear_and_turns_out_a_no_is_told_as_that(trio, stage, tmp_path):
    await bring(trio, tmp_path, yes() | {"modifierExtension": [UNCLEAR]})
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    assert [kind for kind, _ in await notices(stage)] == ["pause", "erase"]


async def test_a_consent_that_the_officer_sets_aside_is_gone_too(trio, stage):
    [row] = await trio.hospital.find(SourceConsent)
    officer = trio.hospital.acting("dpo")
    await trio.hospital.services.source_consents.set_aside(officer, row.source, row.id, row.digest, "A test patient's")
    assert await notices(stage) == [("erase", trio.research.id)]


async def test_setting_aside_waits_for_the_hand_over_under_way(trio, stage):
    [row] = await trio.hospital.find(SourceConsent)
    officer, desk = trio.hospital.acting("dpo"), trio.hospital.services.source_consents
    async with trio.hospital.context.gate.hand_over([(row.person, stage.study)]):
        setting = desk.set_aside(officer, row.source, row.id, row.digest, "A test patient's")
        task = asyncio.create_task(setting)
        await asyncio.sleep(0.2)
        assert not task.done()
    await task


async def test_another_yes_beside_it_tells_nobody(trio, stage, tmp_path):
    await bring(trio, tmp_path, yes("c2"))
    await bring(trio, tmp_path, yes() | {"status": "inactive"})
    assert await notices(stage) == []
    assert (await sourced.pulled(stage))["ann"] == "released"


async def test_whatever_else_bars_a_release_today_is_no_withdrawal(trio, stage, tmp_path):
    await trio.hospital.store.write(lambda tx: tx.alter(Agreement, {"standing": "suspended"}, id=stage.agreement))
    await trio.hospital.store.write(lambda tx: tx.alter(Study, {"standing": "declined"}, id=stage.study))
    await bring(trio, tmp_path, yes("c2"))
    assert await notices(stage) == []


async def test_who_answered_the_study_stops_there_themselves(trio, stage, tmp_path):
    await stage.answer("ann")
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    assert await notices(stage) == []
    await stage.withdraw("ann")
    await until(lambda: trio.hospital.find(Notice), "the notice")
    assert await notices(stage) == [("erase", trio.research.id)]


async def test_nobody_who_was_never_handed_over_is_told_about(trio, stage, tmp_path):
    await bring(trio, tmp_path, yes("c3", "ben"))
    await bring(trio, tmp_path, sourced.consent("c3", "ben", "deny"))
    assert await notices(stage) == []
    assert len(await trio.hospital.find(HandedOver)) == 1


async def test_the_notice_is_made_in_the_transaction_of_the_import(trio, stage, tmp_path):
    await trio.research.stop()
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    [waiting] = await trio.hospital.find(OutboxMessage, kind="exchange.withdrawal", standing="waiting")
    [taken] = await trio.hospital.find(LogEntry, kind="source.consent-taken-in", order="-sequence", limit=1)
    [told] = await trio.hospital.find(LogEntry, kind="withdrawal.told")
    assert (waiting.about, told.sequence) == (told.subject, taken.sequence + 1)
