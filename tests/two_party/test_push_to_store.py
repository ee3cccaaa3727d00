"""A push into an object store: a real one where it was built (`make s3`), and one played by hand that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.jobs import pusher
from connector.problems import Problem
from connector.records import RECORDS, Derivation, HandedOver, Release, Tombstone, Transfer
from connector.services.exchange.speech import unverified_claims
from connector.services.processes.transfers import STORE_PUSH
from connector.services.releasing.asked import PARQUET
from contracts.object_store import ObjectStore
from tests.servers import built, versity
from tests.servers.versity import ACCESS, BUCKET, REGION, SECRET
from tests.two_party.buckets import PlayedBucket, played, status
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.segments import Fetcher
from tests.two_party.space import until

Bucket = PlayedBucket | versity.Versity


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path, small_segments: None) -> Stage:
    """Four people's records at the hospital, all of whom said yes; several segments."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    await made.everybody_agrees()
    return made


@pytest.fixture
async def mine() -> AsyncIterator[PlayedBucket]:
    async with played() as made:
        yield made


@pytest.fixture(params=["played", "versity"])
async def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bucket]:
    if request.param == "played":
        async with played() as made:
            yield made
        return
    program = built.present("s3")
    if program is None:
        pytest.skip("no S3 server was built here: make s3")
    async with versity.running(program, tmp_path / "s3") as real:
        yield real


def store_at(bucket: Bucket, **changes: Any) -> ObjectStore:
    made = ObjectStore(bucket.origin, BUCKET, ACCESS, SECRET, "trial/first", REGION)
    return replace(made, **changes)


async def asked(stage: Stage, bucket: Bucket, **changes: Any) -> str:
    """The research group asks for a push into its store; its pid. The store is its data origin in the register."""
    members = stage.holder.context.members
    await members.put(members.known(stage.research.id).model_copy(update={"data": bucket.origin}))
    desk = stage.research.services.transfer_desk
    return str(await desk.ask(stage.research.acting("researcher"), stage.agreement, store=store_at(bucket, **changes)))


async def in_state(party: Any, pid: str, state: str) -> Transfer:
    return await party.eventually(Transfer, pid, where=lambda found: found.state == state)


