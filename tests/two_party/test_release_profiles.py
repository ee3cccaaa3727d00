"""A release under a profile of the steward's own: what arrives is what that file says, whatever is added later."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connector.deidentify.profile import load_profile
from connector.records import Agreement, Dataset, HandedOver, OwnProfile, Person, Release, Source
from connector.services.sealed import SealedInTransaction
from connector.services.steward.views import DatasetDraft
from connector.vault.errors import SealBrokenError
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import BUNDLES, RECORD_KINDS, Stage, agree, lines_of

OWN = (
    load_profile("research-minimal")
    .text.replace('name = "research-minimal"', 'name = "ours"\nkeeps = ["Patient.name"]')
    .replace('birthDate = "band of 5"', 'birthDate = "band of 10"\nmaritalStatus = "remove"', 1)
    .replace("[resources.Encounter]", '[[resources.Patient.name]]\nfamily = "sealed"\n\n[resources.Encounter]', 1)
)
LATER = OWN.replace('version = "1.0.0"', 'version = "2.0.0"').replace('"band of 10"', '"band of 5"')


async def staged(trio: Trio, folder: Path, text: str) -> Stage:
    """Two people's records, offered and agreed to under a profile of the hospital's own."""
    some, steward = folder / "bundles", trio.hospital.acting("steward")
    some.mkdir()
    for bundle in sorted(BUNDLES.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:2]:
        shutil.copy(bundle, some)
    report = await trio.hospital.services.importing.import_fhir(steward, some, "Records")
    await trio.hospital.services.profiles.add(steward, text)
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    stage.dataset = await trio.hospital.services.steward.publish_dataset(steward, DatasetDraft(
        title="All records", description="What we know.", keywords=["records"], source=stage.source, kind="records",
        categories=RECORD_KINDS, purposes=[story.RESEARCH], until=datetime.now(UTC).date() + timedelta(days=300),
        profile="ours",
    ))  # fmt: skip
    stage.study = await story.approved_study(stage.research, stage.holder, stage.dataset, stage.wallet)
    await agree(stage)
    return stage


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    return await staged(trio, tmp_path, OWN)


async def test_what_arrives_is_what_the_own_profile_of_the_contract_says(stage: Stage):
    steward = stage.holder.acting("steward")
    await stage.holder.services.profiles.add(steward, LATER)
    first, second = await stage.source_ids()
    await stage.answer(first)
    await stage.answer(second)
    received = await stage.received(await stage.transfer())
    lines = lines_of(received.path)
    assert {line["resourceType"] for line in lines} <= set(load_profile("research-minimal").shapes())
    patients = [line for line in lines if line["resourceType"] == "Patient"]
    assert len(patients) == 2
    assert all(int(one["birthDate"]) % 10 == 0 for one in patients)
    assert not any(b'"display"' in orjson.dumps(line) for line in lines)
    (release,) = await stage.holder.find(Release, agreement=stage.agreement)
    agreement = await stage.holder.get(Agreement, stage.agreement)
    (old,) = await stage.holder.find(OwnProfile, version="1.0.0")
    assert agreement.profile == f"ours:{old.digest}"
    assert release.profile == old.digest
    assert (await stage.holder.get(Dataset, stage.dataset)).profile == agreement.profile


async def test_a_sealed_name_opens_in_the_vault_of_the_holder_and_for_that_person_only(stage: Stage):
    first, second = await stage.source_ids()
    await stage.answer(first)
    await stage.answer(second)
    received = await stage.received(await stage.transfer())
    sealed = {line["id"]: line["name"][0]["family"] for line in lines_of(received.path) if "name" in line}
    people = {one.id: one for one in await stage.holder.find(Person, source=stage.source)}
    coders = await stage.holder.store.write(
        lambda tx: stage.holder.context.vault.domain(stage.agreement, SealedInTransaction(tx)).people(people)
    )
    assert len(sealed) == 2
    for id, coder in coders.items():
        family = coder.unseal(sealed[coder.code])
        assert family in people[id].name
        assert family not in sealed[coder.code]
        other = next(one for one in coders.values() if one.code != coder.code)
        with pytest.raises(SealBrokenError):
            other.unseal(sealed[coder.code])


async def nothing_leaves(stage: Stage) -> None:
    """A release under the contract has nobody in it, and no manifest says otherwise."""
    row = await stage.received(await stage.transfer())
    assert (row.people, row.lines, row.bytes, row.verified) == (0, 0, 0, False)
    assert await stage.holder.find(HandedOver, agreement=stage.agreement) == []
    (release,) = await stage.holder.find(Release, agreement=stage.agreement)
    assert (release.people, release.resources, release.manifest) == (0, 0, "")
    assert release.standing != "complete"


async def test_when_the_profile_of_a_contract_is_gone_nothing_leaves(stage: Stage):
    (first, _) = await stage.source_ids()
    await stage.answer(first)
    await stage.holder.store.write(lambda tx: tx.remove(OwnProfile, name="ours"))
    await nothing_leaves(stage)


async def test_records_in_r5_do_not_leave_under_a_profile_for_r4(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, OWN[: OWN.index("# FHIR R5")])
    (first, _) = await stage.source_ids()
    await stage.answer(first)
    await stage.holder.store.write(lambda tx: tx.alter(Source, {"release": "R5"}, id=stage.source))
    await nothing_leaves(stage)
