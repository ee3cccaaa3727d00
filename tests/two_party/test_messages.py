"""What a connector answers to single messages of the Dataspace Protocol, said by a counter-party played by hand."""

from __future__ import annotations

from typing import Any

import pytest

from connector.records import Agreement, InboxMessage, Negotiation, OutboxMessage
from contracts.names import CONTEXT_URL, NIL_PID
from tests.two_party import story
from tests.two_party.puppet import DSP, Puppet
from tests.two_party.space import until

NEGOTIATIONS = DSP + "/negotiations"


def dsp(type: str, **keys: Any) -> dict[str, Any]:
    return {"@context": [CONTEXT_URL], "@type": type, "@id": story.urn()} | keys


def request_of(puppet: Puppet, offer: dict[str, Any], **keys: Any) -> dict[str, Any]:
    asked = {**offer, "target": story.RECORDS}
    return dsp("ContractRequestMessage", consumerPid=story.urn(), callbackAddress=puppet.callback, offer=asked) | keys


async def opened(puppet, hospital):
    """A negotiation the puppet began; returns its (consumerPid, providerPid)."""
    asked = request_of(puppet, await story.offer_dataset(hospital))
    answer = await puppet.post(hospital, NEGOTIATIONS + "/request", asked)
    assert answer.status_code == 201, answer.text
    return asked["consumerPid"], answer.json()["providerPid"]


def is_error(answer, status, kind="ContractNegotiationError"):
    body = answer.json()
    assert (answer.status_code, body["@type"]) == (status, kind), answer.text
    assert {"providerPid", "consumerPid", "code", "reason"} <= set(body)
    return body


async def test_a_request_is_answered_with_both_pids_and_its_state(hospital, puppet):
    asked = request_of(puppet, await story.offer_dataset(hospital))
    answer = await puppet.post(hospital, NEGOTIATIONS + "/request", asked)
    body = answer.json()
    assert (answer.status_code, body["@type"], body["state"]) == (201, "ContractNegotiation", "REQUESTED")
    assert body["consumerPid"] == asked["consumerPid"]
    shown = await puppet.get(hospital, f"{NEGOTIATIONS}/{body['providerPid']}")
    assert (shown.status_code, shown.json()["providerPid"]) == (200, body["providerPid"])


async def test_an_offer_that_was_never_made_is_a_protocol_error(hospital, puppet):
    offer = await story.offer_dataset(hospital)
    asked = request_of(puppet, offer | {"@id": story.urn()})
    body = is_error(await puppet.post(hospital, NEGOTIATIONS + "/request", asked), 400)
    assert (body["code"], body["providerPid"], body["consumerPid"]) == ("unknown-offer", NIL_PID, asked["consumerPid"])
    assert not await hospital.find(Negotiation)


async def test_an_offer_for_another_dataset_than_its_own_is_a_protocol_error(hospital, puppet):
    offer = await story.offer_dataset(hospital)
    await story.offer_dataset(hospital, "urn:concord:dataset:other")
    asked = request_of(puppet, offer)
    asked["offer"]["target"] = "urn:concord:dataset:other"
    assert is_error(await puppet.post(hospital, NEGOTIATIONS + "/request", asked), 400)["code"] == "unknown-offer"


async def test_another_participants_negotiation_does_not_exist_for_anybody_else(space, hospital, puppet):
    consumer, provider = await opened(puppet, hospital)
    other = await Puppet.raised(space.client, "other")
    await other.join(hospital)
    try:
        told = dsp("ContractNegotiationTerminationMessage", consumerPid=consumer, providerPid=provider)
        foreign = await other.post(hospital, f"{NEGOTIATIONS}/{provider}/termination", told)
        unknown = await other.post(hospital, f"{NEGOTIATIONS}/{story.urn()}/termination", told)
        assert is_error(foreign, 404) == is_error(unknown, 404)
        is_error(await other.get(hospital, f"{NEGOTIATIONS}/{provider}"), 404)
    finally:
        await other.close()
    assert (await hospital.get(Negotiation, provider)).state == "REQUESTED" or await was_refused(hospital, provider)


async def was_refused(hospital, provider):
    """The hospital itself ended it: nobody approved a study."""
    found = await hospital.get(Negotiation, provider)
    return found.reason is not None and found.reason["code"] != "no"


async def test_a_step_that_does_not_fit_is_an_error_with_both_pids(hospital, puppet):
    consumer, provider = await opened(puppet, hospital)
    told = dsp("ContractAgreementVerificationMessage", consumerPid=consumer, providerPid=provider)
    answer = await puppet.post(hospital, f"{NEGOTIATIONS}/{provider}/agreement/verification", told)
    body = is_error(answer, 400)
    assert (body["providerPid"], body["consumerPid"]) == (provider, consumer)
    assert body["code"] in ("step-refused", "terminating")  # nobody approved a study, so the hospital ends it meanwhile


