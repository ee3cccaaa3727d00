"""The times of a withdrawal are terms of the contract: offered, narrowed, fixed when it is made, kept at both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import Agreement, Dataset, MemberEntry, Notice
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from connector.services.steward.views import DatasetDraft
from contracts.deadlines import Times, with_times
from tests.two_party import story
from tests.two_party.releases import BUNDLES, RECORD_KINDS, Stage, agree, hospital_stage
from tests.two_party.space import until

TIMES = {"stop": "PT6H", "erase": "P10D", "backups": "P40D", "freshness": "PT2H"}


@pytest.fixture
async def stage(trio) -> Stage:
    made = await hospital_stage(trio, BUNDLES)
    draft = DatasetDraft(
        title="Timed records", description="What we know.", keywords=["records"], source=made.source, kind="records",
        categories=RECORD_KINDS, purposes=[story.RESEARCH], until=datetime.now(UTC).date() + timedelta(days=300),
        times=TIMES,
    )  # fmt: skip
    made.dataset = await made.holder.services.steward.publish_dataset(made.holder.acting("steward"), draft)
    made.study = await story.approved_study(made.research, made.holder, made.dataset, made.wallet)
    await agree(made)
    return made


async def test_an_agreement_keeps_the_times_it_was_made_with_at_both_sides(stage):
    wanted = {"stop": 6 * 3600, "erase": 10 * 86400, "backups": 40 * 86400, "freshness": 2 * 3600}
    for party in (stage.holder, stage.research):
        assert (await party.get(Agreement, stage.agreement)).deadlines == wanted


async def test_a_notice_has_the_dates_of_its_contract(stage):
    one = (await stage.source_ids())[0]
    await stage.answer(one)
    await stage.received(await stage.transfer())
    await stage.withdraw(one)
    [notice] = await until(lambda: stage.holder.find(Notice), "the notice")
    spans = [moment - notice.effective_at for moment in (notice.stop_by, notice.deadline, notice.backups_by)]
    assert spans == [timedelta(hours=6), timedelta(days=10), timedelta(days=40)]


async def test_a_wallet_that_is_silent_longer_than_the_contract_says_releases_nothing(stage):
    one = (await stage.source_ids())[0]
    await stage.answer(one)
    context, person = stage.holder.context, stage.people[one].person

    async def decided(hours: float) -> str:
        heard = context.clock() - timedelta(hours=hours)
        await stage.holder.store.write(lambda tx: tx.alter(MemberEntry, {"heard_at": heard}, id=stage.wallet.id))

        def query(tx):
            contract = contract_of(tx, tx.get(Agreement, stage.agreement), "records")
            return judge_people(tx, context, contract, [person], context.clock())[0].reason

        return await stage.holder.store.read(query)

    assert await decided(1.9) == "consent-given"
    assert await decided(2.1) == "wallet-silent"


async def test_an_agreement_from_before_such_terms_has_the_settings_of_the_holder(stage):
    old = await stage.holder.get(Agreement, stage.agreement)
    bare = {**old.policy, "obligation": [{"action": one["action"]} for one in old.policy["obligation"]]}
    await stage.holder.store.write(lambda tx: tx.put(replace(old, deadlines=None, policy=bare)))
    one = (await stage.source_ids())[0]
    await stage.answer(one)
    await stage.received(await stage.transfer())
    await stage.withdraw(one)
    [notice] = await until(lambda: stage.holder.find(Notice), "the notice")
    assert notice.deadline - notice.effective_at == timedelta(days=30)


async def test_a_request_that_leaves_the_times_out_or_longer_is_refused_and_a_shorter_one_agreed(stage):
    dataset = await stage.holder.get(Dataset, stage.dataset)

    async def asked(**changed: str):
        offer = {**dataset.offer}
        if changed:
            offer = timed(offer, changed)
        else:
            offer["obligation"] = [{"action": one["action"]} for one in offer["obligation"]]
        pid = await story.ask(stage.research, stage.holder, offer, stage.study, dataset=stage.dataset)
        return await story.outcome(stage.research, pid)

    assert (await asked()).state == "TERMINATED"
    assert (await asked(erase="P11D")).state == "TERMINATED"
    done = await asked(erase="P9D")
    assert done.state == "FINALIZED", done.reason
    assert (await stage.research.get(Agreement, done.agreement)).deadlines["erase"] == 9 * 86400


def timed(offer, changed):
    return with_times(offer, Times(**changed))


@pytest.mark.parametrize("times", [{"erase": "soon"}, {"erase": "P9Y"}, {"forget": "P1D"}, {"stop": "PT0S"}])
async def test_an_offer_with_times_nobody_can_keep_is_not_published(stage, times):
    draft = DatasetDraft(
        title="Bad", description="What we know.", keywords=["records"], source=stage.source, kind="records",
        categories=RECORD_KINDS, purposes=[story.RESEARCH], until=datetime.now(UTC).date() + timedelta(days=300),
        times=times,
    )  # fmt: skip
    with pytest.raises(Problem) as refused:
        await stage.holder.services.steward.publish_dataset(stage.holder.acting("steward"), draft)
    assert refused.value.status == 400
