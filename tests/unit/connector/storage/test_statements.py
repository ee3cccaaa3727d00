"""What is asked at every message is found by an index, and each shape of question is compiled once."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from sqlalchemy.dialects import postgresql

from connector.ports import Duplicate
from connector.records import Agreement, InboxMessage, LogEntry, Negotiation, OutboxMessage, Setting, Study, Transfer
from connector.storage import SqliteStore, jsontext
from connector.storage.statements import Statements, shape_of, values_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAITING = {"standing": "waiting"}
HOT = {
    "a message seen before": (InboxMessage, {"sender": "a", "message_id": "b"}, "sqlite_autoindex_inbox_message"),
    "a process by the other side's pid": (
        Negotiation, {"counterparty": "a", "their_pid": "b"}, "ix_negotiation_counterparty_their_pid"),
    "a transfer by the other side's pid": (
        Transfer, {"counterparty": "a", "their_pid": "b", "role": "provider"}, "ix_transfer_counterparty_their_pid"),
    "negotiations that are not over": (
        Negotiation, {"state": ["REQUESTED", "OFFERED", "AGREED"]}, "ix_negotiation_state_counterparty"),
    "offers of a peer that stand": (
        Negotiation, {"counterparty": "a", "role": "consumer", "state": "OFFERED"}, "ix_negotiation_state_counterparty"
    ),
    "transfers under way": (Transfer, {"role": "consumer", "state": "STARTED"}, "ix_transfer_state_role"),
    "the transfer a token opens": (Transfer, {"token_hash": "a"}, "ix_transfer_token_hash"),
    "the agreement of a negotiation": (Agreement, {"negotiation": "a"}, "ix_agreement_negotiation"),
    "what is due": (
        OutboxMessage, {**WAITING, "due_at__le": NOW, "sequence__gt": 1}, "ix_outbox_message_standing_due_at"),
    "what falls due next": (OutboxMessage, {**WAITING, "due_at__gt": NOW}, "ix_outbox_message_standing_due_at"),
    "what is before it in its lane": (OutboxMessage, {"lane": "a", **WAITING}, "ix_outbox_message_lane_standing"),
    "what a process waits for": (
        OutboxMessage, {"about": "a", "kind": "b", **WAITING}, "ix_outbox_message_about_standing"),
    "what waits for a peer": (
        OutboxMessage, {"recipient": "a", **WAITING, "due_at__gt": NOW}, "ix_outbox_message_recipient_standing_due_at"),
    "log entries without a place": (LogEntry, {"position": None}, "ix_log_entry_position"),
}  # fmt: skip


class Word(StrEnum):
    ONE = "one"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = SqliteStore(tmp_path_factory.mktemp("statements") / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def statements(store) -> Statements:
    return Statements(store._engine.dialect)


def plan(store, statement, values) -> list[str]:
    """How SQLite goes about a statement."""
    return store.read_now(
        lambda tx: [
            row[3]
            for row in tx._driver.execute(f"explain query plan {statement.text}", statement.filled(values)).fetchall()
        ]
    )


@pytest.mark.parametrize("hot", HOT)
def test_every_hot_question_is_answered_by_its_own_index(store, statements, hot):
    kind, conditions, index = HOT[hot]
    steps = plan(store, statements.select(kind, shape_of(conditions), None, False), values_of(conditions))
    assert all(step.startswith("SEARCH") and index in step for step in steps), steps


def test_waking_a_peer_touches_only_what_waits_for_it(store, statements):
    conditions = {"recipient": "a", **WAITING, "due_at__gt": NOW}
    statement = statements.update(OutboxMessage, ("due_at",), shape_of(conditions))
    assert "ix_outbox_message_recipient_standing_due_at" in plan(store, statement, [NOW, *values_of(conditions)])[0]


def test_entries_without_a_place_come_in_order_without_being_sorted(store, statements):
    statement = statements.select(LogEntry, shape_of({"position": None}), "sequence", True)
    assert len(plan(store, statement, [5])) == 1


def test_one_shape_is_compiled_once_whatever_its_values(statements):
    first = statements.select(Setting, shape_of({"name": "a"}), None, True)
    assert statements.select(Setting, shape_of({"name": "b"}), None, True) is first
    assert statements.select(Setting, shape_of({"name": None}), None, True) is not first
    assert statements.select(Setting, shape_of({"name": ["a", "b"]}), None, True) is not first


def test_lists_of_many_lengths_do_not_fill_the_memory(statements, monkeypatch):
    monkeypatch.setattr("connector.storage.statements._KEPT", 20)
    for length in range(100):
        statements.count(Setting, shape_of({"value": ["x"] * length}))
    assert len(statements._made) <= 20


def test_comparing_with_a_list_is_a_mistake_not_an_answer(store):
    with pytest.raises(ValueError, match="only one value"):
        store.read_now(lambda tx: tx.find(Setting, name__gt=["a"]))


def test_the_same_shapes_compile_for_postgresql():
    statements = Statements(postgresql.dialect(paramstyle="format"))
    found = statements.select(Study, shape_of({"standing": ["a", "b"], "received_at__ge": NOW}), "-received_at", True)
    assert found.text.count("%s") == 4
    assert found.filled(["a", "b", NOW, 3]) == ["a", "b", "2026-01-01T00:00:00.000000Z", 3]


def test_a_duplicate_is_told_from_other_faults(store):
    store.submit(lambda tx: tx.put(Setting(name="a", value="1"))).result()
    with pytest.raises(Duplicate):
        store.submit(lambda tx: tx.add(Setting(name="a", value="2"))).result()


def test_appending_with_a_field_that_does_not_exist_is_a_mistake(store):
    with pytest.raises(TypeError, match="colour"):
        store.submit(lambda tx: tx.append(LogEntry, position=None, colour="red")).result()


@pytest.mark.parametrize(
    "value",
    [{"n": 2**70}, {"n": -(2**64)}, {"x": "\ud800"}, {1: "a"}, {"a": [1.5, None, True, "\u00e9"]}, {"w": Word.ONE},
     {"t": ("a", "b")}],
)  # fmt: skip
def test_json_comes_back_as_the_standard_library_would_read_it(value):
    import json

    assert jsontext.read(jsontext.write(value)) == json.loads(json.dumps(value))


def test_what_is_not_json_is_refused():
    with pytest.raises(TypeError):
        jsontext.write({"at": NOW})
