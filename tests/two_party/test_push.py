"""A push between two connectors, and towards and from those that are none of ours."""

from __future__ import annotations

import asyncio
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.identity import access
from connector.jobs import pusher
from connector.records import (
    RECORDS,
    Agreement,
    HandedOver,
    LogEntry,
    Notice,
    OutboxMessage,
    ReceivedTransfer,
    Release,
    Transfer,
)
from connector.services.processes.transfers import PUSH
from connector.services.releasing.manifest import whole_digest
from connector.services.releasing.plane import MANIFEST, inbox_address
from contracts import edc
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.puppet import DSP, Puppet
from tests.two_party.releases import (
    Stage,
    content_of,
    hospital_stage,
    many_records,
    smallest_bundles,
    vendor_stage,
)
from tests.two_party.sinks import Delivery, Sink, pushing_to, saying, taking_all
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    """Four people's records at the hospital, two of whom said yes."""
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    for source_id in (await made.source_ids())[:2]:
        await made.answer(source_id)
    return made


async def asked(stage: Stage) -> str:
    """The research group asks for a push; its pid."""
    desk = stage.research.services.transfer_desk
    return str(await desk.ask(stage.research.acting("researcher"), stage.agreement, push=True))


async def in_state(party: Any, pid: str, state: str) -> Transfer:
    return await party.eventually(Transfer, pid, where=lambda found: found.state == state)


async def test_what_is_pushed_is_what_a_pull_would_bring_verified_and_completed_by_the_provider(stage: Stage):
    pulled = await stage.received(await stage.transfer())
    pid = await asked(stage)
    row = await stage.received(pid)
    assert row.verified, row.finding
    assert content_of(row.path) == content_of(pulled.path)
    ours = await in_state(stage.research, pid, "COMPLETED")
    theirs = await in_state(stage.holder, ours.their_pid, "COMPLETED")
    assert ours.steps["steps"][-1][2] == "provider"
    release = (await stage.holder.find(Release, transfer=theirs.pid))[0]
    assert (release.standing, release.digest, release.people) == ("complete", row.manifest["sha256"], 2)
    kinds = {entry.kind for entry in await stage.holder.find(LogEntry, subject=release.id)}
    assert {"release.begun", "release.decided", "release.chunk", "release.complete"} <= kinds


async def test_the_token_of_an_inbox_is_kept_as_a_hash_only_and_opens_nothing_once_all_is_done(stage: Stage):
    pid = await asked(stage)
    sent = (await stage.research.find(OutboxMessage, about=pid))[0].body
    assert sent is not None
    token = next(one["value"] for one in sent["dataAddress"]["endpointProperties"] if one["name"] == "authorization")
    await in_state(stage.research, pid, "COMPLETED")
    await stage.research.quiet()
    await stage.holder.quiet()
    for party in (stage.research, stage.holder):
        everything = [record for kind in RECORDS for record in await party.find(kind)]
        assert token not in str(everything)
    assert (await pushed_by_hand(stage, pid, token, b"{}\n")).status_code == 401


async def pushed_by_hand(stage: Stage, pid: str, token: str, body: Any, **headers: str) -> Any:
    sent = (
        {"content-type": "application/fhir+ndjson"} | ({"authorization": f"Bearer {token}"} if token else {}) | headers
    )
    return await stage.space_client.post(f"{stage.research.url}/data/inbox/{pid}", content=body, headers=sent)


async def awaited(stage: Stage, **changes: Any) -> tuple[str, str]:
    """A push the research group waits for, of which the hospital knows nothing: its pid and token."""
    pid, token = story.urn(), access.new_token()
    facts = {
        "pid": pid, "role": "consumer", "counterparty": stage.holder.id, "their_pid": story.urn(), "format": PUSH,
        "agreement": stage.agreement, "callback": stage.holder.url, "dataset": stage.dataset, "state": "STARTED",
        "token_hash": access.token_hash(token),
    } | changes  # fmt: skip
    await stage.research.add(Transfer(**facts))
    return pid, token


