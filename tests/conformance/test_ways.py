"""Whole negotiations and transfers with the connector under test, message by message: each at the address the binding
names, in order, and none more when all is said.

The kit never begins a negotiation as provider; here that is done.
"""

from __future__ import annotations

import time

import pytest

from contracts.names import Role
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance import ids, processes
from tests.conformance.peer import Peer
from tests.conformance.plugs import offer_of
from tests.conformance.processes import Process

STRAY = 0.3
"""Seconds in which a message nobody wants any more would have come."""


def offered(peer: Peer, dataset: str) -> Process:
    """We make the connector an offer it has not asked for."""
    body = processes.initial_offer(peer, dataset)
    answer = peer.post("/negotiations/offers", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "OFFERED"), answer.text
    return Process(peer, "negotiations", Role.CONSUMER, answer.json()["consumerPid"], body["providerPid"], dataset)


def heard(peer: Peer, process: Process) -> list[tuple[str, str]]:
    """(type, path below our callback) of all it said about this process, once it has nothing more to say."""
    time.sleep(STRAY)
    return [(one.kind, one.path.removeprefix("/dsp")) for one in peer.heard if one.about(process.ours)]


def test_a_negotiation_begun_by_the_provider_is_accepted_verified_and_finalized(peer: Peer):
    process = offered(peer, "ACNC0101").reaches("ACCEPTED").told(N.AGREE).reaches("VERIFIED").told(N.FINALIZE)
    assert process.state() == "FINALIZED"
    below = f"/negotiations/{process.ours}"
    assert heard(peer, process) == [
        ("ContractNegotiationEventMessage", f"{below}/events"),
        ("ContractAgreementVerificationMessage", f"{below}/agreement/verification"),
    ]


def test_a_negotiation_begun_by_the_provider_is_answered_with_a_counter_offer(peer: Peer):
    process = offered(peer, "ACNC0102").reaches("REQUESTED")
    [asked] = [one.body for one in peer.heard if one.about(process.ours)]
    assert asked["providerPid"] == process.ours
    assert "callbackAddress" not in asked
    assert heard(peer, process) == [("ContractRequestMessage", f"/negotiations/{process.ours}/request")]
    process.told(N.OFFER)
    answer = peer.post(process.path(N.OFFER), process.say(N.OFFER))
    assert answer.status_code == 400
    process.told(N.TERMINATE)


def test_a_negotiation_begun_by_the_provider_is_declined(peer: Peer):
    process = offered(peer, "ACNC0103").reaches("TERMINATED")
    assert heard(peer, process) == [
        ("ContractNegotiationTerminationMessage", f"/negotiations/{process.ours}/termination")
    ]


def test_an_offer_with_a_known_pid_of_its_provider_is_refused(peer: Peer):
    process = offered(peer, "ACNC0204")
    again = processes.initial_offer(peer, "ACNC0204") | {"providerPid": process.ours}
    answer = peer.post("/negotiations/offers", again)
    assert (answer.status_code, answer.json()["code"]) == (400, "pid-reused")
    assert process.state() == "OFFERED"
    process.told(N.TERMINATE)


def test_offers_go_back_and_forth_with_the_connector_as_provider(peer: Peer):
    process = processes.requested(peer, "ACN0304").reaches("OFFERED").told(N.REQUEST)
    assert process.state() == "REQUESTED"
    other = processes.requested(peer, "ACN0102").reaches("OFFERED").told(N.REQUEST).reaches("TERMINATED")
    assert [kind for kind, _ in heard(peer, other)] == [
        "ContractOfferMessage",
        "ContractNegotiationTerminationMessage",
    ]


@pytest.mark.parametrize("changed", [{"target": "CAT0101"}, {"assigner": "somebody"}, {"assignee": "somebody"}])
def test_a_counter_offer_about_something_or_somebody_else_is_refused(peer: Peer, changed: dict[str, str]):
    provider = processes.requested(peer, "ACN0204").reaches("OFFERED")
    consumer = processes.wanted(peer, "ACNC0201")
    for process, step, state in ((provider, N.REQUEST, "OFFERED"), (consumer, N.OFFER, "REQUESTED")):
        answer = peer.post(process.path(step), process.say(step) | {"offer": offer_of(process.about) | changed})
        assert answer.status_code == 400, answer.text
        assert process.state() == state
        process.told(N.TERMINATE)


def test_a_whole_negotiation_with_the_connector_as_consumer_says_each_thing_once(peer: Peer):
    process = processes.wanted(peer, "ACNC0101").told(N.OFFER).reaches("ACCEPTED").told(N.AGREE).reaches("VERIFIED")
    process.told(N.FINALIZE)
    below = f"/negotiations/{process.ours}"
    first = next(one for one in peer.heard if one.about(process.theirs))
    assert (first.kind, first.path) == ("ContractRequestMessage", "/dsp/negotiations/request")
    assert not first.body["callbackAddress"].endswith("/")
    assert "providerPid" not in first.body
    assert heard(peer, process) == [
        ("ContractNegotiationEventMessage", f"{below}/events"),
        ("ContractAgreementVerificationMessage", f"{below}/agreement/verification"),
    ]


def test_a_whole_transfer_from_the_connector_says_each_thing_once(peer: Peer):
    process = processes.fetched(peer, "ATP0104").reaches("COMPLETED")
    below = f"/transfers/{process.ours}"
    assert heard(peer, process) == [
        ("TransferStartMessage", f"{below}/start"),
        ("TransferSuspensionMessage", f"{below}/suspension"),
        ("TransferStartMessage", f"{below}/start"),
        ("TransferCompletionMessage", f"{below}/completion"),
    ]


def test_a_consumer_that_paused_a_transfer_goes_on_with_it(peer: Peer):
    """Which the kit leaves out: its own two tests of it are switched off."""
    theirs = processes.fetched(peer, "ATP0204").reaches("STARTED").told(T.SUSPEND, T.START, T.COMPLETE)
    assert theirs.state() == "COMPLETED"
    ours = processes.fetching(peer, "ATPC0204").told(T.START).reaches("COMPLETED")
    said = ["TransferSuspensionMessage", "TransferStartMessage", "TransferCompletionMessage"]
    assert [kind for kind, _ in heard(peer, ours)] == said
    [resumed] = [one.body for one in peer.heard if one.about(ours.ours) and one.kind == said[1]]
    assert "dataAddress" not in resumed


def test_what_is_asked_for_is_what_the_trigger_named(peer: Peer):
    process = processes.fetching(peer, ids.CONSUMER_AGREEMENTS[0])
    [asked] = [one.body for one in peer.heard if one.about(process.theirs)]
    assert (asked["agreementId"], asked["format"]) == (ids.CONSUMER_AGREEMENTS[0], ids.FORMAT)
    assert not asked["callbackAddress"].endswith("/")
    assert "dataAddress" not in asked
