"""A release of records between two connectors: what people agreed to arrives, verified and under codes, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from connector.dataplane.framing import LARGEST_CHUNK
from connector.dataplane.lines import code_of
from connector.dataplane.received import ReceivedFiles
from connector.jobs.eraser import Eraser
from connector.problems import Problem
from connector.records import (
    Dataset,
    DecisionMade,
    HandedOver,
    LogEntry,
    Notice,
    Person,
    ReceivedPerson,
    ReceivedTransfer,
    Release,
    SourceRecord,
    Study,
    Tombstone,
    Transfer,
    UseOfData,
)
from connector.services.sealed import SealedInTransaction
from policy.decide import decide
from policy.replay import inputs_from_json
from tests.two_party.conftest import Trio
from tests.two_party.releases import (
    Stage,
    agree,
    content_of,
    hospital_stage,
    lines_of,
    many_records,
    opened_by_hand,
    pulling,
    smallest_bundles,
)
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Four people's records at the hospital."""
    return await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))


def codes_in(body: bytes) -> list[str]:
    return [str(code_of(line)) for line in body.splitlines()]


async def test_only_what_people_agreed_to_arrives(stage: Stage):
    ann, ben, cara, _dan = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben, categories=["laboratory", "vital-signs"])
    await stage.answer(cara, "no")
    row = await stage.received(await stage.transfer())
    assert row.verified, row.finding
    arrived = Counter(str(code_of(orjson.dumps(line))) for line in lines_of(row.path))
    anns, bens = await stage.records_of(ann), await stage.records_of(ben)
    agreed = [record for record in bens if record.category in ("laboratory", "vital-signs")]
    assert sorted(arrived.values()) == sorted([len(anns), len(agreed)])
    release = (await stage.holder.find(Release, agreement=stage.agreement))[0]
    assert release.withheld == {"refused": 1, "not-linked": 1}
    assert release.people + sum(release.withheld.values()) == 4
    assert release.withheld_resources == {"category-not-agreed": len(bens) - len(agreed)}


async def test_the_recipient_learns_no_small_number(stage: Stage):
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben, "no")
    row = await stage.received(await stage.transfer())
    manifest = row.manifest or {}
    assert set(manifest["withheld"].values()) <= {"fewer than 10", "not shown"}
    assert all(not isinstance(count, int) or count not in range(1, 10) for count in manifest["withheld"].values())


async def test_no_name_or_id_of_the_source_arrives(stage: Stage):
    await stage.everybody_agrees()
    row = await stage.received(await stage.transfer())
    content = content_of(row.path).decode()
    people = await stage.holder.find(Person, source=stage.source)
    assert row.people == len(people) == 4
    for person in people:
        assert person.source_id not in content
        assert all(part not in content for part in person.name.split())
    ids = {record.id for record in await stage.holder.find(SourceRecord, source=stage.source)}
    assert not any(id in content for id in ids)


async def test_everybody_is_decided_about_before_the_first_byte_and_decisions_replay(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.received(await stage.transfer())
    decisions = await stage.holder.find(DecisionMade, agreement=stage.agreement)
    assert Counter(one.outcome for one in decisions) == {"permit": 1, "deny": 3}
    for made in decisions:
        question, facts = inputs_from_json(made.inputs or {})
        assert decide(question, facts).to_json() == made.decision
    kinds = [entry.kind for entry in await stage.holder.find(LogEntry, order="sequence", subject=decisions[0].release)]
    assert kinds.index("release.decided") < kinds.index("release.chunk") < kinds.index("release.complete")


async def test_people_see_who_received_their_data_and_who_was_refused(stage: Stage):
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben, "no")
    await stage.received(await stage.transfer())

    async def both_told() -> list[UseOfData]:
        found = await stage.wallet.find(UseOfData)
        return found if len(found) == 2 else []

    lines = {one.account: one for one in await until(both_told, "two lines at the wallet")}
    anns, bens = (lines[stage.people[one].actor.account] for one in (ann, ben))
    assert (anns.kind, anns.resources) == ("release", len(await stage.records_of(ann)))
    assert bens.kind == "refused"
    assert "said no" in bens.reason


