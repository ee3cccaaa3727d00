"""Versions of records: the same again is none; what changed, was deleted, merged or moved is one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from connector.jobs.labelling import Labelling
from connector.records import LinkDispute, Person, RecordVersion, Source, SourceConsent, SourceRecord
from connector.services.holding.gone import gone
from connector.services.holding.importing import ImportReport
from tests.two_party import sourced
from tests.two_party.conftest import Trio
from tests.two_party.sourced import consent, observation, patient, write
from tests.two_party.space import Party


def deleting(place: Path, name: str, *places: str) -> Path:
    """A transaction that deletes these, each Type/id."""
    entries = [{"request": {"method": "DELETE", "url": one}} for one in places]
    place.mkdir(exist_ok=True)
    file = place / f"{name}.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    return file


async def take_in(hospital: Party, path: Path, **asked: Any) -> ImportReport:
    report: ImportReport = await hospital.services.importing.import_fhir(
        hospital.acting("steward"), path, "Records", **asked
    )
    assert not report.refused, report.refused
    return report


async def told(hospital: Party) -> list[tuple[str, int, str, int]]:
    """Every version: id of the record, number, what happened, the source's number of the change."""
    found = await hospital.find(RecordVersion, order="changed")
    return [(one.id, one.number, one.what, one.changed) for one in found]


async def record(hospital: Party, kind: str, id: str) -> SourceRecord:
    [found] = await hospital.find(SourceRecord, resource_type=kind, id=id)
    return found


async def test_what_a_server_stamps_and_the_order_of_names_make_no_version(hospital: Party, tmp_path: Path):
    first = await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), observation("o", "ann")))
    stamp = {"versionId": "7", "lastUpdated": "2024-01-01T00:00:00Z"}
    again = dict(reversed(observation("o", "ann", meta=stamp).items()))
    second = await take_in(hospital, write(tmp_path / "b", "b", again))
    assert (first.changed, second.changed) == (2, 0)
    assert await told(hospital) == [("ann", 1, "created", 1), ("o", 1, "created", 1)]
    kept = await record(hospital, "Observation", "o")
    assert (kept.number, kept.changed, kept.version) == (1, 1, "7")
    [source] = await hospital.find(Source)
    assert source.sequence == 1


async def test_a_change_is_a_version_under_the_number_of_its_transaction(hospital: Party, tmp_path: Path):
    both = observation("o", "ann"), observation("p", "ann")
    await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), *both))
    await take_in(hospital, write(tmp_path / "b", "b", observation("o", "ann", status="amended")))
    await take_in(hospital, write(tmp_path / "c", "c", observation("p", "ann", status="amended")))
    versions = await told(hospital)
    assert sorted(versions[3:]) == [("o", 2, "changed", 2), ("p", 2, "changed", 3)]
    rows = await hospital.find(RecordVersion, id="o", order="number")
    assert len({one.digest for one in rows}) == 2
    assert {one.person for one in rows} == {(await record(hospital, "Observation", "o")).person}


async def test_a_deletion_leaves_a_row_without_body_and_labels(hospital: Party, tmp_path: Path):
    await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), observation("o", "ann")))
    before = await record(hospital, "Observation", "o")
    report = await take_in(hospital, deleting(tmp_path / "b", "b", "Observation/o", "Observation/never-was"))
    assert (report.records, report.changed, report.deleted) == (0, 0, 1)
    after = await record(hospital, "Observation", "o")
    assert (after.deleted, after.body, after.labels, after.number, after.changed) == (True, b"", None, 2, 2)
    assert (after.person, after.start, after.category) == (before.person, before.start, before.category)
    assert (await told(hospital))[-1] == ("o", 2, "deleted", 2)
    assert (await take_in(hospital, tmp_path / "b")).deleted == 0
    await take_in(hospital, write(tmp_path / "c", "c", observation("o", "ann")))
    assert (await told(hospital))[-1] == ("o", 3, "created", 3)
    again = await record(hospital, "Observation", "o")
    assert (again.deleted, again.body, again.labels) == (False, before.body, before.labels)


async def test_labelling_anew_passes_deleted_records_over(hospital: Party, tmp_path: Path):
    await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), observation("o", "ann")))
    await take_in(hospital, deleting(tmp_path / "b", "b", "Observation/o"))
    [source] = await hospital.find(Source)
    labeller = hospital.context.data.labeller()
    await hospital.store.write(lambda tx: tx.alter(SourceRecord, {"labeller": "another"}, source=source.id))
    assert await Labelling(hospital.context).label_anew(labeller, source.id) == 1
    assert (await record(hospital, "Observation", "o")).labels is None


