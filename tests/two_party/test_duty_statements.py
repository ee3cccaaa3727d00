"""What a recipient states about its duties, also wrongly: only what it owes, under its own key, in time, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.identity.statements import StatementType
from connector.records import Agreement, DutyOwed, LogEntry, Release, Transfer
from connector.services.duties import occasions
from connector.services.duties.book import DutyBook
from contracts.duties import duty_id
from policy.instants import wire
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.owing import amend, contract, row
from tests.two_party.puppet import Voice
from tests.two_party.releases import Stage, smallest_bundles

ERASE, REPORT, DELETE = (f"/obligation/{place}" for place in range(3))
NO_PROOF = {"link": None, "digest": None, "words": None}


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
    return Recipient(await contract(trio, smallest_bundles(tmp_path / "bundles", 2), "report:P60D", "delete:P30D"))


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


# --- nothing is done before there is anything to do -------------------------------------------------------------------


async def begun(stage: Stage, state: str) -> str:
    """A transfer of which nothing was handed over; returns the consumer's pid."""
    pid = story.urn()
    row = Transfer(
        pid=story.urn(), role="provider", counterparty=stage.research.id, their_pid=pid, agreement=stage.agreement,
        state=state,
    )  # fmt: skip
    await stage.holder.store.write(lambda tx: tx.add(row))
    return pid


@pytest.mark.parametrize("state", ["REQUESTED", "STARTED", "TERMINATED"])
async def test_nothing_is_deleted_of_a_transfer_that_handed_nothing_over(recipient: Recipient, state):
    pid = await begun(recipient.stage, state)
    status, _ = await recipient.states(DELETE, pid, key="delete")
    assert status in (404, 409)
    assert await recipient.stage.holder.find(DutyOwed, duty="delete") == []


async def test_a_duty_owed_once_is_not_stated_for_a_transfer_nor_the_other_way_round(recipient: Recipient):
    pid = (await recipient.stage.received(await recipient.stage.transfer())).transfer
    before = await recipient.stage.holder.find(DutyOwed)
    assert (await recipient.states(REPORT, pid))[0] == 404
    assert (await recipient.states(DELETE, key="delete"))[0] == 404
    assert await recipient.stage.holder.find(DutyOwed) == before


async def test_a_statement_about_deleting_covers_all_that_was_handed_over_and_comes_after_it(recipient: Recipient):
    stage = recipient.stage
    pid = (await stage.received(await stage.transfer())).transfer
    before = await row(stage.holder, "delete", "open")
    moved = await stage.holder.eventually(
        Transfer, (await stage.holder.find(Transfer, their_pid=pid))[0].pid, where=lambda one: one.state == "COMPLETED"
    )
    [release] = await stage.holder.find(Release, transfer=moved.pid)
    later = datetime.now(UTC) + timedelta(minutes=3)
    await stage.holder.store.write(lambda tx: tx.alter(LogEntry, {"at": wire(later)}, kind="release.chunk"))
    await stage.holder.store.write(lambda tx: tx.alter(Release, {"finished_at": later}, id=release.id))
    stale = await recipient.states(DELETE, pid, key="delete", proof=NO_PROOF)
    assert (stale[0], "handed over after" in stale[1]) == (409, True)
    now = wire(datetime.now(UTC))
    await stage.holder.store.write(lambda tx: tx.alter(LogEntry, {"at": now}, kind="release.chunk"))
    going_on = ({"state": "STARTED"}, Transfer, moved.pid), ({"standing": "running"}, Release, release.id)
    for changed, record, key in going_on:
        known = await stage.holder.get(record, key)
        await stage.holder.store.write(lambda tx, known=known, changed=changed: tx.change(known, **changed))
        assert (await recipient.states(DELETE, pid, key="delete", proof=NO_PROOF))[0] == 409
        await stage.holder.store.write(lambda tx, known=known: tx.put(known))
    assert await stage.holder.get(DutyOwed, before.id) == before
    # A release that was closed late is no reason to refuse: what counts is when its last portion left.
    assert (await recipient.states(DELETE, pid, key="delete", proof=NO_PROOF))[0] == 200
    assert (await row(stage.holder, "delete")).id == before.id


async def test_all_is_not_deleted_long_before_its_instant_while_nothing_was_handed_over(trio: Trio, tmp_path: Path):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    recipient = Recipient(await contract(trio, smallest_bundles(tmp_path / "bundles", 2), f"delete:{wire(end)}"))
    holder = recipient.stage.holder
    [before] = await holder.find(DutyOwed, duty="delete")
    assert (await recipient.states(REPORT, key="delete", proof=NO_PROOF))[0] == 409
    assert await holder.get(DutyOwed, before.id) == before
    pressing = datetime.now(UTC)
    await holder.store.write(lambda tx: tx.alter(DutyOwed, {"opens_at": pressing}, id=before.id))
    assert (await recipient.states(REPORT, key="delete", proof=NO_PROOF))[0] == 200


