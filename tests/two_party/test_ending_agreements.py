"""A contract ends before its time: at once for whoever ends it, and with everything that follows at the other side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connector.founding import STORE_FILE
from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import Agreement, ContractEnding, LogEntry, ReceivedPerson, ReceivedTransfer, Release, Transfer
from connector.services.exchange.ending import BELL
from connector.settings import load
from connector.storage import open_store
from policy.instants import wire
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Voice
from tests.two_party.releases import (
    Stage,
    content_of,
    hospital_stage,
    many_records,
    opened_by_hand,
    point,
    pulling,
    smallest_bundles,
    vendor_stage,
)
from tests.two_party.space import Party, until

WHY = "The study has been stopped."


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Two people's records at the hospital, and a contract about them."""
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 2))


async def end(party: Party, agreement: str, role: str, reason: str = WHY) -> None:
    await party.services.endings.end(party.acting(role), agreement, reason)


async def ended(party: Party, agreement: str, **where) -> ContractEnding:
    def fits(one: ContractEnding) -> bool:
        return all((getattr(one, name) is not None) == holds for name, holds in where.items())

    return await party.eventually(ContractEnding, agreement, where=fits)


def claims(jws: str, kind: StatementType, signer: Party) -> dict:
    return read_statement(jws, kind, [signer.context.signer.public_jwk])


@pytest.mark.parametrize("provider_ends", [True, False])
async def test_either_side_ends_a_contract_and_both_keep_both_signatures(trio: Trio, provider_ends: bool):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    ender, role = (trio.hospital, "steward") if provider_ends else (trio.research, "researcher")
    other = trio.research if provider_ends else trio.hospital
    await end(ender, agreement, role)
    for party in (ender, other):
        found = await party.eventually(ContractEnding, agreement, where=lambda one: "receipts" in one.evidence)
        assert (found.by, found.reason) == (ender.id, WHY)
        [ending], [receipt] = found.evidence["endings"], found.evidence["receipts"]
        assert claims(ending, StatementType.CONTRACT_END, ender)["agreement"] == agreement
        assert claims(receipt, StatementType.CONTRACT_END_RECEIVED, other)["ending"] == found.ending
        record = await party.get(Agreement, agreement)
        assert (record.standing, record.ended_by, record.end_reason) == ("ended", ender.id, WHY)
        assert record.ended_at == found.ended_at
        entries = [one.kind for one in await party.find(LogEntry, subject=agreement)]
        assert "agreement.ended" in entries


