"""What a provider decides to stop stays stopped, whatever the consumer answers, leaves unanswered or says meanwhile."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import Agreement, InboxMessage, Negotiation, OutboxMessage, Transfer
from connector.services.processes.moves import Suspend, Terminate
from tests.two_party import story
from tests.two_party.puppet import agreeable
from tests.two_party.space import until
from tests.two_party.test_transfer_messages import TRANSFERS, agreement_with, dsp, opens, request_of, started

WHY = Suspend("paused-by-people", ("The steward paused it",))


def silent_about(*types):
    return lambda heard: (503, {}) if heard.type in types else agreeable(heard)


def of(process, type, **keys):
    return dsp(type, providerPid=process.pid, consumerPid=process.their_pid, **keys)


def token_in(puppet):
    address = puppet.of_type("TransferStartMessage")[-1].body["dataAddress"]
    return next(one["value"] for one in address["endpointProperties"] if one["name"] == "authorization")


async def test_the_consumers_own_pause_does_not_open_what_the_provider_paused(hospital, puppet):
    process, token = await started(puppet, hospital)
    puppet.answering = silent_about("TransferSuspensionMessage")
    await hospital.services.transfers.move(process.pid, WHY)
    assert await opens(hospital, process.pid, token) in (401, 410)
    await until(lambda: puppet.of_type("TransferSuspensionMessage"), "our pause on its way")
    path = f"{TRANSFERS}/{process.pid}/suspension"
    assert (await puppet.post(hospital, path, of(process, "TransferSuspensionMessage"))).status_code == 200
    paused = await hospital.get(Transfer, process.pid)
    assert (paused.state, paused.suspended_by) == ("SUSPENDED", "provider")
    assert await opens(hospital, process.pid, token) in (401, 410)
    assert await hospital.find(OutboxMessage, about=process.pid, standing="waiting"), "ours still waits for its answer"


async def test_a_start_that_nobody_acknowledges_does_not_keep_the_provider_from_pausing(hospital, puppet):
    puppet.answering = silent_about("TransferStartMessage")
    asked = request_of(puppet, await agreement_with(puppet, hospital))
    pid = (await puppet.post(hospital, TRANSFERS + "/request", asked)).json()["providerPid"]
    await until(lambda: puppet.of_type("TransferStartMessage"), "the start message")
    token = token_in(puppet)
    assert await opens(hospital, pid, token) == 200, "who has the token has received the start"
    await hospital.services.transfers.move(pid, WHY)
    assert await opens(hospital, pid, token) in (401, 410)
    puppet.answering = agreeable
    await hospital.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    assert [one.body["reason"] for one in puppet.of_type("TransferSuspensionMessage")] == [["The steward paused it"]]


async def test_a_resumption_that_nobody_acknowledges_can_be_taken_back_at_once(hospital, puppet):
    process, _ = await started(puppet, hospital)
    await hospital.services.transfers.move(process.pid, WHY)
    await hospital.eventually(Transfer, process.pid, where=lambda found: found.state == "SUSPENDED")
    puppet.answering = silent_about("TransferStartMessage")
    before = len(puppet.of_type("TransferStartMessage"))
    await hospital.services.transfer_desk.resume(hospital.acting("steward"), process.pid)
    await until(lambda: len(puppet.of_type("TransferStartMessage")) > before, "the second start")
    token = token_in(puppet)
    assert await opens(hospital, process.pid, token) == 200
    await hospital.services.transfers.move(process.pid, WHY)
    assert await opens(hospital, process.pid, token) in (401, 410)


async def test_a_provider_may_pause_what_the_consumer_has_paused_and_then_only_it_resumes(hospital, puppet):
    process, token = await started(puppet, hospital)
    path = f"{TRANSFERS}/{process.pid}"
    await puppet.post(hospital, f"{path}/suspension", of(process, "TransferSuspensionMessage"))
    await hospital.services.transfers.move(process.pid, WHY)
    refused = await puppet.post(hospital, f"{path}/start", of(process, "TransferStartMessage"))
    assert (refused.status_code, refused.json()["code"]) == (400, "suspended-by-provider")
    assert await opens(hospital, process.pid, token) in (401, 410)


async def test_who_asks_for_data_has_received_finalized_and_the_contract_can_be_ended(hospital, puppet):
    negotiation = story.urn()
    agreement = await agreement_with(puppet, hospital, standing="pending", negotiation=negotiation)
    puppet.answering = silent_about("ContractNegotiationEventMessage")
    await hospital.add(
        Negotiation(pid=negotiation, role="provider", counterparty=puppet.id, their_pid=story.urn(),
                    callback=puppet.callback, state="VERIFIED", agreement=agreement)
    )  # fmt: skip
    await hospital.services.negotiations.act(negotiation)
    asked = request_of(puppet, agreement)
    assert (await puppet.post(hospital, TRANSFERS + "/request", asked)).status_code == 201
    assert (await hospital.get(Negotiation, negotiation)).state == "FINALIZED"
    assert (await hospital.get(Agreement, agreement)).standing == "active"
    await hospital.services.endings.end(hospital.acting("steward"), agreement, "We end it")
    assert (await hospital.get(Agreement, agreement)).standing == "ended"


async def test_a_pending_agreement_whose_negotiation_is_being_ended_opens_nothing(hospital, puppet):
    negotiation = story.urn()
    agreement = await agreement_with(puppet, hospital, standing="pending", negotiation=negotiation)
    puppet.answering = silent_about("ContractNegotiationEventMessage", "ContractNegotiationTerminationMessage")
    await hospital.add(
        Negotiation(pid=negotiation, role="provider", counterparty=puppet.id, their_pid=story.urn(),
                    callback=puppet.callback, state="VERIFIED", agreement=agreement)
    )  # fmt: skip
    await hospital.services.negotiations.act(negotiation)
    await hospital.services.negotiations.move(negotiation, Terminate("changed", ("We changed our mind",)))
    refused = await puppet.post(hospital, TRANSFERS + "/request", request_of(puppet, agreement))
    assert (refused.status_code, refused.json()["code"]) == (400, "agreement-not-active")


async def test_a_running_transfer_is_not_started_once_more(hospital, puppet):
    process, _ = await started(puppet, hospital)
    with pytest.raises(Problem) as refused:
        await hospital.services.transfer_desk.resume(hospital.acting("steward"), process.pid)
    assert refused.value.status == 409


async def test_a_peer_cannot_fill_the_store_with_one_transfer(hospital, puppet):
    process, _ = await started(puppet, hospital)
    path = f"{TRANSFERS}/{process.pid}"
    told = of(process, "TransferSuspensionMessage", reason=["y" * 400_000] * 2)
    assert (await puppet.post(hospital, f"{path}/suspension", told)).status_code == 200
    assert len(str((await hospital.get(Transfer, process.pid)).reason)) < 5_000
    await puppet.post(hospital, f"{path}/termination", of(process, "TransferTerminationMessage"))
    before = len(await hospital.find(InboxMessage))
    for _ in range(5):
        assert (await puppet.post(hospital, f"{path}/start", of(process, "TransferStartMessage"))).status_code == 400
    assert len(await hospital.find(InboxMessage)) == before
