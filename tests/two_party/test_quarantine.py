"""What a leak check holds back: nothing of that person leaves, the others do, and what was held stays sealed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.cli.program import run
from connector.jobs.pruning import Pruning
from connector.problems import Problem
from connector.records import LogEntry, Quarantined, Release, SourceRecord
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, content_of, hospital_stage, smallest_bundles
from tests.two_party.space import Party

Typed = Callable[..., Awaitable[tuple[int, str]]]
WHY = "Which element lets a telephone number through?"


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Four people's records at the hospital."""
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))


@pytest.fixture
def typed(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """One command line at a party: its exit code, and what it said."""
    monkeypatch.setenv("COLUMNS", "250")

    async def call(party: Party, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, [*words, "--directory", str(party.founded.directory)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


async def leaking(stage: Stage) -> str:
    """Two people agree; a measurement of the first is their telephone number. Returns its digits."""
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    records = await stage.records_of(ann)
    patient = orjson.loads(next(one.body for one in records if one.resource_type == "Patient"))
    number = "".join(digit for digit in patient["telecom"][0]["value"] if digit.isdigit())
    record = next(one for one in records if one.category == "vital-signs" and b"valueQuantity" in one.body)
    resource = orjson.loads(record.body)
    resource["valueQuantity"]["value"] = int(number)
    body = orjson.dumps(resource)
    await stage.holder.store.write(
        lambda tx: tx.alter(
            SourceRecord, {"body": body}, source=record.source, resource_type="Observation", id=record.id
        )
    )
    return number


async def logged(stage: Stage, kind: str) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in await stage.holder.find(LogEntry, kind=kind)]


async def test_what_a_leak_was_found_in_stays_sealed_and_the_others_arrive(stage: Stage):
    number = await leaking(stage)
    received = await stage.received(await stage.transfer())
    assert received.people == 1
    assert number not in content_of(received.path).decode()
    release = (await stage.holder.find(Release, agreement=stage.agreement))[0]
    assert (release.withheld or {})["leak"] == 1
    [held] = await stage.holder.find(Quarantined)
    assert (held.release, held.agreement, held.standing) == (release.id, stage.agreement, "held")
    assert (held.places or {})["places"] == [
        {"kind": "number", "resource_type": "Observation", "path": "valueQuantity.value", "count": 1}
    ]
    assert held.until - held.held_at == timedelta(days=30)
    # Nothing of the lines can be read where they lie: no number, no code, no word of FHIR.
    lines = (await stage.holder.services.quarantine.open(stage.holder.acting("dpo"), held.id, WHY)).lines
    assert len(lines) == held.resources > 1
    code = orjson.loads(lines[0])["id"]
    for word in (number, code, "resourceType"):
        assert word.encode() not in held.sealed
    [entry] = await logged(stage, "release.leak")
    assert entry["quarantine"] == held.id
    assert entry["found"] == {"number": 1}
    assert number not in json.dumps(await logged(stage, "release.leak"))


async def test_only_an_officer_with_a_reason_opens_it_and_the_log_says_so(stage: Stage):
    number = await leaking(stage)
    await stage.received(await stage.transfer())
    desk, dpo, steward = stage.holder.services.quarantine, stage.holder.acting("dpo"), stage.holder.acting("steward")
    [row] = await desk.rows(steward)
    assert (row.finds, row.places[0].path) == (1, "valueQuantity.value")
    for actor, reason, status in ((steward, WHY, 403), (dpo, "  ", 400), (stage.holder.acting("researcher"), WHY, 403)):
        with pytest.raises(Problem) as refused:
            await desk.open(actor, row.id, reason)
        assert refused.value.status == status
    assert await logged(stage, "quarantine.opened") == []
    found = await desk.open(dpo, row.id, WHY)
    assert any(number in line for line in found.lines)
    [entry] = await logged(stage, "quarantine.opened")
    assert (entry["reason"], entry["account"], entry["role"]) == (WHY, dpo.account, "dpo")


async def test_clearing_it_destroys_what_was_sealed(stage: Stage, typed: Typed):
    await leaking(stage)
    await stage.received(await stage.transfer())
    code, said = await typed(stage.holder, "quarantine", "list", "--json")
    [row] = json.loads(said)
    assert (code, row["standing"], row["resources"] > 1) == (0, "held", True)
    code, said = await typed(stage.holder, "quarantine", "show", row["id"])
    assert (code, "valueQuantity.value" in said, "Observation" in said) == (0, True, True)
    code, said = await typed(stage.holder, "quarantine", "open", row["id"], "--reason", WHY, "--json")
    assert (code, len(json.loads(said)["lines"])) == (0, row["resources"])
    code, said = await typed(stage.holder, "quarantine", "clear", row["id"], "--reason", "Taken out of the profile")
    assert (code, said.strip()) == (0, "Destroyed.")
    [held] = await stage.holder.find(Quarantined)
    assert (held.sealed, held.standing, held.cleared_why) == (b"", "cleared", "Taken out of the profile")
    code, said = await typed(stage.holder, "quarantine", "open", row["id"], "--reason", WHY)
    assert (code, "destroyed already" in said) == (2, True)
    assert len(await logged(stage, "quarantine.cleared")) == 1
    code, said = await typed(stage.holder, "quarantine", "show", "urn:uuid:none")
    assert code == 2


async def test_what_is_held_is_destroyed_when_its_time_is_over(stage: Stage):
    await leaking(stage)
    await stage.received(await stage.transfer())
    context = stage.holder.context
    await Pruning(context).prune()
    assert [bool(one.sealed) for one in await stage.holder.find(Quarantined)] == [True]
    now = context.clock()
    later = type("Later", (), {"__call__": lambda self: now + timedelta(days=31)})()
    before, context.clock = context.clock, later
    try:
        await Pruning(context).prune()
    finally:
        context.clock = before
    [held] = await stage.holder.find(Quarantined)
    assert (held.sealed, held.standing, held.cleared_by) == (b"", "cleared", "")
    [entry] = await logged(stage, "quarantine.cleared")
    assert "account" not in entry


async def test_who_wants_their_data_deleted_has_what_was_held_of_them_destroyed_too(stage: Stage):
    number = await leaking(stage)
    await stage.received(await stage.transfer())
    [held] = await stage.holder.find(Quarantined)
    assert held.sealed
    ann = (await stage.source_ids())[0]
    await stage.withdraw(ann, "erase")
    await stage.wallet.quiet()
    [gone] = await stage.holder.find(Quarantined)
    assert (gone.sealed, gone.standing, gone.cleared_why) == (b"", "cleared", "The person wants it deleted")
    assert number not in str(gone)
