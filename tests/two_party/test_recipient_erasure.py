"""A recipient really erases: its files, what it made of them, with manifests that show it; and its holder can look."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.identity.statements import StatementType, read_statement
from connector.jobs import eraser as job
from connector.problems import Problem
from connector.records import Derivation, ErasedObject, Notice, ReceivedTransfer, Tombstone
from connector.services.exchange import speech
from connector.services.received import chain
from connector.services.received.views import Registering
from policy.instants import instant, wire
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Puppet
from tests.two_party.releases import Stage, content_of, hospital_stage, smallest_bundles
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Four people's records at the hospital, two of whom said yes."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    ann, ben, *_ = await made.source_ids()
    await made.answer(ann)
    await made.answer(ben)
    return made


def codes_in(content: bytes) -> list[str]:
    return [str(code_of(line)) for line in content.splitlines()]


def researcher(stage: Stage):
    return stage.research.acting("researcher")


async def settled(stage: Stage, what: str = "erased_at") -> Notice:
    """The notice of the first withdrawal, once the holder knows how it ended."""

    async def over() -> Notice | None:
        found = await stage.holder.find(Notice)
        return found[0] if found and getattr(found[0], what) else None

    notice: Notice = await until(over, f"a statement with {what}")
    return notice


async def statements(stage: Stage, notice: str) -> list[dict[str, Any]]:
    """What the recipient stated about a notice, verified, in order."""
    found = await stage.holder.get(Notice, notice)
    assert found is not None
    keys = [stage.research.context.signer.public_jwk]
    return [read_statement(jws, StatementType.STATEMENT, keys) for jws in (found.answers or {})["statements"]]


async def look(stage: Stage, notice: str, object_id: str, by: Any = None) -> Any:
    """What the holder (or somebody else) hears when it looks whether an object is gone."""
    url = f"{stage.research.url}/consent/erasures/{notice}/{object_id}"
    speaker = by or stage.holder.context.members
    if by is None:
        return await speaker.fetch(stage.research.id, url)
    return await by.get(stage.research, f"/consent/erasures/{notice}/{object_id}")


async def derive(stage: Stage, content: bytes, name: str = "copy.csv", **facts: Any) -> tuple[str, Path]:
    """Write a file where the connector may rewrite it, and register it."""
    path = put(Path(stage.research.services.derivations.folder) / name, content)
    given = Registering(kind=facts.pop("kind", "file"), name=name, path=str(path), **facts)
    return await stage.research.services.derivations.register(researcher(stage), given), path


def put(path: str | Path, content: bytes) -> Path:
    """Write a file, and its folder if need be."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(content)
    return Path(path)


def table(content: bytes) -> bytes:
    """A CSV of a received file: one row for each line."""
    rows = [f'{code_of(line)},"{orjson.loads(line)["resourceType"]}\nwith a line end"' for line in content.splitlines()]
    return ("person,what\n" + "\n".join(rows) + "\n").encode()


async def test_a_rewritten_file_has_a_manifest_of_ours_that_follows_the_senders(stage: Stage):
    row = await stage.received(await stage.transfer())
    ann, ben, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await settled(stage)
    [found] = await stage.research.services.looking.verify(researcher(stage), row.transfer)
    assert (found.ok, len(found.manifests)) == (True, 2)
    await stage.withdraw(ben)
    await until(lambda: both_gone(stage), "both to be erased")
    [found] = await stage.research.services.looking.verify(researcher(stage), row.transfer)
    assert (found.ok, len(found.manifests)) == (True, 3)
    assert content_of(row.path) == b""
    put(row.path, b"{}\n")
    [found] = await stage.research.services.looking.verify(researcher(stage), row.transfer)
    assert not found.ok


async def both_gone(stage: Stage) -> bool:
    found = await stage.holder.find(Notice)
    return len(found) == 2 and all(one.erased_at for one in found)


async def test_the_chain_breaks_when_a_manifest_is_left_out_changed_or_signed_by_another(stage: Stage):
    row = await stage.received(await stage.transfer())
    for source_id in (await stage.source_ids())[:2]:
        await stage.withdraw(source_id)
    await until(lambda: both_gone(stage), "both to be erased")
    kept = await stage.research.get(ReceivedTransfer, row.transfer)
    assert kept is not None
    file = stage.research.services.looking.shelf.received.open(kept.agreement, kept.transfer)
    theirs, ours = ([one.context.signer.public_jwk] for one in (stage.holder, stage.research))
    revisions = (kept.revisions or {})["revisions"]

    def judged(row: ReceivedTransfer, theirs=theirs, ours=ours) -> bool:
        return chain.checked(row, file.contents(), theirs, ours).ok

    def having(*some: str) -> ReceivedTransfer:
        return replace(kept, revisions={"revisions": list(some)})

    assert judged(kept)
    assert not judged(having(revisions[1]))
    assert not judged(having(revisions[1], revisions[0]))
    other = speech.say(
        stage.research.context, speech.REVISION, speech.unverified_claims(revisions[0]) | {"taken_out": 1}
    )
    assert not judged(having(other, revisions[1])), "the second names the digest of another first"
    assert not judged(replace(kept, manifest={**(kept.manifest or {}), "jws": ""})), "the sender's own is left out"
    assert not judged(having(revisions[0]))
    assert not judged(having(revisions[0], revisions[1][:-4] + "AAAA"))
    assert not judged(kept, ours=theirs)
    assert not judged(kept, theirs=ours)


