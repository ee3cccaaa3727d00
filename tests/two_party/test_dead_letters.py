"""Messages that do not arrive: what an operator sees of them, may do about them, and how they come back to life."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.problems import Problem
from connector.records import Agreement, OutboxMessage
from connector.services.deliveries_desk import LetterCounts
from connector.services.departures import BELL
from connector.wiring import utc_now
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.space import Party, until


def days_later(party: Party, days: int) -> None:
    """Let a party's clock run ahead."""
    before = party.context.clock
    party.context.clock = lambda: before() + timedelta(days=days)


async def letters(party: Party, standing: str | None = None) -> list:
    return await party.services.deliveries_desk.list(party.acting("operator"), standing)


async def asked_while_away(trio: Trio) -> str:
    """The research group asks while the hospital is down; returns its pid."""
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.stop()
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await until(lambda: letters(trio.research, "failing"), "a message that fails")
    return pid


async def give_up(party: Party) -> None:
    """A week and a day later nobody has answered."""
    days_later(party, 8)
    await party.store.write(lambda tx: (tx.alter(OutboxMessage, {"due_at": party.context.clock()}), tx.ring(BELL)))
    await until(lambda: letters(party, "unreachable"), "a dead letter")


async def test_an_operator_sees_what_does_not_arrive_and_why_but_not_what_it_says(trio: Trio):
    pid = await asked_while_away(trio)
    [letter] = await letters(trio.research)
    assert (letter.about, letter.kind, letter.standing) == (pid, "dsp.negotiation", "failing")
    assert (letter.recipient_name, letter.host) == ("Hospital One", f"127.0.0.1:{trio.hospital.port}")
    assert letter.first_error == letter.last_error == "cannot-connect"
    assert letter.status == 0
    assert not hasattr(letter, "body")
    assert await trio.research.services.deliveries_desk.counts(trio.research.acting("operator")) == LetterCounts(
        0, 1, 0, 0
    )


async def test_a_message_dead_of_silence_arrives_when_the_peer_speaks_again_and_the_contract_is_made(trio: Trio):
    pid = await asked_while_away(trio)
    await give_up(trio.research)
    [letter] = await letters(trio.research)
    assert (letter.can_retry, letter.can_drop, letter.due_at) == (True, True, None)
    trio.research.context.clock = utc_now
    await trio.hospital.start()
    await trio.hospital.store.write(lambda tx: trio.hospital.context.deliveries.send(
        tx, recipient=trio.research.id, url=f"{trio.research.url}/consent/heartbeat", kind="exchange.heartbeat",
        body={"links": 0}, about="alive"))  # fmt: skip
    done = await story.outcome(trio.research, pid)
    assert done.state == "FINALIZED"
    assert len(await trio.hospital.find(Agreement)) == 1


async def test_an_operator_sends_a_dead_letter_again_under_the_same_id(trio: Trio):
    pid = await asked_while_away(trio)
    await give_up(trio.research)
    [letter] = await letters(trio.research)
    trio.research.context.clock = utc_now
    await trio.hospital.start()
    await trio.research.services.deliveries_desk.retry(trio.research.acting("operator"), letter.id)
    assert (await story.outcome(trio.research, pid)).state == "FINALIZED"
    assert (await trio.research.get(OutboxMessage, letter.id)).standing == "delivered"


async def test_dropping_a_message_ends_what_it_belonged_to(trio: Trio):
    pid = await asked_while_away(trio)
    [letter] = await letters(trio.research)
    await trio.research.services.deliveries_desk.drop(trio.research.acting("operator"), letter.id)
    assert (await story.outcome(trio.research, pid)).state == "TERMINATED"
    [dropped] = await letters(trio.research)
    assert (dropped.standing, dropped.can_retry, dropped.can_drop) == ("dropped", False, False)
    assert (await trio.research.get(OutboxMessage, letter.id)).body is None
    for verb in ("retry", "drop"):
        with pytest.raises(Problem) as refused:
            await getattr(trio.research.services.deliveries_desk, verb)(trio.research.acting("operator"), letter.id)
        assert refused.value.status == 409


async def test_the_end_of_a_contract_is_never_given_up_and_arrives_after_weeks(trio: Trio):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    await trio.research.stop()
    await trio.hospital.services.endings.end(trio.hospital.acting("steward"), agreement, "It is over.")
    [letter] = await until(lambda: letters(trio.hospital, "failing"), "a message that fails")
    assert letter.stubborn
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.deliveries_desk.drop(trio.hospital.acting("operator"), letter.id)
    assert refused.value.status == 409
    days_later(trio.hospital, 30)
    await trio.hospital.services.deliveries_desk.retry(trio.hospital.acting("operator"), letter.id)
    await until(lambda: _tried(trio.hospital, letter.id, letter.attempts), "another attempt")
    assert await letters(trio.hospital, "unreachable") == []
    trio.hospital.context.clock = utc_now
    await trio.research.start()
    await trio.hospital.services.deliveries_desk.retry(trio.hospital.acting("operator"), letter.id)
    await trio.research.eventually(Agreement, agreement, where=lambda one: one.standing == "ended")


async def _tried(party: Party, id: str, before: int) -> bool:
    found = await party.get(OutboxMessage, id)
    return found is not None and found.attempts > before


async def test_what_the_other_side_refuses_is_listed_with_its_status(trio: Trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    pid = await story.ask(trio.research, trio.hospital, offer | {"@id": story.urn()}, study)
    await story.outcome(trio.research, pid)
    [letter] = await until(lambda: letters(trio.research, "refused"), "a refused letter")
    assert (letter.status, letter.attempts, letter.about) == (400, 1, pid)
    assert letter.last_error == "refused with status 400 (unknown-offer)"


@pytest.mark.parametrize("role", ["patient", "researcher", "dpo"])
async def test_messages_on_their_way_are_the_operators_and_stewards_business(trio: Trio, role: str):
    with pytest.raises(Problem) as refused:
        await trio.research.services.deliveries_desk.list(trio.research.acting(role))
    assert refused.value.status == 403
    with pytest.raises(Problem) as unknown:
        await trio.research.services.deliveries_desk.show(trio.research.acting("operator"), "urn:uuid:none")
    assert unknown.value.status == 404
