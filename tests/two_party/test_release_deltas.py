"""A release that carries on from the last one: what is new, what is no more, and everything of who is new."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.records import Release
from connector.services.releasing.deltas import TAG
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, agree, publish
from tests.two_party.segments import Fetcher, parsed
from tests.two_party.test_release_exports import exported


def patient(id: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1970-01-01"}


def pulse(id: str, person: str, value: int) -> dict[str, Any]:
    """An observation of one person."""
    return {
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/{person}"}, "effectiveDateTime": "2020-01-01T00:00:00Z",
        "valueQuantity": {"value": value, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }  # fmt: skip


class Ward:
    """What the hospital has, as a file that is imported whole each time."""

    def __init__(self, trio: Trio, path: Path) -> None:
        self.trio = trio
        self.path = path
        self.records: dict[str, dict[str, Any]] = {}
        for person in ("p-ann", "p-ben", "p-cara"):
            self.keep(patient(person), *(pulse(f"{person}-{number}", person, 60 + number) for number in range(5)))

    def keep(self, *records: dict[str, Any]) -> None:
        self.records |= {f"{one['resourceType']}/{one['id']}": one for one in records}

    def drop(self, name: str) -> None:
        del self.records[name]

    async def imported(self) -> str:
        """The source, as it is after this."""
        self.path.write_bytes(b"\n".join(map(orjson.dumps, self.records.values())) + b"\n")
        report = await self.trio.hospital.services.importing.import_fhir(
            self.trio.hospital.acting("steward"), self.path, "Ward", whole=True
        )
        assert not report.refused
        return str(report.source)


@pytest.fixture
async def ward(trio: Trio, tmp_path: Path) -> Ward:
    return Ward(trio, tmp_path / "ward.ndjson")


@pytest.fixture
async def stage(trio: Trio, ward: Ward) -> Stage:
    """Ann and Ben said yes, Cara has not been asked."""
    made = Stage(trio.hospital, trio.research, trio.wallet, "", await ward.imported(), space_client=trio.space.client)
    await publish(made)
    await agree(made)
    for person in ("p-ann", "p-ben"):
        await made.answer(person)
    return made


class Fetched:
    """One release, fetched by hand: its lines, its deletions, its manifest and that one's digest."""

    def __init__(self, lines: list[dict[str, Any]], deletions: list[dict[str, Any]], claims: Any, jws: str) -> None:
        self.lines = lines
        self.deletions = deletions
        self.claims = claims
        self.digest = sha256(jws.encode()).hexdigest()

    @property
    def values(self) -> list[int]:
        """The measured values, by which the test knows its records again."""
        return sorted(one["valueQuantity"]["value"] for one in self.lines if one["resourceType"] == "Observation")

    @property
    def deleted(self) -> set[str]:
        return {entry["request"]["url"] for one in self.deletions for entry in one["entry"]}


async def fetched(stage: Stage, continues: str = "") -> Fetched:
    fetcher = await Fetcher.opened(stage)
    lines, deletions = [], []
    for row in (await fetcher.index(f"?continues={continues}" if continues else ""))["segments"]:
        body = await fetcher.one(row["href"])
        (deletions if row["deletions"] else lines).extend(orjson.loads(line) for line in body.splitlines())
    jws = parsed(await fetcher.get("/manifest"))["manifest"]
    return Fetched(lines, deletions, await fetcher.manifest(), jws)


async def test_nothing_has_changed_and_nothing_is_sent(stage: Stage):
    first = await fetched(stage)
    assert first.values == [60, 60, 61, 61, 62, 62, 63, 63, 64, 64]
    again = await fetched(stage, first.digest)
    assert (again.lines, again.deletions) == ([], [])
    assert (again.claims["continues"], again.claims["files"], again.claims["people"]) == (first.digest, [], 0)
    release = (await stage.holder.find(Release, id=again.claims["release"]))[0]
    assert release.withheld == {"unchanged": 2, "not-linked": 1}