async def test_the_statement_lists_each_object_and_the_holder_finds_it_gone(stage: Stage):
    row = await stage.received(await stage.transfer())
    before = Counter(codes_in(content_of(row.path)))
    made, path = await derive(stage, table(content_of(row.path)), transfers=[row.transfer])
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    last = (await statements(stage, notice.id))[-1]
    [stone] = await stage.research.find(Tombstone)
    assert sorted((one["kind"], one["lines"]) for one in last["held"]) == [
        ("file", before[stone.code]), ("received", before[stone.code]),
    ]  # fmt: skip
    assert (last["objects"], last["lines"], last["remaining"], last["ground"]) == (2, 2 * before[stone.code], [], None)
    assert stone.code not in path.read_text()
    assert path.read_bytes() == table(content_of(row.path)), "every other row stays byte for byte"
    for one in last["held"]:
        assert (await look(stage, notice.id, one["id"])).status == 410
    derived = await stage.research.get(Derivation, made)
    assert derived is not None
    assert derived.standing == "rebuilt"


async def test_the_holder_sees_that_something_is_still_there(stage: Stage):
    row = await stage.received(await stage.transfer())
    kept, other = content_of(row.path), table(content_of(row.path))
    _, path = await derive(stage, other, transfers=[row.transfer])
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    last = (await statements(stage, notice.id))[-1]
    put(row.path, kept)
    put(path, other)
    for one in last["held"]:
        answer = await look(stage, notice.id, one["id"])
        assert (answer.status, orjson.loads(answer.body)["state"]) == (200, "here")
    [found] = await stage.research.services.looking.verify(researcher(stage), row.transfer)
    assert not found.ok
    assert "again" in found.what


async def test_only_the_sender_of_a_notice_may_look_and_only_at_its_objects(stage: Stage):
    await stage.received(await stage.transfer())
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    [one] = (await statements(stage, notice.id))[-1]["held"]
    unknown = "urn:uuid:00000000-0000-4000-8000-000000000000"
    assert (await look(stage, unknown, one["id"])).status == 404
    assert (await look(stage, notice.id, unknown)).status == 404
    wallet = stage.wallet.context.members
    url = f"{stage.research.url}/consent/erasures/{notice.id}/{one['id']}"
    assert (await wallet.fetch(stage.research.id, url)).status == 404
    assert (await stage.space_client.get(url)).status_code == 401


async def test_what_nobody_can_rewrite_is_a_task_and_the_answer_waits_for_it(stage: Stage):
    row = await stage.received(await stage.transfer())
    desk, actor = stage.research.services.derivations, researcher(stage)
    model, path = await derive(stage, b"\0weights", "net.bin", kind="model", transfers=[row.transfer])
    below = await desk.register(actor, Registering(kind="table", name="means in our database", derivations=[model]))
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await until(lambda: waiting(stage), "the statement that people have to act")
    tasks = await desk.tasks(actor)
    assert {one.id for one in tasks} == {model, below}
    assert all(one.deadline is not None and not one.overdue for one in tasks)
    [notice] = await stage.holder.find(Notice)
    said = (await statements(stage, notice.id))[-1]
    assert (said["answer"], len(said["remaining"]), said["objects"]) == ("stopped", 2, 3)
    assert notice.erased_at is None
    with pytest.raises(Problem, match="before"):
        await desk.rebuilt(actor, model)
    with pytest.raises(Problem, match="still there"):
        await desk.erased(actor, model)
    path.write_bytes(b"\0other weights")
    await desk.rebuilt(actor, model)
    assert (await stage.holder.get(Notice, notice.id)).erased_at is None
    await desk.erased(actor, below)
    notice = await settled(stage)
    held = {one["kind"]: one for one in (await statements(stage, notice.id))[-1]["held"]}
    for kind, status in (("received", 410), ("model", 200), ("table", 200)):
        answer = await look(stage, notice.id, held[kind]["id"])
        assert answer.status == status
        assert status == 410 or orjson.loads(answer.body)["state"] == "stated", "nothing there can be looked into"


async def waiting(stage: Stage) -> bool:
    waits = any(stone.answer == "waiting" for stone in await stage.research.find(Tombstone))
    return waits and bool(await stage.research._outbox_empty())


