"""`concord consent pause|resume|limit` and `concord withdrawals`, typed by operators of running participants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.records import Agreement, Consent, Notice
from tests.two_party.releases import BUNDLES, Stage, hospital_stage
from tests.two_party.space import until
from tests.two_party.test_contract_verbs import typed  # noqa: F401 - the fixture


@pytest.fixture
async def stage(trio) -> Stage:
    made = await hospital_stage(trio, BUNDLES)
    await made.answer((await made.source_ids())[0])
    return made


async def value(typed, party, *words: str) -> Any:  # noqa: F811
    code, said = await typed(party, *words, "--json")
    assert code == 0, said
    return json.loads(said)


def whom(stage: Stage) -> str:
    return next(iter(stage.people.values())).actor.account


async def states(stage: Stage) -> list[str]:
    await stage.wallet.quiet()
    return [one.state for one in await stage.holder.find(Consent, order="version")]


async def test_a_study_and_everything_is_paused_resumed_and_limited(stage, typed):  # noqa: F811
    account = ("--account", whom(stage))
    assert (await value(typed, stage.wallet, "consent", "pause", stage.study, *account))["studies"] == [stage.study]
    assert await states(stage) == ["given", "suspended"]
    await value(typed, stage.wallet, "consent", "resume", stage.study, *account)
    await value(typed, stage.wallet, "consent", "pause", "--everything", *account)
    await value(typed, stage.wallet, "consent", "resume", "--everything", *account)
    assert await states(stage) == ["given", "suspended", "given", "suspended", "given"]
    code, said = await typed(stage.wallet, "consent", "limit", stage.study, *account, "--since", "2020-01-01")
    assert (code, "Nothing that was received is deleted" in said) == (0, True)
    await stage.wallet.quiet()
    [newest] = await stage.holder.find(Consent, current=True)
    assert newest.record["window"] == {"start": "2020-01-01", "end": None}
    code, said = await typed(stage.wallet, "consent", "limit", stage.study, *account, "--since", "2019-01-01")
    assert code == 2


@pytest.mark.parametrize("words", [(), ("urn:uuid:x", "--everything")])
async def test_a_pause_is_of_one_study_or_of_everything(stage, typed, words):  # noqa: F811
    code, said = await typed(stage.wallet, "consent", "pause", *words, "--account", whom(stage))
    assert (code, "--everything" in said) == (2, True)


async def test_the_officer_follows_withdrawals_up(stage, typed):  # noqa: F811
    await stage.received(await stage.transfer())
    member = stage.holder.context.members.known(stage.research.id)
    await stage.holder.context.members.put(member.model_copy(update={"consent": None}))
    await value(typed, stage.wallet, "consent", "withdraw", stage.study, "--account", whom(stage))
    await until(lambda: stage.holder.find(Notice), "the notice")
    [row] = await value(typed, stage.holder, "withdrawals", "list", "--open")
    assert (row["by_hand"], row["needs_officer"]) == (True, True)
    _, said = await typed(stage.holder, "withdrawals", "show", row["notice"])
    assert row["code"] in said
    await stage.holder.store.write(lambda tx: stage.holder.services.suspending.suspend(tx, stage.research.id))
    [resting] = await value(typed, stage.holder, "withdrawals", "suspended")
    noted = await value(
        typed, stage.holder, "withdrawals", "note", row["notice"], "erased", "--evidence", "Letter of 3 May"
    )
    assert noted["standing"] == "done"
    lifted = await value(typed, stage.holder, "withdrawals", "lift", resting["agreement"], "--reason", "They answered")
    assert lifted["agreements"] == [stage.agreement]
    assert (await stage.holder.get(Agreement, stage.agreement)).standing == "active"


async def test_a_holder_ends_a_consent_by_its_number(stage, typed):  # noqa: F811
    [held] = await value(typed, stage.holder, "withdrawals", "consents")
    await value(typed, stage.holder, "withdrawals", "end", held["id"], "--reason", "The study was given up")
    [now] = await value(typed, stage.holder, "withdrawals", "consents")
    assert (now["state"], now["can_end"]) == ("terminated", False)
    code, _ = await typed(stage.holder, "withdrawals", "end", held["id"], "--reason", "Again", "--how", "terminated")
    assert code == 2
