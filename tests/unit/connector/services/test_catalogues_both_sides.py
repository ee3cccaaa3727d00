"""Our catalogue as others see it, and others' catalogues as we read them."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from catalog.description import read_description
from connector.problems import Problem
from connector.records import Dataset
from contracts.messages import CatalogError, CatalogRequestMessage, RootCatalog
from tests.unit.connector.services.participant_factory import (
    approved_study,
    consenting,
    dataset_draft,
    reach,
    with_people,
)


async def published(hospital, people=3, **changes):
    await with_people(hospital, people)
    return await hospital.services.steward.publish_dataset(hospital.actor("steward"), dataset_draft(**changes))


def request(**changes):
    return CatalogRequestMessage(id="urn:uuid:6f1d2c3b-0000-4000-8000-000000000001").wire() | changes


async def test_the_catalogue_is_a_catalog_of_the_protocol(hospital):
    id = await published(hospital)
    status, body, links = await hospital.services.catalogue.request(hospital.context.members.myself, request(), None)
    assert (status, links) == (200, None)
    assert [one.id for one in RootCatalog.read(orjson.loads(body)).dataset] == [id]


@pytest.mark.parametrize(
    ("changes", "token"),
    [({"filter": [{"sql": "DROP"}]}, None), ({"filter": "all"}, None), ({"@type": "Offer"}, None), ({}, "bm9uc2Vuc2U")],
)
async def test_what_a_catalogue_cannot_do_is_an_error_of_the_protocol(hospital, changes, token):
    await published(hospital)
    myself = hospital.context.members.myself
    status, body, _ = await hospital.services.catalogue.request(myself, request(**changes), token)
    assert status == 400
    assert CatalogError.read(body).reason


async def test_a_filter_narrows(hospital):
    await published(hospital)
    myself = hospital.context.members.myself
    for wanted, count in (({"text": "HEART"}, 1), ({"text": "lungs"}, 0), ({"category": "sleep"}, 0)):
        _, body, _ = await hospital.services.catalogue.request(myself, request(filter=[wanted]), None)
        assert len(orjson.loads(body).get("dataset", [])) == count


async def test_every_page_is_fetched_and_shown_once(space, hospital, research):
    await space.acquaint(hospital, research)
    id = await published(hospital)

    def copies(tx):
        first = tx.get(Dataset, id)
        for number in range(210):
            other, offer = f"{id}{number}", f"{first.offer_id}{number}"
            tx.add(replace(first, id=other, description={**first.description, "id": other}, offer_id=offer,
                           offer={**first.offer, "@id": offer}))  # fmt: skip
        tx.ring("datasets")

    await hospital.context.store.write(copies)
    hospital.context.bells.ring("datasets")
    found = await research.services.research.catalogue(research.actor("researcher"), hospital.id)
    assert len(found) == len({entry.dataset for entry in found}) == 211


async def republish(hospital, *changed):
    """Put dataset rows into the store as they are, and say that something was published."""
    await hospital.context.store.write(lambda tx: [tx.put(row) for row in changed])
    hospital.context.bells.ring("datasets")


async def shown(hospital, **changes):
    _, body, _ = await hospital.services.catalogue.request(hospital.context.members.myself, request(**changes), None)
    return {one["@id"]: one for one in orjson.loads(body).get("dataset", [])}


async def test_a_dataset_that_changed_is_written_anew_and_the_others_are_not(hospital, monkeypatch):
    id = await published(hospital)
    first = await hospital.context.store.read(lambda tx: tx.get(Dataset, id))
    other = replace(first, id="urn:other", description={**first.description, "id": "urn:other"}, offer_id="urn:o",
                    offer={**first.offer, "@id": "urn:o"})  # fmt: skip
    await republish(hospital, other)
    assert set(await shown(hospital)) == {id, "urn:other"}
    written = []
    monkeypatch.setattr(
        "connector.services.catalogue.read_description",
        lambda body: (written.append(body["id"]), read_description(body))[1],
    )
    await republish(hospital, replace(other, description={**other.description, "title": "Another title"}))
    assert (await shown(hospital))["urn:other"]["dct:title"] == "Another title"
    assert written == ["urn:other"]


async def test_what_cannot_be_shown_does_not_hide_the_others(hospital):
    id = await published(hospital)
    first = await hospital.context.store.read(lambda tx: tx.get(Dataset, id))
    same_offer = replace(first, id=f"{id}-again", description={**first.description, "id": f"{id}-again"})
    unreadable = replace(first, id="urn:unreadable", description={"id": "urn:unreadable"}, offer_id="urn:u")
    with_target = replace(first, id="urn:target", description={**first.description, "id": "urn:target"},
                          offer={**first.offer, "@id": "urn:t", "target": "urn:target"}, offer_id="urn:t")  # fmt: skip
    await republish(hospital, same_offer, unreadable, with_target)
    assert set(await shown(hospital)) == {id}
    assert (await hospital.services.catalogue.dataset(hospital.context.members.myself, "urn:unreadable"))[0] == 404


async def test_the_text_of_a_catalogue_is_read_as_one(hospital):
    id = await published(hospital)
    status, body = await hospital.services.catalogue.dataset(hospital.context.members.myself, id)
    assert status == 200
    assert orjson.loads(body) == {"@context": orjson.loads(body)["@context"], **(await shown(hospital))[id]}


async def test_the_yield_is_that_of_the_one_who_asks_and_follows_every_change(space, hospital, research, wallet):
    other = await space.add("Pharma Insight", "participant")
    await space.acquaint(hospital, research, wallet, other)
    dataset = await published(hospital, 11)
    study = await approved_study(research, hospital, dataset)
    await reach(wallet, study, "shown")
    accounts = [await consenting(wallet, hospital, study, dataset, f"person-{number:03}") for number in range(10)]

    async def seen(one):
        entries = await one.services.research.catalogue(one.actor("researcher"), hospital.id)
        return entries[0].expected_yield

    assert await seen(research) == "10"
    assert await seen(other) == "fewer than 10"
    progress = await wallet.services.wallet.withdraw(wallet.actor("patient", accounts[0]), study, "erase")
    number = (await wallet.services.wallet.permissions(wallet.actor("patient", accounts[0])))[0].consent_ids[0]
    await reach(wallet, number, "acknowledged")
    assert progress.study == study
    assert await seen(research) == "fewer than 10"


class Odd:
    """A provider's catalogue that is not what it should be."""

    def __init__(self, change):
        self.change = change

    async def request(self, member, body, token):
        return self.change(member)

    async def dataset(self, member, id):
        status, body, _ = self.change(member)
        return status, body


