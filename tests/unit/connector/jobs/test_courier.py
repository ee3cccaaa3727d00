"""The courier: everything in the outbox arrives, in order within a lane, and nobody's trouble holds up the others."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from connector.jobs import courier
from connector.jobs.courier import Courier
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.problems import Problem, invalid
from connector.records import OutboxMessage, Setting
from connector.services.delivery import Deliveries, wake_recipient
from tests.two_party.space import until

HOUR = timedelta(hours=1)


async def test_what_is_sent_arrives_without_being_waited_for(office):
    office.start()
    await asyncio.sleep(0)
    await office.send(1)
    await office.settled()
    [message] = await office.messages()
    assert office.peers.of("peer") == [1]
    assert (message.standing, message.attempts, message.body) == ("delivered", 1, None)


async def test_one_lane_keeps_its_order_even_when_a_message_has_to_be_repeated(office):
    failing = Counter()

    def sometimes(body):
        failing[body["n"]] += 1
        return 503 if body["n"] % 3 == 0 and failing[body["n"]] < 3 else 200

    office.peers.answers["peer"] = lambda body: sometimes(body)
    office.start()
    await office.send(*range(12), lane="lane")
    await office.settled()
    taken = list(dict.fromkeys(office.peers.of("peer")))
    assert taken == list(range(12))


async def test_a_lane_that_waits_does_not_hold_up_another(office):
    never = asyncio.Event()
    office.peers.answers["peer"] = lambda body: never if body["n"] == 0 else 200
    office.start()
    await office.send(0, 1, lane="stuck")
    await office.send(2, lane="free")
    await until(lambda: 2 in office.peers.of("peer"), "the free lane")
    assert office.peers.of("peer") == [2]
    never.set()
    await office.settled()


async def test_a_peer_that_never_answers_does_not_use_up_the_room_of_others(office):
    never = asyncio.Event()
    office.peers.answers["hole"] = never
    office.start()
    await office.send(*range(100), to="hole")
    await office.send(*range(20), to="peer")
    await until(lambda: len(office.peers.of("peer")) == 20, "the other peer's messages")
    assert office.peers.most_at_once["hole"] < 24
    never.set()
    await office.settled()


async def test_thousands_of_messages_for_one_peer_do_not_hide_one_for_another(office):
    never = asyncio.Event()
    office.peers.answers["hole"] = never
    await office.send(*range(3000), to="hole")
    await office.send(7, to="peer")
    office.start()
    await until(lambda: office.peers.of("peer") == [7], "the one message")
    office.task.cancel()


async def test_a_peer_that_is_down_is_tried_with_one_message_not_with_all(office, monkeypatch):
    monkeypatch.setattr("connector.jobs.courier.retry_after", lambda attempts, _jitter: timedelta(minutes=4))
    tried = []
    office.peers.answers["down"] = lambda body: tried.append(body["n"]) or Unreachable(Why.CONNECT)
    await office.send(*range(200), to="down")
    office.start()
    await until(lambda: tried, "an attempt")
    await office.send(1, to="peer")
    await until(lambda: office.peers.of("peer"), "the other peer")
    assert len(tried) <= 24
    waiting = await office.messages(recipient="down", standing="waiting")
    assert len(waiting) == 200
    assert all(message.due_at > office.clock() + timedelta(minutes=2) for message in waiting)


async def test_a_message_that_breaks_its_connection_delays_only_itself(office, monkeypatch):
    monkeypatch.setattr("connector.jobs.courier.retry_after", lambda attempts, _jitter: timedelta(minutes=4))
    office.peers.answers["peer"] = lambda body: Unreachable(Why.CONNECTION) if body["n"] == 0 else 200
    office.start()
    await office.send(*range(10))
    await until(lambda: len(office.peers.of("peer")) == 9, "the others")


async def test_a_sign_of_life_makes_everything_for_that_peer_due(office, monkeypatch):
    monkeypatch.setattr("connector.jobs.courier.retry_after", lambda attempts, _jitter: timedelta(minutes=4))
    office.peers.answers["peer"] = Unreachable(Why.CONNECT)
    office.peers.answers["other"] = Unreachable(Why.CONNECT)
    office.start()
    await office.send(1, 2)
    await office.send(3, to="other")
    await until(lambda: postponed(office, 3), "all to be postponed")
    office.peers.answers.clear()
    await office.store.write(lambda tx: wake_recipient(tx, office.clock, "peer"))
    await until(lambda: sorted(office.peers.of("peer")) == [1, 2], "the waiting messages")
    assert office.peers.of("other") == []


async def postponed(office, number):
    now = office.clock()
    waiting = await office.messages(standing="waiting")
    return len(waiting) == number and all(message.due_at > now for message in waiting)


@pytest.mark.parametrize("status", [400, 403, 410, 422])
async def test_a_no_is_final_and_what_follows_from_it_is_done(office, status):
    office.peers.answers["peer"] = (status, {"detail": "no"})
    heard = []
    office.deliveries.on("kind", refused=lambda tx, message, code, answer: heard.append((code, answer, message.body)))
    office.start()
    await office.send(1)
    await office.settled()
    [message] = await office.messages()
    assert (message.standing, message.attempts, office.peers.of("peer")) == ("dead", 1, [1])
    assert heard == [(status, {"detail": "no"}, {"n": 1})]


@pytest.mark.parametrize(("status", "tries"), [(401, 13), (404, 8), (408, 13), (409, 4), (425, 13)])
async def test_a_no_that_may_mean_later_is_asked_again_but_not_for_ever(office, status, tries):
    office.peers.answers["peer"] = status
    office.start()
    await office.send(1)
    await office.settled()
    [message] = await office.messages()
    assert (message.standing, message.reason, message.attempts) == ("dead", "refused", tries)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_trouble_at_the_peer_is_waited_out(office, status):
    answers = iter([status] * 20)
    office.peers.answers["peer"] = lambda body: next(answers, 200)
    office.start()
    await office.send(1)
    await office.settled()
    assert (await office.messages())[0].standing == "delivered"


@pytest.mark.parametrize("refusal", [OutboundRefused(Refusal.NOT_PUBLIC), invalid("no member")])
async def test_what_we_ourselves_refuse_to_send_is_settled_as_refused(office, refusal):
    office.peers.answers["peer"] = refusal
    office.start()
    await office.send(1)
    await office.settled()
    assert (await office.messages())[0].standing == "dead"


async def test_what_follows_from_an_answer_happens_with_it_or_not_at_all(office):
    office.deliveries.on("kind", delivered=lambda tx, message, status, answer: tx.add(Setting(name="a", value="1")))
    office.start()
    await office.send(1)
    await office.settled()
    assert await office.store.read(lambda tx: tx.count(Setting)) == 1


async def test_a_fault_in_what_follows_is_tried_again_and_its_message_kept_out_of_the_log(office, caplog):
    caplog.set_level(logging.ERROR)
    times, somebody = [], "Ann " + "Example"

    def faulty(tx, message, status, answer):
        tx.add(Setting(name=str(len(times)), value=""))
        times.append(status)
        if len(times) < 3:
            raise ValueError(somebody)

    office.deliveries.on("kind", delivered=faulty)
    office.start()
    await office.send(1)
    await office.settled()
    assert len(times) == 3
    assert await office.store.read(lambda tx: [one.name for one in tx.find(Setting)]) == ["2"]
    assert "ValueError" in caplog.text
    assert somebody not in caplog.text


async def test_an_answer_that_cannot_be_used_blocks_its_lane_for_a_while_only(office):
    def unusable(tx, message, status, answer):
        if message.kind == "kind" and answer.get("n") == 0:
            raise Problem(400, "bad-statement", "does not verify")

    refused = []
    office.deliveries.on("kind", delivered=unusable, refused=lambda tx, message, *_rest: refused.append(message.kind))
    office.start()
    await office.send(0, 1, lane="lane")
    await office.settled()
    assert refused == ["kind"]
    assert [message.standing for message in await office.messages()] == ["dead", "delivered"]


@pytest.mark.parametrize("content", [b"", b"not json", b"[1]", b'"x"', b"\xff", b"{"])
async def test_an_answer_without_an_object_is_read_as_an_empty_one(office, content):
    heard = []
    office.deliveries.on("kind", delivered=lambda tx, message, status, answer: heard.append(answer))
    office.peers.answers["peer"] = (200, content)
    office.start()
    await office.send(1)
    await office.settled()
    assert heard == [{}]


async def test_a_courier_that_was_killed_takes_everything_up_again(office):
    office.peers.answers["peer"] = asyncio.Event()
    office.start()
    await office.send(*range(5))
    await until(lambda: office.peers.at_once["peer"] == 5, "five on their way")
    office.task.cancel()
    await asyncio.gather(office.task, return_exceptions=True)
    office.peers.answers.clear()
    office.courier = Courier(office.courier._context)
    office.start()
    await office.settled()
    assert sorted(set(office.peers.of("peer"))) == list(range(5))


async def test_the_courier_outlives_a_store_that_cannot_be_read_for_a_while(office, monkeypatch):
    monkeypatch.setattr("connector.jobs.courier._REST", 0.01)
    real, failures = office.store.read, iter([OSError("disk")] * 3)

    async def read(query):
        if (failure := next(failures, None)) is not None:
            raise failure
        return await real(query)

    monkeypatch.setattr(office.store, "read", read)
    await office.send(1)
    office.start()
    await until(lambda: office.peers.of("peer") == [1], "the message")


def test_sequence_numbers_grow_even_when_the_clock_stands_still_or_goes_back():
    times = iter([datetime(2026, 1, 1, tzinfo=UTC)] * 3 + [datetime(2025, 1, 1, tzinfo=UTC)] * 3)
    deliveries = Deliveries(lambda: next(times))
    numbers = []
    tx = SimpleNamespace(
        queue=lambda record, *_field, **_lane: numbers.append(record.sequence) or (record, True),
        ring=lambda _bell: None,
    )
    for _ in range(6):
        deliveries.send(tx, recipient="r", url="u", kind="k", body={}, about="a")
    assert numbers == sorted(set(numbers))


async def test_a_message_of_this_process_leaves_without_a_look_at_the_table(office, monkeypatch):
    looks = []
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")
    await until(lambda: office.bells._waiting.get("outbox"), "it to have looked once")
    real = courier._look
    monkeypatch.setattr(courier, "_look", lambda *given: looks.append(1) or real(*given))
    for number in range(20):
        await office.send(number, lane="one")
        await office.settled()
        await until(lambda: office.deliveries.departures.free("one"), "the lane to be free again")
    assert office.peers.of("peer") == list(range(20))
    assert looks == []


async def test_what_was_rolled_back_never_leaves_and_holds_up_nothing_of_its_lane(office):
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")

    def failing(tx):
        office.deliveries.send(tx, recipient="peer", url="u", kind="kind", body={"n": 1}, about="lane")
        raise LookupError

    with pytest.raises(LookupError):
        await office.store.write(failing)
    await office.send(2, lane="lane")
    await office.settled()
    assert office.peers.of("peer") == [2]


async def test_a_quiet_message_leaves_when_the_answer_is_out_and_soon_without_it(office):
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")

    def quietly(number):
        return lambda tx: office.deliveries.send(
            tx, recipient="peer", url="u", kind="kind", body={"n": number}, about=f"lane-{number}", quiet=True
        )

    await office.store.write(quietly(1))
    assert office.peers.of("peer") == []
    office.deliveries.wake()
    await until(lambda: office.peers.of("peer") == [1], "the message after the wake-up")
    await office.store.write(quietly(2))
    await until(lambda: office.peers.of("peer") == [1, 2], "the message nobody woke")


async def test_a_wake_up_that_comes_before_the_commit_is_known_holds_nothing_back(office, monkeypatch):
    monkeypatch.setattr("connector.services.departures.QUIET", timedelta(hours=1))
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")

    def command(tx):
        office.deliveries.send(tx, recipient="peer", url="u", kind="kind", body={"n": 1}, about="a", quiet=True)
        office.deliveries.wake()

    await office.store.write(command)
    await until(lambda: office.peers.of("peer") == [1], "the message")


async def test_a_look_that_is_overtaken_by_a_delivery_does_not_send_the_message_twice(office, monkeypatch):
    held, real = asyncio.Event(), office.store.read
    office.peers.answers["peer"] = held
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")
    await until(lambda: office.bells._waiting.get("outbox"), "it to have looked once")

    async def slowly(query):
        monkeypatch.setattr(office.store, "read", real)
        office.late = timedelta()
        await office.send(1)
        await until(lambda: office.peers.at_once["peer"], "the message to be on its way")
        found = await real(query)
        assert [one.body for one in found[0]] == [{"n": 1}]
        held.set()
        await until(lambda: not office.courier._busy, "the delivery to end")
        return found

    monkeypatch.setattr(office.store, "read", slowly)
    office.late = timedelta(seconds=1)  # the message is written before the look and commits after it has begun
    office.bells.ring("outbox")
    await until(lambda: office.peers.of("peer"), "the message")
    await office.send(2)
    await until(lambda: 2 in office.peers.of("peer"), "the next one")
    assert office.peers.of("peer") == [1, 2]


async def test_a_message_that_waits_quietly_in_a_killed_process_is_found_in_the_table(office):
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")
    await office.store.write(
        lambda tx: office.deliveries.send(
            tx, recipient="peer", url="u", kind="kind", body={"n": 1}, about="a", quiet=True
        )
    )
    office.task.cancel()
    await asyncio.gather(office.task, return_exceptions=True)
    office.deliveries._clock = office.clock
    office.deliveries.departures._held.clear()  # what was in the memory of the killed process
    office.deliveries.departures = type(office.deliveries.departures)()
    office.courier = Courier(office.courier._context)
    office.start()
    await office.settled()
    assert office.peers.of("peer") == [1]


async def test_a_full_courier_finds_what_it_left_behind(office):
    held = asyncio.Event()
    office.peers.answers["hole"] = held
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")
    await office.send(*range(60), to="hole")
    await until(lambda: office.peers.at_once["hole"] == 20, "as many as there is room for")
    held.set()
    await office.settled()
    assert sorted(office.peers.of("hole")) == list(range(60))


async def test_a_refused_letter_says_why_and_keeps_nothing_of_what_it_said(office):
    office.peers.answers["peer"] = (400, {"detail": "no"})
    office.start()
    await office.send(1)
    await office.settled()
    [message] = await office.messages()
    assert (message.reason, message.status, message.body) == ("refused", 400, None)
    assert message.dead_at is not None
    assert message.first_error == message.error == "refused with status 400"


async def test_statuses_are_counted_one_by_one_so_that_an_outage_uses_up_no_other_patience(office):
    answers = iter([503] * 30 + [409] * 3)
    office.peers.answers["peer"] = lambda body: next(answers, 200)
    office.start()
    await office.send(1)
    await office.settled()
    assert (await office.messages())[0].standing == "delivered"


@pytest.mark.parametrize(
    ("to", "kind", "body", "attempts"),
    [
        ("stranger", "dsp.negotiation", {"consumerPid": "c"}, 4),
        ("stranger", "dsp.transfer", {"consumerPid": "c"}, 4),
        ("stranger", "dsp.negotiation", {"providerPid": "p", "consumerPid": "c"}, 8),
        ("stranger", "exchange.proposal", {}, 8),
        ("peer", "dsp.negotiation", {"consumerPid": "c"}, 8),
    ],
    ids=["a request", "a transfer request", "a later message", "another kind", "a connector of ours"],
)
async def test_only_the_first_message_of_a_process_at_a_stranger_is_given_up_soon_when_it_is_unknown_there(
    office, monkeypatch, to, kind, body, attempts
):
    monkeypatch.setattr("connector.services.patience._FIRST", {404: (0.01,) * 3})
    monkeypatch.setattr("connector.jobs.courier._meant", lambda message, body: True)
    office.peers.answers[to] = 404
    office.start()
    await office.send(1, to=to, kind=kind, **body)
    await office.settled()
    [message] = await office.messages()
    assert (message.standing, message.reason, message.attempts) == ("dead", "refused", attempts)


async def test_what_a_look_left_behind_for_want_of_room_is_found_when_all_others_end_during_that_look(
    office, monkeypatch
):
    held, real = asyncio.Event(), office.store.read
    office.peers.answers["hole"] = held
    office.start()
    await until(lambda: office.deliveries.departures.free("x"), "the courier to attend")
    await office.send(*range(20), to="hole")
    await until(lambda: office.peers.at_once["hole"] == 20, "as many as there is room for")
    await until(lambda: office.bells._waiting.get("outbox"), "it to have looked")

    async def slowly(query):
        monkeypatch.setattr(office.store, "read", real)
        found = await real(query)
        held.set()
        await until(lambda: not office.courier._busy, "every delivery to end")
        return found

    monkeypatch.setattr(office.store, "read", slowly)
    monkeypatch.setattr(office.deliveries.departures, "free", lambda _lane: False)  # it is found by a look alone
    await office.send(99, to="hole")
    await until(held.is_set, "the look")
    await office.settled()


async def test_a_hint_is_looked_at_before_it_takes_a_turn_to_write(office, monkeypatch):
    office.deliveries.departures.posted = True
    office.deliveries.lease = "mine"
    await office.send(1, 2, lane="lane")
    first, second = await office.messages()
    await office.store.write(lambda tx: tx.alter(OutboxMessage, {"due_at": first.due_at + HOUR}, id=first.id))
    written, write = [], office.store.write
    monkeypatch.setattr(office.store, "write", lambda command: written.append(command) or write(command))
    for id in ("nobody's", second.id, first.id):
        await office.courier.deliver(id)
    assert not written
    office.late = HOUR
    await office.courier.deliver(second.id)
    assert office.peers.of("peer") == [1, 2]
    await office.courier.deliver(first.id)
    assert len(written) == 4  # taken and settled, each


async def test_what_was_put_off_may_be_delivered_by_another_process(office):
    never, tried = asyncio.Event(), Counter()

    def answer(_body):
        tried["peer"] += 1
        return 503 if tried["peer"] == 1 else never

    office.peers.answers["peer"] = answer
    departures = office.deliveries.departures
    departures.shared, office.deliveries.lease = True, "mine"
    office.start()
    await until(lambda: departures._start, "the courier")
    await office.send(1, lane="lane")
    assert departures.waits("lane")
    await until(lambda: tried["peer"] == 2, "the second try")
    assert not departures.waits("lane")
    never.set()
    await office.settled()
