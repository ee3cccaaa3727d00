"""A FHIR server as a source: both ways bring the same as files do, deletions are seen, hostile answers are one line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from connector.problems import Problem
from connector.records import LogEntry, Person, RecordVersion, Source, SourceConsent, SourceRecord
from connector.services.holding.reach import Reach
from connector.services.holding.syncing import SyncReport
from connector.sources.fhir_server import Pace
from tests.two_party import sourced
from tests.two_party.fhir_stub import FHIR, NDJSON, FhirStub, fhir, serving
from tests.two_party.sourced import consent, observation, patient
from tests.two_party.space import Party

WAYS = ("search", "export")
PEOPLE = ("ann", "ben", "cem", "dee")


def everything() -> list[dict[str, Any]]:
    """Records of four people, in no good order."""
    return [
        *(observation(f"obs-{id}-{number}", id) for id in PEOPLE for number in range(2)),
        consent("c-ann", "ann", "deny"), *(patient(id) for id in PEOPLE),
    ]  # fmt: skip


@pytest.fixture
async def stub() -> AsyncIterator[FhirStub]:
    made = FhirStub()
    made.put(*everything())
    async with serving(made):
        yield made


@pytest.fixture
def pauses(hospital: Party) -> list[float]:
    """How long the server is left alone, without waiting for it."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    hospital.services.syncing.wait = wait
    return waited


async def read(hospital: Party, stub: FhirStub, how: str = "search", **asked: Any) -> SyncReport:
    report: SyncReport = await hospital.services.syncing.import_server(
        hospital.acting("steward"), "EHR", Reach(stub.base, how), **asked
    )
    return report


async def again(hospital: Party, **asked: Any) -> SyncReport:
    [source] = await hospital.find(Source, name="EHR")
    report: SyncReport = await hospital.services.syncing.sync(hospital.acting("steward"), source.id, **asked)
    return report


async def bodies(hospital: Party, source: str) -> dict[tuple[str, str], bytes]:
    return {(one.resource_type, one.id): one.body for one in await hospital.find(SourceRecord, source=source)}


async def shown(hospital: Party) -> Any:
    return await hospital.services.sources_desk.one(hospital.acting("steward"), "EHR")


@pytest.mark.parametrize("how", WAYS)
async def test_a_server_brings_the_same_bytes_as_a_folder(
    hospital: Party, stub: FhirStub, tmp_path: Path, how: str, pauses: list[float]
):
    folder = sourced.write(tmp_path / "folder", "all", *everything())
    files = await hospital.services.importing.import_fhir(hospital.acting("steward"), folder, "Files")
    report = await read(hospital, stub, how)
    assert (report.standing, report.why, report.refused) == ("complete", "", [])
    assert (report.people, report.records, report.changed) == (4, 13, 13)
    assert await bodies(hospital, report.source) == await bodies(hospital, files.source)
    assert b"versionId" not in b"".join((await bodies(hospital, report.source)).values())
    told = await shown(hospital)
    assert (told.standing, told.release, told.how, told.records) == ("complete", "R4", how, 13)
    [entry] = await hospital.find(LogEntry, kind="source.imported", subject=report.source)
    assert json.loads(entry.body)["standing"] == "complete"


@pytest.mark.parametrize("how", WAYS)
async def test_people_are_read_before_what_they_allow_and_that_before_their_records(
    hospital: Party, stub: FhirStub, how: str, pauses: list[float]
):
    seen: list[str] = []
    await hospital.services.syncing.import_server(
        hospital.acting("steward"), "EHR", Reach(stub.base, how), seen.append
    )  # fmt: skip
    assert seen[:2] == ["Patient", "Consent"]
    assert "Observation" in seen[2:]


