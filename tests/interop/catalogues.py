"""Who finds what: catalogues and datasets, read in both directions."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from tests.interop.management import Refused
from tests.interop.scenario import scenario
from tests.interop.stage import FREE, TIED, Stage
from tests.two_party import story

MANY = 120
"""More than two of EDC's pages."""


@scenario("EDC finds our dataset in our catalogue")
async def edc_reads_our_catalogue(stage: Stage) -> None:
    found = await stage.consumer.management.catalogue(stage.ours)
    assert found["participantId"] == stage.hospital.id
    listed = found["dataset"] if isinstance(found["dataset"], list) else [found["dataset"]]
    assert [one["@id"] for one in listed] == [stage.dataset]


@scenario("EDC reads one dataset of ours, its formats and every term of its offer")
async def edc_reads_our_dataset(stage: Stage) -> None:
    found = await stage.consumer.management.dataset(stage.ours, stage.dataset)
    formats = {one["format"] for one in _listed(found["distribution"])}
    assert {"HttpData-PULL"} <= formats, formats
    (permission,) = (await stage.offer())["permission"]
    said = {one["leftOperand"]: one["rightOperand"] for one in permission["constraint"]}
    assert said["https://w3id.org/concord/ns#consent"] == "per-person"
    assert story.RESEARCH in said.values()
    assert [one["action"] for one in permission["duty"]] == ["https://w3id.org/concord/ns#pseudonymise"]


@scenario("EDC is told that a dataset we do not have is not there")
async def edc_asks_for_an_unknown_dataset(stage: Stage) -> None:
    with pytest.raises(Refused, match=r"40|50"):
        await stage.consumer.management.dataset(stage.ours, "urn:concord:dataset:none")


@scenario("we read EDC's catalogue to its end, page by page")
async def we_read_edcs_catalogue(stage: Stage) -> None:
    for number in range(MANY):
        await stage.provider.management.add_asset(f"bulk-{number:03}", f"{stage.source.url}/bulk")
    await stage.provider.management.add_policy("bulk-policy", {"permission": [{"action": "use"}]})
    await stage.provider.management.add_offer_like("bulk-offer", "bulk-policy", "bulk-%")
    found = await stage.research.services.research.catalogue(stage.research.acting("researcher"), stage.provider.id)
    assert len(found) == len({one.dataset for one in found}) >= MANY + 2
    assert {FREE, TIED} <= {one.dataset for one in found}


@scenario("we read one dataset of EDC's, and its terms as sentences")
async def we_read_edcs_dataset(stage: Stage) -> None:
    research = stage.research.services.research
    found = await research.dataset(stage.research.acting("researcher"), stage.provider.id, TIED)
    assert any("scientific research" in sentence.lower() for sentence in found.offers[0].sentences), found.offers[0]
    with pytest.raises(Problem) as refused:
        await research.dataset(stage.research.acting("researcher"), stage.provider.id, "edc-none")
    assert refused.value.status == 404


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
