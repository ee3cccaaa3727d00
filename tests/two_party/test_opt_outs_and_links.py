"""Opt-outs where the link is doubted, moved or over, and who may take one back: never less protection by accident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.problems import Problem
from connector.records import CaptureEvidence, LinkDispute, OptOut, Person, WalletLink
from connector.services.holding.evidence_files import protocol
from tests.two_party import sourced
from tests.two_party.space import until
from tests.two_party.test_assisted_entry import Counter
from tests.two_party.test_disputes import case
from tests.two_party.test_opt_outs import opt_in, opt_out
from tests.two_party.test_proxies import family

__all__ = ["case", "family"]

WORDS = protocol("She phoned and asked for it.")


@pytest.fixture
async def stage(trio, tmp_path):
    made = await sourced.stage(trio, tmp_path / "first")
    await made.answer("ann")
    return made


async def test_the_desk_does_not_take_back_what_a_person_signed_in_their_wallet(trio, stage):
    await opt_out(trio, stage)
    desk, steward, ann = trio.hospital.services.desk, trio.hospital.acting("steward"), stage.people["ann"].person
    with pytest.raises(Problem) as refused:
        await desk.opt_out(steward, ann, out=False, channel="phone", evidence=WORDS)
    assert refused.value.code == "has-a-wallet"
    assert not await trio.hospital.find(CaptureEvidence)
    assert (await sourced.pulled(stage))["ann"] == "opted-out"


async def test_the_desk_takes_back_what_it_took_and_only_with_something_that_shows_it(trio, tmp_path):
    await sourced.stage(trio, tmp_path / "first")
    desks, steward = trio.hospital.services.opt_out_desk, trio.hospital.acting("steward")
    ann = await sourced.person(trio, "ann")
    await desks.at_desk(steward, ann, out=True, channel="phone")
    with pytest.raises(Problem) as refused:
        await desks.at_desk(steward, ann, out=False, channel="phone")
    assert refused.value.where == "evidence"
    await trio.hospital.services.desk.opt_out(steward, ann, out=False, channel="phone", evidence=WORDS)
    [kept] = await trio.hospital.find(OptOut)
    assert kept.reversed_at is not None
    [evidence] = await trio.hospital.find(CaptureEvidence)
    assert evidence.person == ann


async def test_an_opt_out_and_its_reversal_are_heard_while_the_link_is_disputed(trio, stage):
    hospital, ann = trio.hospital, stage.people["ann"]
    dispute = await hospital.services.disputes.open(hospital.acting("steward"), ann.person, "It is her twin's")
    await until(lambda: trio.wallet.find(WalletLink, standing="disputed"), "the wallet to know")
    await opt_out(trio, stage)
    [kept] = await until(lambda: hospital.find(OptOut), "the holder to have it")
    assert kept.person == ann.person
    await opt_in(trio, stage)
    await until(lambda: hospital.find(OptOut, reversed_at__ne=None), "the holder to have that as well")
    await opt_out(trio, stage)
    await until(lambda: hospital.find(OptOut, reversed_at=None), "the second one to be there")
    await hospital.services.disputes.settle(hospital.acting("dpo"), dispute, "kept")
    assert (await sourced.pulled(stage))["ann"] == "opted-out"


async def test_whoever_is_refused_for_a_dispute_hears_that_first(trio, stage):
    hospital, ann = trio.hospital, stage.people["ann"]
    await hospital.services.disputes.open(hospital.acting("steward"), ann.person, "It is her twin's")
    assert (await sourced.pulled(stage))["ann"] == "link-disputed"
    await hospital.quiet()
    told = await until(lambda: _refused(trio, ann), "the wallet to hear of it")
    assert told[0].resources == 0


async def _refused(trio, ann):
    return [one for one in await trio.wallet.services.wallet.uses(ann.actor) if one.kind == "refused"]


async def test_an_opt_out_that_came_by_a_wrong_link_goes_with_it_and_comes_by_the_right_one(case):
    hospital, wallet = case.trio.hospital, case.trio.wallet
    await wallet.services.wallet.opt_outs.opt_out(case.ann.actor)
    await until(lambda: hospital.find(OptOut), "the holder to have it")
    officer, steward = hospital.acting("dpo"), hospital.acting("steward")
    theirs = await hospital.services.disputes.open(steward, case.eva.person, "not her")
    await hospital.services.disputes.settle(officer, theirs, "ended")
    await case.settle(await case.say(), "moved", case.eva.person)
    await until(lambda: hospital.find(OptOut, person=case.eva.person, reversed_at=None), "it to come by the new link")
    [old] = await hospital.find(OptOut, person=case.ann.person)
    assert old.reversed_at is not None
    assert old.statements["statements"]
    await until(lambda: _knows(wallet, case.ann), "the wallet to have the receipt of the new link")
    assert "opted-out" not in (await case.reasons())["ann"]
    assert "opted-out" in (await case.reasons())["eva"]


async def _knows(wallet, patient):
    told = (await wallet.services.wallet.opt_outs.page(patient.actor)).told
    return told and all(one.at is not None for one in told)


async def test_whose_record_it_may_be_can_be_said_later_and_stops_them_too(case):
    first = await case.say()
    assert not (await case.reasons())["eva"]
    assert await case.say("It is Eva's", case.eva.person) == first
    assert "link-disputed" in (await case.reasons())["eva"]
    [dispute] = await case.trio.hospital.find(LinkDispute)
    assert dispute.other == case.eva.person
    assert "It is Eva's" in dispute.reason
    await case.settle(first, "kept")
    assert "link-disputed" not in (await case.reasons())["eva"]


async def test_a_third_person_named_is_a_dispute_of_their_own_and_settled_with_the_link(case):
    first = await case.say(other=case.eva.person)
    await case.trio.hospital.add(Person(id="p-3", source="records", source_id="n-9", name="Cay Example"))
    second = await case.say("Or Cay's", "p-3")
    assert first != second
    await case.settle(second, "kept")
    assert not await case.trio.hospital.find(LinkDispute, settled_at=None)
    assert "link-disputed" not in (await case.reasons())["eva"]


async def test_a_proxy_a_child_and_a_weak_sign_in_do_not_take_back_an_opt_out(family):
    opt_outs, name = family.wallet.opt_outs, sorted(family.adults)[0]
    parent = family.acting(name, await family.authority(name))
    await opt_outs.opt_out(family.child.actor)
    for actor, code in ((parent, "own-no"), (family.child.actor, "minor"),
                        (replace(family.child.actor, assurance="low"), "assurance-too-low")):  # fmt: skip
        with pytest.raises(Problem) as refused:
            await opt_outs.opt_in(actor)
        assert refused.value.code == code
    assert (await opt_outs.page(family.child.actor)).out


async def test_a_parent_takes_back_what_they_said_for_a_child_and_not_what_the_other_said(family):
    opt_outs, (one, two) = family.wallet.opt_outs, sorted(family.adults)[:2]
    first, second = [family.acting(name, await family.authority(name)) for name in (one, two)]
    await opt_outs.opt_out(first)
    with pytest.raises(Problem) as refused:
        await opt_outs.opt_in(second)
    assert refused.value.code == "disagreement"
    assert not (await opt_outs.opt_in(first)).out


async def test_the_same_scan_stands_for_each_person_it_was_kept_for(trio, tmp_path):
    counter = Counter(trio, await sourced.stage(trio, tmp_path / "first"))
    await counter.say(who="ann")
    await counter.say(who="ben")
    kept = await trio.hospital.find(CaptureEvidence)
    assert {one.person for one in kept} == {await counter.person("ann"), await counter.person("ben")}
    assert len({one.digest for one in kept}) == 1