async def test_a_message_for_the_other_role_is_refused(hospital, puppet):
    consumer, provider = await opened(puppet, hospital)
    agreement = {
        "@id": story.urn(), "@type": "Agreement", "target": story.RECORDS, "assigner": hospital.id,
        "assignee": puppet.id, "timestamp": "2026-01-01T00:00:00Z", "permission": [{"action": "use"}],
    }  # fmt: skip
    told = dsp("ContractAgreementMessage", consumerPid=consumer, providerPid=provider, agreement=agreement)
    assert (
        is_error(await puppet.post(hospital, f"{NEGOTIATIONS}/{provider}/agreement", told), 400)["code"] == "wrong-role"
    )


@pytest.mark.parametrize("wrong", ["consumerPid", "providerPid"])
async def test_pids_that_are_not_those_of_the_negotiation_are_refused(hospital, puppet, wrong):
    consumer, provider = await opened(puppet, hospital)
    told = dsp("ContractNegotiationTerminationMessage", consumerPid=consumer, providerPid=provider)
    told[wrong] = story.urn()
    body = is_error(await puppet.post(hospital, f"{NEGOTIATIONS}/{provider}/termination", told), 400)
    assert (body["code"], body["providerPid"], body["consumerPid"]) == ("pid-mismatch", provider, consumer)


async def test_the_same_message_again_gets_the_same_answer_and_no_second_effect(hospital, puppet):
    asked = request_of(puppet, await story.offer_dataset(hospital))
    first = await puppet.post(hospital, NEGOTIATIONS + "/request", asked)
    again = await puppet.post(hospital, NEGOTIATIONS + "/request", dict(reversed(asked.items())))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(await hospital.find(Negotiation)) == len(await hospital.find(InboxMessage)) == 1


async def test_the_same_id_with_other_content_is_refused(hospital, puppet):
    asked = request_of(puppet, await story.offer_dataset(hospital))
    await puppet.post(hospital, NEGOTIATIONS + "/request", asked)
    answer = await puppet.post(hospital, NEGOTIATIONS + "/request", asked | {"consumerPid": story.urn()})
    assert is_error(answer, 400)["code"] == "id-reused"
    assert len(await hospital.find(Negotiation)) == 1


async def test_two_senders_may_use_the_same_message_id(space, hospital, puppet):
    asked = request_of(puppet, await story.offer_dataset(hospital))
    other = await Puppet.raised(space.client, "other")
    await other.join(hospital)
    try:
        assert (await puppet.post(hospital, NEGOTIATIONS + "/request", asked)).status_code == 201
        theirs = asked | {"callbackAddress": other.callback}
        assert (await other.post(hospital, NEGOTIATIONS + "/request", theirs)).status_code == 201
    finally:
        await other.close()


async def test_a_second_request_with_the_same_consumer_pid_is_refused(hospital, puppet):
    asked = request_of(puppet, await story.offer_dataset(hospital))
    await puppet.post(hospital, NEGOTIATIONS + "/request", asked)
    answer = await puppet.post(hospital, NEGOTIATIONS + "/request", asked | {"@id": story.urn()})
    assert is_error(answer, 400)["code"] == "pid-reused"


async def test_a_request_without_an_agreed_study_ends_in_a_termination_that_says_why(hospital, puppet):
    consumer, provider = await opened(puppet, hospital)
    await hospital.eventually(Negotiation, provider, where=lambda found: found.state == "TERMINATED")
    [told] = puppet.of_type("ContractNegotiationTerminationMessage")
    assert told.path == f"{NEGOTIATIONS}/{consumer}/termination"
    assert told.body["code"] == "study-not-named"
    assert (await hospital.get(Negotiation, provider)).reason["code"] == "study-not-named"


# The other direction: the puppet is the provider.


async def asked_of(puppet, research, hospital):
    """A request the research group sent to the puppet; returns (negotiation, request body)."""
    offer = await story.offer_dataset(hospital)
    await puppet.join(research, role="hospital")
    study = await story.publish_study(research, (hospital, story.RECORDS))
    pid = await story.ask(research, hospital, offer, study, provider=puppet.id)
    ours = await research.eventually(Negotiation, pid, where=lambda found: found.state == "REQUESTED")
    return ours, puppet.of_type("ContractRequestMessage")[0].body


