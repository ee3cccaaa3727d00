"""What a steward publishes, what is refused, and what others then see."""

from __future__ import annotations

import json
from datetime import date

import pytest

from connector.problems import Problem
from connector.records import Dataset, DevicePoint, LogEntry, SourceRecord
from tests.unit.connector.services.participant_factory import RESEARCH, dataset_draft, with_people


async def publish(hospital, **changes):
    return await hospital.services.steward.publish_dataset(hospital.actor("steward", "an"), dataset_draft(**changes))


async def test_a_published_dataset_is_named_pinned_and_logged(hospital):
    await with_people(hospital, 26)
    id = await publish(hospital)
    assert id.startswith("urn:concord:dataset:heart-records-deja-vu:")
    assert len(id.rpartition(":")[2]) == 8
    row = await hospital.services.steward.dataset(hospital.actor("steward"), id)
    assert (row.people, row.yield_text, row.state, row.source) == (
        26,
        "fewer than 10",
        "published",
        "Cardiology export",
    )
    stored = await hospital.context.store.read(lambda tx: tx.get(Dataset, id))
    assert stored.profile.startswith("research-standard:")
    assert stored.profile in json.dumps(stored.offer)
    assert stored.description["number_of_people"] == 20
    logged = await hospital.context.store.read(lambda tx: tx.find(LogEntry, kind="dataset.published"))
    body = json.loads(logged[0].body)
    assert (logged[0].subject, body["by"]) == (id, {"account": "an", "role": "steward"})
    assert len(body["offer_digest"]) == 64


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"purposes": ["https://w3id.org/dpv#NoSuchPurpose"]}, "purposes"),
        ({"purposes": []}, "purposes"),
        ({"profile": "no-such-profile"}, "profile"),
        ({"profile": "device-stream"}, "profile"),
        ({"source": "elsewhere"}, "source"),
        ({"kind": "stream"}, "source"),
        ({"kind": "leaflet"}, "kind"),
        ({"until": date(2001, 1, 1)}, "until"),
        ({"title": "  "}, "title"),
        ({"keywords": []}, "keywords"),
        ({"categories": ["gossip"]}, "categories/0"),
        ({"contact_email": "nobody"}, "contact/email"),
    ],
)
async def test_what_cannot_be_offered_is_refused_and_nothing_is_stored(hospital, changes, where):
    await with_people(hospital, 3)
    with pytest.raises(Problem) as refused:
        await publish(hospital, **changes)
    assert (refused.value.status, refused.value.where) == (400, where)
    assert await hospital.services.steward.datasets(hospital.actor("steward")) == []


async def test_a_stream_takes_the_profile_for_devices(hospital):
    await with_people(hospital, 3, "watches", "openmhealth")
    id = await publish(hospital, source="watches", kind="stream", profile="", categories=["heart-rate"])
    stored = await hospital.context.store.read(lambda tx: tx.get(Dataset, id))
    assert stored.profile.startswith("device-stream:")


async def test_a_withdrawn_dataset_is_in_no_catalogue_and_cannot_be_withdrawn_twice(hospital):
    await with_people(hospital, 3)
    id = await publish(hospital)
    steward, member = hospital.actor("steward"), hospital.context.members.myself
    assert (await hospital.services.catalogue.dataset(member, id))[0] == 200
    await hospital.services.steward.withdraw_dataset(steward, id)
    assert (await hospital.services.catalogue.dataset(member, id))[0] == 404
    with pytest.raises(Problem) as refused:
        await hospital.services.steward.withdraw_dataset(steward, id)
    assert refused.value.status == 409


async def test_the_desk_finds_people_by_every_word_or_by_number(hospital):
    await with_people(hospital, 12)
    steward = hospital.actor("steward")
    assert len(await hospital.services.steward.patients(steward)) == 12
    assert [row.number for row in await hospital.services.steward.patients(steward, "FAMILY given11")] == ["E-011"]
    assert [row.id for row in await hospital.services.steward.patients(steward, "E-003")] == ["person-003"]
    assert await hospital.services.steward.patients(steward, "nobody") == []
    code = await hospital.services.steward.make_link_code(steward, "person-003")
    assert (code.patient_name, len(code.code)) == ("Given3 Family", 14)


async def test_sources_count_what_is_in_them(hospital):
    await with_people(hospital, 4)
    await with_people_watches(hospital)
    rows = {row.id: row for row in await hospital.services.steward.sources(hospital.actor("steward"))}
    assert (rows["ehr"].people, rows["ehr"].records, rows["ehr"].problems) == (4, 1, [])
    assert rows["empty"].problems == ["Nothing has been imported yet"]


async def with_people_watches(hospital):
    from connector.records import Source

    def command(tx):
        tx.add(SourceRecord(source="ehr", resource_type="Patient", id="1", person="person-000"))
        tx.add(Source(id="empty", name="Archive", kind="fhir"))
        tx.append(DevicePoint, source="other", person="x")

    await hospital.context.store.write(command)


async def test_purposes_read_as_words_in_the_offer(hospital):
    await with_people(hospital, 3)
    id = await publish(hospital, purposes=[RESEARCH])
    row = await hospital.services.steward.dataset(hospital.actor("steward"), id)
    assert "May be used for healthcare scientific research." in row.sentences
    assert any("identities are removed" in line for line in row.sentences)


OWN = {
    "@type": "Offer",
    "@id": "urn:example:offer",
    "permission": [
        {
            "action": "use",
            "constraint": [
                {
                    "leftOperand": "purpose",
                    "operator": "isA",
                    "rightOperand": "https://w3id.org/dpv#AcademicResearch",
                }
            ],
        }
    ],
}


async def test_an_offer_of_ones_own_may_name_us_and_nobody_else(hospital):
    await with_people(hospital, 3)
    ours = hospital.context.me.id
    made = await publish(hospital, offer=OWN | {"assigner": ours})
    [stored] = await hospital.services.steward.datasets(hospital.actor("steward"))
    assert stored.id == made
    for key in ("assigner", "assignee", "target"):
        with pytest.raises(Problem) as refused:
            await publish(hospital, offer=OWN | {key: "urn:concord:somebody:1"})
        assert (refused.value.status, refused.value.where) == (400, key)


async def test_a_code_that_cannot_be_kept_is_refused_by_its_name(hospital):
    await with_people(hospital, 3)
    with pytest.raises(Problem, match="NCU cannot be kept here") as refused:
        await publish(hospital, duo=["GRU", "NCU"])
    assert (refused.value.code, refused.value.where) == ("code-not-accepted", "duo")
