"""Derived copies at the end of a contract, by the command line's door, and what is imported by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from connector.cli.program import run
from connector.dataplane.lines import code_of
from connector.lock import running
from connector.outbound.management import ManagementClient
from connector.problems import Problem
from connector.records import ContractEnding, Derivation, Notice, Person, ReceivedTransfer, Tombstone
from connector.services.received.views import Registering
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, content_of, hospital_stage, smallest_bundles
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Two people's records at the hospital, both of whom said yes."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))
    await made.everybody_agrees()
    return made


def put(path: Path, content: bytes) -> Path:
    """Write a file, and its folder if need be."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


async def registered(stage: Stage, row: ReceivedTransfer, name: str, content: bytes, **facts) -> tuple[str, Path]:
    desk = stage.research.services.derivations
    path = put(Path(desk.folder) / name, content)
    facts = {"kind": "file", "transfers": [row.transfer]} | facts
    given = Registering(name=name, path=str(path), **facts)
    return await desk.register(stage.research.acting("researcher"), given), path


async def erased_notice(stage: Stage) -> Notice | None:
    found = await stage.holder.find(Notice)
    return found[0] if found and found[0].erased_at else None


async def test_copies_go_with_their_contract_and_its_deletion_is_stated_once_all_are_gone(stage: Stage):
    row = await stage.received(await stage.transfer())
    desk, actor = stage.research.services.derivations, stage.research.acting("researcher")
    _, path = await registered(stage, row, "copy.ndjson", content_of(row.path))
    model = await desk.register(actor, Registering(kind="model", name="net", transfers=[row.transfer]))
    await stage.research.services.endings.end(actor, stage.agreement, "The study is over.")
    await until(lambda: not path.exists(), "our copy to go")
    await until(lambda: not Path(row.path).exists(), "the received file to go")
    await stage.research.eventually(Derivation, (await stage.research.find(Derivation, path=str(path)))[0].id,
                                    where=lambda one: one.standing == "erased")  # fmt: skip
    [task] = await until(lambda: desk.tasks(actor), "the task for what we cannot delete")
    assert (task.id, task.why) == (model, "the contract is over")
    [ending] = await stage.research.find(ContractEnding)
    assert ending.erased_at is None
    with pytest.raises(Problem, match="over"):
        await desk.rebuilt(actor, model)
    await desk.erased(actor, model)
    await stage.holder.eventually(ContractEnding, stage.agreement, where=lambda one: one.erased_at)
    assert {one.standing for one in await stage.research.find(Derivation)} == {"erased"}


async def test_what_was_received_and_erased_is_not_imported_again_by_hand(stage: Stage, tmp_path: Path):
    row = await stage.received(await stage.transfer())
    before = content_of(row.path)
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await until(lambda: erased_notice(stage), "the erasure")
    [stone] = await stage.research.find(Tombstone)
    lines = [orjson.loads(line) for line in before.splitlines() if code_of(line) == stone.code]
    again = tmp_path / "again"
    again.mkdir()
    entries = [{"resource": one} for one in lines if one["resourceType"] in ("Patient", "Observation")]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    put(again / "bundle.json", orjson.dumps(bundle))
    report = await stage.research.services.importing.import_fhir(stage.research.acting("steward"), again, "Back again")
    assert report.records == 0
    assert "stopped under a contract" in report.refused[0]
    assert not await stage.research.find(Person)


async def test_the_management_door_registers_lists_settles_and_verifies(stage: Stage):
    row = await stage.received(await stage.transfer())
    _, path = await registered(stage, row, "seen.ndjson", content_of(row.path))

    def calls() -> None:
        note = running(Path(stage.research.founded.directory))
        assert note is not None
        with ManagementClient(note.url, note.token) as client:

            def call(method: str, place: str, body: dict | None = None) -> tuple[int, object]:
                answer = client.call(method, f"/api{place}", orjson.dumps(body) if body is not None else None)
                return answer.status, orjson.loads(answer.body) if answer.body else None

            sent = {"kind": "table", "name": "cohort", "transfers": [row.transfer]}
            status, made = call("POST", "/derivations", sent)
            assert status == 201
            assert call("POST", "/derivations", sent | {"transfers": []})[0] == 400
            assert call("POST", "/derivations", sent | {"kind": "thought"})[0] == 400
            assert call("POST", "/derivations", sent | {"transfers": ["urn:uuid:no"]})[0] == 404
            assert call("POST", "/derivations", sent | {"path": "/no/such/file"})[0] == 400
            assert call("POST", "/derivations", sent | {"path": "../x"})[0] == 400
            assert call("POST", "/derivations", sent | {"path": "/dev/zero"})[0] == 400
            assert call("POST", "/derivations", sent | {"stays": "published", "ground": "x"})[0] == 400
            assert {one["name"] for one in call("GET", "/derivations")[1]} == {"cohort", "seen.ndjson"}
            assert call("GET", "/derivations/tasks") == (200, [])
            assert call("POST", f"/derivations/{made['id']}/stays", {"reason": "exception", "ground": "Law."})[0] == 204
            assert call("GET", f"/derivations/{made['id']}")[1]["why"] == "Exception: Law."
            assert call("GET", "/derivations/urn:uuid:no")[0] == 404
            [found] = call("GET", "/received/verify")[1]
            assert (found["ok"], found["transfer"]) == (True, row.transfer)
            assert call("GET", "/received/verify?transfer=urn:uuid:no")[0] == 404

    await asyncio.to_thread(calls)
    assert path.exists()


async def test_a_stopped_participant_verifies_its_files_without_a_network(stage: Stage, capsys):
    row = await stage.received(await stage.transfer())
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await until(lambda: erased_notice(stage), "the erasure")
    directory = Path(stage.research.founded.directory)
    await stage.research.stop()
    assert await asyncio.to_thread(run, ["received", "verify", "--directory", str(directory), "--json"]) == 0
    [found] = orjson.loads(capsys.readouterr().out)
    assert (found["ok"], len(found["manifests"])) == (True, 2)
    moved = directory.parent / "mounted"
    moved.mkdir()
    (directory / "received").rename(moved / "received")
    with (directory / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\nshared_folder = "{moved}"\n')
    assert await asyncio.to_thread(run, ["received", "verify", "--directory", str(directory), "--json"]) == 0
    path = str(moved / Path(row.path).relative_to(directory))
    put(Path(path), content_of(path) + b"{}\n")
    assert await asyncio.to_thread(run, ["received", "verify", "--directory", str(directory), "--json"]) == 1
