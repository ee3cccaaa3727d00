"""Duties of contracts between real parties: what is owed is done in time, stated with a signature, and seen by both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connector.cli.program import run
from connector.lock import running
from connector.problems import Problem
from connector.records import (
    Agreement,
    ContractEnding,
    Dataset,
    DutyOwed,
    LogEntry,
    Notice,
    ReceivedPerson,
    ReceivedTransfer,
    Transfer,
)
from policy.instants import wire
from policy.odrl.duties import rule
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.owing import amend, at, contract, row, stated, there
from tests.two_party.releases import RECORD_KINDS, content_of, smallest_bundles
from tests.two_party.space import Party

Making = Callable[..., Any]
Typed = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """The records of two people."""
    return smallest_bundles(tmp_path / "bundles", 2)


@pytest.fixture
def made(trio: Trio, bundles: Path) -> Making:
    """A contract about two people's records, both of whom said yes, that owes these duties."""
    return partial(contract, trio, bundles)


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


async def leaf(party: Party, one: DutyOwed, kind: str = "duty.done") -> LogEntry:
    """The entry of the party's log that speaks of it."""
    [found] = await party.find(LogEntry, subject=one.id, kind=kind)
    return found


# --- deleting --------------------------------------------------------------------------------------------------------


async def test_what_was_received_is_deleted_when_its_period_is_over_and_both_sides_hold_the_proof(made: Making):
    stage = await made("delete:P30D")
    received = await stage.received(await stage.transfer())
    assert len(content_of(received.path)) == received.bytes > 0
    begun = received.started_at
    waiting = [await row(party, "delete", "open") for party in (stage.research, stage.holder)]
    assert [one.due_at - begun < timedelta(days=30, minutes=1) for one in waiting] == [True, True]
    assert waiting[0].id == waiting[1].id
    at(begun + timedelta(days=29), stage.research, stage.holder)
    assert [one.state for one in await listed(stage.research, "researcher", "delete")] == ["pending"]
    assert there(received)
    at(begun + timedelta(days=29, hours=23, minutes=30), stage.research, stage.holder)
    ours, theirs = await row(stage.research, "delete"), await row(stage.holder, "delete")
    assert not list(Path(received.path).parent.iterdir())
    assert await stage.research.find(ReceivedPerson, agreement=stage.agreement) == []
    assert "Deleted" in (await stage.research.get(ReceivedTransfer, received.transfer)).finding
    for one in (ours, theirs):
        claims = stated(one, stage.research)
        assert (claims["lines"], claims["bytes"]) == (received.lines, received.bytes)
        assert claims["log"] == (await leaf(stage.research, ours)).leaf_hash.hex()
    assert theirs.evidence["log"] == (await leaf(stage.holder, theirs)).leaf_hash.hex()
    for party, role in ((stage.research, "researcher"), (stage.holder, "steward"), (stage.holder, "dpo")):
        assert [one.state for one in await listed(party, role, "delete")] == ["fulfilled"]


async def test_everything_goes_at_the_instant_agreed_and_nothing_is_handed_over_after_it(made: Making):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    stage = await made(f"delete:{wire(end)}")
    first, second = [await stage.received(await stage.transfer()) for _ in range(2)]
    at(end - timedelta(minutes=5), stage.research, stage.holder)
    done = await row(stage.holder, "delete")
    assert stated(done, stage.research)["objects"] == 2
    assert [there(one) for one in (first, second)] == [False, False]
    at(end + timedelta(seconds=1), stage.research, stage.holder)
    with pytest.raises(Problem) as refused:
        await stage.transfer()
    assert refused.value.status == 409
    before = await stage.research.get(Agreement, stage.agreement)
    pid = await stage.research.services.transfers.ask(before)
    await stage.research.eventually(Transfer, pid, where=lambda one: one.state in ("STARTED", "TERMINATED"))
    found = await stage.research.find(ReceivedTransfer, transfer=pid)
    assert sum(one.bytes for one in found) == 0