async def test_only_what_is_new_or_changed_is_sent_and_what_is_no_more_is_named(stage: Stage, ward: Ward):
    first = await fetched(stage)
    ward.keep(pulse("p-ann-1", "p-ann", 99), pulse("p-ann-new", "p-ann", 100))
    ward.drop("Observation/p-ben-2")
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert delta.values == [99, 100]
    known = {one["id"]: one for one in first.lines}
    ben = {one["id"] for one in first.lines if one.get("valueQuantity", {}).get("value") == 62}
    assert len(delta.deleted) == 1
    assert delta.deleted <= {f"Observation/{id}" for id in ben}
    bundle = delta.deletions[0]
    url = next(iter(delta.deleted))
    code = code_of(orjson.dumps(known[url.removeprefix("Observation/")]))
    assert bundle["meta"]["tag"] == [{"system": TAG, "code": code}]
    assert (bundle["type"], bundle["entry"][0]["request"]["method"]) == ("transaction", "DELETE")
    changed = next(one for one in delta.lines if one["valueQuantity"]["value"] == 99)
    assert known[changed["id"]]["valueQuantity"]["value"] == 61
    assert (delta.claims["deletions"], delta.claims["people"]) == (1, 1)


async def test_a_chain_of_deltas_is_the_whole(stage: Stage, ward: Ward):
    held: dict[str, Any] = {}
    digest = ""
    for step in range(4):
        if step:
            ward.keep(pulse(f"p-ann-{step}", "p-ann", 200 + step), pulse(f"p-ben-new-{step}", "p-ben", 300 + step))
            if step > 1:
                ward.drop(f"Observation/p-ben-new-{step - 1}")
            await ward.imported()
        delta = await fetched(stage, digest)
        held |= {f"{one['resourceType']}/{one['id']}": one for one in delta.lines}
        for name in delta.deleted:
            del held[name]
        digest = delta.digest
    whole = await fetched(stage)
    assert held == {f"{one['resourceType']}/{one['id']}": one for one in whole.lines}


async def test_somebody_new_comes_with_everything_and_who_stopped_does_not_come(stage: Stage, ward: Ward):
    first = await fetched(stage)
    await stage.answer("p-cara")
    await stage.withdraw("p-ben")
    ward.keep(pulse("p-ben-new", "p-ben", 150))
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert delta.values == [60, 61, 62, 63, 64]
    assert not delta.deletions, "an erasure is told by its own message"


async def test_who_answers_differently_comes_anew_and_what_is_not_allowed_any_more_is_named(stage: Stage):
    first = await fetched(stage)
    await stage.answer("p-ann", categories=["demographics"])
    delta = await fetched(stage, first.digest)
    assert {one["resourceType"] for one in delta.lines} <= {"Patient"}
    code = {code_of(orjson.dumps(one)) for one in delta.lines}
    mine = {f"Observation/{one['id']}" for one in first.lines if code_of(orjson.dumps(one)) in code} & delta.deleted
    assert len(mine) == len(delta.deleted) == 5


async def test_a_patient_the_source_deleted_is_named_record_by_record(stage: Stage, ward: Ward):
    first = await fetched(stage)
    for name in [name for name in ward.records if "p-ben" in name]:
        ward.drop(name)
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert not delta.lines
    assert len(delta.deleted) == 6
    assert delta.deleted <= {f"{one['resourceType']}/{one['id']}" for one in first.lines}


async def test_what_was_never_sent_is_not_named(stage: Stage, ward: Ward):
    first = await fetched(stage)
    ward.keep(pulse("p-ann-short", "p-ann", 170))
    ward.drop("Observation/p-cara-1")
    await ward.imported()
    ward.drop("Observation/p-ann-short")
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert (delta.values, delta.deletions) == ([], [])


async def test_an_export_of_changes_names_nothing_of_people_who_were_never_handed_over(stage: Stage, ward: Ward):
    moment = quote(stage.holder.context.clock().isoformat())
    ward.drop("Observation/p-ann-1")
    await ward.imported()
    manifest = await exported(await Fetcher.opened(stage), f"?_since={moment}")
    assert (manifest["output"], manifest["deleted"]) == ([], [])


async def test_an_unknown_manifest_is_refused_with_what_to_do(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    answer = await fetcher.get(f"/segments?continues={sha256(story.urn().encode()).hexdigest()}")
    assert (answer.status_code, parsed(answer)["type"]) == (409, "urn:concord:problem:unknown-manifest")
    assert "without `continues`" in parsed(answer)["accepted"]


def prescription(id: str, person: str, medication: str, day: str = "2020-02-01") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "authoredOn": day,
        "subject": {"reference": f"Patient/{person}"},
        "medicationReference": {"reference": f"Medication/{medication}"},
    }  # fmt: skip


