"""The same message twice, two messages with one id, fifty messages at once: each counts once, whatever the order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from contracts.names import Role
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance import ids, processes
from tests.conformance.peer import Json, Peer
from tests.conformance.processes import NEGOTIATIONS, TRANSFERS
from tests.conformance.test_doors import TELLING

MANY = 50


def at_once(calls: list[Callable[[], httpx2.Response]]) -> list[httpx2.Response]:
    """All of them, as nearly at the same time as threads can."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


FIRST = {
    "request": ("/negotiations/request", lambda peer: processes.initial_request(peer, "ACN0202")),
    "offer": ("/negotiations/offers", lambda peer: processes.initial_offer(peer, "ACNC0204")),
    "transfer": ("/transfers/request", lambda peer: processes.initial_transfer(peer, "ATP0301")),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_first_message_said_again_gets_the_same_answer(peer: Peer, name: str):
    path, made = FIRST[name]
    body = made(peer)
    first, again = peer.post(path, body), peer.post(path, dict(reversed(body.items())))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize("name", FIRST)
def test_fifty_copies_of_a_first_message_begin_one_process(peer: Peer, name: str):
    path, made = FIRST[name]
    body = made(peer)
    answers = at_once([lambda: peer.post(path, body)] * MANY)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("name", FIRST)
def test_another_first_message_with_a_known_id_is_refused(peer: Peer, name: str):
    path, made = FIRST[name]
    body = made(peer)
    peer.post(path, body)
    other = peer.post(path, made(peer) | {"@id": body["@id"]})
    assert (other.status_code, other.json()["code"]) == (400, "id-reused")


@pytest.mark.parametrize("name", TELLING)
def test_a_message_said_again_gets_the_same_answer_and_moves_nothing(peer: Peer, name: str):
    process, step = TELLING[name](peer)
    body = process.say(step)
    first = peer.post(process.path(step), body)
    again = peer.post(process.path(step), dict(reversed(body.items())))
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (200, first.json())


@pytest.mark.parametrize("name", TELLING)
def test_an_answer_given_is_given_again_long_after_the_state_has_moved_on(peer: Peer, name: str):
    process, step = TELLING[name](peer)
    body = process.say(step)
    first = peer.post(process.path(step), body)
    process.tell(T.TERMINATE if process.kind == "transfers" else N.TERMINATE)
    again = peer.post(process.path(step), body)
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize("name", TELLING)
def test_a_known_id_with_another_body_is_refused_and_changes_nothing(peer: Peer, name: str):
    process, step = TELLING[name](peer)
    body = process.say(step)
    peer.post(process.path(step), body)
    before = process.state()
    answer = peer.post(process.path(step), body | {"more": "than before"})
    assert (answer.status_code, answer.json()["code"]) == (400, "id-reused")
    assert process.state() == before


def test_what_was_refused_once_stays_refused_and_said_anew_is_taken(peer: Peer):
    """Its sender was told no and has gone by that: a late copy must not take effect."""
    negotiation = processes.wanted(peer, "ACNC0104")
    transfer = TRANSFERS[Role.CONSUMER, "REQUESTED"](peer)
    for process, early, between, state in (
        (negotiation, N.FINALIZE, N.AGREE, "VERIFIED"),
        (transfer, T.SUSPEND, T.START, "STARTED"),
    ):
        body = process.say(early)
        refused = peer.post(process.path(early), body)
        assert (refused.status_code, refused.json()["code"]) == (400, "step-refused")
        process.told(between).reaches(state)
        again = peer.post(process.path(early), body)
        assert (again.status_code, again.json()) == (400, refused.json())
        assert process.state() == state
        process.told(early)


@pytest.mark.parametrize("name", TELLING)
def test_fifty_copies_of_a_message_count_once(peer: Peer, name: str):
    process, step = TELLING[name](peer)
    body = process.say(step)
    answers = at_once([lambda: peer.post(process.path(step), body)] * MANY)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("name", [name for name in TELLING if name != "counter-request"])
def test_of_fifty_messages_that_say_the_same_one_is_taken(peer: Peer, name: str):
    process, step = TELLING[name](peer)
    answers = at_once([lambda: process.tell(step)] * MANY)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: MANY - 1}


