"""Transfers between two connectors, and what a provider answers to a consumer played by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.problems import Problem
from connector.records import RECORDS, Agreement, LogEntry, Negotiation, Transfer
from connector.services.processes.moves import Complete, Terminate
from contracts.names import CONTEXT_URL, NIL_PID
from tests.two_party import story
from tests.two_party.puppet import DSP
from tests.two_party.space import until

TRANSFERS = DSP + "/transfers"


def dsp(type: str, **keys: Any) -> dict[str, Any]:
    return {"@context": [CONTEXT_URL], "@type": type, "@id": story.urn()} | keys


async def agreement_with(puppet, hospital, **changes: Any) -> str:
    """An agreement the hospital has with the puppet."""
    facts = {"id": story.urn(), "role": "provider", "counterparty": puppet.id, "negotiation": story.urn(),
             "dataset": story.RECORDS, "standing": "active"} | changes  # fmt: skip
    await hospital.add(Agreement(**facts))
    return str(facts["id"])


def request_of(puppet, agreement: str, **keys: Any) -> dict[str, Any]:
    return dsp("TransferRequestMessage", consumerPid=story.urn(), agreementId=agreement, format="HttpData-PULL",
               callbackAddress=puppet.callback) | keys  # fmt: skip


def is_error(answer, status):
    body = answer.json()
    assert (answer.status_code, body["@type"]) == (status, "TransferError"), answer.text
    assert {"providerPid", "consumerPid", "code", "reason"} <= set(body)
    return body


async def started(puppet, hospital, **changes: Any):
    """A transfer the hospital has started for the puppet; returns (Transfer, token)."""
    asked = request_of(puppet, await agreement_with(puppet, hospital, **changes))
    answer = await puppet.post(hospital, TRANSFERS + "/request", asked)
    assert (answer.status_code, answer.json()["state"]) == (201, "REQUESTED"), answer.text
    pid = answer.json()["providerPid"]
    process = await hospital.eventually(Transfer, pid, where=lambda found: found.state == "STARTED")
    address = puppet.of_type("TransferStartMessage")[-1].body["dataAddress"]
    return process, next(one["value"] for one in address["endpointProperties"] if one["name"] == "authorization")


async def opens(hospital, pid, token):
    """The status a pull with this token would get, 200 when it opens the transfer."""
    try:
        await hospital.store.read(lambda tx: hospital.services.transfers.open_to(tx, pid, token))
    except Problem as refused:
        return refused.status
    return 200


async def test_a_transfer_that_was_requested_is_started_and_its_token_opens_it(hospital, puppet):
    process, token = await started(puppet, hospital)
    assert await opens(hospital, process.pid, token) == 200
    assert await opens(hospital, process.pid, token + "x") == 401
    assert await opens(hospital, process.pid, "") == 401
    assert await opens(hospital, story.urn(), token) == 401
    kinds = [entry.kind for entry in await hospital.find(LogEntry, subject=process.pid, order="sequence")]
    assert kinds[:2] == ["transfer.requested", "transfer.started"]


async def test_a_delivered_token_is_kept_nowhere_at_the_provider(hospital, puppet):
    process, token = await started(puppet, hospital)
    everything = [record for kind in RECORDS for record in await hospital.find(kind)]
    assert token not in str(everything)
    assert process.token_hash in str(everything)


async def test_one_transfers_token_does_not_open_another(hospital, puppet):
    first, token = await started(puppet, hospital)
    second, _ = await started(puppet, hospital)
    assert first.pid != second.pid
    assert await opens(hospital, second.pid, token) == 401


async def test_a_request_repeated_with_its_consumer_pid_gets_the_same_transfer(hospital, puppet):
    asked = request_of(puppet, await agreement_with(puppet, hospital))
    first = await puppet.post(hospital, TRANSFERS + "/request", asked)
    same = await puppet.post(hospital, TRANSFERS + "/request", asked)
    again = await puppet.post(hospital, TRANSFERS + "/request", asked | {"@id": story.urn()})
    assert first.json() == same.json()
    assert first.json()["providerPid"] == again.json()["providerPid"]
    assert again.status_code in (200, 201)
    assert len(await hospital.find(Transfer)) == 1
    await hospital.eventually(Transfer, first.json()["providerPid"], where=lambda found: found.state == "STARTED")
    assert len(puppet.of_type("TransferStartMessage")) == 1


async def test_an_unknown_agreement_and_somebody_elses_are_the_same_to_a_stranger(hospital, puppet):
    foreign = await agreement_with(puppet, hospital, counterparty="urn:concord:somebody-else:00000000")
    consumer = story.urn()
    answers = []
    for agreement in (foreign, story.urn()):
        asked = request_of(puppet, agreement, consumerPid=consumer)
        answers.append(is_error(await puppet.post(hospital, TRANSFERS + "/request", asked), 404))
    assert answers[0] == answers[1]
    assert answers[0]["providerPid"] == NIL_PID
    assert not await hospital.find(Transfer)


@pytest.mark.parametrize(
    "agreement", [{"standing": "ended"}, {"standing": "suspended"}, {"until": datetime(2020, 1, 1, tzinfo=UTC)}]
)
async def test_an_agreement_that_is_over_starts_nothing(hospital, puppet, agreement):
    asked = request_of(puppet, await agreement_with(puppet, hospital, **agreement))
    assert is_error(await puppet.post(hospital, TRANSFERS + "/request", asked), 400)["code"] == "agreement-not-active"


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"format": "HttpData-PUSH"}, "format-not-offered"),
        ({"dataAddress": {"@type": "DataAddress", "endpointType": "x", "endpoint": "https://example.org"}},
         "format-not-offered"),
        ({"callbackAddress": "http://127.0.0.1:1/dsp"}, "callback-refused"),
        ({"callbackAddress": "https://192.168.0.1/dsp"}, "callback-refused"),
        ({"callbackAddress": "https://[::ffff:10.0.0.1]/dsp"}, "callback-refused"),
        ({"callbackAddress": "file:///etc/passwd"}, "callback-refused"),
    ],
)  # fmt: skip
async def test_a_request_we_cannot_serve_is_refused_and_nothing_is_kept(hospital, puppet, keys, code):
    asked = request_of(puppet, await agreement_with(puppet, hospital), **keys)
    assert is_error(await puppet.post(hospital, TRANSFERS + "/request", asked), 400)["code"] == code
    assert not await hospital.find(Transfer)


@pytest.mark.parametrize("ending", ["completion", "termination"])
async def test_the_token_dies_with_its_transfer(hospital, puppet, ending):
    process, token = await started(puppet, hospital)
    told = dsp(f"Transfer{ending.capitalize()}Message", consumerPid=process.their_pid, providerPid=process.pid)
    answer = await puppet.post(hospital, f"{TRANSFERS}/{process.pid}/{ending}", told)
    assert answer.status_code == 200, answer.text
    assert await opens(hospital, process.pid, token) == 401
    assert (await hospital.get(Transfer, process.pid)).token_hash is None


async def test_the_token_rests_while_its_transfer_is_suspended(hospital, puppet):
    process, token = await started(puppet, hospital)
    pids = {"consumerPid": process.their_pid, "providerPid": process.pid}
    at = f"{TRANSFERS}/{process.pid}"
    assert (
        await puppet.post(hospital, at + "/suspension", dsp("TransferSuspensionMessage", **pids))
    ).status_code == 200
    assert await opens(hospital, process.pid, token) == 410
    assert (await puppet.post(hospital, at + "/start", dsp("TransferStartMessage", **pids))).status_code == 200
    assert await opens(hospital, process.pid, token) == 200


@pytest.mark.parametrize("change", [{"standing": "ended"}, {"standing": "suspended"}])
async def test_the_token_opens_nothing_once_the_agreement_has_ended(hospital, puppet, change):
    process, token = await started(puppet, hospital)
    await hospital.store.write(lambda tx: tx.change(tx.get(Agreement, process.agreement), **change))
    assert await opens(hospital, process.pid, token) == 410


async def test_the_token_opens_nothing_once_the_agreements_time_is_over(hospital, puppet):
    process, token = await started(puppet, hospital)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await hospital.store.write(lambda tx: tx.change(tx.get(Agreement, process.agreement), until=past))
    assert await opens(hospital, process.pid, token) == 410


async def test_a_suspended_member_is_nobody(hospital, puppet):
    process, token = await started(puppet, hospital)
    await hospital.context.members.set_standing(puppet.id, "suspended")
    assert await opens(hospital, process.pid, token) == 401
    told = dsp("TransferCompletionMessage", consumerPid=process.their_pid, providerPid=process.pid)
    is_error(await puppet.post(hospital, f"{TRANSFERS}/{process.pid}/completion", told), 401)
    is_error(await puppet.get(hospital, f"{TRANSFERS}/{process.pid}"), 401)
    assert (await puppet.get(hospital, f"{DSP}/negotiations/{story.urn()}")).status_code == 401
    assert (await puppet.post(hospital, "/consent/heartbeat", {"links": 0})).status_code == 401
    assert (await hospital.get(Transfer, process.pid)).state == "STARTED"
    await hospital.context.members.set_standing(puppet.id, "active")
    assert (await puppet.post(hospital, f"{TRANSFERS}/{process.pid}/completion", told)).status_code == 200


async def test_a_step_that_does_not_fit_is_an_error_with_both_pids(hospital, puppet):
    process, _ = await started(puppet, hospital)
    told = dsp("TransferStartMessage", consumerPid=process.their_pid, providerPid=process.pid)
    body = is_error(await puppet.post(hospital, f"{TRANSFERS}/{process.pid}/start", told), 400)
    assert (body["providerPid"], body["consumerPid"]) == (process.pid, process.their_pid)


async def test_the_provider_ends_a_transfer_whose_start_was_never_acknowledged(hospital, puppet):
    puppet.answering = lambda heard: (503, {})
    asked = request_of(puppet, await agreement_with(puppet, hospital))
    pid = (await puppet.post(hospital, TRANSFERS + "/request", asked)).json()["providerPid"]
    await until(lambda: puppet.of_type("TransferStartMessage"), "the start message")
    await hospital.services.transfers.close(pid, Terminate("over", ("The agreement has ended",)))
    puppet.answering = lambda heard: (200, {})
    ended = await hospital.eventually(Transfer, pid, where=lambda found: found.state == "TERMINATED")
    assert ended.reason == {"code": "over", "reason": ["The agreement has ended"]}
    assert ended.token_hash is None


async def test_a_transfer_is_ended_once_however_often_somebody_asks(hospital, puppet):
    process, _ = await started(puppet, hospital)
    for _ in range(3):
        await hospital.services.transfers.close(process.pid, Complete())
    await hospital.eventually(Transfer, process.pid, where=lambda found: found.state == "COMPLETED")
    await hospital.services.transfers.close(process.pid, Complete())
    await hospital.quiet()
    assert len(puppet.of_type("TransferCompletionMessage")) == 1


async def test_data_may_be_asked_for_before_the_answer_to_finalized_has_arrived(trio, puppet):
    """The consumer has FINALIZED and asks at once; our own copy of that step still waits for its answer."""
    asked = {"negotiation": story.urn()}
    agreement = await agreement_with(puppet, trio.hospital, standing="pending", **asked)
    refused = await puppet.post(trio.hospital, TRANSFERS + "/request", request_of(puppet, agreement))
    assert is_error(refused, 400)["code"] == "agreement-not-active"
    puppet.answering = lambda heard: (503, {})
    await trio.hospital.add(
        Negotiation(pid=asked["negotiation"], role="provider", counterparty=puppet.id, their_pid=story.urn(),
                    callback=puppet.callback, state="VERIFIED", agreement=agreement)
    )  # fmt: skip
    await trio.hospital.services.negotiations.act(asked["negotiation"])
    answer = await puppet.post(trio.hospital, TRANSFERS + "/request", request_of(puppet, agreement))
    assert answer.status_code == 201, answer.text


async def test_two_connectors_agree_about_a_transfer(trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    pid = await trio.research.services.research.request_transfer(trio.research.acting("researcher"), agreement)
    ours = await trio.research.eventually(Transfer, pid, where=lambda found: found.their_pid)
    theirs = await trio.hospital.get(Transfer, ours.their_pid)
    assert (theirs.their_pid, theirs.agreement, theirs.dataset) == (pid, agreement, story.RECORDS)


async def test_nothing_is_asked_for_under_an_agreement_that_is_not_active(trio):
    with pytest.raises(Problem) as refused:
        await trio.research.services.research.request_transfer(trio.research.acting("researcher"), story.urn())
    assert refused.value.status == 404
