"""A person opts out of secondary use: signed, dated, told to every holder, reversible; it stops what runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.identity.statements import StatementType, read_statement, sign_statement
from connector.problems import Problem
from connector.records import Agreement, Link, LogEntry, OptOut, WalletLink, WalletOptOut
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from connector.services.wallet.opting_out import at_link
from policy.decide import decide
from policy.decision import Regime
from policy.facts import Permit
from policy.instants import wire
from tests.two_party import releases, sourced, story
from tests.two_party.puppet import Key, Voice
from tests.two_party.space import until


@pytest.fixture
async def stage(trio, tmp_path):
    made = await sourced.stage(trio, tmp_path / "first")
    for one in ("ann", "ben"):
        await made.answer(one)
    return made


async def opt_out(trio, stage, who="ann"):
    page = await trio.wallet.services.wallet.opt_outs.opt_out(stage.people[who].actor)
    await trio.wallet.quiet()
    return page


async def opt_in(trio, stage, who="ann"):
    page = await trio.wallet.services.wallet.opt_outs.opt_in(stage.people[who].actor)
    await trio.wallet.quiet()
    return page


async def test_whoever_opts_out_leaves_every_release_and_comes_back_when_they_take_it_back(trio, stage):
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}
    await opt_out(trio, stage)
    assert await sourced.pulled(stage) == {"ann": "opted-out", "ben": "released"}
    await opt_in(trio, stage)
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}


async def test_the_page_says_since_when_where_it_counts_and_what_it_changes(trio, stage):
    opting = trio.wallet.services.wallet.opt_outs
    before = await opting.page(stage.people["ann"].actor)
    assert (before.out, before.since, before.told) == (False, None, [])
    assert len(before.sharing) == 1
    await opt_out(trio, stage)
    page = await opting.page(stage.people["ann"].actor)
    assert (page.out, [one.holder_name for one in page.told]) == (True, ["Hospital One"])
    assert page.since <= page.told[0].at
    await opt_in(trio, stage)
    back = await opting.page(stage.people["ann"].actor)
    assert (back.out, len(back.past)) == (False, 1)
    assert back.told[0].at is not None


async def test_the_statement_is_signed_by_the_persons_own_key_and_kept_at_the_holder(trio, stage):
    await opt_out(trio, stage)
    [kept] = await trio.hospital.find(OptOut)
    [link] = await trio.hospital.find(Link, person=stage.people["ann"].person)
    [jws] = kept.statements["statements"]
    said = read_statement(jws, StatementType.OPT_OUT, [link.person_key])
    assert (said["opt_out"], said["link"], said["reversed_at"]) == (kept.id, link.id, None)
    assert await trio.hospital.find(LogEntry, kind="opt-out.taken", subject=kept.id)


async def test_nobody_opts_out_twice_or_back_in_without_having_been_out(trio, stage):
    opting, actor = trio.wallet.services.wallet.opt_outs, stage.people["ann"].actor
    with pytest.raises(Problem) as refused:
        await opting.opt_in(actor)
    assert refused.value.status == 409
    await opting.opt_out(actor)
    with pytest.raises(Problem) as refused:
        await opting.opt_out(actor)
    assert refused.value.status == 409


async def test_two_holders_are_told_under_ids_that_cannot_be_joined(trio, stage):
    await opt_out(trio, stage)
    [mine] = await trio.wallet.find(WalletOptOut)
    [theirs] = await trio.hospital.find(OptOut)
    [link] = await trio.wallet.find(WalletLink, account=mine.account)
    assert theirs.id == at_link(mine.id, link.id)
    assert at_link(mine.id, link.id) != at_link(mine.id, story.urn())
    assert theirs.at.microsecond == 0


async def test_a_holder_that_is_linked_later_is_told_when_it_is_linked(trio, tmp_path):
    made = await sourced.stage(trio, tmp_path / "first")
    somebody = await story.patient(trio.wallet, trio.hospital)
    await trio.wallet.services.wallet.opt_outs.opt_out(somebody.actor)
    assert not await trio.hospital.find(OptOut)
    person = await sourced.person(trio, "ann")
    code = await story.link_code(trio.hospital, person)
    await trio.wallet.services.wallet.link(somebody.actor, trio.hospital.id, code)
    await trio.wallet.quiet()
    [kept] = await trio.hospital.find(OptOut)
    assert kept.person == person
    made.people["ann"] = story.Patient(somebody.actor, person)
    await made.answer("ann")
    assert (await sourced.pulled(made))["ann"] == "opted-out"


async def test_an_opt_out_stops_a_release_that_runs(trio, stage):
    await releases.many_records(stage, 4000)
    first, second = await stage.order_of_release()
    pid, token = await releases.opened_by_hand(stage)
    async with releases.pulling(stage.holder, pid, token) as reader:
        await reader.until(lambda body: len(body) > 20_000)
        await opt_out(trio, stage, second)
        body = await reader.to_the_end()
    patients = [one for one in map(json.loads, body.splitlines()) if one["resourceType"] == "Patient"]
    assert len(patients) == 1
    assert first != second


async def test_under_a_permit_only_one_that_was_approved_before_the_opt_out_still_counts(trio, stage):
    await opt_out(trio, stage)
    [kept] = await trio.hospital.find(OptOut)
    [agreement] = await trio.hospital.find(Agreement)
    context, person = trio.hospital.context, stage.people["ann"].person

    def judged(tx):
        return judge_people(tx, context, contract_of(tx, agreement, "records"), [person], context.clock())[0]

    one = await trio.hospital.store.read(judged)
    for days, permits in ((-1, True), (1, False)):
        approved = kept.at + timedelta(days=days)
        permit = Permit(
            id="p", approved_at=approved, valid_until=approved + timedelta(days=100), purposes=one.question.purposes,
            recipients=(one.question.requester,), datasets=(one.question.dataset,),
        )  # fmt: skip
        asked = replace(one.question, regime=Regime.PERMIT, now=kept.at + timedelta(days=2))
        said = decide(asked, replace(one.facts, permit=permit))
        assert ("opted-out" not in [cause.code for cause in said.because]) is permits


# Whoever else may send such a statement.


def statement(link, wallet, changes=None):
    said = {
        "opt_out": story.urn(), "link": link.id, "holder": link.holder, "wallet": wallet.id,
        "at": wire(datetime.now(UTC).replace(microsecond=0)), "reversed_at": None, "authority": None,
        "language": "en",
    }  # fmt: skip
    return said | (changes or {})


@pytest.fixture
async def speaking(trio, stage, space):
    """The wallet's voice, the person's link as the wallet keeps it, and their key."""
    [link] = [one for one in await trio.wallet.find(WalletLink) if one.account == stage.people["ann"].actor.account]
    key = await trio.wallet.store.read(lambda tx: trio.wallet.services.wallet.people.signer(tx, link.account))
    voice = Voice.of(trio.wallet, space.client)

    async def say(signer=key, **changes):
        claims = statement(link, trio.wallet, changes)
        jws = sign_statement(signer, StatementType.OPT_OUT, claims, datetime.now(UTC))
        return await voice.post(trio.hospital, "/consent/opt-outs", {"statement": jws})

    return say


async def test_a_statement_that_the_person_did_not_sign_changes_nothing(trio, speaking):
    assert (await speaking(signer=Key())).status_code == 400
    assert not await trio.hospital.find(OptOut)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"link": "urn:uuid:00000000-0000-4000-8000-000000000000"}, 404), ({"holder": "urn:concord:other:1"}, 403),
        ({"wallet": "urn:concord:other:1"}, 403), ({"at": "yesterday"}, 400), ({"language": "?"}, 400),
        ({"reversed_at": "2001-01-01T00:00:00Z"}, 400), ({"more": 1}, 400),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)  # fmt: skip
async def test_a_statement_that_is_not_what_it_should_be_changes_nothing(trio, speaking, changes, status):
    assert (await speaking(**changes)).status_code == status
    assert not await trio.hospital.find(OptOut)


async def test_a_statement_dated_in_the_future_counts_from_now_but_no_reversal_does(trio, speaking):
    later = wire(datetime.now(UTC).replace(microsecond=0) + timedelta(days=3))
    assert (await speaking(at=later)).status_code == 200
    [kept] = await trio.hospital.find(OptOut)
    assert kept.at <= datetime.now(UTC)
    assert (await speaking(opt_out=kept.id, at=wire(kept.at), reversed_at=later)).status_code == 409
    assert (await trio.hospital.get(OptOut, kept.id)).reversed_at is None


async def test_an_opt_out_that_comes_after_its_reversal_does_not_open_it_again(trio, speaking):
    id, at = story.urn(), wire(datetime.now(UTC).replace(microsecond=0))
    assert (await speaking(opt_out=id, at=at, reversed_at=at)).status_code == 200
    assert (await speaking(opt_out=id, at=at)).status_code == 200
    assert (await trio.hospital.get(OptOut, id)).reversed_at is not None


async def test_another_member_cannot_opt_somebodys_people_out(trio, stage, space):
    [link] = await trio.hospital.find(Link, person=stage.people["ann"].person)
    voice = Voice.of(trio.research, space.client)
    jws = sign_statement(Key(), StatementType.OPT_OUT, statement(replace_holder(link), trio.wallet), datetime.now(UTC))
    answer = await voice.post(trio.hospital, "/consent/opt-outs", {"statement": jws})
    assert answer.status_code == 404


def replace_holder(link):
    class Said:
        id, holder = link.id, "urn:concord:other:1"

    return Said


async def test_a_holder_that_is_away_is_told_once_it_is_back(trio, stage):
    await trio.hospital.stop()
    opting, actor = trio.wallet.services.wallet.opt_outs, stage.people["ann"].actor
    await opting.opt_out(actor)
    assert (await opting.page(actor)).told[0].at is None
    await trio.hospital.start()
    await until(lambda: answered(opting, actor), "the holder to have answered")
    assert [one.person for one in await trio.hospital.find(OptOut)] == [stage.people["ann"].person]


async def answered(opting, actor):
    return (await opting.page(actor)).told[0].at


# At the holder's desk.


async def test_people_without_a_wallet_opt_out_at_the_desk(trio, tmp_path):
    await sourced.stage(trio, tmp_path / "first")
    desk, steward = trio.hospital.services.desk, trio.hospital.acting("steward")
    person = await sourced.person(trio, "ann")
    out = await desk.opt_out(steward, person, out=True, channel="phone")
    assert out.opted_out_since is not None
    with pytest.raises(Problem) as refused:
        await desk.opt_out(steward, person, out=True, channel="phone")
    assert refused.value.status == 409
    with pytest.raises(Problem) as refused:
        await desk.opt_out(steward, person, out=False, channel="phone")
    assert refused.value.where == "evidence"
    assert (await trio.hospital.find(OptOut))[0].reversed_at is None
