"""Security labels: given at import, given anew when rules change, and asked for record by record in a release."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connector.jobs.labelling import Labelling
from connector.records import LogEntry, RecordVersion, Release, Source, SourceRecord
from connector.services.holding.versions import Changes
from policy.labelling import Labels
from tests.two_party import releases, sourced
from tests.two_party.test_release_deltas import fetched

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SENSITIVE = {"coding": [{"system": RXNORM, "code": "203203", "display": "a medicine"}]}
HARMLESS = {"coding": [{"system": RXNORM, "code": "161", "display": "another medicine"}]}
SUD = {"system": ACT, "code": "SUD"}
WITHHELD = "urn:concord:term:withheld"


def prescription(id, patient, **medication):
    return {
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"}, "authoredOn": "2021-05-06", **medication,
    }  # fmt: skip


def but(*nested, patient="ann", effect="permit"):
    """A consent at the source that permits with these exceptions (or forbids but for them)."""
    return sourced.consent(
        "c1", patient, effect, policyRule=sourced.OPT_IN if effect == "permit" else sourced.OPT_OUT,
        provision={"type": effect, "provision": list(nested)},
    )  # fmt: skip


@pytest.fixture
async def stage(trio, tmp_path):
    """Ann and Ben said yes to the study; each has an observation."""
    made = await sourced.stage(trio, tmp_path / "first")
    for one in ("ann", "ben"):
        await made.answer(one)
    return made


async def bring(trio, tmp_path, *resources):
    report = await sourced.take_in(trio, sourced.write(tmp_path, "more", *resources))
    assert not report.refused, report.refused


async def lines(stage):
    """What one transfer brings, by kind of resource."""
    received = await stage.received(await stage.transfer())
    found = {}
    for one in releases.lines_of(received.path):
        found.setdefault(one["resourceType"], []).append(one)
    return found


async def withheld(stage):
    [release] = await stage.holder.find(Release, order="-started_at", limit=1)
    return release.withheld_resources


async def test_a_record_is_labelled_when_it_is_taken_in_with_why_and_by_whom(trio, stage, tmp_path):
    await bring(trio, tmp_path, prescription("m1", "ann", medicationCodeableConcept=SENSITIVE))
    row = await trio.hospital.get(SourceRecord, stage.source, "MedicationRequest", "m1")
    found = Labels.from_json(row.labels)
    assert {one.code for one in found.labels} == {"SUD"}
    assert [(one.rule, one.code.code) for one in found.because] == [("leap-rule-sud", "203203")]
    assert row.labeller == trio.hospital.context.data.labeller().name
    plain = await trio.hospital.get(SourceRecord, stage.source, "Observation", "obs-ann")
    assert (plain.labels["labels"], plain.labeller) == ([], row.labeller)


async def test_records_of_before_are_labelled_at_the_start_once_and_it_is_logged(
    trio, stage, tmp_path, monkeypatch, caplog
):
    await bring(trio, tmp_path, prescription("m1", "ann", medicationCodeableConcept=SENSITIVE))
    holder = trio.hospital
    await holder.store.write(
        lambda tx: tx.alter(SourceRecord, {"labels": None, "labeller": "old"}, source=stage.source)
    )
    await holder.store.write(lambda tx: tx.alter(Source, {"labeller": "old"}, id=stage.source))
    await Labelling(holder.context).run()
    assert not await holder.find(SourceRecord, source=stage.source, labeller="old")
    row = await holder.get(SourceRecord, stage.source, "MedicationRequest", "m1")
    assert row.labels["labels"] == [[ACT, "SUD"]]
    monkeypatch.setattr(Labelling, "label_anew", None)  # a second start finds nothing to do
    await Labelling(holder.context).run()
    assert not [one for one in caplog.records if one.name == "concord.labelling"]
    [logged] = [one for one in await holder.find(LogEntry, kind="source.labelled") if one.subject == stage.source]
    assert json.loads(logged.body)["records"] == len(await holder.find(SourceRecord, source=stage.source))


async def test_what_bears_a_label_that_is_forbidden_stays_here_and_all_else_goes(trio, stage, tmp_path):
    await bring(
        trio, tmp_path, but({"type": "deny", "securityLabel": [SUD]}),
        prescription("m1", "ann", medicationCodeableConcept=SENSITIVE),
        prescription("m2", "ann", medicationCodeableConcept=HARMLESS),
        prescription("m3", "ben", medicationCodeableConcept=SENSITIVE),
    )  # fmt: skip
    found = await lines(stage)
    codes = [one["medicationCodeableConcept"]["coding"][0]["code"] for one in found["MedicationRequest"]]
    assert sorted(codes) == ["161", "203203"], "Ann's other one and Ben's"
    assert len(found["Observation"]) == 2
    assert (await withheld(stage))["denied-by-directive"] == 1


async def test_a_label_of_the_source_itself_counts_as_well(trio, stage, tmp_path):
    marked = sourced.observation("o2", "ann", meta={"security": [SUD]})
    await bring(trio, tmp_path, but({"type": "deny", "securityLabel": [SUD]}), marked)
    assert len((await lines(stage))["Observation"]) == 2
    assert (await withheld(stage))["denied-by-directive"] == 1


async def test_a_record_that_another_is_led_to_is_judged_for_itself_and_leaves_a_placeholder(trio, stage, tmp_path):
    await bring(
        trio, tmp_path, but({"type": "deny", "securityLabel": [SUD]}),
        {"resourceType": "Medication", "id": "secret", "code": SENSITIVE},
        {"resourceType": "Medication", "id": "plain", "code": HARMLESS},
        prescription("m1", "ann", medicationReference={"reference": "Medication/secret"}),
        prescription("m2", "ann", medicationReference={"reference": "Medication/plain"}),
    )  # fmt: skip
    found = await lines(stage)
    [kept] = found["Medication"]
    targets = {one["medicationReference"]["reference"] for one in found["MedicationRequest"]}
    assert targets == {WITHHELD, f"Medication/{kept['id']}"}


async def test_a_contained_record_is_judged_for_itself_and_leaves_a_placeholder(trio, stage, tmp_path):
    inside = [{"resourceType": "Medication", "id": "x", "code": SENSITIVE}]
    plain = [{"resourceType": "Medication", "id": "y", "code": HARMLESS}]
    await bring(
        trio, tmp_path, but({"type": "deny", "securityLabel": [SUD]}),
        prescription("m1", "ann", contained=inside, medicationReference={"reference": "#x"}),
        prescription("m2", "ann", contained=plain, medicationReference={"reference": "#y"}),
    )  # fmt: skip
    found = await lines(stage)
    by_reference = {one["medicationReference"]["reference"][0]: one for one in found["MedicationRequest"]}
    assert "contained" not in by_reference["u"]
    assert by_reference["u"]["medicationReference"] == {"reference": WITHHELD}
    assert by_reference["#"]["contained"][0]["code"]["coding"][0]["code"] == "161"


async def test_a_reference_to_a_withheld_record_is_a_placeholder_and_to_others_it_stays(trio, stage, tmp_path):
    visit = {
        "resourceType": "Encounter", "id": "v1", "status": "finished", "subject": {"reference": "Patient/ann"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": "2021-05-01", "end": "2021-05-01"}, "meta": {"security": [SUD]},
    }  # fmt: skip
    seen = visit | {"id": "v2", "meta": {}}
    await bring(
        trio, tmp_path, but({"type": "deny", "securityLabel": [SUD]}), visit, seen,
        sourced.observation("o1", "ann", encounter={"reference": "Encounter/v1"}),
        sourced.observation("o2", "ann", encounter={"reference": "Encounter/v2"}),
    )  # fmt: skip
    found = await lines(stage)
    [kept] = found["Encounter"]
    targets = {one["encounter"]["reference"] for one in found["Observation"] if "encounter" in one}
    assert targets == {WITHHELD, f"Encounter/{kept['id']}"}


async def test_without_rules_about_records_nothing_is_looked_at_closely(trio, stage, tmp_path, monkeypatch):
    monkeypatch.setattr("connector.services.releasing.closely.detail_of", None)
    await bring(trio, tmp_path, prescription("m1", "ann", medicationCodeableConcept=SENSITIVE))
    assert len((await lines(stage))["MedicationRequest"]) == 1


async def labelled_as(holder, stage, id, like):
    """Somebody found another label for a record, whose content is as it was."""

    def command(tx):
        row = tx.get(SourceRecord, stage.source, "MedicationRequest", id)
        other = tx.get(SourceRecord, stage.source, "MedicationRequest", like)
        changes = Changes(tx, stage.source, holder.context.clock())
        changes.labels_changed(replace(row, labels=other.labels))
        changes.close()

    await holder.store.write(command)


@pytest.mark.parametrize("forbidden", [True, False], ids=["where labels count", "where nobody asks for labels"])
async def test_another_label_alone_is_a_change_for_those_whose_choices_look_at_labels(trio, stage, tmp_path, forbidden):
    asked = [but({"type": "deny", "securityLabel": [SUD]})] if forbidden else []
    await bring(
        trio, tmp_path, *asked, prescription("m1", "ann", medicationCodeableConcept=SENSITIVE),
        prescription("m2", "ann", medicationCodeableConcept=HARMLESS),
    )  # fmt: skip
    first = await fetched(stage)
    await labelled_as(trio.hospital, stage, "m1", like="m2")
    assert [one.what for one in await trio.hospital.find(RecordVersion, id="m1", order="number")][-1] == "labelled"
    delta = await fetched(stage, first.digest)
    codes = [one["medicationCodeableConcept"]["coding"][0]["code"] for one in delta.lines]
    assert codes == (["203203"] if forbidden else [])
    assert not delta.deletions
    assert not (await fetched(stage, delta.digest)).lines


async def test_labelling_anew_notes_which_labels_changed_and_nothing_else(trio, stage, tmp_path):
    await bring(trio, tmp_path, prescription("m1", "ann", medicationCodeableConcept=SENSITIVE))
    holder = trio.hospital

    def command(tx):
        tx.alter(SourceRecord, {"labeller": "old"}, source=stage.source)
        tx.alter(SourceRecord, {"labels": {"labels": [], "because": []}}, source=stage.source, id="m1")
        tx.alter(Source, {"labeller": "old"}, id=stage.source)

    await holder.store.write(command)
    before = {one.id: one.changed for one in await holder.find(SourceRecord)}
    await Labelling(holder.context).run()
    assert [one.id for one in await holder.find(RecordVersion, what="labelled")] == ["m1"]
    assert {one.id: one.changed for one in await holder.find(SourceRecord)} == before