@pytest.mark.parametrize("histories", ["history-system", "history-type"])
async def test_the_server_is_asked_for_changes_since_the_last_whole_reading(
    hospital: Party, stub: FhirStub, histories: str
):
    stub.histories = histories
    await read(hospital, stub)
    first = {key: version.number for key, version in await versions(hospital)}
    stub.put(observation("obs-ann-0", "ann", status="amended"), observation("new", "ben"))
    stub.delete("Observation", "obs-cem-1")
    stub.asked.clear()
    report = await again(hospital)
    assert (report.changed, report.deleted) == (2, 1)
    assert all("_lastUpdated=gt" in path for path in stub.paths() if path.startswith("Observation?_count"))
    changed = [(key, one.what) for key, one in await versions(hospital) if one.number > first.get(key, 0)]
    assert sorted(changed) == [
        (("Observation", "new"), "created"),
        (("Observation", "obs-ann-0"), "changed"),
        (("Observation", "obs-cem-1"), "deleted"),
    ]
    assert (await shown(hospital)).deletions == "by history"


async def versions(hospital: Party) -> list[tuple[tuple[str, str], RecordVersion]]:
    found = await hospital.find(RecordVersion, order="number")
    return list({(one.resource_type, one.id): one for one in found}.items())


async def test_a_server_without_history_is_read_whole_to_see_what_is_gone(hospital: Party, stub: FhirStub):
    stub.histories = "transaction"
    await read(hospital, stub)
    stub.delete("Observation", "obs-cem-1")
    report = await again(hospital)
    assert (report.deleted, (await shown(hospital)).deletions) == (0, "not seen")
    report = await again(hospital, whole=True)
    assert (report.changed, report.deleted, (await shown(hospital)).deletions) == (0, 1, "by absence")
    assert (await again(hospital, whole=True)).deleted == 0


async def test_nothing_is_missing_where_something_was_refused(hospital: Party, stub: FhirStub):
    await read(hospital, stub)
    stub.delete("Observation", "obs-cem-1")
    stub.put(observation("lost", "nobody"))
    report = await again(hospital, whole=True)
    assert (len(report.refused), report.deleted) == (1, 0)


@pytest.mark.parametrize("how", WAYS)
async def test_a_record_of_somebody_unknown_is_refused_alone(
    hospital: Party, stub: FhirStub, how: str, pauses: list[float]
):
    stub.put(observation("lost", "nobody"))
    report = await read(hospital, stub, how)
    assert (report.standing, report.records) == ("complete", 13)
    [line] = report.refused
    assert "the patient it is about cannot be resolved" in line
    assert "nobody" not in line


async def test_a_deleted_consent_is_one_that_nobody_can_read(hospital: Party, stub: FhirStub):
    await read(hospital, stub)
    stub.delete("Consent", "c-ann")
    await again(hospital)
    first, second = await hospital.find(SourceConsent, order="version")
    assert (first.standing, first.current) == ("readable", False)
    assert (second.standing, second.current, second.body) == ("unreadable", True, None)
    [unclear] = await hospital.services.source_consents.unclear(hospital.acting("dpo"))
    assert unclear.fault == "the source has deleted it"
    await again(hospital, whole=True)
    assert len(await hospital.find(SourceConsent)) == 2
    stub.put(consent("c-ann", "ann", "deny"))
    await again(hospital)
    assert not await hospital.services.source_consents.unclear(hospital.acting("dpo"))


async def test_an_export_waits_as_long_as_the_server_says(hospital: Party, stub: FhirStub, pauses: list[float]):
    stub.looks = 3
    assert (await read(hospital, stub, "export")).standing == "complete"
    assert pauses == [Pace().first, 7.0, 7.0, 7.0]
    assert ("DELETE", "jobs/0") in [(method, path) for method, path, _ in stub.asked]


async def test_an_export_that_never_ends_is_given_up(hospital: Party, stub: FhirStub, pauses: list[float]):
    stub.looks = 10**9
    report = await read(hospital, stub, "export")
    assert "does not come to its end" in report.why
    assert sum(pauses) <= Pace().longest


async def test_what_an_export_says_is_deleted_is_deleted(hospital: Party, stub: FhirStub, pauses: list[float]):
    await read(hospital, stub, "export")
    gone = {"resourceType": "Bundle", "type": "transaction",
            "entry": [{"request": {"method": "DELETE", "url": "Observation/obs-cem-1"}}]}  # fmt: skip
    stub.odd["gone"] = lambda _: Response(json.dumps(gone) + "\n", media_type=NDJSON)
    stub.manifest = {"deleted": [{"type": "Bundle", "url": f"{stub.base}/gone"}]}
    stub.histories = "transaction"
    report = await again(hospital)
    assert (report.standing, report.deleted) == ("complete", 1)


