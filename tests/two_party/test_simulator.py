"""Who could get what today: the steward's answer is the one a negotiation and a release give, and nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.problems import Problem
from connector.records import Agreement, DecisionMade, LogEntry, Negotiation
from connector.services.simulating import Outlook
from tests.two_party.conftest import Trio
from tests.two_party.releases import RECORD_KINDS, Stage, agree, hospital_stage, publish, smallest_bundles

PEOPLE = 4


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Four people's records at the hospital, under contract."""
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", PEOPLE))


async def outlook(stage: Stage) -> list[Outlook]:
    return await stage.holder.services.simulator.today(stage.holder.acting("steward"))


async def test_who_could_get_what_is_what_a_release_then_hands_over(stage):
    yes, limited, no, _ = await stage.source_ids()
    await stage.answer(yes)
    await stage.answer(limited, categories=RECORD_KINDS[:1])
    await stage.answer(no, "no")
    [case] = await outlook(stage)
    assert (case.standing, case.agreement, case.people, case.permitted) == ("contract", stage.agreement, PEOPLE, 2)
    assert sum(one.people for one in case.held) == PEOPLE - 2
    await stage.received(await stage.transfer())
    decided = await stage.holder.find(DecisionMade, agreement=stage.agreement)
    assert case.permitted == sum(one.outcome == "permit" for one in decided)


async def test_a_withdrawal_is_seen_at_once(stage):
    one = (await stage.source_ids())[0]
    await stage.answer(one)
    assert [case.permitted for case in await outlook(stage)] == [1]
    await stage.withdraw(one)
    await stage.wallet.quiet()
    assert [case.permitted for case in await outlook(stage)] == [0]


async def test_without_a_contract_the_answer_is_that_of_a_negotiation(trio, tmp_path):
    report = await trio.hospital.services.importing.import_fhir(
        trio.hospital.acting("steward"), smallest_bundles(tmp_path / "bundles", PEOPLE), "Records"
    )
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    await publish(stage)
    await stage.answer((await stage.source_ids())[0])
    [case] = await outlook(stage)
    assert (case.standing, case.causes, case.permitted) == ("possible", [], 1)
    await agree(stage)
    [case] = await outlook(stage)
    assert (case.standing, case.permitted) == ("contract", 1)


async def test_looking_leaves_no_trace(stage):
    before = [len(await stage.holder.find(kind)) for kind in (Agreement, DecisionMade, LogEntry, Negotiation)]
    await outlook(stage)
    after = [len(await stage.holder.find(kind)) for kind in (Agreement, DecisionMade, LogEntry, Negotiation)]
    assert after == before


async def test_a_supposed_case_names_what_is_not_known_here(stage):
    simulator, steward = stage.holder.services.simulator, stage.holder.acting("steward")
    with pytest.raises(Problem, match="study"):
        await simulator.suppose(steward, "urn:none", stage.dataset, stage.research.id, "dpv:AcademicResearch")
    [case] = await outlook(stage)
    supposed = await simulator.suppose(steward, case.study, case.dataset, case.recipient, case.purpose)
    assert supposed == case
    stranger = await simulator.suppose(steward, case.study, case.dataset, "urn:concord:nobody", case.purpose)
    assert stranger.permitted == 0
