"""`concord import --server` and `concord sources`: a FHIR server is read, looked at, and read again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.two_party.fhir_stub import FhirStub, fhir, serving
from tests.two_party.sourced import observation, patient


@pytest.fixture
def stub() -> Iterator[FhirStub]:
    """A server in a thread of its own: the command runs its own event loop."""
    made, ready, over = FhirStub(), threading.Event(), threading.Event()
    made.put(observation("obs-ann", "ann"), patient("ann"))

    async def serve() -> None:
        async with serving(made):
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield made
    over.set()
    thread.join()


def test_a_server_is_imported_looked_at_and_read_again(concord, hospital, stub):
    said = concord("import", hospital, "--server", stub.base, "--source", "EHR", "--json")
    assert said.code == 0, said.err
    assert (said.value["people"], said.value["records"], said.value["standing"]) == (1, 2, "complete")
    [row] = concord("sources", "list", "-d", hospital, "--json").value
    assert (row["name"], row["records"], row["problems"]) == ("EHR", 2, [])
    shown = concord("sources", "show", "EHR", "-d", hospital, "--json").value
    assert (shown["server"], shown["how"], shown["standing"]) == (stub.base, "search", "complete")
    stub.put(observation("obs-new", "ann"))
    said = concord("sources", "sync", "EHR", "-d", hospital, "--json")
    assert (said.code, said.value["changed"]) == (0, 1)
    assert "1 people and 3 records are in" in concord("sources", "sync", "EHR", "--whole", "-d", hospital).out


def test_a_server_that_stops_half_way_is_told_and_shown(concord, hospital, stub):
    stub.odd["Observation"] = lambda _: fhir({}, 500)
    said = concord("import", hospital, "--server", stub.base, "--source", "EHR")
    assert said.code == 1
    assert "stopped: Observation, page 1: the server answers with status 500" in said.err
    text = concord("sources", "show", "EHR", "-d", hospital).out
    assert "concord sources sync" in text
    [row] = concord("sources", "list", "-d", hospital, "--json").value
    assert "status 500" in row["problems"][0]


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["x.json", "--server", "https://ehr.example/fhir"],
        ["--server", "https://ehr.example/fhir", "--how", "guessing"],
        ["--server", "ehr.example"],
        ["--server", "https://ehr.example/fhir", "--token-file", "nowhere"],
    ],
    ids=["nothing", "both", "no such way", "no address", "no token"],
)
def test_what_cannot_be_meant_is_refused_in_one_line(concord, hospital, given):
    said = concord("import", "-d", hospital, *given)
    assert (said.code, len(said.err.splitlines())) == (2, 1)


def test_a_source_that_is_not_there_is_told(concord, hospital):
    assert concord("sources", "show", "nothing", "-d", hospital).code == 2
    assert "There is no source" in concord("sources", "list", "-d", hospital).out
