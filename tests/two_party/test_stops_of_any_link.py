"""A stop is heard through a link that is disputed or over, at the desk too; a yes is not."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import Consent, Link, LogEntry, Notice, OutboxMessage, Study
from connector.services.wallet.views import Answer
from tests.two_party import sourced, story
from tests.two_party.space import until
from tests.two_party.test_assisted_entry import Counter


@pytest.fixture
async def stage(trio, tmp_path):
    """Ann said yes in her wallet, and was released."""
    made = await sourced.stage(trio, tmp_path / "first")
    await made.answer("ann")
    assert (await sourced.pulled(made))["ann"] == "released"
    return made


@pytest.fixture
async def counter(trio, tmp_path):
    return Counter(trio, await sourced.stage(trio, tmp_path / "first"))


async def disputed(stage) -> str:
    hospital = stage.holder
    person = stage.people["ann"].person
    made = await hospital.services.disputes.open(hospital.acting("steward"), person, "It may be her twin's")
    await hospital.quiet()
    return made


async def settled(stage, dispute: str, outcome: str) -> None:
    await stage.holder.services.disputes.settle(stage.holder.acting("dpo"), dispute, outcome)


async def held(stage) -> str:
    [one] = await stage.holder.find(Consent, current=True)
    return one.state


@pytest.mark.parametrize("kind", ["stop", "erase"])
async def test_a_stop_bites_while_the_link_is_disputed(stage, kind):
    dispute = await disputed(stage)
    await stage.withdraw("ann", kind)
    await stage.wallet.quiet()
    assert await held(stage) == "withdrawn"
    [notice] = await stage.holder.find(Notice)
    assert notice.kind == kind
    await settled(stage, dispute, "kept")
    assert (await sourced.pulled(stage))["ann"] in ("withdrawn", "stopped-under-contract", "withdrawal-under-way")


async def test_a_pause_bites_while_the_link_is_disputed(stage):
    await disputed(stage)
    await stage.wallet.services.wallet.pause(stage.people["ann"].actor, stage.study)
    await stage.wallet.quiet()
    assert await held(stage) == "suspended"


async def test_a_stop_through_a_link_that_is_over_is_acknowledged_and_tells_nobody_twice(stage):
    """Whose wallet a wrong link named must not be able to take back what was received on a right one since."""
    wallet, hospital = stage.wallet, stage.holder
    await wallet.stop()
    dispute = await disputed_unheard(stage)
    await settled(stage, dispute, "ended")
    [taken_back] = await hospital.find(Notice)
    await wallet.start()
    await stage.withdraw("ann")
    await until(lambda: hospital.find(LogEntry, kind="consent.withdrawn"), "the stop to be heard")
    [notice] = await hospital.find(Notice)
    assert (notice.id, notice.kind, notice.version) == (taken_back.id, "erase", 2)


async def disputed_unheard(stage) -> str:
    hospital = stage.holder
    return await hospital.services.disputes.open(hospital.acting("steward"), stage.people["ann"].person, "A twin's")


# At the desk.


async def test_at_the_desk_a_stop_goes_to_the_consent_that_is_disputed(counter):
    hospital = counter.trio.hospital
    await counter.say()
    await sourced.pulled(counter.stage)
    officer = hospital.acting("dpo")
    dispute = await hospital.services.disputes.open(counter.steward, await counter.person(), "A twin's")
    with pytest.raises(Problem) as refused:
        await counter.say()
    assert refused.value.status == 409
    done = await counter.say("erase", channel="phone", read_out=False, evidence=None)
    assert (done.state, len(done.recipients)) == ("withdrawn", 1)
    await hospital.services.disputes.settle(officer, dispute, "kept")
    assert len(await hospital.find(Link)) == 1
    assert (await sourced.pulled(counter.stage))["ann"] != "released"


async def test_at_the_desk_a_stop_needs_no_approval_of_the_study(counter):
    hospital = counter.trio.hospital
    await counter.say()
    await sourced.pulled(counter.stage)
    await hospital.store.write(lambda tx: tx.alter(Study, {"standing": "declined"}, id=counter.stage.study))
    shown = await counter.desk.studies(counter.steward, await counter.person())
    assert [one.state for one in shown] == ["given"]
    with pytest.raises(Problem) as refused:
        await counter.say()
    assert refused.value.status == 400
    done = await counter.say("erase", channel="phone", read_out=False, evidence=None)
    assert (done.state, len(done.recipients)) == ("withdrawn", 1)


async def test_nobody_else_is_asked_about_a_study_that_is_not_approved(counter):
    hospital = counter.trio.hospital
    await hospital.store.write(lambda tx: tx.alter(Study, {"standing": "declined"}, id=counter.stage.study))
    with pytest.raises(Problem) as refused:
        await counter.say()
    assert refused.value.status == 404
    assert not await counter.desk.studies(counter.steward, await counter.person("ben"))


async def test_who_takes_a_wallet_leaves_nothing_behind_that_nobody_could_erase(counter):
    stage, trio = counter.stage, counter.trio
    await counter.say()
    assert (await sourced.pulled(stage))["ann"] == "released"
    account = await trio.wallet.services.wallet.host(trio.wallet.acting("operator"), "Ann", "subject-ann")
    actor = trio.wallet.acting("patient", account, "Ann")
    code = await story.link_code(trio.hospital, await counter.person())
    await trio.wallet.services.wallet.link(actor, trio.hospital.id, code)
    [notice] = await trio.hospital.find(Notice)
    assert (notice.kind, notice.recipient) == ("erase", trio.research.id)
    await trio.hospital.eventually(Notice, notice.id, where=lambda one: one.erased_at and one.check == "gone")
    await trio.wallet.services.wallet.answer(actor, stage.study, Answer("yes", {stage.dataset: None}))
    await trio.wallet.quiet()
    assert (await sourced.pulled(stage))["ann"] == "released"
    assert not await trio.hospital.find(OutboxMessage, standing="dead")
