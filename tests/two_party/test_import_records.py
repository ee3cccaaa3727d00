"""Importing: whole bundles or nothing, the same bundle again changes nothing, and every refusal is one clear line."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.problems import Problem
from connector.records import LogEntry, Person, Source, SourceRecord
from connector.services.holding.importing import ImportReport
from tests.two_party.releases import BUNDLES
from tests.two_party.space import Party

SMALL = sorted(BUNDLES.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:2]


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """A folder for what is to be imported."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


async def take_in(hospital: Party, path: Path) -> ImportReport:
    report: ImportReport = await hospital.services.importing.import_fhir(hospital.acting("steward"), path, "Records")
    return report


def bundle(*resources: dict[str, Any]) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    return orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def patient(id: str, family: str = "Bell") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"given": ["Anna"], "family": family}],
        "birthDate": "1980-01-02",
    }


def condition(id: str, subject: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": id, "subject": {"reference": f"Patient/{subject}"}}


async def test_every_resource_of_a_bundle_is_kept_with_its_person(hospital: Party, incoming: Path):
    shutil.copy(SMALL[0], incoming)
    report = await take_in(hospital, incoming)
    written = orjson.loads(gzip.decompress(SMALL[0].read_bytes()))["entry"]
    kept = await hospital.find(SourceRecord, source=report.source)
    assert (report.people, report.records, report.files, report.refused) == (1, len(written), 1, [])
    assert {(one.resource_type, one.id) for one in kept} == {
        (entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in written
    }
    people = await hospital.find(Person, source=report.source)
    assert {one.person for one in kept if one.person} == {people[0].id}
    assert len(await hospital.find(LogEntry, kind="source.imported")) == 1


async def test_the_same_bundle_again_changes_nothing(hospital: Party, incoming: Path):
    shutil.copy(SMALL[0], incoming)
    report = await take_in(hospital, incoming)
    before = await hospital.find(SourceRecord), await hospital.find(Person)
    again = await take_in(hospital, incoming)
    assert (report.changed, again) == (report.records, replace(report, changed=0))
    assert (await hospital.find(SourceRecord), await hospital.find(Person)) == before
    assert len(await hospital.find(Source)) == 1


async def test_a_person_keeps_our_id_when_their_record_changes(hospital: Party, incoming: Path):
    (incoming / "a.json").write_bytes(bundle(patient("p1")))
    await take_in(hospital, incoming)
    first = (await hospital.find(Person))[0]
    (incoming / "a.json").write_bytes(bundle(patient("p1", "Brown"), condition("c1", "p1")))
    await take_in(hospital, incoming)
    (now,) = await hospital.find(Person)
    assert (now.id, now.name) == (first.id, "Anna Brown")


async def test_a_record_may_be_about_somebody_taken_in_before(hospital: Party, incoming: Path):
    (incoming / "a.json").write_bytes(bundle(patient("p1")))
    (incoming / "b.json").write_bytes(bundle(condition("c1", "p1")))
    report = await take_in(hospital, incoming)
    assert report.refused == []
    kept = await hospital.get(SourceRecord, report.source, "Condition", "c1")
    assert kept is not None
    assert kept.person == (await hospital.find(Person))[0].id


@pytest.mark.parametrize(
    "content",
    [
        b"not json at all",
        b'{"resourceType": "Nonsense", "id": "x"}',
        bundle(patient("p2"), condition("c2", "nobody")),
        gzip.compress(b'{"resourceType"')[:-4],
    ],
    ids=["not-json", "not-fhir", "patient-not-resolved", "damaged"],
)
async def test_a_bad_file_is_refused_in_one_line_and_nothing_of_it_is_kept(
    hospital: Party, incoming: Path, content: bytes
):
    (incoming / "bad.json").write_bytes(content)
    (incoming / "good.json").write_bytes(bundle(patient("p1"), condition("c1", "p1")))
    report = await take_in(hospital, incoming)
    assert (report.files, report.people, report.records) == (1, 1, 2)
    (line,) = report.refused
    assert line.startswith("bad.json")
    assert "\n" not in line
    assert "accepted" in line
    assert {one.id for one in await hospital.find(SourceRecord)} == {"p1", "c1"}


async def test_nothing_to_read_and_the_wrong_role_are_told(hospital: Party, incoming: Path):
    with pytest.raises(Problem) as nothing:
        await take_in(hospital, incoming)
    assert nothing.value.status == 400
    with pytest.raises(Problem) as role:
        await hospital.services.importing.import_fhir(hospital.acting("researcher"), incoming, "Records")
    assert role.value.status == 403