# --- a proof is a proof -----------------------------------------------------------------------------------------------


async def test_what_a_person_states_needs_a_proof_at_the_receiver_too(recipient: Recipient):
    before = await recipient.stage.holder.find(DutyOwed)
    status, said = await recipient.states(proof=NO_PROOF)
    assert (status, "proof" in said) == (400, True)
    assert await recipient.stage.holder.find(DutyOwed) == before


async def test_erasure_on_withdrawal_is_stated_about_its_notice_alone(recipient: Recipient):
    stage, notice = recipient.stage, story.urn()
    context, due = stage.holder.context, datetime.now(UTC) + timedelta(days=30)
    await stage.holder.store.write(lambda tx: occasions.asked(tx, context, stage.agreement, notice, due))
    before = await row(stage.holder, "erase-on-withdrawal", "open")
    assert before.occasion == notice
    assert (await recipient.states(ERASE, notice, key="erase-on-withdrawal", proof=NO_PROOF))[0] == 400
    assert (await recipient.states(ERASE, notice, key="erase-on-withdrawal"))[0] == 400
    assert await stage.holder.get(DutyOwed, before.id) == before


async def test_a_transfer_named_like_a_notice_is_not_deleted_by_the_statement_about_that(recipient: Recipient):
    stage = recipient.stage
    pid = (await stage.received(await stage.transfer())).transfer
    before = await row(stage.holder, "delete", "open", pid)
    await stage.holder.store.write(lambda tx: occasions.erased(tx, stage.holder.context, pid, {}, "their.statement."))
    assert await stage.holder.get(DutyOwed, before.id) == before


# --- terms that were replaced, and words that come late ---------------------------------------------------------------


async def test_what_was_dropped_stays_dropped_and_its_statement_counts_for_what_took_its_place(recipient: Recipient):
    stage = recipient.stage
    pid = (await stage.received(await stage.transfer())).transfer
    await amend(stage, "report:P30D", "delete:P10D")
    dropped = {key: await row(stage.holder, key, "dropped") for key in ("report", "delete")}
    newer = {key: await row(stage.holder, key, "open") for key in dropped}
    signed = wire(datetime.now(UTC))
    assert (await recipient.states(at=signed))[0] == 200
    assert (await row(stage.holder, "report")).id == newer["report"].id
    made = (await stage.holder.get(Agreement, stage.agreement)).made_at
    early = wire(made - timedelta(seconds=30))
    await stage.holder.store.write(
        lambda tx: tx.alter(Release, {"started_at": made + timedelta(minutes=2)}, agreement=stage.agreement)
    )
    assert (await recipient.states(DELETE, pid, key="delete", at=early))[0] == 409
    assert await stage.holder.get(DutyOwed, newer["delete"].id) == newer["delete"]
    for one in dropped.values():
        assert await stage.holder.get(DutyOwed, one.id) == one


async def test_a_dropped_duty_that_nothing_took_the_place_of_is_done_by_nobody(recipient: Recipient):
    holder = recipient.stage.holder
    await holder.store.write(lambda tx: tx.alter(DutyOwed, {"standing": "dropped"}, duty="report"))
    [before] = await holder.find(DutyOwed, duty="report")
    assert (await recipient.states())[0] == 200
    await holder.store.write(lambda tx: DutyBook(holder.context).done(tx, before, {}, statement="x"))
    assert await holder.get(DutyOwed, before.id) == before
    assert await holder.find(LogEntry, subject=before.id, kind="duty.done") == []


async def test_a_word_that_comes_weeks_late_is_not_in_time_whatever_it_says(recipient: Recipient):
    holder, now = recipient.stage.holder, datetime.now(UTC)
    due = now - timedelta(days=20)
    made = now - timedelta(days=40)
    await holder.store.write(lambda tx: tx.alter(DutyOwed, {"due_at": due}, duty="report"))
    await holder.store.write(lambda tx: tx.alter(Agreement, {"made_at": made}, id=recipient.stage.agreement))
    assert (await recipient.states(at=wire(due - timedelta(seconds=1))))[0] == 200
    [seen] = [one for one in await holder.services.duties.list(holder.acting("steward")) if one.duty == "report"]
    assert (seen.state, seen.done_at < due) == ("stated-late", True)
