"""`concord agreements` and `concord deliveries`, typed by an operator at a running participant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.cli.program import run
from connector.records import Agreement, Amendment
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.space import Party, until

SOONER = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()
Typed = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """One command line at a party: its exit code, and what it said."""
    monkeypatch.setenv("COLUMNS", "250")

    async def call(party: Party, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, [*words, "--directory", str(party.founded.directory)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


async def value(typed: Typed, party: Party, *words: str) -> Any:
    code, said = await typed(party, *words, "--json")
    assert code == 0, said
    return json.loads(said)


async def test_an_operator_ends_a_contract_and_the_other_one_sees_it(trio: Trio, typed: Typed):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    code, said = await typed(trio.hospital, "agreements", "end", agreement, "--reason", "The study was stopped.")
    assert (code, said.strip()) == (0, "Ended. The other side is told.")
    await trio.research.eventually(Agreement, agreement, where=lambda one: one.standing == "ended")
    shown = await value(typed, trio.research, "agreements", "show", agreement)
    assert (shown["standing"], shown["ended"]["by"], shown["ended"]["reason"]) == (
        "ended", "Hospital One", "The study was stopped.",
    )  # fmt: skip
    _, words = await typed(trio.research, "agreements", "show", agreement)
    assert "The study was stopped." in words
    code, said = await typed(trio.hospital, "agreements", "end", agreement, "--reason", "Again.")
    assert (code, "This contract is ended" in said) == (2, True)
    rows = await value(typed, trio.research, "agreements", "list")
    assert [(row["id"], row["state"]) for row in rows] == [(agreement, "ended")]


async def test_operators_change_the_terms_of_a_contract(trio: Trio, typed: Typed):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    made = await value(typed, trio.research, "agreements", "amend", agreement, "--until", SOONER, "--reason", "Less.")
    await trio.hospital.eventually(Amendment, made["id"])
    _, words = await typed(trio.hospital, "agreements", "waiting")
    assert made["id"] in words
    code, said = await typed(trio.hospital, "agreements", "accept", made["id"])
    assert code == 0, said
    done = await trio.research.eventually(Amendment, made["id"], where=lambda one: one.standing == "accepted")
    assert str(done.made) in said
    shown = await value(typed, trio.research, "agreements", "show", agreement)
    assert (shown["standing"], shown["replaced_by"]) == ("replaced", done.made)
    _, words = await typed(trio.research, "agreements", "show", agreement)
    assert "narrower" in words


async def test_a_whole_policy_is_proposed_from_a_file_and_declined(trio: Trio, typed: Typed, tmp_path):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    policy = (await trio.hospital.get(Agreement, agreement)).policy
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy | {"prohibition": [*policy["prohibition"], {"action": "odrl:sell"}]}))
    made = await value(typed, trio.hospital, "agreements", "amend", agreement, "--policy", str(file))
    await trio.research.eventually(Amendment, made["id"])
    code, said = await typed(trio.research, "agreements", "decline", made["id"], "--reason", "No.")
    assert (code, "declined" in said) == (0, True)
    file.write_text("[1")
    code, said = await typed(trio.hospital, "agreements", "amend", agreement, "--policy", str(file))
    assert (code, "not JSON" in said) == (2, True)
    code, said = await typed(trio.hospital, "agreements", "amend", agreement)
    assert (code, "a whole policy, or what is narrowed" in said) == (2, True)


async def test_an_operator_looks_through_messages_that_have_not_arrived(trio: Trio, typed: Typed):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    _, said = await typed(trio.hospital, "deliveries", "list")
    assert said.strip() == "Everything has arrived."
    await trio.research.stop()
    made = await value(typed, trio.hospital, "agreements", "amend", agreement, "--until", SOONER)
    [row] = await until(lambda: _rows(typed, trio.hospital), "a message that fails")
    assert (row["about"], row["recipient_name"], row["standing"]) == (made["id"], "Research One", "failing")
    _, said = await typed(trio.hospital, "deliveries", "show", row["id"])
    assert "cannot-connect" in said
    assert (await typed(trio.hospital, "deliveries", "retry", row["id"]))[0] == 0
    assert (await typed(trio.hospital, "deliveries", "drop", row["id"]))[0] == 0
    shown = await value(typed, trio.hospital, "agreements", "show", agreement)
    assert shown["amendments"][0]["standing"] == "declined"
    code, said = await typed(trio.hospital, "deliveries", "retry", row["id"])
    assert code == 2, said


async def _rows(typed: Typed, party: Party) -> list[dict[str, Any]]:
    return await value(typed, party, "deliveries", "list", "--standing", "failing")