def medicine(id: str, code: str) -> dict[str, Any]:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}
    return {"resourceType": "Medication", "id": id, "code": {"coding": [coding]}}


@pytest.fixture
async def medicated(stage: Stage, ward: Ward) -> Fetched:
    """Ann and Ben were prescribed one medicine, Ann another too; the first whole release with them."""
    ward.keep(
        medicine("m1", "161"), medicine("m2", "1191"), prescription("r1", "p-ann", "m1"),
        prescription("r2", "p-ben", "m1"), prescription("r3", "p-ann", "m2"),
    )  # fmt: skip
    await ward.imported()
    return await fetched(stage)


def of_kind(one: Fetched, kind: str) -> list[dict[str, Any]]:
    return [line for line in one.lines if line["resourceType"] == kind]


async def test_a_changed_medicine_comes_again_for_everybody_whose_record_leads_to_it(stage, ward, medicated):
    assert len(of_kind(medicated, "Medication")) == 3
    ward.keep(medicine("m1", "5640"))
    await ward.imported()
    delta = await fetched(stage, medicated.digest)
    assert [one["code"]["coding"][0]["code"] for one in of_kind(delta, "Medication")] == ["5640", "5640"]
    known = {one["id"] for one in of_kind(medicated, "Medication")}
    assert {one["id"] for one in of_kind(delta, "Medication")} <= known
    assert not delta.deletions


async def test_a_deleted_medicine_is_named_to_everybody_whose_record_leads_to_it(stage, ward, medicated):
    ids = {one["id"] for one in of_kind(medicated, "Medication") if one["code"]["coding"][0]["code"] == "161"}
    ward.drop("Medication/m1")
    await ward.imported()
    delta = await fetched(stage, medicated.digest)
    assert delta.deleted == {f"Medication/{id}" for id in ids}
    assert delta.claims["deletions"] == 2
    assert not delta.lines
    again = await fetched(stage, delta.digest)
    assert not again.deletions


async def test_a_medicine_that_was_gone_before_it_could_be_sent_is_not_named(stage, ward, medicated):
    ward.keep(medicine("m3", "1"), prescription("r4", "p-ann", "m3"))
    await ward.imported()
    ward.drop("Medication/m3")
    await ward.imported()
    delta = await fetched(stage, medicated.digest)
    assert len(of_kind(delta, "MedicationRequest")) == 1
    assert not delta.deletions


async def test_a_record_that_now_belongs_to_somebody_else_is_gone_for_one_and_new_for_the_other(stage, ward):
    first = await fetched(stage)
    moved = next(one for one in first.lines if one.get("valueQuantity", {}).get("value") == 63)
    assert sum(one.get("valueQuantity", {}).get("value") == 63 for one in first.lines) == 2
    ward.keep(pulse("p-ann-3", "p-ben", 163))
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert delta.values == [163]
    [bundle] = delta.deletions
    ann, ben = bundle["meta"]["tag"][0]["code"], code_of(orjson.dumps(delta.lines[0]))
    assert ann != ben
    assert {code_of(orjson.dumps(one)) for one in first.lines} == {ann, ben}
    was = {one["id"] for one in first.lines if code_of(orjson.dumps(one)) == ann and one["resourceType"] != "Patient"}
    assert delta.deleted <= {f"Observation/{id}" for id in was}
    assert len(delta.deleted) == 1
    assert moved["resourceType"] == "Observation"


async def test_of_two_people_whom_the_source_has_made_one_nothing_leaves_until_that_is_settled(stage, ward):
    first = await fetched(stage)
    ward.keep(
        patient("p-ann") | {"link": [{"other": {"reference": "Patient/p-ben"}, "type": "replaced-by"}]},
        pulse("p-ann-3", "p-ben", 163),
    )
    await ward.imported()
    delta = await fetched(stage, first.digest)
    assert (delta.lines, delta.deletions) == ([], [])
    release = (await stage.holder.find(Release, id=delta.claims["release"]))[0]
    assert sum(release.withheld.values()) == 3
    assert "unchanged" not in release.withheld