async def test_an_inbox_opens_to_its_token_while_the_transfer_runs_and_to_nothing_else(stage: Stage):
    pid, token = await awaited(stage)
    other, _ = await awaited(stage)
    refused = {
        (await pushed_by_hand(stage, *one, b"x\n")).status_code
        for one in ((pid, "wrong"), (pid, ""), (other, token), (story.urn(), token))
    }
    assert refused == {401}
    for state in ("SUSPENDED", "REQUESTED", ""):
        shut, its = await awaited(stage, state=state)
        assert (await pushed_by_hand(stage, shut, its, b"x\n")).status_code == 410
    pulled, its = await awaited(stage, format="HttpData-PULL")
    assert (await pushed_by_hand(stage, pulled, its, b"x\n")).status_code == 401
    paused, its = await awaited(stage, parting={"step": "TransferSuspensionMessage", "rank": 1})
    assert (await pushed_by_hand(stage, paused, its, b"x\n")).status_code == 410
    assert not await stage.research.find(ReceivedTransfer, transfer=[pid, other, shut, pulled, paused])
    await stage.research.store.write(lambda tx: tx.alter(Agreement, {"standing": "ended"}, id=stage.agreement))
    assert (await pushed_by_hand(stage, pid, token, b"x\n")).status_code == 410


async def test_what_is_no_release_is_refused_and_so_is_what_is_compressed(stage: Stage):
    pid, token = await awaited(stage)
    long = await pushed_by_hand(stage, pid, token, b"x" * 1_200_000)
    assert (long.status_code, long.json()["type"]) == (400, "urn:concord:problem:invalid")
    packed = await pushed_by_hand(stage, pid, token, b"x\n", **{"content-encoding": "gzip"})
    assert packed.status_code == 415
    sent = {"authorization": f"Bearer {token}"}
    place = f"{stage.research.url}/data/inbox/{pid}/manifest"
    early = await stage.space_client.post(place, content=b'{"manifest": "a.b.c"}', headers=sent)
    assert (early.status_code, early.json()["type"]) == (409, "urn:concord:problem:no-push")


async def test_a_manifest_that_says_something_else_is_noted_as_not_verified(stage: Stage):
    done = await stage.received(await asked(stage))
    pid, token = await awaited(stage)
    answer = await pushed_by_hand(stage, pid, token, content_of(done.path))
    assert answer.json() == {
        "bytes": done.bytes, "sha256": done.manifest["files"][0]["sha256"], "verified": None, "finding": "",
    }  # fmt: skip
    sent = {"authorization": f"Bearer {token}"}
    place = f"{stage.research.url}/data/inbox/{pid}/manifest"
    for _ in range(2):
        told = await stage.space_client.post(
            place, content=orjson.dumps({"manifest": done.manifest["jws"]}), headers=sent
        )
        assert (told.status_code, told.json()["verified"]) == (200, False)
        found = "Not what the sender's manifest says: transfer, the manifest before it (previous)."
        assert told.json()["finding"] == found
    row = await stage.research.get(ReceivedTransfer, pid)
    assert (row.standing, row.verified) == ("complete", False)


async def test_a_newer_push_ends_an_older_one(stage: Stage):
    done = await stage.received(await asked(stage))
    content = content_of(done.path)
    pid, token = await awaited(stage)
    held = asyncio.Event()

    async def slowly():
        yield content[:5000]
        await held.wait()
        yield content[5000:]

    first = asyncio.create_task(pushed_by_hand(stage, pid, token, slowly()))
    await stage.research.eventually(ReceivedTransfer, pid)
    second = await pushed_by_hand(stage, pid, token, content)
    assert second.json()["bytes"] == len(content)
    held.set()
    answers = await asyncio.gather(first, return_exceptions=True)
    assert getattr(answers[0], "status_code", 410) == 410
    assert content_of((await stage.research.get(ReceivedTransfer, pid)).path) == content