async def odd(space, hospital, research, change):
    await space.acquaint(hospital, research)
    id = await published(hospital)
    _, body, _ = await hospital.services.catalogue.request(hospital.context.members.myself, request(), None)
    body = orjson.loads(body)
    whole = body["dataset"][0]
    hospital.services.catalogue = Odd(lambda member: change(body, whole))
    return id


async def test_one_broken_entry_does_not_hide_the_others(space, hospital, research):
    def change(body, whole):
        broken = [
            {"@id": "urn:x"},
            {**whole, "@id": "urn:y", "hasPolicy": [{"@id": "urn:o", "@type": "Leaflet"}]},
            "x",
        ]
        small = {**whole, "@id": "urn:small", "https://w3id.org/concord/ns#expectedConsentYield": "7"}
        return 200, {**body, "dataset": [*broken, whole, small]}, None

    id = await odd(space, hospital, research, change)
    found = await research.services.research.catalogue(research.actor("researcher"), None)
    assert {entry.dataset: entry.expected_yield for entry in found} == {
        id: "fewer than 10",
        "urn:small": "fewer than 10",
    }


async def test_a_next_page_elsewhere_is_not_asked_for(space, hospital, research):
    elsewhere = '<https://elsewhere.example/catalog?p=2>; rel="next"'
    id = await odd(space, hospital, research, lambda body, whole: (200, body, elsewhere))
    found = await research.services.research.catalogue(research.actor("researcher"), hospital.id)
    assert [entry.dataset for entry in found] == [id]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((200, {"@type": "Nonsense"}, None), 502),
        ((200, ["no object"], None), 502),
        ((403, {}, None), 502),
        ((404, {}, None), 404),
    ],
)
async def test_a_provider_that_cannot_be_understood_is_a_problem_when_named(space, hospital, research, answer, status):
    await odd(space, hospital, research, lambda body, whole: answer)
    researcher = research.actor("researcher")
    assert await research.services.research.catalogue(researcher, None) == []
    for asking in (
        research.services.research.catalogue(researcher, hospital.id),
        research.services.research.dataset(researcher, hospital.id, "urn:x"),
    ):
        with pytest.raises(Problem) as refused:
            await asking
        assert refused.value.status == status


async def test_a_catalogue_that_speaks_for_somebody_else_is_refused(space, hospital, research):
    await odd(space, hospital, research, lambda body, whole: (200, {**body, "participantId": "urn:other"}, None))
    with pytest.raises(Problem) as refused:
        await research.services.research.catalogue(research.actor("researcher"), hospital.id)
    assert refused.value.status == 502


async def test_an_offer_that_is_not_in_the_catalogue_cannot_be_asked_for(space, hospital, research):
    await space.acquaint(hospital, research)
    id = await published(hospital)
    with pytest.raises(Problem) as refused:
        await research.services.research.negotiate(research.actor("researcher"), hospital.id, id, "urn:other", "s", "p")
    assert (refused.value.status, refused.value.where) == (400, "offer")