async def test_what_arrives_after_everything_was_deleted_is_owed_again_and_deleted_too(made: Making):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    stage = await made(f"delete:{wire(end)}")
    parties = stage.research, stage.holder
    first = await stage.received(await stage.transfer())
    at(end - timedelta(minutes=20), *parties)
    done = [await row(party, "delete") for party in parties]
    second = await stage.received(await stage.transfer())
    again = [await row(party, "delete", "open") for party in parties]
    assert [one.id for one in again] == [one.id for one in done]
    assert (again[1].due_at, again[1].done_at) == (end, None)
    assert again[1].evidence == {"earlier": [done[1].evidence["statement"]]}
    assert (there(first), there(second)) == (False, True)
    at(end - timedelta(seconds=30), *parties)
    over = [await row(party, "delete") for party in parties]
    assert not there(second)
    claims = stated(over[1], stage.research)
    assert (claims["objects"], claims["lines"]) == (1, second.lines)
    assert over[1].evidence["earlier"] == [done[1].evidence["statement"]] != [over[1].evidence["statement"]]
    assert await leaf(stage.holder, over[1], "duty.reopened")


async def test_a_party_that_was_away_deletes_when_it_is_back(trio: Trio, made: Making):
    stage = await made("delete:P1D")
    received = await stage.received(await stage.transfer())
    await trio.research.stop()
    at(received.started_at + timedelta(days=1, hours=2), trio.hospital)
    missed = await trio.hospital.eventually(
        DutyOwed, (await row(trio.hospital, "delete", "open")).id, where=lambda one: one.missed_at is not None
    )
    assert (await leaf(trio.hospital, missed, "duty.overdue")).body
    assert [one.state for one in await listed(trio.hospital, "steward", "delete")] == ["overdue"]
    await trio.research.start()
    at(received.started_at + timedelta(days=1, hours=3), trio.research, trio.hospital)
    await row(trio.research, "delete")
    await row(trio.hospital, "delete")
    assert not there(received)
    assert [one.state for one in await listed(trio.hospital, "steward", "delete")] == ["violated"]


async def test_a_contract_that_ends_takes_the_data_along_before_its_period_is_over(made: Making):
    stage = await made("delete:P30D", "report:P60D")
    await stage.received(await stage.transfer())
    await stage.holder.services.endings.end(stage.holder.acting("steward"), stage.agreement, "Stopped.")
    await stage.holder.eventually(ContractEnding, stage.agreement, where=lambda one: one.erased_at is not None)
    await row(stage.research, "delete")
    await row(stage.holder, "delete")
    still = await row(stage.research, "report", "open")
    assert still.due_at is not None


async def test_changed_terms_put_their_time_in_the_place_of_the_earlier_one(made: Making):
    stage = await made("delete:P30D")
    received = await stage.received(await stage.transfer())
    await amend(stage, "delete:P10D")
    assert (await row(stage.research, "delete", "dropped")).agreement == stage.agreement
    shorter = await row(stage.research, "delete", "open", occasion=received.transfer)
    assert abs(shorter.due_at - received.started_at - timedelta(days=10)) < timedelta(seconds=1)
    dropped = await row(stage.holder, "delete", "dropped")
    assert dropped.agreement == stage.agreement
    at(received.started_at + timedelta(days=9, hours=23, minutes=30), stage.research, stage.holder)
    await row(stage.holder, "delete")
    assert not there(received)


# --- telling, logging, pseudonyms, withdrawal -----------------------------------------------------------------------


async def test_each_transfer_is_told_logged_and_pseudonymised_with_proof(made: Making):
    stage = await made("inform", "log")
    pid = await stage.transfer()
    received = await stage.received(pid)
    for duty in ("inform", "log"):
        ours, theirs = await row(stage.research, duty), await row(stage.holder, duty)
        assert (ours.id, ours.occasion) == (theirs.id, pid)
        claims = stated(theirs, stage.research)
        assert (claims["key"], claims["occasion"], claims["agreement"]) == (duty, pid, stage.agreement)
    telling = await leaf(stage.research, await row(stage.research, "inform"), "duty.telling")
    assert stated(await row(stage.holder, "inform"), stage.research)["log"] == telling.leaf_hash.hex()
    applied = await row(stage.holder, "pseudonymise")
    assert applied.evidence["profile"] == (await stage.holder.get(Dataset, stage.dataset)).profile
    assert json.loads((await leaf(stage.holder, applied)).body)["bytes"] == received.bytes
    assert await stage.research.find(DutyOwed, duty="pseudonymise") == []