def test_of_fifty_messages_that_say_different_things_the_outcome_is_one_the_table_allows(peer: Peer):
    """Acceptance, counter-offer and termination at once: some order of them, and nothing else."""
    process = NEGOTIATIONS[Role.PROVIDER, "OFFERED"](peer)
    said: list[Json] = [process.say(step) for step in (N.ACCEPT, N.REQUEST, N.TERMINATE, N.VERIFY, N.ACCEPT) * 10]
    steps = [(N.ACCEPT, N.REQUEST, N.TERMINATE, N.VERIFY, N.ACCEPT)[place % 5] for place in range(MANY)]
    answers = at_once([
        lambda step=step, body=body: peer.post(process.path(step), body)
        for step, body in zip(steps, said, strict=True)
    ])  # fmt: skip
    taken = [step for step, answer in zip(steps, answers, strict=True) if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 400}
    assert process.state() == "TERMINATED"
    assert taken.count(N.TERMINATE) == 1
    assert sorted(taken) in ([N.TERMINATE], sorted([N.ACCEPT, N.TERMINATE]), sorted([N.REQUEST, N.TERMINATE]))


def test_one_agreement_is_made_however_often_it_is_asked_for(peer: Peer):
    process = processes.requested(peer, "ACN0303").reaches("OFFERED").told(N.ACCEPT)
    for _ in range(3):
        process.tell(N.ACCEPT)
    assert process.state() == "ACCEPTED"
    other = processes.requested(peer, "ACN0104").reaches("AGREED")
    at_once([lambda: other.tell(N.VERIFY)] * MANY)
    other.reaches("FINALIZED")
    made = [heard for heard in peer.heard if heard.kind == "ContractAgreementMessage" and heard.about(other.ours)]
    assert len({heard.body["agreement"]["@id"] for heard in made}) == 1
    finalized = [heard for heard in peer.heard if heard.kind == "ContractNegotiationEventMessage"]
    assert len({heard.body["@id"] for heard in finalized if heard.about(other.ours)}) == 1


def test_two_endings_that_cross_leave_one_ending(peer: Peer):
    """The connector terminates by its script while the peer does the same: both are over, in every one of fifty."""
    begun = [processes.requested(peer, "ACN0201") for _ in range(MANY)]
    answers = at_once([lambda process=process: process.tell(N.TERMINATE) for process in begun])
    assert {answer.status_code for answer in answers} <= {200, 400}
    for process in begun:
        process.reaches("TERMINATED")


def test_a_message_of_ours_that_was_answered_with_later_comes_again_the_same(peer: Peer):
    """The kit answers 404 until it listens, and drops connections: the courier must come back with the very same."""
    refused: Counter[str] = Counter()

    def later(heard):
        refused[heard.body["@id"]] += 1
        return (404, None) if refused[heard.body["@id"]] < 3 else (200, None)

    peer.answering = later
    process = processes.requested(peer, "ACN0204").reaches("OFFERED")
    said = [heard for heard in peer.heard if heard.kind == "ContractOfferMessage" and heard.about(process.ours)]
    assert len(said) == 3
    assert said[0].body == said[1].body == said[2].body


@pytest.mark.parametrize("way", [TRANSFERS[Role.PROVIDER, "STARTED"], TRANSFERS[Role.CONSUMER, "STARTED"]])
def test_suspension_completion_and_termination_at_once_end_in_a_state_that_stays(peer: Peer, way):
    process = way(peer)
    at_once([lambda step=step: process.tell(step) for step in (T.SUSPEND, T.COMPLETE, T.TERMINATE) * 16])
    assert process.state() in ("COMPLETED", "TERMINATED")
    before = process.state()
    assert {process.tell(step).status_code for step in (T.START, T.SUSPEND, T.COMPLETE, T.TERMINATE)} == {400}
    assert process.state() == before


def test_the_seeds_are_those_the_kit_asks_for(peer: Peer):
    for agreement in ids.PROVIDER_AGREEMENTS:
        answer = peer.post("/transfers/request", processes.initial_transfer(peer, agreement))
        assert answer.status_code == 201, agreement
