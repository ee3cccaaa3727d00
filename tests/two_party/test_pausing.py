"""A pause rests everything and deletes nothing, going on takes the same code, a limit reaches nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import (
    Agreement,
    Consent,
    Notice,
    OutboxMessage,
    ReceivedPerson,
    RecipientProgress,
    Tombstone,
    WalletConsent,
)
from connector.services.exchange import speech
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from connector.services.wallet.pausing import Limit
from contracts import exchange as wire
from policy.categories import words
from tests.two_party import story
from tests.two_party.releases import BUNDLES, Stage, content_of, hospital_stage, lines_of
from tests.two_party.space import until


@pytest.fixture
async def stage(trio) -> Stage:
    made = await hospital_stage(trio, BUNDLES)
    for one in (await made.source_ids())[:2]:
        await made.answer(one)
    return made


async def pause(stage: Stage, one: str):
    return await stage.wallet.services.wallet.pause(stage.people[one].actor, stage.study)


async def resume(stage: Stage, one: str) -> None:
    await stage.wallet.services.wallet.resume(stage.people[one].actor, stage.study)
    await stage.wallet.quiet()
    await stage.holder.quiet()


async def codes(stage: Stage, pid: str) -> set[str]:
    await stage.received(pid)
    return {row.code for row in await stage.research.find(ReceivedPerson, transfer=pid)}


async def first(stage: Stage) -> str:
    return sorted(stage.people)[0]


async def paused_notice(stage: Stage) -> Notice:
    return await until(lambda: _told(stage), "the recipient to have stopped")


async def _told(stage: Stage) -> Notice | None:
    found = await stage.holder.find(Notice, kind="pause", order="-effective_at")
    return found[0] if found and found[0].stopped_at else None


async def test_a_pause_stops_the_person_at_every_recipient_and_deletes_nothing(stage):
    before = await codes(stage, pid := await stage.transfer())
    file = content_of((await stage.received(pid)).path)
    await pause(stage, await first(stage))
    notice = await paused_notice(stage)
    assert (notice.kind, notice.backups_by, notice.erased_at) == ("pause", None, None)
    assert content_of((await stage.received(pid)).path) == file
    assert len(before) == 2
    assert len(await codes(stage, await stage.transfer())) == 1


async def test_going_on_takes_the_same_code_again(stage):
    before = await codes(stage, await stage.transfer())
    await pause(stage, await first(stage))
    await paused_notice(stage)
    await resume(stage, await first(stage))
    [notice] = await stage.holder.find(Notice)
    await stage.holder.eventually(Notice, notice.id, where=lambda found: found.lifted_at)
    assert {stone.kind for stone in await stage.research.find(Tombstone)} == {"lifted"}
    pid = await stage.transfer()
    assert await codes(stage, pid) == before
    assert lines_of((await stage.received(pid)).path)


async def test_nothing_goes_to_a_recipient_before_it_knows_that_the_pause_is_over(stage):
    await codes(stage, await stage.transfer())
    await pause(stage, await first(stage))
    await paused_notice(stage)
    await stage.research.stop()
    await stage.wallet.services.wallet.resume(stage.people[await first(stage)].actor, stage.study)
    await stage.wallet.quiet()
    [notice] = await stage.holder.find(Notice)
    assert notice.lifted_at is None
    assert await decided(stage, await first(stage)) == "withdrawal-under-way"
    await stage.research.start()
    await stage.holder.eventually(Notice, notice.id, where=lambda found: found.lifted_at)
    assert await decided(stage, await first(stage)) == "consent-given"
    assert len(await codes(stage, await stage.transfer())) == 2


async def decided(stage, one: str) -> str:
    """The first cause of what would be decided about a person now."""
    context, person = stage.holder.context, stage.people[one].person

    def query(tx):
        contract = contract_of(tx, tx.get(Agreement, stage.agreement), "records")
        return judge_people(tx, context, contract, [person], context.clock())[0].reason

    return await stage.holder.store.read(query)


async def test_a_pause_after_a_pause_names_the_same_recipients_and_tells_nobody_twice(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await pause(stage, one)
    await paused_notice(stage)
    with pytest.raises(Problem) as refused:
        await pause(stage, one)
    assert refused.value.status == 409
    assert len(await stage.holder.find(Notice)) == 1


async def test_after_going_on_a_second_pause_bars_the_code_anew(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    for _ in range(2):
        await pause(stage, one)
        await paused_notice(stage)
        await stage.wallet.quiet()
        assert len(await codes(stage, await stage.transfer())) == 1
        await resume(stage, one)
        await until(lambda: all_lifted(stage), "every pause to be over")
        assert len(await codes(stage, await stage.transfer())) == 2
    assert len(await stage.holder.find(Notice, kind="pause")) == 2


async def all_lifted(stage) -> bool:
    return all(one.lifted_at for one in await stage.holder.find(Notice, kind="pause"))


async def test_who_paused_can_still_stop_and_have_it_deleted(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await pause(stage, one)
    await paused_notice(stage)
    await stage.withdraw(one)
    erased = await until(lambda: _erased(stage), "the deletion")
    assert erased.kind == "erase"
    assert {stone.kind for stone in await stage.research.find(Tombstone)} == {"erase"}
    progress = await until(lambda: finished(stage, one), "the person to see the end")
    assert progress.kind == "erase"
    with pytest.raises(Problem):
        await resume(stage, one)


async def _erased(stage) -> Notice | None:
    found = await stage.holder.find(Notice, kind="erase")
    return found[0] if found and found[0].erased_at else None


async def finished(stage, one):
    progress = await stage.wallet.services.wallet.progress(stage.people[one].actor, stage.study)
    return progress if progress.finished else None


async def test_a_pause_that_comes_late_does_not_take_a_deletion_back(stage):
    """Two notices travel side by side: the weaker one may arrive last."""
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await stage.withdraw(one)
    await until(lambda: _erased(stage), "the deletion")
    [stone] = await stage.research.find(Tombstone)
    late = stage.holder.services.stopping
    [notice] = await stage.holder.find(Notice)
    weaker = Notice(
        id=story.urn(), consent=notice.consent, version=notice.version, person=notice.person, link=notice.link,
        agreement=notice.agreement, study=notice.study, recipient=notice.recipient, kind="pause",
        effective_at=notice.effective_at, stop_by=notice.stop_by, deadline=notice.stop_by,
    )  # fmt: skip

    def command(tx):
        tx.add(weaker)
        late._send(tx, weaker, stone.code)

    await stage.holder.store.write(command)
    await stage.holder.eventually(Notice, weaker.id, where=lambda found: found.received_at)
    assert (await stage.research.find(Tombstone))[0] == stone


async def test_everything_is_paused_and_goes_on_in_one_act(stage):
    one = await first(stage)
    actor = stage.people[one].actor
    paused = await stage.wallet.services.wallet.pause_everything(actor)
    assert paused == [stage.study]
    assert [card.state for card in await stage.wallet.services.wallet.permissions(actor)] == ["suspended"]
    await stage.wallet.quiet()
    assert [c.state for c in await stage.holder.find(Consent, person=stage.people[one].person, current=True)] == [
        "suspended"
    ]
    assert await stage.wallet.services.wallet.resume_everything(actor) == [stage.study]
    with pytest.raises(Problem) as refused:
        await stage.wallet.services.wallet.resume_everything(actor)
    assert refused.value.status == 409
    await stage.wallet.quiet()
    versions = await stage.holder.find(Consent, person=stage.people[one].person, order="version")
    assert [one.state for one in versions] == ["given", "suspended", "given"]
    assert versions[0].record["data"] == versions[2].record["data"]
    assert versions[0].record["valid_until"] == versions[2].record["valid_until"]


async def test_a_permission_that_ended_during_its_pause_does_not_go_on(stage):
    one = await first(stage)
    actor = stage.people[one].actor
    await pause(stage, one)
    [given] = await stage.wallet.find(WalletConsent, account=actor.account, version=1)
    ended = given.record | {"valid_until": "2026-01-01T00:00:00Z"}

    def command(tx):
        tx.alter(WalletConsent, {"record": ended}, id=given.id, version=1)

    await stage.wallet.store.write(command)
    with pytest.raises(Problem) as refused:
        await stage.wallet.services.wallet.resume(actor, stage.study)
    assert refused.value.status == 409


async def test_a_limit_shares_less_from_now_on_under_the_same_code_and_deletes_nothing(stage):
    before = await codes(stage, pid := await stage.transfer())
    file = content_of((await stage.received(pid)).path)
    one = await first(stage)
    limit = Limit({stage.dataset: ["demographics"]}, window_start=date(2015, 1, 1))
    await stage.wallet.services.wallet.limit(stage.people[one].actor, stage.study, limit)
    [card] = await stage.wallet.services.wallet.permissions(stage.people[one].actor)
    assert [shown.partition(": ")[2] for shown in card.datasets] == [f"{words('demographics')}, only from 2015-01-01"]
    await stage.wallet.quiet()
    assert not await stage.holder.find(Notice)
    assert content_of((await stage.received(pid)).path) == file
    again = await stage.transfer()
    assert await codes(stage, again) <= before
    assert (await stage.received(again)).bytes < len(file)
    [newest] = await stage.holder.find(Consent, person=stage.people[one].person, current=True)
    assert (newest.version, newest.state) == (2, "given")
    assert newest.record["data"] == [{"dataset": stage.dataset, "categories": ["demographics"]}]


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        (Limit({"urn:concord:dataset:another": None}), 400), (Limit({"DATASET": ["no-such-kind"]}), 400),
        (Limit({"DATASET": []}), 400), (Limit({"DATASET": None}), 409),
        (Limit({"DATASET": None}, window_start=date(2020, 1, 1), window_end=date(2019, 1, 1)), 400),
        (Limit({"DATASET": None}, until=date(2999, 1, 1)), 409),
    ],
    ids=["another-dataset", "unknown-kind", "no-kind", "nothing-less", "no-days-left", "a-later-end"],
)  # fmt: skip
async def test_a_limit_never_shares_more_and_is_never_nothing(stage, limit, status):
    one = await first(stage)
    chosen = Limit(
        {stage.dataset if name == "DATASET" else name: kinds for name, kinds in limit.datasets.items()},
        limit.window_start, limit.window_end, limit.until,
    )  # fmt: skip
    with pytest.raises(Problem) as refused:
        await stage.wallet.services.wallet.limit(stage.people[one].actor, stage.study, chosen)
    assert refused.value.status == status
    assert len(await stage.wallet.find(WalletConsent, account=stage.people[one].actor.account)) == 1


async def test_what_was_left_out_once_comes_back_by_an_answer_only(stage):
    one = await first(stage)
    wallet, actor = stage.wallet.services.wallet, stage.people[one].actor
    await wallet.limit(actor, stage.study, Limit({stage.dataset: ["demographics"]}))
    with pytest.raises(Problem) as refused:
        await wallet.limit(actor, stage.study, Limit({stage.dataset: ["laboratory"]}))
    assert (refused.value.status, refused.value.where) == (400, "datasets")


async def test_a_limit_with_nothing_left_stops_without_deletion(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await stage.wallet.services.wallet.limit(stage.people[one].actor, stage.study, Limit({}))
    await stage.wallet.quiet()
    notice = await until(lambda: _stopped(stage), "the recipient to have stopped")
    assert (notice.kind, notice.erased_at) == ("stop", None)


async def _stopped(stage) -> Notice | None:
    found = await stage.holder.find(Notice, kind="stop")
    return found[0] if found and found[0].stopped_at else None


async def test_the_person_sees_a_pause_at_each_recipient_with_its_dates(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await pause(stage, one)
    shown = await until(lambda: finished(stage, one), "the pause to be shown as done")
    [recipient] = shown.holders[0].recipients
    assert (shown.kind, recipient.kind, recipient.overdue, recipient.erased_at) == ("pause", "pause", False, None)
    assert recipient.stopped_at
    [kept] = await stage.wallet.find(RecipientProgress)
    assert kept.tracking["stop_by"]
    assert datetime.fromisoformat(kept.tracking["stop_by"]) > datetime.now(UTC) + timedelta(hours=20)


async def test_the_same_pause_delivered_again_reopens_and_repeats_nothing(stage):
    await codes(stage, await stage.transfer())
    one = await first(stage)
    await pause(stage, one)
    await paused_notice(stage)
    await resume(stage, one)
    await until(lambda: all_lifted(stage), "the pause to be over")
    versions = await stage.wallet.find(WalletConsent, account=stage.people[one].actor.account, order="version")
    body = {"consent": versions[1].jws, "delivery": delivery_of(stage, versions[1])}
    address = stage.wallet.context.members.exchange(stage.holder.id)
    answer = await stage.wallet.context.members.post(stage.holder.id, f"{address}/consents", body)
    assert answer.status == 200
    assert [one.kind for one in await stage.holder.find(Notice)] == ["pause"]
    [current] = await stage.holder.find(Consent, person=stage.people[one].person, current=True)
    assert current.state == "given"
    assert not await stage.holder.find(OutboxMessage, kind="exchange.withdrawal", standing="waiting")


def delivery_of(stage, version):
    context = stage.wallet.context
    said = wire.Delivery(consent_digest=version.digest, holder=stage.holder.id, delivered_at=context.clock())
    return speech.say(context, speech.DELIVERY, said.wire())