async def test_a_published_result_stays_on_its_ground_and_the_answer_is_an_exception(stage: Stage):
    row = await stage.received(await stage.transfer())
    given = Registering(kind="result", name="table 2", transfers=[row.transfer], stays="published",
                        ground="In print since May, in a journal.")  # fmt: skip
    await stage.research.services.derivations.register(researcher(stage), given)
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage, "exception")
    said = (await statements(stage, notice.id))[-1]
    assert said["answer"] == "exception"
    assert said["ground"] == "Published: In print since May, in a journal."
    assert len(said["remaining"]) == 1
    result = next(one for one in said["held"] if one["kind"] == "result")
    assert orjson.loads((await look(stage, notice.id, result["id"])).body)["state"] == "stays"
    received = next(one for one in said["held"] if one["kind"] == "received")
    assert (await look(stage, notice.id, received["id"])).status == 410


async def test_nobody_but_the_officer_keeps_a_model_on_a_ground(stage: Stage):
    row = await stage.received(await stage.transfer())
    desk, actor = stage.research.services.derivations, researcher(stage)
    model, _ = await derive(stage, b"\0weights", "net.bin", kind="model", transfers=[row.transfer])
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await until(lambda: desk.tasks(actor), "the task")
    for reason in ("anonymous", "published", "exception"):
        with pytest.raises(Problem):
            await desk.stays(actor, model, reason, "we need it")
    await desk.stays(stage.research.acting("dpo"), model, "exception", "Kept by order of a court.")
    notice = await settled(stage, "exception")
    assert notice.exception == "Exception: Kept by order of a court."


async def test_somebody_who_stopped_is_not_registered_again_by_hand(stage: Stage):
    row = await stage.received(await stage.transfer())
    before = content_of(row.path)
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    await settled(stage)
    [stone] = await stage.research.find(Tombstone)
    for name, content in (("again.ndjson", before), ("again.csv", table(before))):
        with pytest.raises(Problem, match="stopped"):
            await derive(stage, content, name, transfers=[row.transfer])
    with pytest.raises(Problem, match="stopped"):
        await derive(stage, b"\0", "net.bin", kind="model", codes=[stone.code], transfers=[row.transfer])
    with pytest.raises(Problem, match="nobody can see"):
        await derive(stage, b"\0", "net.bin", kind="model", transfers=[row.transfer])
    await derive(stage, b"\0", "net.bin", kind="model", transfers=[row.transfer], current=True)
    await derive(stage, content_of(row.path), "now.ndjson", transfers=[row.transfer])
    assert len(await stage.research.find(Derivation)) == 2


async def test_somebody_who_stopped_does_not_come_back_in_a_second_transfer(stage: Stage):
    """A sender that sends them all the same: their lines stay out, and a manifest of ours says so."""
    first = await stage.received(await stage.transfer())
    ann_code = sorted(set(codes_in(content_of(first.path))))[0]
    await stage.research.add(
        Tombstone(agreement=stage.agreement, code=ann_code, notice=story.urn(), kind="erase", answer="erased",
                  stopped_at=first.finished_at, received_at=first.finished_at, erased_at=first.finished_at)
    )  # fmt: skip
    second = await stage.received(await stage.transfer())
    assert ann_code not in codes_in(content_of(second.path))
    assert second.verified
    [found] = await stage.research.services.looking.verify(researcher(stage), second.transfer)
    assert (found.ok, len(found.manifests)) == (True, 2)


async def test_a_file_that_cannot_be_taken_apart_any_more_becomes_a_task(stage: Stage):
    row = await stage.received(await stage.transfer())
    _, path = await derive(stage, table(content_of(row.path)), transfers=[row.transfer])
    path.write_bytes(path.read_bytes() + b"a sum of all,of nobody\n")
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    desk = stage.research.services.derivations
    [task] = await until(lambda: desk.tasks(researcher(stage)), "the task")
    assert "of nobody known" in task.why
    known = (await stage.research.find(Tombstone))[0].code
    path.write_text("person,what\n")
    await desk.rebuilt(researcher(stage), task.id)
    await settled(stage)
    assert known not in path.read_text()


