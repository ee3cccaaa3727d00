"""While the disk is low, what would bring something new is answered with `disk-low`; with room, it goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from connector.records import DevicePoint, Source, SourceRecord
from connector.services.disk import Disk
from connector.services.holding.reach import Reach
from tests.two_party.conftest import Trio
from tests.two_party.fhir_stub import FhirStub, serving
from tests.two_party.releases import hospital_stage, point, smallest_bundles
from tests.two_party.sourced import observation, patient
from tests.two_party.space import Party
from tests.two_party.test_push import awaited, pushed_by_hand

LOW, ROOM = Disk(lambda: 10, 1000), Disk(lambda: 2000, 1000)


async def api(party: Party, path: str, body: dict[str, Any]) -> httpx2.Response:
    """A management call, by its token."""
    assert party.app is not None
    headers = {"authorization": f"Bearer {party.app.state.running.token}"}
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.post(f"{party.direct}/api{path}", json=body, headers=headers)


def too_little_room(answer: Any) -> bool:
    """Whether it says so, in the form in which every refusal comes, and when to come again."""
    document = orjson.loads(answer.content)
    return (answer.status_code, document["type"], document["status"], answer.headers["retry-after"]) == (
        507, "urn:concord:problem:disk-low", 507, "600",
    )  # fmt: skip


def broke_off(answer: Any) -> bool:
    """The same for what had begun: only records want room, so the last line of the answer says it."""
    last = orjson.loads(answer.content.splitlines()[-1])
    return (answer.status_code, last["problem"]["type"], last["problem"]["status"]) == (
        200, "urn:concord:problem:disk-low", 507,
    )  # fmt: skip


async def test_an_import_of_files(hospital: Party, tmp_path: Path):
    place = smallest_bundles(tmp_path / "bundles", 1)
    asked = {"source": "Records", "path": str(place)}
    hospital.context.disk = LOW
    assert broke_off(await api(hospital, "/imports", asked))
    assert await hospital.find(SourceRecord) == []
    hospital.context.disk = ROOM
    assert (await api(hospital, "/imports", asked)).status_code == 200
    assert await hospital.find(SourceRecord)


@pytest.fixture
async def stub() -> AsyncIterator[FhirStub]:
    made = FhirStub()
    made.put(patient("ann"), observation("one", "ann"))
    async with serving(made):
        yield made


async def test_reading_a_server_again(hospital: Party, stub: FhirStub):
    await hospital.services.syncing.import_server(hospital.acting("steward"), "EHR", Reach(stub.base, "search"))
    [source] = await hospital.find(Source, name="EHR")
    before, path = len(await hospital.find(SourceRecord)), f"/sources/{source.id}/sync"
    stub.put(observation("two", "ann"))
    hospital.context.disk = LOW
    report = orjson.loads((await api(hospital, path, {"whole": True})).content.splitlines()[-1])["report"]
    assert (report["standing"], report["records"]) == ("stopped", 0)
    assert report["why"].startswith("There is too little room left here")
    assert len(await hospital.find(SourceRecord)) == before
    hospital.context.disk = ROOM
    assert (await api(hospital, path, {"whole": True})).status_code == 200
    assert len(await hospital.find(SourceRecord)) == before + 1


async def test_points_of_a_device(hospital: Party, space: Any):
    person, token = await hospital.services.ingest.register_device_person(
        hospital.acting("steward"), "Bands", "Ann Example", "user-ann"
    )
    url, headers = f"{hospital.url}/ingest/openmhealth", {"authorization": f"Bearer {token}"}
    hospital.context.disk = LOW
    assert too_little_room(await space.client.post(url, json=point("user-ann", 1), headers=headers))
    assert await hospital.find(DevicePoint) == []
    hospital.context.disk = ROOM
    assert (await space.client.post(url, json=point("user-ann", 1), headers=headers)).status_code == 200
    assert [one.person for one in await hospital.find(DevicePoint)] == [person.id]


async def test_a_push(trio: Trio, tmp_path: Path):
    stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 1))
    pid, token = await awaited(stage)
    trio.research.context.disk = LOW
    assert too_little_room(await pushed_by_hand(stage, pid, token, b"{}\n"))
    trio.research.context.disk = ROOM
    assert (await pushed_by_hand(stage, pid, token, b"{}\n")).status_code == 200