async def test_nothing_is_asked_for_under_a_contract_that_has_ended(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    before = await trio.research.get(Agreement, agreement)
    await end(trio.hospital, agreement, "steward")
    await ended(trio.research, agreement)
    with pytest.raises(Problem) as refused:
        await trio.research.services.research.request_transfer(trio.research.acting("researcher"), agreement)
    assert refused.value.status == 409
    pid = await trio.research.services.transfers.ask(before)
    refused_by_them = await trio.research.eventually(Transfer, pid, where=lambda one: one.state == "TERMINATED")
    assert "ended" in str(refused_by_them.reason)


async def test_a_pull_under_way_stops_at_the_next_chunk(stage: Stage):
    await stage.everybody_agrees()
    await many_records(stage, 4000)
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.read(2048)
        await end(stage.holder, stage.agreement, "steward")
        at_the_end = (await stage.holder.find(Release, transfer=pid))[0].offset
        await reader.to_the_end()
        assert not reader.whole
    release = await until(lambda: _over(stage.holder, pid), "the release to end")
    assert (release.standing, release.offset) == ("ended", at_the_end)
    async with pulling(stage.holder, pid, token) as again:
        await again.to_the_end()
        assert again.status in (401, 410)


async def _over(party: Party, pid: str) -> Release | None:
    found = [one for one in await party.find(Release, transfer=pid) if one.standing != "running"]
    return found[0] if found else None


async def test_a_running_stream_ends_with_its_contract_at_both_sides(trio: Trio):
    stage, tokens = await vendor_stage(trio, {"band-0001-aa": "Ann Example"})
    await stage.answer("band-0001-aa")
    pid = await stage.transfer()
    await until(lambda: trio.hospital.find(Release, kind="stream", standing="running"), "the stream to begin")
    await end(trio.hospital, stage.agreement, "steward")
    done = await trio.research.eventually(Transfer, pid, where=lambda one: one.state == "TERMINATED")
    assert done.reason["code"] == "agreement-ended"
    assert WHY in str(done.reason)
    await until(lambda: trio.hospital.find(Release, kind="stream", standing="ended"), "the stream to end")
    headers = {"authorization": f"Bearer {tokens['band-0001-aa']}"}
    body = orjson.dumps(point("band-0001-aa", 1))
    await trio.space.client.post(f"{trio.hospital.url}/ingest/openmhealth", content=body, headers=headers)
    assert await trio.hospital.find(Release, kind="stream", standing="running") == []


@pytest.mark.parametrize("provider_ends", [True, False])
async def test_what_was_received_is_deleted_and_the_provider_gets_it_signed(stage: Stage, provider_ends: bool):
    ann, _ben = await stage.source_ids()
    await stage.answer(ann)
    row = await stage.received(await stage.transfer())
    assert len(content_of(row.path)) == row.bytes > 0
    ender, role = (stage.holder, "steward") if provider_ends else (stage.research, "researcher")
    await end(ender, stage.agreement, role)
    found = await ended(stage.holder, stage.agreement, erased_at=True)
    assert (found.objects, found.lines, found.bytes) == (1, row.lines, row.bytes)
    [erasure] = found.evidence["erasures"]
    assert claims(erasure, StatementType.CONTRACT_ERASED, stage.research)["lines"] == row.lines
    assert not list(Path(row.path).parent.iterdir())
    assert await stage.research.find(ReceivedPerson, agreement=stage.agreement) == []
    assert "Deleted" in (await stage.research.get(ReceivedTransfer, row.transfer)).finding


async def test_the_steward_sees_whether_the_deletion_was_stated_and_until_when_it_is_due(stage: Stage):
    ann, _ben = await stage.source_ids()
    await stage.answer(ann)
    await stage.received(await stage.transfer())
    await end(stage.holder, stage.agreement, "steward")
    await ended(stage.holder, stage.agreement, erased_at=True)
    steward = stage.holder.acting("steward")
    shown = (await stage.holder.services.contract_changes.history(steward, stage.agreement)).ended
    assert (shown.by_us, shown.provable, shown.overdue, shown.reason) == (True, True, False, WHY)
    assert shown.erase_by - shown.ended_at == timedelta(days=30)
    assert await stage.holder.services.contract_changes.ends_not_proven(steward) == []
    researcher = stage.research.acting("researcher")
    theirs = (await stage.research.services.contract_changes.history(researcher, stage.agreement)).ended
    assert (theirs.by_us, theirs.lines, theirs.erase_by) == (False, shown.lines, shown.erase_by)


async def test_a_contract_ended_by_both_at_once_is_one_end_with_both_statements(relayed_trio: Trio):
    trio = relayed_trio
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    for party in (trio.hospital, trio.research):
        party.relay.lose_request("/consent/endings")
    await asyncio.gather(
        end(trio.hospital, agreement, "steward", "ours"), end(trio.research, agreement, "researcher", "theirs")
    )
    for party in (trio.hospital, trio.research):
        found = await until(lambda party=party: _both(party, agreement), "both statements")
        assert (found.by, found.reason) == (trio.hospital.id, "ours")
        record = await party.get(Agreement, agreement)
        assert (record.standing, record.end_reason) == ("ended", "ours")


async def _both(party: Party, agreement: str) -> ContractEnding | None:
    found = await party.get(ContractEnding, agreement)
    kept = found.evidence if found is not None else {}
    return found if [len(kept.get(kind, [])) for kind in ("endings", "receipts")] == [2, 2] else None


async def test_a_lost_answer_leaves_one_end_and_one_receipt(relayed_trio: Trio):
    trio = relayed_trio
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    trio.research.relay.lose_answer("/consent/endings", times=2)
    await end(trio.hospital, agreement, "steward")
    ours = await trio.hospital.eventually(ContractEnding, agreement, where=lambda one: "receipts" in one.evidence)
    theirs = await ended(trio.research, agreement)
    assert trio.research.relay.lost == 2
    assert ours.evidence["receipts"] == theirs.evidence["receipts"]
    assert len(theirs.evidence["endings"]) == 1


async def test_a_recipient_that_does_not_speak_the_exchange_is_told_by_its_transfers_alone(stage: Stage):
    members = stage.holder.context.members
    await members.put(members.known(stage.research.id).model_copy(update={"consent": None}))
    pid, _token = await opened_by_hand(stage)
    await end(stage.holder, stage.agreement, "steward")
    await stage.holder.eventually(Transfer, pid, where=lambda one: one.parting or one.state == "TERMINATED")
    history = await stage.holder.services.contract_changes.history(stage.holder.acting("steward"), stage.agreement)
    assert (history.ended.provable, history.ended.told_at) == (False, None)
    assert (await stage.research.get(Agreement, stage.agreement)).standing == "active"


async def test_a_contract_whose_time_is_over_ends_at_both_sides_without_a_word(stage: Stage):
    ann, _ben = await stage.source_ids()
    await stage.answer(ann)
    row = await stage.received(await stage.transfer())
    over = datetime.now(UTC) - timedelta(seconds=1)
    for party in (stage.holder, stage.research):
        await party.store.write(lambda tx: (tx.alter(Agreement, {"until": over}, id=stage.agreement), tx.ring(BELL)))
    found = await ended(stage.holder, stage.agreement, erased_at=True)
    assert (found.by, found.lines) == ("", row.lines)
    theirs = await ended(stage.research, stage.agreement)
    assert (found.ending, found.evidence["endings"]) == (theirs.ending, [])
    record = await stage.holder.get(Agreement, stage.agreement)
    assert (record.standing, record.ended_by) == ("ended", "")


async def test_what_still_runs_under_an_ended_contract_is_terminated_after_a_start(stage: Stage):
    pid, _token = await opened_by_hand(stage)
    await stage.holder.stop()
    place = Path(stage.holder.founded.directory)
    store = open_store(place / STORE_FILE, url=load(place).store_url)
    await store.write(lambda tx: tx.alter(Agreement, {"standing": "ended", "end_reason": WHY}, id=stage.agreement))
    store.close()
    await stage.holder.start()
    await stage.holder.eventually(Transfer, pid, where=lambda one: one.parting is not None or one.state == "TERMINATED")


async def test_an_end_counts_only_from_the_other_side_of_that_contract(trio: Trio, puppet):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    now = datetime.now(UTC)
    said = {"ending": story.urn(), "agreement": agreement, "by": puppet.id, "reason": WHY, "ended_at": wire(now),
            "erase_by": wire(now)}  # fmt: skip

    async def tell(**changes) -> int:
        signer = changes.pop("signer", None)
        jws = puppet.say(StatementType.CONTRACT_END, said | changes, signer=signer)
        return (await puppet.post(trio.hospital, "/consent/endings", {"ending": jws})).status_code

    assert await tell() == 404
    assert await tell(agreement="urn:uuid:nothing") == 404
    assert await tell(by=trio.research.id) == 403
    assert await tell(signer=trio.research.context.signer) == 400
    assert await tell(reason="") == 400
    assert (await trio.hospital.get(Agreement, agreement)).standing == "active"


async def test_only_those_whose_side_it_is_may_end_a_contract_and_only_once(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    for role, status in (("dpo", 403), ("patient", 403), ("researcher", 404)):
        with pytest.raises(Problem) as refused:
            await end(trio.hospital, agreement, role)
        assert refused.value.status == status
    with pytest.raises(Problem) as empty:
        await end(trio.hospital, agreement, "steward", "  ")
    assert empty.value.status == 400
    await end(trio.hospital, agreement, "operator")
    with pytest.raises(Problem) as again:
        await end(trio.hospital, agreement, "steward")
    assert again.value.status == 409


class Ender:
    """One side of a contract whose key ends it, states things about it, and says what it likes."""

    def __init__(self, trio: Trio, agreement: str) -> None:
        self.trio, self.agreement = trio, agreement
        self.voice = Voice.of(trio.research, trio.space.client)

    async def ends(self, **changes):
        now = datetime.now(UTC)
        said = {"ending": story.urn(), "agreement": self.agreement, "by": self.voice.id, "reason": WHY,
                "ended_at": wire(now), "erase_by": wire(now + timedelta(days=1))} | changes  # fmt: skip
        return await self._post("endings", {"ending": self.voice.say(StatementType.CONTRACT_END, said)})

    async def erased(self, **changes):
        said = {"ending": story.urn(), "agreement": self.agreement, "at": wire(datetime.now(UTC)), "objects": 1,
                "lines": 1, "bytes": 1} | changes  # fmt: skip
        return await self._post("erasures", {"erasure": self.voice.say(StatementType.CONTRACT_ERASED, said)})

    async def _post(self, path: str, body: dict):
        return await self.voice.post(self.trio.hospital, f"/consent/{path}", body)

    async def kept(self) -> ContractEnding:
        return await self.trio.hospital.get(ContractEnding, self.agreement)


@pytest.fixture
async def ender(trio: Trio) -> Ender:
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    return Ender(trio, agreement)


async def test_who_ends_a_contract_does_not_choose_when_that_was_nor_how_long_it_keeps_the_data(ender: Ender):
    forever = "9999-01-01T00:00:00Z"
    for never in ("1999-01-01T00:00:00Z", wire(datetime.now(UTC) + timedelta(hours=1))):
        assert (await ender.ends(ended_at=never, erase_by=forever)).status_code == 400
    assert (await ender.trio.hospital.get(Agreement, ender.agreement)).standing == "active"
    before = datetime.now(UTC)
    assert (await ender.ends(erase_by=forever)).status_code == 200
    days = timedelta(days=ender.trio.hospital.context.settings.erase_days)
    assert before + days <= (await ender.kept()).erase_by <= datetime.now(UTC) + days


async def test_one_end_and_one_statement_of_deletion_of_a_side_are_kept_however_often_it_says_more(ender: Ender):
    first = (await ender.ends()).json()["receipt"]
    ending = claims(first, StatementType.CONTRACT_END_RECEIVED, ender.trio.hospital)["ending"]
    assert (await ender.erased()).status_code == 400  # of another end
    assert (await ender.erased(ending=ending, at="9999-01-01T00:00:00Z")).status_code == 400
    assert (await ender.kept()).erased_at is None
    assert (await ender.erased(ending=ending)).status_code == 200
    before, entries = await ender.kept(), len(await ender.trio.hospital.find(LogEntry, subject=ender.agreement))
    for number in range(3):
        assert (await ender.ends(reason=f"again {number}")).json()["receipt"] == first
        assert (await ender.erased(ending=ending, lines=number)).status_code == 200
    assert await ender.kept() == before
    assert [len(before.evidence[kind]) for kind in ("endings", "receipts", "erasures")] == [1, 1, 1]
    assert len(await ender.trio.hospital.find(LogEntry, subject=ender.agreement)) == entries


async def test_an_end_of_theirs_after_ours_shortens_the_time_to_delete_and_never_lengthens_it(ender: Ender):
    await end(ender.trio.hospital, ender.agreement, "steward")
    ours = await ender.kept()
    assert (await ender.ends(erase_by="9999-01-01T00:00:00Z")).status_code == 200
    both = await ender.kept()
    assert (both.erase_by, both.by, len(both.evidence["endings"])) == (ours.erase_by, ender.trio.hospital.id, 2)


async def test_transfers_of_a_contract_whose_negotiation_ended_unfinalized_are_terminated(trio: Trio):
    stage, _tokens = await vendor_stage(trio, {"band-0001-aa": "Ann Example"})
    await stage.answer("band-0001-aa")
    pid = await stage.transfer()
    await until(lambda: trio.hospital.find(Release, kind="stream", standing="running"), "the stream to begin")
    dead = {"standing": "ended", "ended_at": datetime.now(UTC)}
    await trio.hospital.store.write(lambda tx: (tx.alter(Agreement, dead, id=stage.agreement), tx.ring(BELL)))
    over = await trio.research.eventually(Transfer, pid, where=lambda one: one.state == "TERMINATED")
    assert over.reason["code"] == "negotiation-terminated"
    await until(lambda: trio.hospital.find(Release, kind="stream", standing="ended"), "the stream to end")