async def test_erasure_on_withdrawal_is_done_when_it_is_stated(made: Making):
    stage = await made()
    await stage.received(await stage.transfer())
    ann, _ = await stage.source_ids()
    await stage.withdraw(ann)
    done = await row(stage.holder, "erase-on-withdrawal")
    [notice] = await stage.holder.find(Notice, id=done.occasion)
    assert done.due_at == notice.deadline
    assert done.evidence["statement"] in notice.answers["statements"]
    ours = await row(stage.research, "erase-on-withdrawal")
    assert ours.evidence["lines"] == done.evidence["lines"] > 0
    body = json.loads((await leaf(stage.holder, done)).body)
    assert set(body) <= {"agreement", "duty", "pointer", "occasion", "objects", "lines", "bytes"}


# --- what a person states ---------------------------------------------------------------------------------------------


async def test_a_person_states_a_report_and_the_provider_holds_it_signed(made: Making):
    stage = await made("report:P60D", "publish-results:P12M")
    report, publication = await listed(stage.research, "researcher", "report", "publish-results")
    assert (report.state, report.can_state, publication.can_state) == ("pending", True, True)
    researcher = stage.research.acting("researcher")
    with pytest.raises(Problem) as refused:
        await stage.research.services.duties.state(researcher, report.id)
    assert refused.value.where == "link"
    with pytest.raises(Problem) as refused:
        await stage.research.services.duties.state(researcher, report.id, link="javascript:alert(1)")
    assert (refused.value.status, refused.value.where) == (400, "link")
    link = "https://example.org/report"
    await stage.research.services.duties.state(researcher, report.id, link=link, digest="0" * 64)
    theirs = await row(stage.holder, "report")
    proof = stated(theirs, stage.research)["proof"]
    assert proof == {"link": link, "digest": "0" * 64, "words": None}
    with pytest.raises(Problem) as again:
        await stage.research.services.duties.state(researcher, report.id, words="Again.")
    assert again.value.status == 409


async def test_people_are_reminded_at_half_time_and_what_is_late_is_seen_by_both(made: Making):
    stage = await made("report:P60D")
    [report] = await listed(stage.research, "researcher", "report")
    at(datetime.now(UTC) + timedelta(days=31), stage.research, stage.holder)
    reminded = await stage.research.eventually(DutyOwed, report.id, where=lambda one: one.reminded_at is not None)
    assert (await leaf(stage.research, reminded, "duty.reminded")).body
    assert [one.state for one in await listed(stage.research, "researcher", "report")] == ["due"]
    at(datetime.now(UTC) + timedelta(days=61), stage.research, stage.holder)
    for party, role in ((stage.research, "researcher"), (stage.holder, "steward")):
        await party.eventually(DutyOwed, report.id, where=lambda one: one.missed_at is not None)
        assert [one.state for one in await listed(party, role, "report")] == ["overdue"]
    await stage.research.services.duties.state(stage.research.acting("researcher"), report.id, words="Sorry, late.")
    await row(stage.holder, "report")
    assert [one.state for one in await listed(stage.holder, "steward", "report")] == ["violated"]


async def listed(party: Party, role: str, *duties: str) -> list[Any]:
    rows = await party.services.duties.list(party.acting(role))
    return [one for one in rows if one.duty in duties]


# --- nobody for it ----------------------------------------------------------------------------------------------------


FOREIGN = {"action": "odrl:inform", "informedParty": "https://ministry.example/"}
REFUSED = [
    ([{"action": "odrl:anonymize"}], "/obligation/1", "anonymise"),
    ([{"action": "odrl:compensate"}], "/obligation/1", "compensate"),
    ([{"action": "concord:report"}], "/obligation/1", "report"),
    ([dict(rule("log")), {**dict(rule("delete:P30D")), "consequence": [FOREIGN]}], "/obligation/2", "delete"),
    ([FOREIGN], "/obligation/1", "inform"),
]


