"""A steward's own profile: checked, kept by digest, offered under, and tried on records before anything leaves."""

from __future__ import annotations

import json
from datetime import timedelta

import orjson
import pytest

from connector.deidentify.profile import load_profile
from connector.problems import Problem
from connector.records import Dataset, LogEntry, OwnProfile, Source, SourceRecord
from connector.services.steward.profiles import is_own, profile_named
from tests.unit.connector.services.participant_factory import dataset_draft, with_people

OWN = """
name = "ward-3"
version = "1"
format = "fhir-r4"
title = "Ward 3"
summary = "Births and months of observations."
[types.Coding]
system = "system"
code = "coded"
[terminologies]
"http://loinc.org" = '[0-9]+-[0-9]'
[resources.Patient]
id = "id"
birthDate = "band of 10"
[resources.Observation]
id = "id"
subject = "subject"
code = "Coding!"
effectiveDateTime = "month"
"""
LATER = OWN.replace('version = "1"', 'version = "2"').replace("band of 10", "band of 5")


async def add(hospital, text: str = OWN):
    return await hospital.services.profiles.add(hospital.actor("steward", "an"), text)


async def test_a_profile_of_our_own_is_kept_logged_and_found_by_what_contracts_name(hospital):
    row = await add(hospital)
    assert (row.name, row.version, row.own, row.standing, row.added_by) == ("ward-3", "1", True, "active", "an")
    named = await hospital.context.store.read(lambda tx: profile_named(tx, f"ward-3:{row.digest}"))
    assert named.text == OWN
    assert is_own(named)
    entries = await hospital.context.store.read(lambda tx: tx.find(LogEntry, kind="profile.added"))
    assert [(one.subject, json.loads(one.body)["version"]) for one in entries] == [(row.digest, "1")]
    assert (await add(hospital, f"# a remark\n{OWN}")).digest == row.digest
    assert await hospital.context.store.read(lambda tx: tx.count(OwnProfile, name="ward-3")) == 1


@pytest.mark.parametrize(
    "pinned", ["ward-3", "ward-3:0000", "research-standard-x:{digest}", "ward-4:{digest}", "", ":"]
)
async def test_a_name_that_is_not_exactly_a_kept_one_finds_nothing(hospital, pinned):
    digest = (await add(hospital)).digest
    assert await hospital.context.store.read(lambda tx: profile_named(tx, pinned.format(digest=digest))) is None


async def test_a_packaged_profile_is_found_by_its_name_and_is_not_our_own(hospital):
    named = await hospital.context.store.read(lambda tx: profile_named(tx, load_profile("safe-harbor").pinned))
    assert named == load_profile("safe-harbor")
    assert not is_own(named)


async def test_a_changed_file_is_a_new_version_and_what_was_offered_keeps_the_old_one(hospital):
    await with_people(hospital, 3)
    first, steward = await add(hospital), hospital.actor("steward")
    one = await hospital.services.steward.publish_dataset(steward, dataset_draft(profile="ward-3"))
    with pytest.raises(Problem, match="raise its version"):
        await add(hospital, OWN.replace("band of 10", "band of 5"))
    hospital.clock.added = timedelta(seconds=5)
    second = await add(hospital, LATER)
    two = await hospital.services.steward.publish_dataset(steward, dataset_draft(profile="ward-3"))
    old = await hospital.services.steward.publish_dataset(steward, dataset_draft(profile=f"ward-3:{first.digest}"))
    stored = await hospital.context.store.read(lambda tx: {row.id: row for row in tx.find(Dataset)})
    assert [stored[id].profile.partition(":")[2] for id in (one, two, old)] == [
        first.digest,
        second.digest,
        first.digest,
    ]
    assert all(stored[id].profile in json.dumps(stored[id].offer) for id in (one, two, old))
    rows = {row.digest: row for row in await hospital.services.profiles.rows(steward) if row.own}
    assert (rows[first.digest].standing, rows[first.digest].datasets) == ("replaced", 2)
    assert (rows[second.digest].standing, rows[second.digest].datasets) == ("active", 1)
    assert (await hospital.services.profiles.show(steward, "ward-3")).text == LATER


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nonsense", 400),
        (OWN.replace('"band of 10"', '"band of 7"'), 400),
        (OWN + '[[resources.Patient.name]]\nfamily = "text"\n', 400),
        (OWN.replace("ward-3", "research-standard"), 409),
    ],
)
async def test_a_faulty_profile_is_not_kept(hospital, text, status):
    with pytest.raises(Problem) as refused:
        await add(hospital, text)
    assert refused.value.status == status
    assert await hospital.context.store.read(lambda tx: tx.count(OwnProfile)) == 0


