"""From a dataset on offer to a contract, seen by the steward, the researcher and the data protection officer."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from tests.unit.connector.services.participant_factory import (
    RESEARCH,
    approved_study,
    consenting,
    dataset_draft,
    reach,
    with_people,
)


async def fits(research, provider, dataset, offer, study):
    """What would be asked for is compared with the offer, and nothing is sent."""
    researcher, service = research.actor("researcher"), research.services.research
    found = await service.preview(researcher, provider, dataset, offer, study, RESEARCH)
    assert (found.verdict, found.beyond, found.clashes) == ("compatible", [], [])
    assert any("scientific research" in line for line in found.witness)
    assert await service.negotiations(researcher) == []


async def test_an_offer_becomes_a_contract_that_every_role_can_read(space, hospital, research, wallet, tmp_path):
    await space.acquaint(hospital, research, wallet)
    people = await with_people(hospital, 12)
    steward, researcher, officer = hospital.actor("steward"), research.actor("researcher"), hospital.actor("dpo")
    dataset = await hospital.services.steward.publish_dataset(steward, dataset_draft())
    study = await approved_study(research, hospital, dataset)
    await reach(wallet, study, "shown")

    listed = await research.services.research.catalogue(researcher, None)
    assert [(entry.dataset, entry.expected_yield) for entry in listed] == [(dataset, "fewer than 10")]
    for person in people[:10]:
        await consenting(wallet, hospital, study, dataset, person)
    entry = await research.services.research.dataset(researcher, hospital.id, dataset)
    assert entry.expected_yield == "10"
    assert entry.provider_name == "St. Elisabeth Hospital"
    assert any("scientific research" in line for line in entry.offers[0].sentences)
    assert (await hospital.services.steward.dataset(steward, dataset)).yield_text == "10"

    await fits(research, hospital.id, dataset, entry.offers[0].id, study)
    pid = await research.services.research.negotiate(
        researcher, hospital.id, dataset, entry.offers[0].id, study, RESEARCH
    )
    await reach(research, pid, "finalized")
    view = await research.services.research.negotiation(researcher, pid)
    assert [step.state for step in view.steps] == ["requested", "agreed", "verified", "finalized"]
    assert [step.by for step in view.steps][:2] == ["Heart Rhythm Group", "St. Elisabeth Hospital"]
    assert (view.dataset, view.study_title) == ("Heart records, déjà vu", "Early signs of heart failure")
    await reach(hospital, (await hospital.services.steward.home(steward)).negotiations[0].pid, "finalized")

    room = await research.services.research.room(researcher, view.agreement)
    assert (room.state, room.counterparty_name, room.role) == ("active", "St. Elisabeth Hospital", "consumer")
    home = await research.services.research.home(researcher)
    assert [item.act for item in home.waiting] == ["Open the contract"]
    row = (await hospital.services.dpo.contracts(officer))[0]
    assert (row.id, row.dataset, row.role) == (view.agreement, "Heart records, déjà vu", "provider")
    history = await hospital.services.dpo.history(officer, view.agreement)
    assert "A contract was made" in [entry.words for entry in history.entries]

    verdict = await hospital.services.dpo.verify(officer)
    assert verdict.ok, verdict.what
    made = await hospital.services.dpo.export(officer, tmp_path / "export")
    script = tmp_path / "export" / "verify_export.py"
    checked = await asyncio.to_thread(
        subprocess.run, [sys.executable, script, tmp_path / "export"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert made.entries >= made.signed > 10
