"""The older version that the twin suite runs beside the present one is the older one, and does its share."""

from __future__ import annotations

import pytest

from connector.records import Job, OutboxMessage, Setting
from tests import postgres
from tests.twins import beside


@pytest.fixture(params=["history", "cut down"])
def store(request, tmp_path, monkeypatch):
    """Beside the code of the history, and beside the present code cut down to what it knew."""
    postgres.needed()
    if request.param == "history" and beside.older_code() is None:
        pytest.skip("the history of this repository does not reach back to the older version")
    other = beside.Neighbour(cut_down=request.param == "cut down")
    monkeypatch.setattr(beside, "neighbour", lambda: other)
    opened = beside.beside(tmp_path)
    yield opened
    opened.close()
    other.end()


def test_each_reads_what_the_other_wrote_and_half_is_done_by_each(store):
    names = [f"{number:02}" for number in range(10)]
    for name in names:
        store.submit(lambda tx, name=name: tx.add(Setting(name=name, value=name))).result()
    for _ in range(2):
        found = store.read_now(lambda tx: tx.find(Setting, order="name"))
        assert [one.value for one in found] == names
    assert store.by_the_other == 6


def test_what_only_the_newer_knows_the_older_refuses_and_leaves_as_it_is(store):
    message = OutboxMessage(id="m", lane="l", lease="taken")
    store._mine.submit(lambda tx: [tx.add(message), tx.add(Job(id="j"))]).result()
    with pytest.raises(beside.Unknown):
        store._told("read", lambda tx: tx.find(Job))
    with pytest.raises(beside.Unknown):
        store._told("write", lambda tx: tx.add(OutboxMessage(id="n", lane="l", lease="taken")))
    store._told("write", lambda tx: tx.alter(OutboxMessage, {"standing": "delivered"}, id="m"))
    after = store._mine.read_now(lambda tx: tx.find(OutboxMessage))
    assert after == [OutboxMessage(id="m", lane="l", lease="taken", standing="delivered")]


def test_what_the_older_adds_has_the_defaults_of_what_it_does_not_know(store):
    store._told("write", lambda tx: tx.add(OutboxMessage(id="m", lane="l", body={"a": 1})))
    assert store._mine.read_now(lambda tx: tx.get(OutboxMessage, "m")) == OutboxMessage(id="m", lane="l", body={"a": 1})


def test_a_command_that_fails_in_the_older_leaves_no_trace(store):
    def command(tx):
        tx.add(Setting(name="a", value="1"))
        raise LookupError

    with pytest.raises(LookupError):
        store._told("write", command)
    assert store._mine.read_now(lambda tx: tx.find(Setting)) == []