async def test_a_transfer_of_records_is_completed_on_both_sides(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    pid = await stage.transfer()
    ours = await stage.research.eventually(Transfer, pid, where=lambda row: row.state == "COMPLETED")
    theirs = await stage.holder.get(Transfer, str(ours.their_pid))
    assert theirs is not None
    assert theirs.state == "COMPLETED"
    assert theirs.token_hash is None


async def test_the_provenance_of_a_release_is_what_its_manifest_names(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    row = await stage.received(await stage.transfer())
    release = str((row.manifest or {})["release"])
    dpo = stage.holder.acting("dpo")
    document = orjson.loads(await stage.holder.services.releasing.provenance(dpo, release))
    assert len(document["activity"]) == 1
    assert release.encode() in await stage.holder.services.releasing.provenance(dpo, release, "nt")
    with pytest.raises(Problem):
        await stage.holder.services.releasing.provenance(stage.holder.acting("steward"), release)


async def test_an_identifier_that_would_leave_takes_its_person_out_of_the_release(stage: Stage):
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    records = await stage.records_of(ann)
    patient = orjson.loads(next(one.body for one in records if one.resource_type == "Patient"))
    telephone = int("".join(digit for digit in patient["telecom"][0]["value"] if digit.isdigit()))
    record = next(one for one in records if one.category == "vital-signs" and b"valueQuantity" in one.body)
    resource = orjson.loads(record.body)
    resource["valueQuantity"]["value"] = telephone
    await stage.holder.store.write(
        lambda tx: tx.alter(
            SourceRecord,
            {"body": orjson.dumps(resource)},
            source=record.source,
            resource_type="Observation",
            id=record.id,
        )
    )
    row = await stage.received(await stage.transfer())
    assert row.people == 1
    assert str(telephone) not in content_of(row.path).decode()
    release = (await stage.holder.find(Release, agreement=stage.agreement))[0]
    assert (release.withheld or {})["leak"] == 1


async def test_not_one_byte_of_a_person_follows_their_withdrawal(stage: Stage):
    """A slow reader is in the middle of somebody's records when that person, and one still to come, withdraw."""
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    pid, token = await opened_by_hand(stage)
    order = await stage.order_of_release()
    async with pulling(stage.holder, pid, token) as reader:
        await reader.until(lambda body: body.count(b"\n") > 200)
        current = codes_in(reader.body[: reader.body.rindex(b"\n")])[0]
        await stage.withdraw(order[0])
        await stage.withdraw(order[2])
        told = await until(lambda: stage.holder.find(Notice), "a notice")
        body = await reader.to_the_end()
        assert reader.whole
    cut = (told[0].cut or {})[pid]
    end = 0
    codes: Counter[str] = Counter()
    for line in body.splitlines(keepends=True):
        end += len(line)
        code = str(code_of(line))
        codes[code] += 1
        assert code != current or end <= cut
    assert len(codes) == 3, "the second person to withdraw was never handed over, the others were"
    assert 200 < codes[current] < 3000
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert (release.standing, release.people, release.bytes) == ("complete", 3, len(body))
    assert release.withheld == {"withdrawn": 1}
    assert len((release.dropped or {})["at"]) == 2


async def at_rest(stage: Stage, pid: str) -> Release:
    """The running release of a transfer, once its reader has brought it to a standstill."""
    seen = -1
    while True:
        found = await stage.holder.find(Release, transfer=pid)
        if found and 0 < found[0].chunks == seen:
            return found[0]
        seen = found[0].chunks if found else -1
        await asyncio.sleep(0.3)


async def test_to_a_reader_that_takes_nothing_at_most_one_chunk_of_a_person_follows_their_withdrawal(stage: Stage):
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    first = (await stage.order_of_release())[0]
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        before = await at_rest(stage, pid)
        await stage.withdraw(first)
        await until(lambda: stage.holder.find(Notice), "the commit of the withdrawal")
        assert (before.standing, before.people) == ("running", 1)
        body = await reader.to_the_end()
        assert reader.whole
    lines = body.splitlines(keepends=True)
    current = code_of(lines[0])
    assert 0 < sum(len(line) for line in lines if code_of(line) == current) <= LARGEST_CHUNK
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert (release.standing, release.people) == ("complete", 4)
    assert len((release.dropped or {})["at"]) == 1


async def pulled(stage: Stage) -> list[bytes]:
    """Everything there is under the contract; twice, and alike."""
    pid, token = await opened_by_hand(stage)
    bodies = []
    for _ in range(2):
        async with pulling(stage.holder, pid, token) as reader:
            bodies.append(await reader.to_the_end())
            assert reader.whole
    assert bodies[0] == bodies[1]
    return bodies[0].splitlines()


async def true_order(stage: Stage, lines: list[bytes]) -> list[tuple[str, str]]:
    """Whose record each line is, and which: what the codes and keyed ids of this contract stand for."""
    people = [person.id for person in await stage.holder.find(Person, source=stage.source)]
    vault, agreement = stage.holder.context.vault, stage.agreement
    coders = await stage.holder.store.write(lambda tx: vault.domain(agreement, SealedInTransaction(tx)).people(people))
    records = await stage.holder.find(SourceRecord, source=stage.source)
    meant = {coders[one.person].id(one.resource_type, one.id): (one.person, one.id) for one in records if one.person}
    found = [meant.get(orjson.loads(line)["id"]) for line in lines]
    return [one for one in found if one is not None]


async def test_two_contracts_about_the_same_people_cannot_be_joined_by_order(stage: Stage):
    await stage.everybody_agrees()
    orders = []
    for _ in range(2):
        lines = await pulled(stage)
        codes = list(dict.fromkeys(codes_in(b"\n".join(lines))))
        assert len(codes) == 4
        assert codes == sorted(codes), "whose code comes first says nothing about the person"
        orders.append(await true_order(stage, lines))
        await agree(stage)
    assert sorted(orders[0]) == sorted(orders[1])
    for person in {person for person, _ in orders[0]}:
        of_person = [[id for who, id in order if who == person] for order in orders]
        assert len(of_person[0]) > 20
        assert of_person[0] != of_person[1]
        kept = sum(before < after for before, after in pairwise(map(of_person[1].index, of_person[0])))
        assert 0.25 < kept / len(of_person[0]) < 0.75, "neighbours in one are as good as shuffled in the other"


async def test_a_withdrawn_dataset_gives_nothing_under_contracts_already_made(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.holder.services.steward.withdraw_dataset(stage.holder.acting("steward"), stage.dataset)
    row = await stage.received(await stage.transfer())
    assert (row.verified, row.people, row.lines) == (True, 0, 0)
    release = (await stage.holder.find(Release, agreement=stage.agreement))[0]
    assert (release.withheld or {})["nothing-released"] == 1


@pytest.mark.parametrize("kind", [Dataset, Study])
async def test_a_running_release_ends_with_its_dataset_and_with_the_approval_of_its_study(stage: Stage, kind: type):
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    pid, token = await opened_by_hand(stage)
    over = ({"standing": "withdrawn"}, stage.dataset) if kind is Dataset else ({"standing": "refused"}, stage.study)
    async with pulling(stage.holder, pid, token) as reader:
        before = await at_rest(stage, pid)
        await stage.holder.store.write(lambda tx: tx.alter(kind, over[0], id=over[1]))
        await reader.to_the_end()
        assert not reader.whole
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert (release.standing, release.chunks) == ("ended", before.chunks)


async def test_nothing_more_of_a_person_leaves_once_their_wallet_is_suspended(stage: Stage):
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        before = await at_rest(stage, pid)
        await stage.holder.context.members.set_standing(stage.wallet.id, "suspended")
        body = await reader.to_the_end()
        assert reader.whole
    assert len(body) == before.bytes
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert release.withheld == {"wallet-silent": 3}
    assert len((release.dropped or {})["at"]) == 4


async def test_what_was_received_is_erased_and_stated_when_a_person_withdraws(stage: Stage):
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    row = await stage.received(await stage.transfer())
    before = Counter(codes_in(content_of(row.path)))
    await stage.withdraw(ann)
    notice = await erased_everywhere(stage)
    stone = (await stage.research.find(Tombstone))[0]
    after = Counter(codes_in(content_of(row.path)))
    assert stone.code not in content_of(row.path).decode()
    assert after == {code: count for code, count in before.items() if code != stone.code}
    assert (notice.objects, notice.lines, notice.bytes_after) == (1, before[stone.code], 0)
    assert not await stage.research.find(ReceivedPerson, code=stone.code)
    again = (await stage.research.find(ReceivedTransfer, transfer=row.transfer))[0]
    assert again.verified
    assert "erased" in again.finding


async def erased_everywhere(stage: Stage) -> Notice:
    """The notice of the first withdrawal, once the recipient has stated that it erased."""

    async def erased() -> Notice | None:
        found = await stage.holder.find(Notice)
        return found[0] if found and found[0].erased_at else None

    notice: Notice = await until(erased, "a statement that it was erased")
    return notice


async def test_a_person_is_erased_from_a_file_that_is_still_being_written(stage: Stage, small_segments: None):
    await many_records(stage, 1500)
    await stage.everybody_agrees()
    order = await stage.order_of_release()
    last = stage.people[order[-1]].person
    async with stage.holder.context.gate.closing([(last, stage.study)]):
        pid = await stage.transfer()
        row = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.people > 1)
        await stage.withdraw(order[0])
        notice = await erased_everywhere(stage)
    done = await stage.received(pid)
    stone = (await stage.research.find(Tombstone))[0]
    assert stone.code.encode() not in content_of(row.path)
    assert done.verified, done.finding
    assert done.people == 4, "what arrived is counted, also what was erased since"
    assert notice.bytes_after == stone.bytes_after == 0
    assert stone.lines > 1500


async def test_a_stop_keeps_what_is_there_and_sends_nothing_more_under_the_contract(stage: Stage):
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    first = await stage.received(await stage.transfer())
    await stage.withdraw(ann, "stop")

    async def stopped() -> bool:
        return all(notice.stopped_at for notice in await stage.holder.find(Notice)) and bool(
            await stage.holder.find(Notice)
        )

    await until(stopped, "the recipient to state that it stopped")
    assert len(set(codes_in(content_of(first.path)))) == 2
    await stage.answer(ann)
    second = await stage.received(await stage.transfer())
    assert second.people == 1
    newest = (await stage.holder.find(Release, agreement=stage.agreement, order="-started_at"))[0]
    assert (newest.withheld or {})["stopped-under-contract"] == 1


async def test_bytes_that_come_after_a_stop_are_counted_and_stated(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.received(await stage.transfer())
    await stage.withdraw(ann)
    notice = await erased_everywhere(stage)
    research = stage.research
    stone = (await research.find(Tombstone))[0]
    eraser = Eraser(
        research.context, research.services.erasure_desk, ReceivedFiles(research.context.directory / "received")
    )
    await eraser.came_late(stage.agreement, stone.code, 123)
    told = await stage.holder.eventually(Notice, notice.id, where=lambda one: one.bytes_after)
    assert told.bytes_after == 123


async def test_a_later_yes_comes_under_a_new_code(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    first = await stage.received(await stage.transfer())
    old = codes_in(content_of(first.path))[0]
    await stage.withdraw(ann)

    async def told() -> bool:
        return all(notice.told_at for notice in await stage.holder.find(Notice))

    await until(told, "the recipient to be told")
    await stage.answer(ann)
    second = await stage.received(await stage.transfer())
    assert second.verified
    assert second.people == 1
    assert old not in content_of(second.path).decode()


async def test_a_pull_that_was_cut_off_goes_on_where_it_was_and_is_verified(stage: Stage, small_segments: None):
    await many_records(stage, 1500)
    await stage.everybody_agrees()
    last = stage.people[(await stage.order_of_release())[-1]].person
    async with stage.holder.context.gate.closing([(last, stage.study)]):
        pid = await stage.transfer()
        row = await stage.research.eventually(ReceivedTransfer, pid, where=lambda one: one.bytes)
        assert row.standing == "receiving"
        await stage.research.stop()
    await stage.research.start()
    done = await stage.received(pid)
    assert done.verified, done.finding
    assert done.people == 4
    assert [one.standing for one in await stage.holder.find(Release, agreement=stage.agreement)] == ["complete"]


async def test_a_second_pull_takes_over_from_the_first(stage: Stage):
    await many_records(stage, 1500)
    await stage.everybody_agrees()
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as first:
        await first.read(1000)
        async with pulling(stage.holder, pid, token) as second:
            body = await second.to_the_end()
            assert second.whole
        await first.to_the_end()
        assert not first.whole
    releases = await stage.holder.find(Release, transfer=pid, order="started_at")
    assert [one.standing for one in releases] == ["broken", "complete"]
    assert releases[1].bytes == len(body)


async def test_a_release_whose_contract_ends_goes_no_further(stage: Stage):
    await many_records(stage, 3000)
    await stage.everybody_agrees()
    pid, token = await opened_by_hand(stage)
    async with pulling(stage.holder, pid, token) as reader:
        await reader.read(1000)
        await stage.holder.store.write(lambda tx: tx.alter(Transfer, {"state": "TERMINATED"}, pid=pid))
        await reader.to_the_end()
        assert not reader.whole
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert release.standing == "ended"
    async with pulling(stage.holder, pid, token) as reader:
        await reader.to_the_end()
        assert reader.status == 410


async def test_a_release_left_by_a_killed_process_is_broken_and_its_people_are_told(stage: Stage):
    ann, *_ = await stage.source_ids()
    await stage.answer(ann)
    pid, _token = await opened_by_hand(stage)
    await stage.holder.add(
        Release(id="urn:uuid:1", transfer=pid, agreement=stage.agreement, offset=100),
        HandedOver(agreement=stage.agreement, person=stage.people[ann].person, release="urn:uuid:1", resources=7),
    )
    await stage.holder.stop()
    await stage.holder.start()
    release = await stage.holder.get(Release, "urn:uuid:1")
    assert release is not None
    assert release.standing == "broken"
    used = (await until(lambda: stage.wallet.find(UseOfData), "a line at the wallet"))[0]
    assert (used.kind, used.resources) == ("release", 7)


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic abc"])
async def test_without_the_transfers_token_nothing_opens(stage: Stage, authorization: str):
    pid, _ = await opened_by_hand(stage)
    for place in (f"/data/releases/{pid}", f"/data/releases/{pid}/manifest", f"/data/streams/{pid}"):
        headers = {"authorization": authorization} if authorization else {}
        answer = await stage.space_client.get(f"{stage.holder.url}{place}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