async def test_an_export_with_errors_is_not_whole(hospital: Party, stub: FhirStub, pauses: list[float]):
    issue = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}, {"severity": "warning"}]}
    stub.odd["errors"] = lambda _: Response(json.dumps(issue) + "\n", media_type=NDJSON)
    stub.manifest = {"error": [{"type": "OperationOutcome", "url": f"{stub.base}/errors"}]}
    report = await read(hospital, stub, "export")
    assert (report.standing, report.records) == ("stopped", 13)
    assert "could not export everything (1 errors)" in report.why
    assert (await shown(hospital)).watermark == ""


@pytest.mark.parametrize("how", ["export", "search"])
async def test_a_server_whose_clock_runs_ahead_hides_nothing_from_the_next_reading(
    hospital: Party, stub: FhirStub, pauses: list[float], how: str
):  # fmt: skip
    stub.manifest = {"transactionTime": "9999-12-31T23:59:59Z"}
    assert (await read(hospital, stub, how)).standing == "complete"
    assert (await shown(hospital)).watermark <= datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


async def test_the_token_goes_where_it_is_asked_for_and_nowhere_else(
    hospital: Party, stub: FhirStub, tmp_path: Path, pauses: list[float]
):
    file = tmp_path / "token"
    file.write_text("abc.def\n")
    reach = Reach(stub.base, "export", str(file))
    steward = hospital.acting("steward")
    file.chmod(0o640)
    with pytest.raises(Problem, match="Others can read the token"):
        await hospital.services.syncing.import_server(steward, "EHR", reach)
    file.chmod(0o600)
    stub.manifest = {"requiresAccessToken": False}
    await hospital.services.syncing.import_server(steward, "EHR", reach)
    with_token = {path.split("/")[0] for _, path, sent in stub.asked if sent.get("authorization") == "Bearer abc.def"}
    assert {path.partition("?")[0] for path in with_token} == {"metadata", "$export", "jobs"}
    [source] = await hospital.find(Source, name="EHR")
    assert "abc.def" not in json.dumps(source.reach)


def circle(stub: FhirStub) -> Response:
    entry = {"resource": patient("ann")}
    links = [{"relation": "next", "url": f"{stub.base}/Patient?n={len(stub.asked)}"}]
    return fhir({"resourceType": "Bundle", "type": "searchset", "entry": [entry], "link": links})


def page(*resources: Any, **more: Any) -> Response:
    entries = [{"resource": one} for one in resources]
    return fhir({"resourceType": "Bundle", "type": "searchset", "entry": entries} | more)


