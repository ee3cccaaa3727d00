"""Used tokens of one process, in memory: a clock that is set back makes none good again, and memory has an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.services import used_tokens
from connector.services.used_tokens import MARGIN, TOKEN_TIME, UsedTokens

START = datetime(2026, 11, 23, tzinfo=UTC)


class Desk:
    """Used tokens with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = START
        self.used = UsedTokens(lambda: self.now)

    async def takes(self, jti: str, until: datetime | None = None) -> bool:
        return await self.used.remember("urn:concord:peer", jti, until or self.now + TOKEN_TIME)


async def test_a_token_that_was_used_stays_used_when_the_clock_is_set_back():
    desk = Desk()
    desk.now += timedelta(minutes=10)
    until = desk.now + TOKEN_TIME
    assert await desk.takes("a", until)
    for minute in range(15, 16 + MARGIN // timedelta(minutes=1) - 15):
        desk.now = START + timedelta(minutes=minute)
        assert await desk.takes(f"at {minute}")
    desk.now = START + timedelta(minutes=10)
    assert not await desk.takes("a", until)


async def test_what_ended_longer_ago_is_forgotten(monkeypatch):
    desk = Desk()
    until = desk.now + TOKEN_TIME
    assert await desk.takes("a", until)
    desk.now = until + MARGIN + timedelta(seconds=1)
    assert await desk.takes("another")
    assert await desk.takes("a", until)


async def test_of_many_tokens_only_the_good_ones_are_remembered_for_certain(monkeypatch):
    monkeypatch.setattr(used_tokens, "MOST", 3)
    desk = Desk()
    early, late = desk.now + TOKEN_TIME, desk.now + 2 * TOKEN_TIME
    assert [await desk.takes(f"early {one}", early) for one in range(4)] == [True] * 4
    assert [await desk.takes(f"late {one}", late) for one in range(3)] == [True] * 3
    desk.now = early + timedelta(seconds=1)
    assert await desk.takes("now")
    assert [await desk.takes(f"late {one}", late) for one in range(3)] == [False] * 3
    assert [await desk.takes(f"early {one}", early) for one in range(4)] == [True] * 4


async def test_memory_is_cleared_while_a_clock_that_was_set_back_catches_up(monkeypatch):
    monkeypatch.setattr(used_tokens, "MOST", 1)
    desk = Desk()
    desk.now += timedelta(hours=3)
    assert await desk.takes("a")
    desk.now -= timedelta(hours=1)
    gone = desk.now - timedelta(seconds=1)
    assert [await desk.takes(f"{one}", gone) for one in range(3)] == [True] * 3
    desk.now += TOKEN_TIME + timedelta(seconds=1)
    assert await desk.takes("b")
    assert await desk.takes("0", gone)
