"""`concord why` names the right cause of what fails or waits, at the side that asks, by either side's number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from connector.cli.program import run
from connector.problems import Problem
from connector.records import Notice, OutboxMessage, Person, Quarantined, Release, RiskReport, Tombstone, Transfer
from tests.two_party import failing, story
from tests.two_party.conftest import Trio
from tests.two_party.failing import Act
from tests.two_party.releases import hospital_stage, smallest_bundles
from tests.two_party.space import Party, until
from tests.two_party.test_quarantine import leaking
from tests.two_party.test_release_risk import staged as staged_with_risk

Asking = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
INDUCED: dict[str, tuple[Act, list[str]]] = {
    "the counterparty is down": (failing.counterparty_down, ["cannot-connect"] * 2),
    "our key is unknown there": (failing.key_unknown, ["status-401"] * 2),
    "policy refuses": (failing.policy_refused, ["study-not-approved"] * 3),
    "a rule refuses": (failing.rule_refused, ["refused-by-rule"] * 2),
    "nobody answered in time": (failing.deadline_passed, ["answer-overdue"] * 2),
    "the offer is not known": (failing.offer_unknown, ["unknown-offer"] * 2),
    "the peer refuses the schema": (failing.schema_refused, ["message-not-accepted"]),
    "the peer's disk is full": (failing.disk_full, ["disk-full"]),
    "nobody consented": (failing.consent_missing, ["nobody-permitted"] * 3),
    "the contract ended": (failing.agreement_ended, ["agreement-ended"] * 4),
    "the profile is gone": (failing.profile_gone, ["profile-not-agreed"]),
    "the vault is locked": (failing.vault_locked, ["vault-locked"] * 2),
    "our disk is low": (failing.disk_low, ["disk-low"]),
    "the member is suspended": (failing.member_suspended, ["member-suspended"] * 3),
    "the push goes to a forbidden address": (failing.push_refused, ["push-refused"]),
}


@pytest.fixture
def asking(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """`concord why ID --json` at a party: its exit code, and what it said."""
    monkeypatch.setenv("COLUMNS", "250")

    async def call(party: Party, *words: str) -> tuple[int, Any]:
        capsys.readouterr()
        line = ["why", *words, "--json", "--directory", str(party.founded.directory)]
        code = await asyncio.to_thread(run, line)
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out.strip() else said.err

    return call


@pytest.mark.parametrize("name", INDUCED)
async def test_the_cause_of_an_induced_failure_is_named_first(trio: Trio, tmp_path: Path, asking: Asking, name: str):
    act, causes = INDUCED[name]
    asked = await act(trio, tmp_path)
    assert len(asked) == len(causes)
    for one, cause in zip(asked, causes, strict=True):
        code, why = await asking(one.party, one.id)
        assert why["causes"][0]["code"] == cause, why
        assert code == (0 if why["standing"] == "done" else 1)
        assert why["headline"] == why["causes"][0]["words"]
        assert all(one["remedy"] and one["who"] for one in why["causes"])


async def test_what_waits_for_a_peer_says_when_it_is_tried_again_and_what_it_answered(trio: Trio, asking: Asking):
    [negotiation, message] = await failing.counterparty_down(trio, Path())
    _, why = await asking(negotiation.party, negotiation.id)
    assert why["standing"] == "held-up"
    assert why["message"]["id"] == message.id
    assert why["message"]["first_error"] == "cannot-connect"
    assert why["next_at"]
    assert why["answer"] is None
    assert message.id in why["causes"][0]["remedy"]


async def test_a_refusal_of_the_peer_is_shown_with_its_code_and_words(trio: Trio, asking: Asking):
    [negotiation, message] = await failing.offer_unknown(trio, Path())
    _, why = await asking(negotiation.party, negotiation.id)
    assert (why["answer"]["status"], why["answer"]["code"]) == (400, "unknown-offer")
    assert "offer was not made" in why["answer"]["words"]
    assert "offer was not made" in why["causes"][0]["said"]
    assert (await asking(message.party, message.id))[1]["causes"][1]["code"] == "refused-by-peer"


async def test_the_side_that_refuses_a_key_knows_why_and_the_other_is_told_whom_to_ask(trio: Trio, asking: Asking):
    [negotiation, _] = await failing.key_unknown(trio, Path())
    code, there = await asking(trio.hospital, "callers")
    assert (code, there["causes"][0]["code"]) == (1, "caller-unknown-participant")
    _, here = await asking(negotiation.party, negotiation.id)
    assert (here["answer"]["status"], here["causes"][0]["who"]) == (401, "they")


async def test_what_the_other_sides_staff_have_to_mend_is_told_as_theirs(trio: Trio, asking: Asking):
    [ours, theirs] = await failing.rule_refused(trio, Path())
    _, why = await asking(ours.party, ours.id)
    assert why["causes"][0]["who"] == "they"
    assert why["causes"][0]["said"] == "Not this year."
    assert (await asking(theirs.party, theirs.id))[1]["causes"][0]["who"] == "steward"


async def test_a_risk_that_is_too_high_and_a_leak_are_named_at_both_sides(trio: Trio, tmp_path: Path, asking: Asking):
    stage = await staged_with_risk(trio, tmp_path, min_k="40")
    await stage.everybody_agrees()
    pid = await stage.transfer()
    await failing.waiting(stage, pid, "risk-too-high")
    [report] = await until(lambda: stage.holder.find(RiskReport, agreement=stage.agreement), "a report")
    for party, id in ((stage.holder, pid), (stage.research, pid), (stage.holder, report.id)):
        code, why = await asking(party, id)
        assert (code, why["causes"][0]["code"]) == (1, "risk-too-high"), why


async def test_what_a_leak_check_held_back_is_named_by_transfer_release_and_quarantine(
    trio: Trio, tmp_path: Path, asking: Asking
):
    stage = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 4))
    number = await leaking(stage)
    pid = await stage.transfer()
    await stage.received(pid)
    [release], [held] = await stage.holder.find(Release), await stage.holder.find(Quarantined)
    for id in (pid, release.id, held.id):
        _, why = await asking(stage.holder, id)
        assert why["causes"][0]["code"] == "leak", why
        assert number not in json.dumps(why)


async def test_a_withdrawal_that_cannot_be_told_is_explained_to_the_officer_without_the_person(
    trio: Trio, tmp_path: Path, asking: Asking
):
    stage = await failing.staged(trio, tmp_path)
    await stage.received(await stage.transfer())
    await stage.research.stop()
    await stage.withdraw((await stage.source_ids())[0])
    [notice] = await until(lambda: stage.holder.find(Notice), "a notice")
    await failing.message_of(stage.holder, notice.id, lambda one: one.failing_since)
    code, why = await asking(stage.holder, notice.id)
    assert (code, [one["code"] for one in why["causes"]]) == (1, ["cannot-connect", "withdrawal-not-told"])
    person = await stage.holder.get(Person, notice.person)
    assert person.name
    secrets = [one for one in (person.name, person.id, person.source_id, notice.code, notice.link) if one]
    assert not any(secret in json.dumps(why) for secret in secrets)
    with pytest.raises(Problem) as hidden:
        await stage.holder.services.why.explain(stage.holder.acting("steward"), notice.id)
    assert hidden.value.status == 404


async def test_an_erasure_is_explained_where_it_is_done(trio: Trio, tmp_path: Path, asking: Asking):
    stage = await failing.staged(trio, tmp_path)
    await stage.received(await stage.transfer())
    await stage.withdraw((await stage.source_ids())[0])
    [notice] = await until(lambda: stage.holder.find(Notice), "a notice")
    await until(lambda: stage.research.find(Tombstone, notice=notice.id, answer="erased"), "an erasure")
    assert (await asking(stage.research, notice.id))[1]["standing"] == "done"
    await stage.holder.eventually(Notice, notice.id, where=lambda one: one.erased_at)
    code, why = await asking(stage.holder, notice.id)
    assert (code, why["standing"], [one["what"] for one in why["steps"]][-1]) == (0, "done", "erased there")


async def test_the_list_names_what_is_wrong_once_and_each_side_sees_its_own(trio: Trio, asking: Asking):
    [negotiation, message] = await failing.counterparty_down(trio, Path())
    code, rows = await asking(trio.research)
    assert code == 1
    assert [row["code"] for row in rows if row["id"] == negotiation.id] == ["cannot-connect"]
    assert message.id not in [row["id"] for row in rows]
    desk = trio.research.services.why
    mine = [row.id for row in await desk.troubles(trio.research.acting("researcher"))]
    assert mine[0] == negotiation.id
    assert negotiation.id not in [row.id for row in await desk.troubles(trio.research.acting("steward"))]
    with pytest.raises(Problem) as hidden:
        await desk.explain(trio.research.acting("steward"), negotiation.id)
    assert hidden.value.status == 404
    with pytest.raises(Problem) as refused:
        await desk.explain(trio.research.acting("patient"), negotiation.id)
    assert refused.value.status == 403


async def test_a_finished_contract_is_explained_with_exit_code_0(trio: Trio, asking: Asking):
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    found = (await trio.research.services.contracts.negotiations(trio.research.acting("operator")))[0]
    code, why = await asking(trio.research, found.pid)
    assert (code, why["standing"], [one["what"] for one in why["steps"]][-1]) == (0, "done", "finalized")
    assert {"kind": "contract", "id": agreement} in why["related"]


async def test_no_message_is_told_what_it_says(trio: Trio):
    [_, message] = await failing.counterparty_down(trio, Path())
    body = (await trio.research.get(OutboxMessage, message.id)).body
    why = await trio.research.services.why.explain(trio.research.acting("operator"), message.id)
    assert body["callbackAddress"] not in json.dumps(asdict(why), default=str)


async def test_an_unknown_id_is_refused_with_one_line(trio: Trio, asking: Asking):
    code, said = await asking(trio.research, "urn:uuid:none")
    assert code == 2
    assert "unknown" in said or "known" in said


async def test_a_transfer_of_which_nobody_knows_its_address_is_still_explained_by_its_own_number(
    trio: Trio, tmp_path: Path, asking: Asking
):
    [asked] = await failing.push_refused(trio, tmp_path)
    ours = await asked.party.get(Transfer, asked.id)
    _, why = await asking(asked.party, ours.their_pid)
    assert why["id"] == asked.id
