"""Letters that cannot be delivered for days: kept, tried once a day, and sent as soon as the peer is seen."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from connector.outbound.faults import Unreachable, Why
from connector.services.delivery import wake_recipient
from tests.two_party.space import until


async def test_after_days_without_an_answer_a_message_is_a_dead_letter_that_keeps_its_body(office):
    office.peers.answers["peer"] = Unreachable(Why.TIME)
    office.start()
    await office.send(1)
    await until(lambda: failing(office), "a first failure")
    office.late = timedelta(days=8)
    await office.store.write(lambda tx: tx.ring("outbox"))
    dead = await until(lambda: dead_letters(office), "a dead letter")
    assert [(one.standing, one.reason, one.body) for one in dead] == [("waiting", "unreachable", {"n": 1})]
    assert (dead[0].first_error, dead[0].status) == (str(Unreachable(Why.TIME)), 0)
    tried = dead[0].attempts
    office.late = timedelta(days=8, hours=20)
    await office.store.write(lambda tx: tx.ring("outbox"))
    await asyncio.sleep(0.05)
    assert (await office.messages())[0].attempts == tried


async def test_a_dead_letter_is_still_tried_once_a_day_so_that_two_who_gave_each_other_up_meet_again(office):
    office.peers.answers["peer"] = Unreachable(Why.TIME)
    office.start()
    await office.send(1)
    await until(lambda: failing(office), "a first failure")
    office.late = timedelta(days=8)
    await office.store.write(lambda tx: tx.ring("outbox"))
    await until(lambda: dead_letters(office), "a dead letter")
    del office.peers.answers["peer"]
    office.late = timedelta(days=9, hours=1)
    await office.store.write(lambda tx: tx.ring("outbox"))
    await office.settled()
    [delivered] = await office.messages()
    assert delivered.standing == "delivered"


async def failing(office):
    return [one for one in await office.messages() if one.failing_since]


async def dead_letters(office):
    return [one for one in await office.messages() if one.dead_at]


async def dead_of_silence(office, *numbers, **keys):
    office.peers.answers["peer"] = Unreachable(Why.CONNECT)
    office.start()
    await office.send(*numbers, **keys)
    await until(lambda: failing(office), "a first failure")
    office.late = timedelta(days=8)
    await office.store.write(lambda tx: tx.ring("outbox"))
    await until(lambda: dead_letters(office), "dead letters")


async def test_a_letter_dead_of_silence_leaves_with_the_same_id_when_the_peer_is_seen(office):
    await dead_of_silence(office, 1)
    [before] = await office.messages()
    office.peers.answers.clear()
    await office.store.write(lambda tx: wake_recipient(tx, office.clock, "peer"))
    await office.settled()
    [after] = await office.messages()
    assert (after.id, after.standing, after.dead_at) == (before.id, "delivered", None)


async def test_an_answer_to_something_else_is_a_sign_of_life_too(office):
    await dead_of_silence(office, 1)
    office.peers.answers.clear()
    await office.send(2)
    await until(lambda: sorted(office.peers.of("peer")) == [1, 2], "both messages")


async def test_what_was_written_after_a_dead_letter_of_its_lane_does_not_overtake_it(office):
    await dead_of_silence(office, 1, lane="lane")
    office.peers.answers.clear()
    await office.send(2, lane="lane")
    await asyncio.sleep(0.05)
    assert office.peers.of("peer") == []
    await office.store.write(lambda tx: wake_recipient(tx, office.clock, "peer"))
    await until(lambda: office.peers.of("peer") == [1, 2], "both in order")


async def test_what_is_never_given_up_is_no_dead_letter_nor_held_up_by_one(office):
    office.deliveries.on("stop", stubborn=lambda _message: True)
    office.peers.answers["peer"] = Unreachable(Why.TIME)
    office.start()
    await office.send(1, lane="lane")
    await office.send(2, lane="lane", kind="stop")
    await until(lambda: failing(office), "a first failure")
    office.late = timedelta(days=8)
    await office.store.write(lambda tx: tx.ring("outbox"))
    count = (await office.messages())[0].attempts
    await until(lambda: tried_more(office, count + 3), "further attempts")
    assert await dead_letters(office) == []
    office.peers.answers.clear()
    await until(lambda: office.peers.of("peer") == [1, 2], "both in order")


async def tried_more(office, count):
    return (await office.messages())[0].attempts >= count