@pytest.mark.parametrize(
    ("format", "address", "says"),
    [
        (PUSH, None, "/dataAddress is missing"),
        (PUSH, {"@type": "DataAddress", "endpointType": "HttpData"}, "/dataAddress cannot be followed"),
        ("HttpData-PULL", edc.push_address("https://a.example/x", "t").wire(), "push formats only"),
        ("Sftp-PUSH", edc.push_address("https://a.example/x", "t").wire(), "accepted: HttpData-PULL, HttpData-PUSH"),
    ],
    ids=["a push without an address", "one that leads nowhere", "a pull with one", "a format we have not"],
)  # fmt: skip
async def test_a_request_whose_format_and_address_do_not_fit_is_refused(hospital, puppet, format, address, says):
    agreement = story.urn()
    await hospital.add(
        Agreement(id=agreement, role="provider", counterparty=puppet.id, negotiation=story.urn(), dataset=story.RECORDS)
    )
    body = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "TransferRequestMessage",
        "@id": story.urn(), "consumerPid": story.urn(), "agreementId": agreement, "format": format,
        "callbackAddress": puppet.callback,
    } | ({"dataAddress": address} if address else {})  # fmt: skip
    answer = await puppet.post(hospital, f"{DSP}/transfers/request", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "format-not-offered")
    assert says in answer.json()["reason"][0]
    assert not await hospital.find(Transfer)


async def test_a_stream_is_not_pushed(trio: Trio):
    stage, _ = await vendor_stage(trio, {"ann-band": "Ann Example"})
    pid = await asked(stage)
    ended = await in_state(stage.research, pid, "TERMINATED")
    assert "a stream is not pushed" in str(ended.reason)


