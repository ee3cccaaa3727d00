"""A release under a profile of the steward's own: what arrives is what that file says, whatever is added later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.deidentify.profile import load_profile
from connector.problems import Problem
from connector.records import Agreement, Dataset, HandedOver, OwnProfile, Person, Release, Source
from connector.services.sealed import SealedInTransaction
from connector.services.steward.views import DatasetDraft
from connector.vault.errors import SealBrokenError
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import RECORD_KINDS, Stage, agree, lines_of, opened_by_hand, smallest_bundles
from tests.two_party.segments import Fetcher, parsed

OWN = (
    load_profile("research-minimal")
    .text.replace('name = "research-minimal"', 'name = "ours"\nkeeps = ["Patient.name"]')
    .replace('birthDate = "band of 5"', 'birthDate = "band of 10"\nmaritalStatus = "remove"', 1)
    .replace("[resources.Encounter]", '[[resources.Patient.name]]\nfamily = "sealed"\n\n[resources.Encounter]', 1)
)
LATER = OWN.replace('version = "1.0.0"', 'version = "2.0.0"').replace('"band of 10"', '"band of 5"')


async def staged(trio: Trio, folder: Path, text: str) -> Stage:
    """Two people's records, offered and agreed to under a profile of the hospital's own."""
    steward = trio.hospital.acting("steward")
    report = await trio.hospital.services.importing.import_fhir(
        steward, smallest_bundles(folder / "bundles", 2), "Records"
    )
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
    """A release under the contract ends with nobody in it, and both sides read why."""
    row = await stage.received(await stage.transfer(), "ended")
    assert (row.people, row.lines, row.bytes, row.verified) == (0, 0, 0, None)
    assert row.finding == "The sender releases nothing: no-profile."
    assert await stage.holder.find(HandedOver, agreement=stage.agreement) == []
    (release,) = await stage.holder.find(Release, agreement=stage.agreement)
    assert (release.standing, release.people, release.resources, release.manifest) == ("ended", 0, 0, "")


async def test_when_the_profile_of_a_contract_is_gone_nothing_leaves(stage: Stage):
    (first, _) = await stage.source_ids()
    await stage.answer(first)
    await stage.holder.store.write(lambda tx: tx.remove(OwnProfile, name="ours"))
    await nothing_leaves(stage)


async def test_in_one_body_too_a_release_without_its_profile_is_refused_in_words(stage: Stage):
    await stage.holder.store.write(lambda tx: tx.remove(OwnProfile, name="ours"))
    pid, token = await opened_by_hand(stage)
    answer = await Fetcher(stage, pid, token).get("")
    assert (answer.status_code, parsed(answer)["type"]) == (403, "urn:concord:problem:no-profile")
    (release,) = await stage.holder.find(Release, transfer=pid)
    assert (release.standing, release.chunks) == ("ended", 0)


@pytest.mark.parametrize("sent", [0, 1, 99])
async def test_a_profile_that_goes_while_a_release_runs_ends_it(stage: Stage, small_segments: None, sent: int):
    # It ran on for ever, and its recipient was given an empty manifest.
    await stage.everybody_agrees()
    fetcher = await Fetcher.opened(stage)
    rows = (await fetcher.index())["segments"]
    for row in rows[:sent]:
        await fetcher.one(row["href"])
    await stage.holder.store.write(lambda tx: tx.remove(OwnProfile, name="ours"))
    answer = await fetcher.get(rows[sent]["href"] if sent < len(rows) else "/manifest")
    assert (answer.status_code, parsed(answer)["type"]) == (403, "urn:concord:problem:no-profile")
    (release,) = await stage.holder.find(Release, transfer=fetcher.pid)
    assert (release.standing, release.manifest) == ("ended", "")
    assert (await fetcher.get("/manifest")).status_code == 404


async def test_records_in_r5_do_not_leave_under_a_profile_for_r4(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, OWN[: OWN.index("# FHIR R5")])
    (first, _) = await stage.source_ids()
    await stage.answer(first)
    await stage.holder.store.write(lambda tx: tx.alter(Source, {"release": "R5"}, id=stage.source))
    await nothing_leaves(stage)


async def test_a_recipient_reads_the_profile_of_its_contract_and_nobody_else_does(stage: Stage):
    researcher = stage.research.acting("researcher")
    read = await stage.research.services.contract_profiles.of(researcher, stage.agreement)
    (kept,) = await stage.holder.find(OwnProfile)
    assert (read.text, read.digest, read.name) == (OWN, kept.digest, "ours")
    ours = await stage.holder.services.contract_profiles.of(stage.holder.acting("steward"), stage.agreement)
    assert ours.text == OWN
    stranger = stage.holder.context.members.known(stage.wallet.id)
    with pytest.raises(Problem) as fault:
        await stage.holder.services.contract_profiles.hand_out(stranger, stage.agreement)
    assert fault.value.status == 404
    with pytest.raises(Problem) as fault:
        await stage.research.services.contract_profiles.of(stage.research.acting("patient"), stage.agreement)
    assert fault.value.status == 403


async def naming(party: Any, stage: Stage, pinned: str) -> None:
    """The contract, as one side keeps it, names another profile."""
    (kept,) = await stage.holder.find(OwnProfile)
    agreement = await party.get(Agreement, stage.agreement)
    text = orjson.dumps(agreement.policy).replace(f"ours:{kept.digest}".encode(), pinned.encode())
    changes = {"policy": orjson.loads(text), "profile": pinned if agreement.profile else ""}
    await party.store.write(lambda tx: tx.alter(Agreement, changes, id=stage.agreement))


async def test_a_text_that_is_not_what_the_contract_names_is_not_shown(stage: Stage):
    await naming(stage.research, stage, "ours:" + "0" * 64)
    with pytest.raises(Problem) as fault:
        await stage.research.services.contract_profiles.of(stage.research.acting("researcher"), stage.agreement)
    assert fault.value.code == "another-profile"


async def test_an_earlier_version_of_a_packaged_profile_is_answered_with_why_and_what_there_is(stage: Stage):
    for party in (stage.holder, stage.research):
        await naming(party, stage, "research-standard:" + "0" * 64)
    with pytest.raises(Problem) as fault:
        await stage.holder.services.contract_profiles.of(stage.holder.acting("steward"), stage.agreement)
    assert "an earlier version of research-standard" in fault.value.detail
    assert load_profile("research-standard").version in fault.value.detail
    with pytest.raises(Problem) as fault:
        await stage.research.services.contract_profiles.of(stage.research.acting("researcher"), stage.agreement)
    assert (fault.value.status, fault.value.code) == (502, "no-profile")


async def test_a_retired_profile_is_offered_no_more_and_its_contracts_go_on(stage: Stage):
    steward, profiles = stage.holder.acting("steward"), stage.holder.services.profiles
    with pytest.raises(Problem) as fault:
        await profiles.retire(steward, "ours", "too fine")
    assert fault.value.code == "still-offered"
    await stage.holder.store.write(lambda tx: tx.alter(Dataset, {"standing": "withdrawn"}, id=stage.dataset))
    row = await profiles.retire(steward, "ours", "too fine")
    assert (row.standing, row.agreements) == ("retired", 1)
    assert (await profiles.retire(steward, "ours", "again")).standing == "retired"
    draft = DatasetDraft(
        title="More", description="What we know.", keywords=["records"], source=stage.source, kind="records",
        categories=RECORD_KINDS, purposes=[story.RESEARCH], until=datetime.now(UTC).date() + timedelta(days=300),
        profile="ours",
    )  # fmt: skip
    with pytest.raises(Problem) as refused:
        await stage.holder.services.steward.publish_dataset(steward, draft)
    assert "retired" in str(refused.value)
    with pytest.raises(Problem) as refused:
        await profiles.add(steward, OWN)
    assert refused.value.code == "retired"
    first, _ = await stage.source_ids()
    await stage.answer(first)
    assert (await stage.received(await stage.transfer())).verified
    assert (await profiles.show(steward, "ours")).text == OWN
    newer = await profiles.add(steward, LATER)
    assert newer.standing == "active"
    assert {one.version: one.standing for one in await stage.holder.find(OwnProfile)} == {
        "1.0.0": "retired", "2.0.0": "active",
    }  # fmt: skip


async def test_what_comes_with_concord_is_not_ours_to_retire(stage: Stage):
    with pytest.raises(Problem) as fault:
        await stage.holder.services.profiles.retire(stage.holder.acting("steward"), "research-standard", "why")
    assert fault.value.code == "not-our-own"