async def test_a_copy_that_does_not_hold_the_person_is_left_alone(stage: Stage):
    row = await stage.received(await stage.transfer())
    ann, *_ = await stage.source_ids()
    everybody = set(codes_in(content_of(row.path)))
    order = await stage.order_of_release()
    code = sorted(everybody)[[one for one in order if one in stage.people].index(ann)]
    rows = b"".join(line + b"\n" for line in content_of(row.path).splitlines() if code_of(line) != code)
    _, path = await derive(stage, rows, "others.ndjson", transfers=[row.transfer])
    await stage.research.services.derivations.register(
        researcher(stage),
        Registering(kind="model", name="of others", transfers=[row.transfer], codes=sorted(everybody - {code})),
    )
    before = path.stat().st_mtime_ns
    await stage.withdraw(ann)
    notice = await settled(stage)
    assert [one["kind"] for one in (await statements(stage, notice.id))[-1]["held"]] == ["received"]
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("killed", ["after counting", "after rewriting", "after noting"])
async def test_a_crash_between_rewriting_and_stating_ends_in_the_same_statement(stage: Stage, killed: str, monkeypatch):
    row = await stage.received(await stage.transfer())
    content = content_of(row.path)
    await derive(stage, table(content), transfers=[row.transfer])
    ann, *_ = await stage.source_ids()
    stuck = asyncio.Event()

    async def never(*_: Any) -> None:
        stuck.set()
        await asyncio.Event().wait()

    if killed == "after counting":
        real = job.Eraser._erase_from

        async def counting(self, stone, file, barred):
            found = await asyncio.to_thread(file.count, stone.code, barred)
            await self._context.store.write(lambda tx: job._noted(tx, stone, file.transfer, found))
            await never()

        assert real
        monkeypatch.setattr(job.Eraser, "_erase_from", counting)
    elif killed == "after rewriting":
        monkeypatch.setattr(job.Eraser, "_erased_from", lambda *_: (_ for _ in ()).throw(OSError()))
        monkeypatch.setattr(job, "_RETRY", 600.0)
    else:
        monkeypatch.setattr(job.CopyEraser, "erase", never)
    await stage.withdraw(ann)
    [stone] = await until(lambda: stage.research.find(Tombstone, stopped_at__ne=None), "the stop")
    if killed == "after rewriting":
        await until(lambda: stone.code.encode() not in content_of(row.path), "the rewriting")
    else:
        await asyncio.wait_for(stuck.wait(), 20)
    await stage.research.stop()
    monkeypatch.undo()
    await stage.research.start()
    notice = await settled(stage)
    last = (await statements(stage, notice.id))[-1]
    lines = codes_in(content).count(stone.code)
    assert sorted((one["kind"], one["lines"]) for one in last["held"]) == [("file", lines), ("received", lines)]
    [found] = await stage.research.services.looking.verify(researcher(stage), row.transfer)
    assert (found.ok, len(found.manifests)) == (True, 2)


async def test_bytes_of_a_foreign_connector_are_deleted_whole_and_never_taken_in_again(stage: Stage, puppet: Puppet):
    row = await stage.received(await stage.transfer())
    loose = Path(row.path).with_name("00000000-0000-4000-8000-00000000000a.bytes")
    loose.write_bytes(b"who knows whose")
    about = f"urn:uuid:{loose.stem}"
    await stage.research.add(
        ReceivedTransfer(transfer=about, agreement=stage.agreement, kind="opaque", path=str(loose),
                         standing="complete", bytes=15, finding="Kept as it came.")
    )  # fmt: skip
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    held = {one["kind"]: one for one in (await statements(stage, notice.id))[-1]["held"]}
    assert (held["opaque"]["lines"], held["opaque"]["bytes"]) == (0, 15)
    assert not loose.exists()
    assert (await look(stage, notice.id, held["opaque"]["id"])).status == 410
    [found] = await stage.research.find(ErasedObject, kind="opaque")
    assert found.standing == "erased"
    assert "whole" in (await stage.research.get(ReceivedTransfer, about)).finding


async def test_a_later_word_to_stop_does_not_bring_back_what_had_to_go(stage: Stage):
    await stage.received(await stage.transfer())
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    [stone] = await stage.research.find(Tombstone)
    at = wire(notice.effective_at)
    later = {"notice": "urn:uuid:00000000-0000-4000-8000-0000000000aa", "agreement": stage.agreement,
             "study": stage.study, "code": stone.code, "kind": "stop", "effective_at": at, "stop_by": at,
             "deadline": wire(notice.deadline), "backups_by": None, "cut": {}}  # fmt: skip
    sender = stage.research.context.members.active(stage.holder.id)
    body = {"notice": speech.say(stage.holder.context, speech.NOTICE, later)}
    await stage.research.services.erasure_desk.receive(sender, body)
    [after] = await stage.research.find(Tombstone)
    assert after == stone


async def test_backups_are_told_with_their_date(stage: Stage, monkeypatch):
    settings = stage.research.context.settings
    monkeypatch.setattr(stage.research.context, "settings", settings.model_copy(update={"own_backup_days": 14}))
    await stage.received(await stage.transfer())
    ann, *_ = await stage.source_ids()
    await stage.withdraw(ann)
    notice = await settled(stage)
    last = (await statements(stage, notice.id))[-1]
    assert 13 <= (instant(last["backups_by"]) - instant(last["at"])).days <= 14
