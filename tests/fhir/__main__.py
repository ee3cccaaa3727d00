"""`python -m tests.fhir` (`make fhir`): Concord reads a real FHIR server, HAPI's, in both ways, next to files.

One line per sentence; the last line is `N passed, N failed`, and the exit code is 0 only when none failed. The first
run fetches HAPI's jars through Maven.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from connector.records import Source
from connector.services.holding.reach import Reach
from connector.sources.fhir_server import Pace
from tests.fhir.hapi import running
from tests.fhir.jars import Missing, collected
from tests.fhir.scenes import SOURCE, Scene, prepared, write_ndjson
from tests.two_party.releases import BUNDLES
from tests.two_party.sourced import observation, patient, write

SMALLEST = 6
"""How many of the demo's people are read: the server takes a second for each hundred of their records."""
EXTRA = "made-up"


async def the_same_release_of_four_ways(scene: Scene) -> None:
    """The same release from bundles, a folder of NDJSON, the server's search and its export is the same bytes."""
    stored, found = await scene.released(), {}
    folder = write_ndjson(scene.scratch / "ndjson", scene.bodies)
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "folder": lambda: scene.import_folder(folder),
        "search": lambda: scene.read("search", whole=True),
        "export": lambda: scene.read("export", whole=True),
    }
    for name, fill in ways.items():
        await scene.empty()
        await fill()
        kept = {(one.resource_type, one.id): one.body for one in await scene.records()}
        released = {key: body for key, body in scene.bodies.items() if key in kept}
        differing = sorted(key for key, body in kept.items() if released.get(key) != body and key[0] != "Patient")
        assert not differing, f"{name}: {len(differing)} records are kept otherwise, such as {differing[0]}"
        found[name] = await scene.released()
    assert len(stored) >= SMALLEST, f"{len(stored)} people were released"
    for name, people in found.items():
        assert people.keys() == stored.keys(), f"{name}: other people"
        other = [code for code in stored if stored[code] != people[code]]
        assert not other, f"{name}: {len(other)} of {len(stored)} people come out otherwise"
    print(f"  {len(stored)} people, {sum(map(len, stored.values()))} bytes, four times")


async def changes_since(scene: Scene, how: str) -> None:
    """One record changed, one deleted and one added at the server are exactly three versions."""
    hapi, hospital = scene.hapi, scene.trio.hospital
    [source] = await hospital.find(Source, name=SOURCE)
    observations = [one.id for one in await scene.records() if one.resource_type == "Observation"]
    kept = sorted(observations, reverse=how == "search")  # others than those of the other way
    someone = next(one.id for one in await scene.records() if one.resource_type == "Patient")
    changed = json.loads(scene.bodies["Observation", kept[0]])
    await hapi.put([json.dumps({**changed, "status": "amended"}).encode()])
    await hapi.delete("Observation", kept[1])
    await hapi.put([json.dumps(observation(f"added-{how}", someone)).encode()])
    report = await scene.read(how)
    assert (report.standing, report.changed, report.deleted) == ("complete", 2, 1), report
    assert await scene.changes_after(source.sequence) == {
        ("Observation", kept[0], "changed"),
        ("Observation", kept[1], "deleted"),
        ("Observation", f"added-{how}", "created"),
    }


async def changes_by_export(scene: Scene) -> None:
    """What changed since the last export comes by export, deletions from the server's history, and nothing else."""
    await changes_since(scene, "export")


async def changes_by_search(scene: Scene) -> None:
    """The same by search: the watermark is that of the last whole reading, whichever way it was."""
    await changes_since(scene, "search")


async def dies_and_completes(scene: Scene) -> None:
    """A server that is killed while it is read leaves a clear state, and the next reading completes it."""
    hospital, hapi = scene.trio.hospital, scene.hapi
    steward, seen = hospital.acting("steward"), list[str]()

    def hear(kind: str) -> None:
        seen.append(kind)
        if kind == "Observation":
            hapi.kill()

    hospital.services.syncing.pace = Pace(count=20)
    report = await hospital.services.syncing.import_server(steward, "Dying", Reach(hapi.base, "search"), hear)
    told = await hospital.services.sources_desk.one(steward, "Dying")
    assert (report.standing, told.standing, told.watermark) == ("stopped", "stopped", ""), told
    assert told.reading == "Observation", told.reading
    assert "no usable answer came" in told.why, told.why
    assert told.read_people >= SMALLEST, told.read_people
    came = told.read_records
    print(f"  stopped after {came} records: {told.why}")
    await hapi.end(hard=True)
    await hapi.start()
    report = await hospital.services.syncing.sync(steward, report.source)
    assert (report.standing, report.refused) == ("complete", []), report
    assert report.records > came, report.records
    assert report.changed == report.records - came, (report.changed, report.records, came)


SENTENCES = (the_same_release_of_four_ways, changes_by_export, changes_by_search, dies_and_completes)


async def run(words: str) -> int:
    """Play everything; returns the exit code."""
    failed = 0
    chosen = [one for one in SENTENCES if words.lower() in (one.__doc__ or "").lower()]
    with tempfile.TemporaryDirectory(prefix="concord-fhir-") as folder:
        scratch = Path(folder)
        some = sorted(BUNDLES.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:SMALLEST]
        async with (
            running(collected("server"), scratch / "hapi") as hapi,
            prepared(scratch, hapi, [*some, made_up(scratch)]) as scene,
        ):
            for one in chosen:
                failed += await _told(one, scene)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


async def _told(one: Callable[[Scene], Awaitable[None]], scene: Scene) -> bool:
    started = time.monotonic()
    try:
        await one(scene)
    except Exception as fault:
        if not isinstance(fault, AssertionError):
            traceback.print_exc()
        print(f"FAILED {one.__doc__}\n       {fault}", flush=True)
        return True
    print(f"ok     {one.__doc__} ({time.monotonic() - started:.0f} s)", flush=True)
    return False


def made_up(scratch: Path) -> Path:
    """Somebody with what the demo's people have not: digits to keep, dates of every kind, a relative, a lone device."""
    numbers = [
        observation(f"{EXTRA}-{place}", EXTRA, valueQuantity={"value": "@", "unit": "mmol/L"}) for place in range(4)
    ]
    resources = [
        patient(EXTRA, birthDate="1951-02", gender="other"), *numbers,
        observation(f"{EXTRA}-date", EXTRA, effectiveDateTime="2021-03"),
        observation(f"{EXTRA}-period", EXTRA, effectivePeriod={"start": "2020", "end": "2020-02-03T04:05:06.78+02:00"}),
        {"resourceType": "RelatedPerson", "id": f"{EXTRA}-relative", "patient": {"reference": f"Patient/{EXTRA}"}},
    ]  # fmt: skip
    del resources[-2]["effectiveDateTime"]
    file = write(scratch / "extra", EXTRA, *resources)
    text = file.read_text()
    for digits in ("1.10", "0.000001", "100", "12345678901234567.123456789"):
        text = text.replace('"@"', digits, 1)
    file.write_text(text)
    return file


def main() -> int:
    """See the module."""
    # A plain kill too must stop the Java process: it becomes an exception that everything is closed after.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        collected("server")
    except Missing as fault:
        print(f"the FHIR server cannot run: {fault}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    return asyncio.run(run(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