def laid_out(objects: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The claims of the manifest, and the other objects by what their name ends with."""
    by_name = {key.rpartition("/")[2]: body for key, body in objects.items()}
    return dict(unverified_claims(by_name.pop("manifest.jws").decode())), by_name


async def test_what_lies_in_the_store_is_what_segments_would_bring_and_its_manifest_is_the_last(stage, bucket):
    fetched = b"".join(await (await Fetcher.opened(stage)).all())
    pid = await asked(stage, bucket)
    ours = await in_state(stage.research, pid, "COMPLETED")
    theirs = await in_state(stage.holder, ours.their_pid, "COMPLETED")
    objects = bucket.objects()
    assert {key.rpartition("/")[0] for key in objects} == {next(iter(objects)).rpartition("/")[0]}
    assert all(key.startswith("trial/first/") for key in objects)
    manifest, others = laid_out(objects)
    announced = orjson.loads(others.pop("release.json"))
    assert announced["release"] == manifest["release"]
    assert [sha256(body).hexdigest() for _, body in sorted(others.items())] == [
        one["sha256"] for one in manifest["files"]
    ]  # fmt: skip
    assert len(others) > 1
    assert b"".join(body for _, body in sorted(others.items())) == fetched
    release = (await stage.holder.find(Release, transfer=theirs.pid))[0]
    assert (release.standing, release.people) == ("complete", 4)


async def test_the_keys_of_the_store_are_nowhere_but_sealed_and_gone_when_it_is_over(stage, mine, caplog):
    held = asyncio.Event()

    async def holding(method: str, key: str) -> bytes | None:
        await held.wait()
        return None

    mine.before = holding
    pid = await asked(stage, mine)
    await until(lambda: mine.sink.deliveries, "the first request")
    await stage.research.quiet()
    kept = (await in_state(stage.research, pid, "STARTED")).their_pid
    assert (await stage.holder.get(Transfer, kept)).push_to
    for party in (stage.research, stage.holder):
        everything = str([record for kind in RECORDS for record in await party.find(kind)])
        assert SECRET not in everything
    held.set()
    await in_state(stage.research, pid, "COMPLETED")
    assert (await in_state(stage.holder, kept, "COMPLETED")).push_to is None
    heads = b"".join(one.head for one in mine.sink.deliveries)
    assert SECRET.encode() not in heads
    assert all(ACCESS.encode() not in one.head.split(b"\r\n")[0] for one in mine.sink.deliveries)
    assert SECRET not in caplog.text


async def test_a_store_that_does_not_know_us_gets_nobody_and_the_transfer_ends(stage, bucket, monkeypatch):
    if isinstance(bucket, PlayedBucket):

        async def refusing(method: str, key: str) -> bytes | None:
            return status("403 Forbidden", "connection: close")

        bucket.before = refusing
    monkeypatch.setattr(pusher, "_TRIES", 2)
    pid = await asked(stage, bucket, secret_key="another")
    ended = await in_state(stage.research, pid, "TERMINATED")
    assert ended.reason["code"] == "push-failed"
    assert not await stage.holder.find(HandedOver)
    assert not bucket.objects()


async def test_a_redirect_is_a_no(stage, mine, monkeypatch):
    async def elsewhere(method: str, key: str) -> bytes | None:
        return status("307 Temporary Redirect", f"location: {mine.origin}/{BUCKET}/other", "connection: close")

    mine.before = elsewhere
    monkeypatch.setattr(pusher, "_TRIES", 1)
    pid = await asked(stage, mine)
    await in_state(stage.research, pid, "TERMINATED")
    assert len(mine.sink.deliveries) == 1


@pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://127.0.0.1:1", "https://10.0.0.1"])
async def test_a_store_that_may_not_be_called_ends_the_transfer_and_nobody_was_released(stage, mine, endpoint):
    pid = await asked(stage, mine, endpoint=endpoint)
    ended = await in_state(stage.research, pid, "TERMINATED")
    assert ended.reason["code"] == "push-refused"
    assert not await stage.holder.find(Release)
    assert not await stage.holder.find(HandedOver)


async def test_an_object_that_breaks_off_is_not_there_and_is_sent_again(stage, mine):
    broken = []

    async def once(method: str, key: str) -> bytes | None:
        if key.endswith("000002.ndjson") and not broken:
            broken.append(dict(mine.objects()))
            return b""
        return None

    mine.midway = once
    await in_state(stage.research, await asked(stage, mine), "COMPLETED")
    assert not any(key.endswith("000002.ndjson") for key in broken[0])
    manifest, others = laid_out(mine.objects())
    assert len(others) - 1 == len(manifest["files"])
    assert {count for key, count in mine.puts.items() if key.endswith(".ndjson")} == {1}


async def test_after_a_restart_only_what_is_not_there_is_sent(stage, mine):
    async def stalling(method: str, key: str) -> bytes | None:
        if method == "PUT" and key.endswith("000003.ndjson"):
            await asyncio.Event().wait()
        return None

    mine.midway = stalling
    pid = await asked(stage, mine)
    await until(lambda: sum(key.endswith(".ndjson") for key in mine.kept) == 2, "two objects")
    await stage.holder.stop()
    mine.midway = nothing_more
    await stage.holder.start()
    await in_state(stage.research, pid, "COMPLETED")
    manifest, others = laid_out(mine.objects())
    assert {count for key, count in mine.puts.items() if key.endswith(".ndjson")} == {1}
    assert len(others) - 1 == len(manifest["files"])
    release = (await stage.holder.find(Release, standing="complete"))[0]
    assert release.bytes == sum(len(body) for name, body in others.items() if name.endswith(".ndjson"))


async def nothing_more(method: str, key: str) -> bytes | None:
    return None


async def test_an_object_that_is_not_what_we_put_is_put_again(stage, mine):
    async def stalling(method: str, key: str) -> bytes | None:
        if method == "PUT" and key.endswith("000002.ndjson"):
            await asyncio.Event().wait()
        return None

    mine.midway = stalling
    pid = await asked(stage, mine)
    await until(lambda: any(key.endswith("000001.ndjson") for key in mine.kept), "an object")
    await stage.holder.stop()
    first = next(key for key in mine.kept if key.endswith("000001.ndjson"))
    mine.kept[first] = (b"something else", "0" * 64)
    mine.midway = nothing_more
    await stage.holder.start()
    await in_state(stage.research, pid, "COMPLETED")
    manifest, others = laid_out(mine.objects())
    assert sha256(others["000001.ndjson"]).hexdigest() == manifest["files"][0]["sha256"]


async def test_who_stops_before_their_object_is_written_is_in_none(stage, mine):
    last = (await stage.order_of_release())[-1]
    go_on = asyncio.Event()

    async def holding(method: str, key: str) -> bytes | None:
        if method == "PUT" and key.endswith("000002.ndjson"):
            await go_on.wait()
        return None

    mine.before = holding
    pid = await asked(stage, mine)
    await until(lambda: any(one.head.startswith(b"PUT") and b"000002" in one.head for one in mine.sink.deliveries), "2")
    person = await stage.holder.find(HandedOver)
    await stage.withdraw(last)
    go_on.set()
    await in_state(stage.research, pid, "COMPLETED")
    manifest, others = laid_out(mine.objects())
    codes = {code_of(line) for name, body in others.items() if name.endswith("ndjson") for line in body.splitlines()}
    assert len(codes) == 3
    assert len(person) < 4
    stated = {one["sha256"] for one in manifest["files"]}
    assert {sha256(body).hexdigest() for name, body in others.items() if name.endswith("ndjson")} == stated


async def test_an_object_whose_segment_is_no_more_is_deleted(stage, mine):
    """A store that does not let us look: what was written before a restart is written again, as it may be then."""
    first = (await stage.order_of_release())[0]
    again = asyncio.Event()

    async def stalling(method: str, key: str) -> bytes | None:
        if method == "PUT" and key.endswith("000003.ndjson"):
            await asyncio.Event().wait()
        return None

    async def blind(method: str, key: str) -> bytes | None:
        await again.wait()
        return status("403 Forbidden", "connection: close") if method == "HEAD" else None

    mine.midway = stalling
    pid = await asked(stage, mine)
    await until(lambda: sum(key.endswith(".ndjson") for key in mine.kept) == 2, "two objects")
    written = next(key for key in mine.kept if key.endswith("000001.ndjson"))
    await stage.holder.stop()
    mine.before, mine.midway = blind, nothing_more
    await stage.holder.start()
    await stage.withdraw(first)
    again.set()
    await in_state(stage.research, pid, "COMPLETED")
    assert written not in mine.kept
    manifest, others = laid_out(mine.objects())
    stated = {one["sha256"] for one in manifest["files"]}
    assert {sha256(body).hexdigest() for name, body in others.items() if name.endswith("ndjson")} == stated


async def test_who_stops_later_is_for_people_here_to_erase_and_never_called_erased_before(stage, mine):
    first = (await stage.order_of_release())[0]
    pid = await asked(stage, mine)
    await in_state(stage.research, pid, "COMPLETED")
    await stage.withdraw(first)
    stone = (await until(lambda: stage.research.find(Tombstone, answer="waiting"), "a task"))[0]
    assert stone.erased_at is None
    made = (await stage.research.find(Derivation))[0]
    actor, derivations = stage.research.acting("researcher"), stage.research.services.derivations
    tasks = await derivations.tasks(actor)
    assert [row.id for row in tasks] == [made.id]
    assert SECRET not in made.name
    await derivations.erased(actor, made.id)
    await stage.research.eventually(Tombstone, stone.agreement, stone.code, where=lambda one: one.answer == "erased")


async def test_a_store_may_get_parquet(stage, mine):
    await in_state(stage.research, await asked(stage, mine, format=PARQUET), "COMPLETED")
    names = {key.rpartition(".")[2] for key in mine.kept}
    assert names == {"json", "jws", "parquet"}


async def test_a_request_whose_address_is_no_store_is_refused(stage):
    from connector.services.processes.object_store import store_refusal
    from contracts.messages import DataAddress

    assert "accepted" in store_refusal(None, DataAddress(endpoint_type="AmazonS3"))
    desk = stage.research.services.transfer_desk
    for both in ({"push": True}, {"since_last": True}):
        with pytest.raises(Problem):
            await desk.ask(
                stage.research.acting("researcher"), stage.agreement,
                store=ObjectStore("https://s3.example.org", "bucket", "A", "S"), **both,
            )  # fmt: skip
    assert not await stage.research.find(Transfer, format=STORE_PUSH)
