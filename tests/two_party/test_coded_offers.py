"""A steward narrows an offer by data use codes: it is published, negotiated and kept like any other, or refused."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import Dataset, Negotiation, Source
from tests.two_party import story
from tests.unit.connector.services.participant_factory import dataset_draft

GRU = "https://w3id.org/duodrl#GRU"


async def published(trio, **changes) -> Dataset:
    """What the hospital has in its catalogue after a steward published a dataset."""
    if not await trio.hospital.find(Source, id="ehr"):
        await trio.hospital.add(Source(id="ehr", name="Records", kind="fhir"))
    steward = trio.hospital.acting("steward", "ann", "Ann")
    id = await trio.hospital.services.steward.publish_dataset(steward, dataset_draft(**changes))
    [found] = await trio.hospital.find(Dataset, id=id)
    return found


def purposes(dataset: Dataset) -> set[str]:
    """The purposes an offer names."""
    terms = (term for rule in dataset.offer["permission"] for term in rule["constraint"])
    return {str(term["rightOperand"]) for term in terms if "purpose" in term["leftOperand"]}


async def test_a_grant_stands_in_the_offer_in_place_of_its_purposes(trio):
    found = await published(trio, duo=["GRU", "IRB"])
    assert purposes(found) == {GRU}
    [row] = await trio.hospital.services.steward.datasets(trio.hospital.acting("steward", "ann", "Ann"))
    assert any("general research use" in sentence for sentence in row.sentences)


async def test_research_within_the_codes_is_agreed_to(trio):
    dataset = await published(trio, duo=["GRU", "TS"])
    study = await story.approved_study(trio.research, trio.hospital, dataset=dataset.id)
    pid = await story.ask(trio.research, trio.hospital, dataset.offer, study, dataset=dataset.id)
    ended = {"FINALIZED", "TERMINATED"}
    ours = await trio.research.eventually(Negotiation, pid, where=lambda one: one.state in ended)
    assert (ours.state, ours.reason) == ("FINALIZED", None)


@pytest.mark.parametrize(
    ("duo", "code"),
    [
        (["XYZ"], "code-not-accepted"),
        (["DS"], "code-not-accepted"),
        (["HMB:more"], "code-not-accepted"),
        (["COL"], "code-not-accepted"),
        (["DS:obo:MONDO_0005015"], "code-not-accepted"),
    ],
)
async def test_what_cannot_be_kept_here_is_not_offered(trio, duo, code):
    with pytest.raises(Problem) as refused:
        await published(trio, duo=duo)
    assert (refused.value.status, refused.value.code) == (400, code)


async def test_codes_do_not_narrow_an_offer_of_ones_own(trio):
    with pytest.raises(Problem) as refused:
        await published(trio, duo=["HMB"], offer={"@type": "Offer", "permission": []})
    assert refused.value.where == "duo"
