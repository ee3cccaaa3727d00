"""What a recipient states about its duties, also wrongly: only what it owes, under its own key, in time, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.identity.statements import StatementType
from connector.records import DutyOwed, LogEntry
from contracts.duties import duty_id
from policy.instants import wire
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.owing import contract, row, two_people
from tests.two_party.puppet import Voice
from tests.two_party.releases import Stage

REPORT = "/obligation/1"


class Recipient:
    """The research group of a contract, speaking past its own connector."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.voice = Voice.of(stage.research, stage.space_client)

    async def states(self, pointer: str = REPORT, occasion: str | None = None, **changes: Any) -> tuple[int, str]:
        agreement = changes.get("agreement", self.stage.agreement)
        said = {
            "duty": duty_id(agreement, pointer, occasion or ""), "agreement": agreement, "pointer": pointer,
            "key": "report", "occasion": occasion, "by": self.voice.id, "at": wire(datetime.now(UTC)), "objects": 0,
            "lines": 0, "bytes": 0, "proof": {"link": None, "digest": None, "words": "Done."}, "log": "0" * 64,
        } | changes  # fmt: skip
        jws = self.voice.say(StatementType.DUTY_DONE, said)
        answer = await self.voice.post(self.stage.holder, "/consent/duties", {"statement": jws})
        return answer.status_code, answer.text


@pytest.fixture
async def recipient(trio: Trio, tmp_path: Path) -> Recipient:
    """Under a contract that owes a report and deletion within a period."""
    return Recipient(await contract(trio, two_people(tmp_path), "report:P60D", "delete:P30D"))


async def test_a_statement_is_kept_once(recipient: Recipient):
    assert (await recipient.states())[0] == 200
    kept = await row(recipient.stage.holder, "report")
    again = {"link": None, "digest": None, "words": "Something else."}
    assert (await recipient.states(proof=again))[0] == 200
    assert await recipient.stage.holder.get(DutyOwed, kept.id) == kept
    entries = await recipient.stage.holder.find(LogEntry, subject=kept.id, kind="duty.done")
    assert len(entries) == 1
    assert "Done." not in entries[0].body


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"agreement": story.urn()}, 404),
        ({"pointer": "/obligation/7"}, 404),
        ({"pointer": "/obligation/2", "occasion": "urn:uuid:of-no-transfer", "key": "delete"}, 404),
        ({"key": "delete"}, 400),
        ({"pointer": "/permission/0/duty/0", "key": "pseudonymise"}, 400),
        ({"by": "urn:concord:somebody:00000000"}, 403),
        ({"duty": story.urn()}, 400),
        ({"at": wire(datetime.now(UTC) + timedelta(days=1))}, 400),
        ({"at": wire(datetime.now(UTC) - timedelta(days=400))}, 400),
        ({"proof": {"link": "javascript:alert(1)", "digest": None, "words": None}}, 400),
        ({"pointer": "/obligation/1\n"}, 400),
        ({"lines": -1}, 400),
    ],
)
async def test_what_is_not_owed_or_not_said_rightly_is_not_taken(recipient: Recipient, changes, status):
    before = await recipient.stage.holder.find(DutyOwed)
    assert (await recipient.states(**changes))[0] == status
    assert await recipient.stage.holder.find(DutyOwed) == before


async def test_a_stranger_states_nothing_about_the_contract_of_others(recipient: Recipient, trio: Trio):
    recipient.voice = Voice.of(trio.wallet, trio.space.client)
    assert (await recipient.states())[0] == 404
    recipient.voice = Voice(trio.wallet.id, trio.research.context.signer, trio.space.client)
    assert (await recipient.states())[0] == 401


async def test_a_provider_cannot_be_told_of_duties_by_its_own_side(trio: Trio, recipient: Recipient):
    voice = Voice.of(trio.hospital, trio.space.client)
    recipient.voice, recipient.stage.holder = voice, trio.research
    assert (await recipient.states())[0] == 404
