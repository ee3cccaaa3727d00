"""What a process believes of its lanes where others put messages into them and deliver from them."""

from __future__ import annotations

import pytest

from connector.records import OutboxMessage
from connector.services import departures
from connector.services.departures import Departures
from connector.services.leases import LEASE

FAR = 1_000_000.0


class Passing:
    """A monotonic clock that is set."""

    now = FAR

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def passing(monkeypatch) -> Passing:
    made = Passing()
    monkeypatch.setattr(departures, "time", made)
    return made


def several(*, shared: bool = True) -> Departures:
    made = Departures()
    made.shared = shared
    made.attend(lambda _message: None, lambda: None, ())
    return made


def letter(n: int, lane: str = "lane") -> OutboxMessage:
    return OutboxMessage(id=f"m{n}", lane=lane)


def test_lanes_whose_messages_others_delivered_are_forgotten(passing: Passing):
    made = several()
    for n in range(departures._MOST + 5):
        made.queued(letter(n, f"lane {n}"), alone=True)
    assert made.free("a new one")
    assert len(made._newest) == len(made._leased) == departures._MOST
    assert not made.free(f"lane {departures._MOST}")
    passing.now += LEASE.total_seconds()
    assert made.free(f"lane {departures._MOST}")


def test_a_lane_waits_while_its_message_is_leased_to_this_process_and_no_longer(passing: Passing):
    made = several()
    made.queued(letter(1), alone=True)
    made.queued(letter(2), alone=False)
    assert made.waits("lane")
    made.tried(letter(2))
    assert made.waits("lane")
    made.tried(letter(1))
    assert not made.waits("lane")
    made.queued(letter(3), alone=True)
    passing.now += LEASE.total_seconds()
    assert not made.waits("lane")


def test_what_stands_behind_another_message_may_be_delivered_by_anybody(passing: Passing):
    made = several()
    made.queued(letter(1), alone=False)
    assert not made.waits("lane")


def test_where_one_process_delivers_its_word_is_final(passing: Passing):
    made = several(shared=False)
    made.queued(letter(1), alone=True)
    passing.now += FAR
    made.tried(letter(1))
    assert made.waits("lane")
    assert not made.free("lane")
    assert made.settled(letter(1)) is False
    assert made.free("lane")