async def test_a_withdrawal_cuts_a_running_push_at_the_next_chunk(stage: Stage):
    await many_records(stage, 3000)
    first = (await stage.order_of_release())[0]
    first = (
        first if first in stage.people else next(one for one in await stage.order_of_release() if one in stage.people)
    )
    go_on = asyncio.Event()

    async def slowly(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        delivery.body += await reader.read(4096)
        await go_on.wait()
        delivery.body.clear()
        rest = await reader.read(-1)
        delivery.body += rest
        return None

    async with Sink(slowly).listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        before = await at_rest(stage, pid)
        await stage.withdraw(first)
        notice = (await until(lambda: stage.holder.find(Notice), "the commit of the withdrawal"))[0]
        after = (await stage.holder.find(Release, transfer=pid))[0]
        assert after.bytes == before.bytes == (notice.cut or {})[pid]
        go_on.set()
        sink.answering = taking_all
        release = await stage.holder.eventually(Release, after.id, where=lambda one: one.standing != "running")
    assert len((release.dropped or {})["at"]) == 1
    assert release.people <= 2


async def at_rest(stage: Stage, pid: str) -> Release:
    """The running release of a transfer, once its receiver has brought it to a standstill."""
    seen = -1
    while True:
        found = await stage.holder.find(Release, transfer=pid)
        if found and 0 < found[0].chunks == seen:
            return found[0]
        seen = found[0].chunks if found else -1
        await asyncio.sleep(0.3)


async def test_a_push_that_breaks_off_begins_anew_and_is_completed_once(stage: Stage):
    await many_records(stage, 3000)

    async def breaking(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        delivery.body += await reader.read(100)
        sink.answering = taking_all
        return None

    async with Sink(breaking).listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        await until(lambda: len(sink.deliveries) == 2 and sink.deliveries[1].over, "a second push")
        waits = await stage.holder.eventually(Transfer, pid, where=lambda found: found.parting)
    assert waits.parting["step"] == "TransferCompletionMessage"
    assert [one.standing for one in await stage.holder.find(Release, transfer=pid, order="started_at")] == [
        "broken", "complete",
    ]  # fmt: skip
    assert sink.deliveries[1].whole
    assert len(await stage.holder.find(OutboxMessage, about=pid, standing="waiting")) == 1


async def test_a_push_goes_on_after_a_restart_of_the_provider(stage: Stage):
    held = asyncio.Event()

    async def never(delivery: Delivery, reader: asyncio.StreamReader) -> bytes | None:
        await held.wait()
        return None

    async with Sink(never).listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        await until(lambda: sink.deliveries, "a push")
        await stage.holder.stop()
        sink.answering = taking_all
        await stage.holder.start()
        await until(lambda: sink.deliveries[-1].whole, "a whole push")
        await stage.holder.eventually(Transfer, pid, where=lambda found: found.parting)
    assert bytes(sink.deliveries[-1].body).count(b"\n") > 10


async def test_a_receiver_that_says_no_again_and_again_ends_the_transfer(stage: Stage, monkeypatch):
    monkeypatch.setattr(pusher, "_TRIES", 2)
    async with Sink(saying("403 Forbidden")).listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        sent = await ending(stage, pid)
    assert (sent["@type"], sent["code"]) == ("TransferTerminationMessage", "push-failed")
    assert len(sink.deliveries) == 2


async def ending(stage: Stage, pid: str) -> dict[str, Any]:
    """The message by which the holder ends a push."""

    async def look() -> dict[str, Any] | None:
        found = await stage.holder.find(OutboxMessage, about=pid, kind="dsp.transfer")
        return found[0].body if found else None

    return dict(await until(look, "the end of the push"))


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://127.0.0.1:1/x", "ftp://a.example/x"])
async def test_an_address_that_may_not_be_called_ends_the_transfer_and_nobody_was_released(stage: Stage, url: str):
    pid = await pushing_to(stage, url)
    sent = await ending(stage, pid)
    assert sent["code"] == "push-refused"
    assert not await stage.holder.find(Release, transfer=pid)
    assert not await stage.holder.find(HandedOver)


async def test_nobody_is_released_to_a_receiver_that_is_not_there(stage: Stage):
    async with Sink().listening() as sink:
        pass
    pid = await pushing_to(stage, sink.url, origin=sink.origin)
    await asyncio.sleep(0.5)
    assert not await stage.holder.find(Release, transfer=pid)
    assert (await stage.holder.get(Transfer, pid)).state == "STARTED"


async def test_a_receiver_that_is_none_of_ours_gets_a_plain_post_and_no_manifest(stage: Stage):
    async with Sink().listening() as sink:
        pid = await pushing_to(stage, sink.url, origin=sink.origin)
        await stage.holder.eventually(Transfer, pid, where=lambda found: found.parting)
    assert len(sink.deliveries) == 1
    head = sink.deliveries[0].head
    assert head.startswith(b"POST /sink HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer " in head
    release = (await stage.holder.find(Release, transfer=pid))[0]
    assert whole_digest([sha256(sink.deliveries[0].body).hexdigest()]) == release.digest


async def test_what_a_foreign_connector_pushes_is_kept_as_it_came(trio: Trio):
    """EDC's data plane pushes before its control plane has said that the transfer started."""
    puppet = await Puppet.raised(trio.space.client)
    research = trio.research
    await research.context.members.put(puppet.entry(consent=None))
    agreement = Agreement(
        id=story.urn(), role="consumer", counterparty=puppet.id, negotiation=story.urn(), dataset="asset-1"
    )
    await research.add(agreement)
    pid = await research.services.transfer_desk.ask(research.acting("researcher"), agreement.id, push=True)
    heard = (await until(lambda: puppet.of_type("TransferRequestMessage"), "the request"))[0]
    assert heard.body["format"] == PUSH
    properties = {one["name"]: one["value"] for one in heard.body["dataAddress"]["endpointProperties"]}
    body = b'{"hello": "world"}'
    answer = await trio.space.client.post(
        properties[edc.NAMESPACE + "baseUrl"], content=body,
        headers={properties[edc.NAMESPACE + "authKey"]: properties[edc.NAMESPACE + "authCode"],
                 "content-type": "application/octet-stream"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    row = await research.get(ReceivedTransfer, pid)
    assert (row.kind, row.standing, row.verified, row.bytes) == ("opaque", "complete", None, len(body))
    assert (row.digest, row.media_type) == (sha256(body).hexdigest(), "application/octet-stream")
    assert row.finding.startswith("No manifest: a foreign connector")
    assert content_of(row.path) == body
    await puppet.close()


def test_our_inbox_is_named_in_either_spelling_and_says_where_the_manifest_goes():
    address = inbox_address("https://a.example", "urn:uuid:1", "t")
    assert edc.read_push(address) == ("https://a.example/data/inbox/urn:uuid:1", "Bearer t")
    assert address.value_of(MANIFEST) == "https://a.example/data/inbox/urn:uuid:1/manifest"
    assert Counter(one.name for one in address.endpoint_properties)["authorization"] == 1
    assert "t" not in (address.endpoint or "").split("/")
