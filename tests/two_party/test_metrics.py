"""Figures for a supervisor: there only where turned on, true, with units in their names, and with nobody in them."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from connector.founding import Founded
from connector.records import OutboxMessage, Person, Transfer
from connector.services.disk import Disk
from connector.settings import Settings
from connector.wiring import PRODUCTION, Plugs
from tests.two_party import failing, story
from tests.two_party.conftest import Trio
from tests.two_party.space import Party, Space, until

TOKEN = "a-token-for-figures"
LABELS = {"role", "state", "standing", "kind", "outcome", "code", "step", "le"}


def watched(founded: Founded) -> Plugs:
    """Turn metrics on before the participant starts."""
    with (Path(founded.directory) / "concord.toml").open("a") as file:
        file.write(f'metrics = "on"\nmetrics_token_hash = "{sha256(TOKEN.encode()).hexdigest()}"\n')
    return PRODUCTION


@pytest.fixture
async def trio(space: Space) -> Trio:
    """The three, of which the hospital and the research group are watched."""
    hospital = await space.add("hospital", "hospital", plugs=watched)
    research = await space.add("research", "research", plugs=watched)
    made = Trio(hospital, research, await space.add("wallet", "wallet"), space)
    await space.introduce()
    return made


async def asked(party: Party, token: str | None = TOKEN) -> httpx2.Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"{party.direct}/metrics", headers=headers)


async def figures(party: Party) -> dict[tuple[str, frozenset[str]], float]:
    """(name, words of its labels) -> value."""
    answer = await asked(party)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: dict[tuple[str, frozenset[str]], float], name: str, *words: str) -> float:
    return found[(f"concord_{name}", frozenset(words))]


async def test_a_contract_and_a_release_are_counted_at_both_sides(trio: Trio, tmp_path: Path):
    stage = await failing.staged(trio, tmp_path)
    pid = await stage.transfer()
    row = await stage.received(pid)
    ours = await trio.research.eventually(Transfer, pid, where=lambda one: one.state == "COMPLETED")
    await trio.hospital.eventually(Transfer, ours.their_pid, where=lambda one: one.state == "COMPLETED")
    await stage.holder.quiet()
    holder, research = await figures(trio.hospital), await figures(trio.research)
    for found, role in ((holder, "provider"), (research, "consumer")):
        assert value(found, "negotiations", role, "finalized") == 1
        assert value(found, "transfers", role, "completed") == 1
    assert value(holder, "released_bytes_total") == row.bytes
    assert value(holder, "releases_total", "complete") == 1
    assert value(research, "messages_total", "dsp.negotiation", "delivered") >= 2
    assert value(await figures(trio.hospital), "released_bytes_total") == row.bytes, "nothing is counted twice"


async def test_what_does_not_arrive_is_seen_with_its_age(trio: Trio):
    await failing.counterparty_down(trio, Path())
    [message] = await trio.research.find(OutboxMessage, standing="waiting")
    found = await figures(trio.research)
    assert value(found, "deliveries_waiting", "failing") == 1
    assert value(found, "deliveries_oldest_age_seconds") > 0
    assert message.id not in (await asked(trio.research)).text


async def test_refusals_are_counted_by_code_and_a_withdrawal_by_how_long_it_took(trio: Trio, tmp_path: Path):
    stage = await failing.staged(trio, tmp_path)
    await stage.received(await stage.transfer())
    await stage.withdraw((await stage.source_ids())[0])

    async def told() -> dict[tuple[str, frozenset[str]], float] | None:
        found = await figures(trio.hospital)
        return found if value(found, "withdrawal_seconds_count", "erased") else None

    found = await until(told, "an answer to a withdrawal")
    assert value(found, "withdrawal_seconds_count", "received") == 1
    offer = await story.offer_dataset(trio.hospital)
    pid = await story.ask(trio.research, trio.hospital, offer | {"@id": story.urn()}, stage.study)
    await story.outcome(trio.research, pid)
    assert value(await figures(trio.hospital), "refusals_total", "unknown-offer") == 1
    assert value(await figures(trio.research), "messages_total", "dsp.negotiation", "refused") == 1


async def test_nobody_and_no_id_is_in_a_label_and_every_measure_names_its_unit(trio: Trio, tmp_path: Path):
    stage = await failing.staged(trio, tmp_path)
    await stage.received(await stage.transfer())
    trio.hospital.context.tally.add("refusal", "urn:uuid:0b2f")
    text = (await asked(trio.hospital)).text
    everybody: list[Any] = await trio.hospital.find(Person)
    secrets = [one for person in everybody for one in (person.name, person.id, person.source_id)]
    assert not [one for one in (*secrets, stage.agreement, trio.research.id) if one and one in text]
    assert not re.search(r"urn:|[0-9a-f]{8}-[0-9a-f]{4}", text)
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("concord_")
        assert {name for sample in family.samples for name in sample.labels} <= LABELS
        if re.search(r"_age_|free|withdrawal_s|bytes", family.name):
            assert family.name.endswith(("_seconds", "_bytes"))


async def test_the_disk_is_seen(trio: Trio):
    trio.research.context.disk = Disk(lambda: 10, 1000)
    found = await figures(trio.research)
    assert (value(found, "disk_free_bytes"), value(found, "disk_low")) == (10, 1)


async def test_figures_need_their_own_token_and_are_off_by_default(trio: Trio):
    assert [(await asked(trio.hospital, token)).status_code for token in (None, "another", TOKEN)] == [401, 401, 200]
    assert (await asked(trio.wallet)).status_code == 404
    with pytest.raises(ValidationError, match="metrics_token_hash"):
        Settings(directory=Path(), participant_id="urn:concord:x", name="Somebody", metrics="on")