HOSTILE: dict[str, tuple[str, Any, str]] = {
    "html": ("Patient", lambda _: PlainTextResponse("<html>", media_type="text/html"), "the answer is not JSON"),
    "not json": ("Patient", lambda _: Response("{", media_type=FHIR), "not JSON"),
    "an array": ("Patient", lambda _: Response("[]", media_type=FHIR), "not a JSON object"),
    "nested": ("Patient", lambda _: Response('{"a":' * 10**5, media_type=FHIR), "nested too deeply"),
    "another resource": ("Patient", lambda _: fhir({"resourceType": "Patient"}), "not what was asked for"),
    "another kind": ("Patient", lambda _: page(observation("o", "ann")), "another kind of resource"),
    "no entries": ("Patient", lambda _: page(entry={"a": 1}), "entries that are none"),
    "an entry that is none": ("Patient", lambda _: page(entry=[7]), "entries that are none"),
    "no links": ("Patient", lambda _: page(link="next"), "links that are none"),
    "a link that is none": ("Patient", lambda _: page(link=[{"relation": "next", "url": 7}]), "no address"),
    "another server": (
        "Patient", lambda _: page(link=[{"relation": "next", "url": "http://127.0.0.1:9/fhir?p=2"}]), "another server",
    ),
    "a file": ("Patient", lambda _: page(link=[{"relation": "next", "url": "file:///etc/passwd"}]), "not understood"),
    "a redirect": ("Patient", lambda _: RedirectResponse("http://127.0.0.1:9/", 302), "a redirect"),
    "not let in": ("Patient", lambda _: fhir({}, 403), "does not let us in (status 403)"),
    "a fault": ("Patient", lambda _: fhir({}, 500), "status 500"),
    "compressed": (
        "Patient", lambda _: Response(b"\x1f\x8b", media_type=FHIR, headers={"content-encoding": "gzip"}),
        "no usable answer came (answer-is-compressed)",
    ),
    "no server": ("metadata", lambda _: fhir({"resourceType": "Patient"}), "this is not a FHIR server"),
    "an old release": (
        "metadata", lambda _: fhir({"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}), "is not read",
    ),
    "no people": (
        "metadata", lambda _: fhir({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}), "cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_answer_stops_the_reading_with_one_line(hospital: Party, stub: FhirStub, name: str):
    place, odd, words = HOSTILE[name]
    stub.odd[place] = odd
    report = await read(hospital, stub)
    assert (report.standing, report.people) == ("stopped", 0)
    assert words in report.why
    assert "\n" not in report.why
    assert (await shown(hospital)).why == report.why
    stub.odd.clear()
    assert (await again(hospital)).standing == "complete"


HOSTILE_EXPORT: dict[str, tuple[str, Any, str]] = {
    "no export": ("$export", lambda _: fhir({}, 404), "status 404"),
    "no place": ("$export", lambda _: Response(status_code=202), "no address"),
    "elsewhere": (
        "$export", lambda _: Response(status_code=202, headers={"content-location": "http://127.0.0.1:9/j"}),
        "another server",
    ),
    "no time": ("jobs", lambda _: fhir({"output": []}), "as of"),
    "a time beyond the calendar": (
        "jobs", lambda _: fhir({"transactionTime": "9999-12-31T23:59:59-12:00", "output": []}), "as of",
    ),
    "no list": ("jobs", lambda _: fhir({"transactionTime": "2024-01-01T00:00:00Z", "output": {}}), "no list of files"),
    "files elsewhere": (
        "jobs", lambda _: fhir({"transactionTime": "2024-01-01T00:00:00Z",
                                "output": [{"type": "Patient", "url": "http://127.0.0.1:9/f"}]}), "another server",
    ),
    "a failed job": ("jobs", lambda _: fhir({}, 500), "status 500"),
    "html": ("files", lambda _: PlainTextResponse("<html>", media_type="text/html"), "not NDJSON"),
    "wrapped": ("files", lambda _: fhir({"resourceType": "Binary"}), "not NDJSON"),
    "a huge line": ("files", lambda _: Response(b"x" * (17 * 1024 * 1024), media_type=NDJSON), "a line is too long"),
    "fewer lines": ("files", lambda _: Response(b"", media_type=NDJSON), "fewer lines"),
    "a redirect": ("files", lambda _: RedirectResponse("http://127.0.0.1:9/", 307), "a redirect"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_EXPORT)
async def test_a_hostile_export_stops_the_reading_with_one_line(
    hospital: Party, stub: FhirStub, name: str, pauses: list[float]
):
    place, odd, words = HOSTILE_EXPORT[name]
    stub.odd[place] = odd
    report = await read(hospital, stub, "export")
    assert (report.standing, report.people) == ("stopped", 0)
    assert words in report.why
    assert "\n" not in report.why
    assert not await hospital.find(SourceRecord)


async def test_pages_without_end_are_noticed(hospital: Party, stub: FhirStub):
    stub.odd["Patient"] = lambda _: circle(stub)
    report = await read(hospital, stub)
    assert "go in a circle" in report.why
    assert len(stub.asked) < 10


async def test_lines_of_another_kind_than_announced_are_refused(
    hospital: Party, stub: FhirStub, pauses: list[float]
):  # fmt: skip
    lines = [json.dumps(observation("o", "ann")), "{", json.dumps(patient("eve"))]
    stub.odd["files/0/0"] = lambda _: Response("\n".join(lines), media_type=NDJSON)
    stub.kept = {("Patient", "eve"): patient("eve")}
    report = await read(hospital, stub, "export")
    assert (report.standing, report.records, len(report.refused)) == ("complete", 1, 2)


async def test_what_came_stays_when_the_server_dies_and_the_next_reading_completes_it(
    hospital: Party, stub: FhirStub
):  # fmt: skip
    stub.odd["Observation?page=1"] = lambda _: fhir({}, 500)
    report = await read(hospital, stub)
    assert (report.standing, report.people, report.records) == ("stopped", 4, 8)
    told = await shown(hospital)
    assert (told.standing, told.reading, told.read_records, told.watermark) == ("stopped", "Observation", 8, "")
    assert "concord sources sync" in told.again
    stub.odd.clear()
    report = await again(hospital)
    assert (report.standing, report.changed) == ("complete", 5)
    assert (await shown(hospital)).watermark
    assert len(await hospital.find(RecordVersion)) == 13


async def test_what_was_deleted_between_two_attempts_goes_too(hospital: Party, stub: FhirStub):
    stub.odd["Observation?page=2"] = lambda _: fhir({}, 500)
    assert (await read(hospital, stub)).standing == "stopped"
    stub.delete("Observation", "obs-ann-0")
    stub.odd.clear()
    report = await again(hospital)
    assert (report.standing, report.deleted) == ("complete", 1)


async def test_files_that_were_there_before_stay_unless_the_server_is_read_whole(
    hospital: Party, stub: FhirStub, tmp_path: Path
):
    folder = sourced.write(tmp_path / "folder", "all", patient("zoe"))
    await hospital.services.importing.import_fhir(hospital.acting("steward"), folder, "EHR")
    assert (await read(hospital, stub)).deleted == 0
    assert (await again(hospital, whole=True)).deleted == 1
    with pytest.raises(Problem, match="one of the two"):
        await again(hospital, whole=True, since=datetime(2024, 5, 6, tzinfo=UTC))


async def test_a_reading_whose_process_ended_is_shown_as_stopped(hospital: Party, stub: FhirStub):
    report = await read(hospital, stub)
    [source] = await hospital.find(Source, name="EHR")
    state = {**(source.reach or {})["state"], "standing": "reading"}
    await hospital.store.write(
        lambda tx: tx.change(source, reach={**(source.reach or {}), "state": state})
    )  # fmt: skip
    told = await shown(hospital)
    assert (told.id, told.standing, told.why) == (report.source, "stopped", "the process ended while it was read")


async def test_one_reading_of_a_source_at_a_time(hospital: Party, stub: FhirStub):
    report = await read(hospital, stub)
    hospital.services.syncing.running.add(report.source)
    with pytest.raises(Problem) as caught:
        await again(hospital)
    assert caught.value.status == 409


async def test_a_source_has_one_server_and_one_release(hospital: Party, stub: FhirStub, tmp_path: Path):
    await read(hospital, stub)
    steward = hospital.acting("steward")
    with pytest.raises(Problem, match="another server"):
        await hospital.services.syncing.import_server(steward, "EHR", Reach("http://127.0.0.1:9/fhir"))
    stub.release = "4.3.0"
    assert "FHIR R4" in (await again(hospital)).why
    with pytest.raises(Problem, match="role"):
        await hospital.services.syncing.import_server(hospital.acting("researcher"), "EHR", Reach(stub.base))
    folder = sourced.write(tmp_path / "folder", "all", patient("ann"))
    await hospital.services.importing.import_fhir(steward, folder, "Files")
    [files] = await hospital.find(Source, name="Files")
    with pytest.raises(Problem, match="not read from a server"):
        await hospital.services.syncing.sync(steward, files.id)


@pytest.mark.parametrize(
    "address",
    ["ehr.example/fhir", "ftp://ehr.example/fhir", "https://u:p@ehr.example/fhir", "https://ehr.example/f?a=b"],
)
async def test_an_address_that_cannot_be_used_is_refused_before_anything_is_kept(hospital: Party, address: str):
    with pytest.raises(Problem) as caught:
        await hospital.services.syncing.import_server(hospital.acting("steward"), "EHR", Reach(address))
    assert caught.value.status == 400
    assert not await hospital.find(Source)


async def test_changes_are_counted_from_a_time_that_is_named(hospital: Party, stub: FhirStub):
    await read(hospital, stub, since=datetime(2024, 5, 6, tzinfo=UTC))
    assert "_lastUpdated=gt2024-05-06T00%3A00%3A00.000Z" in "".join(stub.paths())
    assert len(await hospital.find(Person)) == 4
