"""A fault in one thing that has to be deleted stops none of the others, and is tried again."""

from __future__ import annotations

import pytest

from connector.jobs import clearing, eraser
from connector.jobs.clearing import Clearing
from connector.jobs.eraser import Eraser
from connector.records import Agreement, ContractEnding, Tombstone
from tests.two_party import sourced
from tests.two_party.space import until


@pytest.fixture
async def stage(trio, tmp_path, monkeypatch):
    for job in (clearing, eraser):
        monkeypatch.setattr(job, "_RETRY", 0.3)
    made = await sourced.stage(trio, tmp_path / "first")
    for who in ("ann", "ben"):
        await made.answer(who)
    assert set((await sourced.pulled(made)).values()) == {"released"}
    return made


def failing(monkeypatch, job, method, key, fault):
    """The first thing that is carried out fails twice; returns what was tried."""
    ours, tried = getattr(job, method), []

    async def once(self, thing):
        tried.append(key(thing))
        if tried[0] == key(thing) and tried.count(key(thing)) < 3:
            raise fault
        await ours(self, thing)

    monkeypatch.setattr(job, method, once)
    return tried


async def test_one_erasure_that_fails_stops_no_other_and_is_done_in_the_end(trio, stage, monkeypatch):
    tried = failing(monkeypatch, Eraser, "carry_out", lambda stone: stone.notice, ValueError("one odd file"))
    for who in ("ann", "ben"):
        await stage.withdraw(who, "erase")
    await until(lambda: _both(trio), "both to be erased")
    assert tried.count(tried[0]) >= 3


async def _both(trio):
    return len(await trio.research.find(Tombstone, erased_at__ne=None)) == 2


async def test_a_fault_is_logged_by_its_kind_and_never_by_its_words(trio, stage, monkeypatch, caplog):
    failing(monkeypatch, Eraser, "carry_out", lambda stone: stone.notice, ValueError("Ann Example, born 1970"))
    await stage.withdraw("ann", "erase")
    await until(lambda: trio.research.find(Tombstone, erased_at__ne=None), "it to be erased")
    assert "ValueError" in caplog.text
    assert "1970" not in caplog.text


async def test_one_contract_that_cannot_be_cleared_is_tried_again(trio, stage, monkeypatch):
    tried = failing(monkeypatch, Clearing, "_carry_out", lambda one: one.agreement, RuntimeError("odd"))
    [agreement] = await trio.research.find(Agreement)
    await trio.hospital.services.endings.end(trio.hospital.acting("steward"), agreement.id, "The study is over.")
    await until(lambda: trio.research.find(ContractEnding, erased_at__ne=None), "it to be cleared")
    assert len(tried) >= 3