async def test_what_a_whole_folder_does_not_hold_is_deleted(hospital: Party, tmp_path: Path):
    place = tmp_path / "all"
    write(place, "a", patient("ann"), observation("o", "ann"), observation("p", "ann"))
    write(place, "b", patient("ben"), observation("q", "ben"))
    await take_in(hospital, place)
    write(place, "a", patient("ann"), observation("o", "ann"))
    assert (await take_in(hospital, place)).deleted == 0
    report = await take_in(hospital, place, whole=True)
    assert (report.changed, report.deleted) == (0, 1)
    assert (await record(hospital, "Observation", "p")).deleted
    assert not (await record(hospital, "Observation", "q")).deleted
    [entry] = (await hospital.find(RecordVersion, what="deleted"))[:1]
    assert entry.id == "p"


async def test_nothing_is_missing_from_a_folder_with_a_refused_file(hospital: Party, tmp_path: Path):
    place = tmp_path / "all"
    write(place, "a", patient("ann"), observation("o", "ann"))
    await take_in(hospital, place)
    write(place, "a", patient("ann"))
    (place / "b.json").write_text("{")
    report = await hospital.services.importing.import_fhir(hospital.acting("steward"), place, "Records", whole=True)
    assert (len(report.refused), report.deleted) == (1, 0)


async def test_a_merge_is_a_version_and_what_moved_with_it_too(hospital: Party, tmp_path: Path):
    await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), patient("anna"), observation("o", "ann")))
    people = {one.source_id: one.id for one in await hospital.find(Person)}
    link = [{"type": "replaced-by", "other": {"reference": "Patient/anna"}}]
    await take_in(
        hospital,
        write(tmp_path / "b", "b", patient("ann", active=False, link=link), patient("anna"), observation("o", "anna")),
    )
    assert sorted((await told(hospital))[3:]) == [("ann", 2, "merged", 2), ("o", 2, "merged", 2)]
    moved = await hospital.find(RecordVersion, id="o", order="number")
    assert [one.person for one in moved] == [people["ann"], people["anna"]]
    [dispute] = await hospital.find(LinkDispute)
    assert {dispute.person, dispute.other} == set(people.values())
    await take_in(
        hospital, write(tmp_path / "c", "c", patient("ann", active=False, link=link, gender="female"), patient("anna"))
    )
    assert (await told(hospital))[-1] == ("ann", 3, "changed", 3)


async def test_a_record_kept_before_there_was_a_form_is_put_into_it_without_a_version(hospital: Party, tmp_path: Path):
    await take_in(hospital, write(tmp_path / "a", "a", patient("ann"), observation("o", "ann")))
    before = await record(hospital, "Observation", "o")
    old = json.dumps({"resourceType": "Observation", "meta": {"versionId": "1"}, **json.loads(before.body)}).encode()
    assert old != before.body
    await hospital.store.write(lambda tx: tx.change(before, body=old))
    report = await take_in(hospital, tmp_path / "a")
    assert report.changed == 0
    assert await record(hospital, "Observation", "o") == before


async def test_nothing_of_a_person_whose_record_is_deleted_leaves_and_all_of_it_when_it_is_back(
    trio: Trio, tmp_path: Path
):
    stage = await sourced.stage(trio, tmp_path / "files")
    for id in ("ann", "ben"):
        await stage.answer(id)
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}
    await sourced.take_in(trio, deleting(tmp_path / "b", "b", "Patient/ann"))
    ann = await sourced.person(trio, "ann")
    assert await trio.hospital.store.read(lambda tx: gone(tx, stage.source, [ann])) == {ann}
    assert await sourced.pulled(stage) == {"ann": "patient-record-deleted", "ben": "released"}
    assert (await trio.hospital.find(Person, source_id="ann"))[0].name
    await sourced.take_in(trio, write(tmp_path / "c", "c", patient("ann")))
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}


async def test_the_end_of_a_persons_record_waits_for_the_hand_over_under_way(trio: Trio, tmp_path: Path):
    stage = await sourced.stage(trio, tmp_path / "files")
    ann = await sourced.person(trio, "ann")
    async with trio.hospital.context.gate.hand_over([(ann, stage.study)]):
        task = asyncio.create_task(sourced.take_in(trio, deleting(tmp_path / "b", "b", "Patient/ann")))
        await asyncio.sleep(0.2)
        assert not await trio.hospital.find(SourceRecord, deleted=True)
    await task
    assert await trio.hospital.find(SourceRecord, deleted=True)


async def test_a_deleted_consent_stops_until_somebody_has_looked(trio: Trio, tmp_path: Path):
    stage = await sourced.stage(trio, tmp_path / "files")
    for id in ("ann", "ben"):
        await stage.answer(id)
    await sourced.take_in(trio, write(tmp_path / "b", "b", patient("ann"), consent("c", "ann")))
    assert (await sourced.pulled(stage))["ann"] == "released"
    await sourced.take_in(trio, deleting(tmp_path / "c", "c", "Consent/c"))
    assert (await sourced.pulled(stage))["ann"] == "directive-unreadable"
    [row] = await trio.hospital.find(SourceConsent, current=True)
    await trio.hospital.services.source_consents.set_aside(
        trio.hospital.acting("dpo"), stage.source, "c", row.digest, "the form was entered for the wrong person"
    )
    assert (await sourced.pulled(stage))["ann"] == "released"
