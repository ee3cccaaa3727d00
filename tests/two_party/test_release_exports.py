"""A release by the conventions of FHIR bulk data: kick-off, status, one type per file, deletions, errors in FHIR."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.segments import Fetcher, parsed
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Three people's records at the hospital, all of whom said yes."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await made.everybody_agrees()
    return made


async def exported(fetcher: Fetcher, query: str = "") -> dict:
    """The manifest of an export, once it is there."""
    begun = await fetcher.get(f"/$export{query}", prefer="respond-async")
    assert begun.status_code == 202, begun.raw
    place = begun.headers["content-location"].removeprefix(fetcher.stage.holder.url)

    async def manifest() -> dict | None:
        answer = await fetcher.get(place)
        assert answer.status_code in (200, 202), answer.raw
        if answer.status_code == 202:
            assert answer.headers["retry-after"]
            assert answer.headers["x-progress"]
        return dict(parsed(answer)) if answer.status_code == 200 else None

    return await until(manifest, "the manifest of an export")


async def files_of(fetcher: Fetcher, manifest: dict) -> dict[str, list[dict]]:
    """The records of an export, by the type its manifest gives."""
    found: dict[str, list[dict]] = {}
    for file in manifest["output"]:
        body = await fetcher.one(file["url"].removeprefix(fetcher.stage.holder.url))
        found.setdefault(file["type"], []).extend(orjson.loads(line) for line in body.splitlines())
    return found


async def test_an_export_is_the_release_with_one_type_per_file(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    manifest = await exported(fetcher)
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/$export")
    assert (manifest["deleted"], manifest["error"]) == ([], [])
    found = await files_of(fetcher, manifest)
    assert all(one["resourceType"] == kind for kind, some in found.items() for one in some)
    again = (await fetcher.get("/$export-status")).raw
    assert {file["type"]: file["count"] for file in orjson.loads(again)["output"]} == {
        kind: len(some) for kind, some in found.items()
    }
    other = await Fetcher.opened(stage)
    lines = Counter(line for part in await other.all() for line in part.splitlines())
    assert Counter(orjson.dumps(one) for some in found.values() for one in some) == Counter(
        orjson.dumps(orjson.loads(line)) for line in lines.elements()
    )


async def test_types_narrow_an_export(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    found = await files_of(fetcher, await exported(fetcher, "?_type=Observation,Condition"))
    assert set(found) == {"Observation", "Condition"}


async def test_nothing_has_changed_since_now(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    moment = (await exported(fetcher))["transactionTime"]
    manifest = await exported(fetcher, f"?_since={moment.replace('+', '%2B')}")
    assert (manifest["output"], manifest["deleted"]) == ([], [])


@pytest.mark.parametrize("query", ["?_elements=id", "?_outputFormat=text/csv", "?_type=..", "?_since=yesterday"])
async def test_what_is_not_understood_is_refused_in_fhir(stage: Stage, query: str):
    fetcher = await Fetcher.opened(stage)
    answer = await fetcher.get(f"/$export{query}", prefer="respond-async")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/fhir+json"
    assert parsed(answer)["resourceType"] == "OperationOutcome"
    plain = await fetcher.get("/$export")
    assert (plain.status_code, parsed(plain)["issue"][0]["code"]) == (400, "invalid")


async def test_an_export_that_is_cancelled_is_over(stage: Stage):
    fetcher = await Fetcher.opened(stage)
    manifest = await exported(fetcher)
    assert (await fetcher.get("/$export-status", method="DELETE")).status_code == 202
    assert (await fetcher.get("/$export-status")).status_code == 404
    place = manifest["output"][0]["url"].removeprefix(stage.holder.url)
    assert (await fetcher.get(place)).status_code == 404