def agreement_for(asked: dict[str, Any], puppet: Puppet, research, **changes: Any) -> dict[str, Any]:
    terms = {key: value for key, value in asked["offer"].items() if key not in ("@id", "@type")}
    head = {"@id": story.urn(), "@type": "Agreement", "assigner": puppet.id, "assignee": research.id}
    return terms | head | {"timestamp": "2026-01-01T00:00:00Z"} | changes


async def agree(puppet, research, ours, agreement):
    told = dsp("ContractAgreementMessage", providerPid=ours.their_pid, consumerPid=ours.pid, agreement=agreement)
    return await puppet.post(research, f"{NEGOTIATIONS}/{ours.pid}/agreement", told)


async def test_an_agreement_that_says_what_was_asked_is_verified(puppet, trio):
    ours, asked = await asked_of(puppet, trio.research, trio.hospital)
    answer = await agree(puppet, trio.research, ours, agreement_for(asked, puppet, trio.research))
    assert (answer.status_code, answer.json()["state"]) == (200, "AGREED")
    await trio.research.eventually(Negotiation, ours.pid, where=lambda found: found.state == "VERIFIED")
    [kept] = await trio.research.find(Agreement)
    assert kept.standing == "pending"


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "urn:concord:dataset:other"}, {"assignee": "urn:concord:somebody-else:00000000"},
        {"assigner": "urn:concord:somebody-else:00000000"}, {"prohibition": []}, {"extra": "term"},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
async def test_an_agreement_that_differs_from_what_was_asked_is_a_protocol_error(puppet, trio, changes):
    ours, asked = await asked_of(puppet, trio.research, trio.hospital)
    answer = await agree(puppet, trio.research, ours, agreement_for(asked, puppet, trio.research, **changes))
    assert is_error(answer, 400)["code"] in ("agreement-differs", "message-not-accepted")
    assert not await trio.research.find(Agreement)
    assert (await trio.research.get(Negotiation, ours.pid)).state == "REQUESTED"


async def test_an_agreement_with_the_id_of_another_one_is_a_protocol_error(puppet, trio):
    ours, asked = await asked_of(puppet, trio.research, trio.hospital)
    agreement = agreement_for(asked, puppet, trio.research)
    await trio.research.add(
        Agreement(id=agreement["@id"], role="consumer", counterparty="x", negotiation="y", dataset="z")
    )
    answer = await agree(puppet, trio.research, ours, agreement)
    assert is_error(answer, 400)["code"] == "agreement-differs"
    assert (await trio.research.get(Agreement, agreement["@id"])).counterparty == "x"


async def test_a_message_that_overtakes_the_acknowledgement_of_ours_is_proof_that_it_arrived(puppet, trio):
    """The puppet answers the request with an error that says "later", yet sends the agreement: it has the request."""
    puppet.answering = lambda heard: (503, {})
    offer = await story.offer_dataset(trio.hospital)
    await puppet.join(trio.research, role="hospital")
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS))
    pid = await story.ask(trio.research, trio.hospital, offer, study, provider=puppet.id)
    asked = (await until(lambda: puppet.of_type("ContractRequestMessage"), "the request"))[0].body
    theirs = story.urn()
    told = dsp("ContractAgreementMessage", providerPid=theirs, consumerPid=pid,
               agreement=agreement_for(asked, puppet, trio.research))  # fmt: skip
    answer = await puppet.post(trio.research, f"{NEGOTIATIONS}/{pid}/agreement", told)
    assert (answer.status_code, answer.json()["state"], answer.json()["providerPid"]) == (200, "AGREED", theirs)
    found = await trio.research.get(Negotiation, pid)
    assert [step[0] for step in found.steps["steps"]][:2] == ["REQUESTED", "AGREED"]


async def test_an_offer_with_other_terms_waits_for_a_person(puppet, trio):
    ours, asked = await asked_of(puppet, trio.research, trio.hospital)
    offer = {**asked["offer"], "@id": story.urn(), "prohibition": [{"action": "odrl:archive"}]}
    told = dsp("ContractOfferMessage", providerPid=ours.their_pid, consumerPid=ours.pid, offer=offer)
    answer = await puppet.post(trio.research, f"{NEGOTIATIONS}/{ours.pid}/offers", told)
    assert (answer.status_code, answer.json()["state"]) == (200, "OFFERED")
    await trio.research.services.negotiations.act(ours.pid)
    waits = await trio.research.get(Negotiation, ours.pid)
    assert (waits.state, waits.offered_by, waits.offer["@id"]) == ("OFFERED", "provider", offer["@id"])
    assert not await trio.research.find(OutboxMessage, about=ours.pid, standing="waiting")