async def test_only_a_steward_has_to_do_with_profiles(hospital):
    for role in ("researcher", "patient", "dpo"):
        profiles, actor = hospital.services.profiles, hospital.actor(role)
        for asked in (
            profiles.rows(actor), profiles.show(actor, "safe-harbor"), profiles.check(actor, OWN),
            profiles.add(actor, OWN), profiles.difference(actor, "safe-harbor", "safe-harbor"),
            profiles.coverage(actor, "safe-harbor", "ehr", 5),
        ):  # fmt: skip
            with pytest.raises(Problem, match="steward"):
                await asked


async def test_a_dataset_of_r5_records_needs_a_profile_that_knows_them(hospital):
    await with_people(hospital, 3)
    await hospital.context.store.write(lambda tx: tx.alter(Source, {"release": "R5"}, id="ehr"))
    await add(hospital)
    steward = hospital.actor("steward")
    with pytest.raises(Problem, match="R4 and R4B, not for R5"):
        await hospital.services.steward.publish_dataset(steward, dataset_draft(profile="ward-3"))
    assert await hospital.services.steward.publish_dataset(steward, dataset_draft(profile="research-minimal"))


async def records(hospital) -> None:
    people = await with_people(hospital, 3)

    def command(tx) -> None:
        for number, person in enumerate(people):
            told = {"reference": f"Patient/E-{number:03}"}
            for kind, more in (
                ("Patient", {"birthDate": "1951-03-22"}),
                ("Observation", {"subject": told, "note": [{"text": "x"}]}),
            ):
                id = f"E-{number:03}" if kind == "Patient" else f"o{number}"
                body = orjson.dumps({"resourceType": kind, "id": id, **more})
                tx.add(SourceRecord(source="ehr", resource_type=kind, id=id, person=person, body=body))

    await hospital.context.store.write(command)


async def test_coverage_puts_records_of_a_source_through_a_profile_and_hands_nothing_over(hospital):
    await records(hospital)
    await add(hospital)
    async with hospital.api() as api:
        answer = await api.get("/api/profiles/ward-3/coverage", params={"source": "ehr", "limit": 5})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["people"], told["of_people"], told["records"], told["released"]) == (3, 3, 5, 5)
    rows = {row["path"]: row for row in told["listed"]}
    assert (rows["Patient.birthDate"]["rule"], rows["Patient.birthDate"]["changed"]) == ("band of 10", 2)
    assert [row["path"] for row in told["unknown"]] == ["Observation.note"]
    assert "Observation.effectiveDateTime" in told["unused"]
    assert "1951" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("ward-9/coverage?source=ehr", 404), ("safe-harbor/coverage?source=other", 404),
        ("device-stream/coverage?source=ehr", 400), ("safe-harbor/coverage?source=ehr&limit=0", 400),
        ("safe-harbor/difference?against=ward-9", 404), ("safe-harbor/difference?against=safe-harbor&release=R9", 400),
        ("ward-9", 404),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said(hospital, path, status):
    await with_people(hospital, 1)
    async with hospital.api() as api:
        answer = await api.get(f"/api/profiles/{path}")
    assert answer.status_code in {status, 422 if status == 400 else status}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_doors_show_check_add_and_compare(hospital):
    async with hospital.api() as api:
        checked = (await api.post("/api/profiles/check", json={"text": OWN})).json()
        assert (checked["usable"], checked["name"], checked["faults"]) == (True, "ward-3", [])
        added = await api.post("/api/profiles", json={"text": OWN})
        assert (added.status_code, added.json()["digest"]) == (201, checked["digest"])
        listed = [(row["name"], row["own"]) for row in (await api.get("/api/profiles")).json()]
        assert listed == [
            (name, False) for name in ("device-stream", "research-minimal", "research-standard", "safe-harbor")
        ] + [("ward-3", True)]
        shown = (await api.get(f"/api/profiles/ward-3:{checked['digest']}")).json()
        assert shown["text"] == OWN
        told = (await api.get("/api/profiles/research-minimal/difference", params={"against": "ward-3"})).json()
        assert {"path": "Patient.birthDate", "before": "band of 5", "after": "band of 10"} in told["changed"]