@pytest.mark.parametrize(("duties", "place", "name"), REFUSED)
async def test_a_duty_that_nobody_can_carry_out_is_not_published(hospital: Party, bundles: Path, duties, place, name):
    steward = hospital.acting("steward")
    report = await hospital.services.importing.import_fhir(steward, bundles, "Records")
    body = {
        "title": "All records", "description": "What we know.", "keywords": ["records"], "source": report.source,
        "categories": RECORD_KINDS, "purposes": [story.RESEARCH], "until": "2199-12-31", "duties": duties,
    }  # fmt: skip
    answer = await _posted(hospital, "/api/datasets", body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (400, "urn:concord:problem:duty-without-executor")
    assert problem["where"] == f"offer{place}"
    assert f"{name} at {place}" in problem["detail"]
    assert "delete" in problem["accepted"]
    assert await hospital.find(Dataset) == []


async def test_the_command_line_refuses_and_publishes_the_same_offers(
    hospital: Party, typed: Typed, bundles: Path, tmp_path: Path
):
    await hospital.services.importing.import_fhir(hospital.acting("steward"), bundles, "Records")
    code, said = await typed(hospital, "publish", "--title", "Hearts", "--duty", "anonymise")
    assert (code, "anonymise at /obligation/1" in said, "pseudonymise," in said) == (2, True, True)
    code, said = await typed(hospital, "publish", "--duty", "fly")
    assert (code, "erase-on-withdrawal" in said) == (2, True)
    draft = {
        "permission": [{"action": "use", "constraint": [
            {"leftOperand": "purpose", "operator": "eq", "rightOperand": story.RESEARCH}]}],
        "obligation": [{"action": "odrl:delete", "constraint": [
            {"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": "3"}]}],
    }  # fmt: skip
    file = tmp_path / "offer.json"
    file.write_text(json.dumps(draft))
    code, said = await typed(hospital, "publish", "--offer", str(file))
    assert (code, "offer/obligation/0" in said, "delete takes elapsedTime" in said) == (2, True, True)
    draft["obligation"][0]["constraint"][0] |= {"leftOperand": "odrl:delayPeriod", "rightOperand": "P30D"}
    file.write_text(json.dumps(draft))
    code, said = await typed(hospital, "publish", "--offer", str(file), "--duty", "report:P6M")
    assert code == 0, said
    assert "must be deleted within 30 days" in said
    assert "must report to the data holder within 6 months" in said


async def test_an_offer_whose_duty_the_consumer_cannot_carry_out_is_not_asked_for(trio: Trio, made: Making):
    trio.research.context.executors = trio.research.context.executors.without("delete")
    with pytest.raises(Problem) as refused:
        await made("delete:P30D")
    assert (refused.value.code, "delete" in str(refused.value)) == ("duty-without-executor", True)


async def test_the_operator_lists_shows_and_states_duties(made: Making, typed: Typed, tmp_path: Path):
    stage = await made("report:P60D")
    code, said = await typed(stage.research, "duties", "list", "--json")
    [report] = [one for one in json.loads(said) if one["duty"] == "report"]
    assert (code, report["state"], report["by_us"]) == (0, "pending", True)
    paper = tmp_path / "report.pdf"
    paper.write_bytes(b"what we found")
    code, said = await typed(stage.research, "duties", "done", report["id"], "--file", str(paper))
    assert (code, said.strip()) == (0, "Stated, signed. The other side is told.")
    await row(stage.holder, "report")
    code, said = await typed(stage.holder, "duties", "show", report["id"])
    assert sha256(b"what we found").hexdigest() in said.replace("\n", "").replace(" ", "")
    code, said = await typed(stage.holder, "duties", "list", "--state", "undone")
    assert (code, "pending, due" in said) == (2, True)


async def _posted(party: Party, path: str, body: dict[str, Any]) -> Any:
    process = running(Path(party.founded.directory))
    async with httpx2.AsyncClient(trust_env=False, timeout=20.0) as client:
        return await client.post(process.url + path, json=body, headers={"authorization": f"Bearer {process.token}"})
