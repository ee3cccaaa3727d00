"""Small numbers in contract rooms, decisions read and replayed, and a log that shows where it was changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import (
    Agreement,
    DecisionMade,
    LogEntry,
    Notice,
    Person,
    ReceivedTransfer,
    Release,
    Tombstone,
    Transfer,
)
from connector.services.dpo.decisions import NO_CODE
from connector.services.sealed import SealedInTransaction
from policy.decide import decide
from policy.replay import inputs_to_json
from tests.unit.policy.story import story

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AGREEMENT = "urn:uuid:a9c1b2d3-1111-4222-8333-444455556666"


def agreement(role, **changes):
    given = {"id": AGREEMENT, "role": role, "counterparty": "urn:p:other", "negotiation": "urn:n", "dataset": "urn:d",
             "policy": {"@id": AGREEMENT, "@type": "Agreement"}, "standing": "active", "made_at": NOW}  # fmt: skip
    return Agreement(**(given | changes))


async def kept(one, *records):
    def command(tx):
        for record in records:
            tx.add(record)

    await one.context.store.write(command)


async def test_a_researcher_never_reads_a_small_number_about_people(research):
    manifest = {"people": 12, "withheld": {"refused": 3, "no-consent": 40, "withdrawn": 1, "expired": 25},
                "withheld_resources": {"outside-window": 812}}  # fmt: skip
    await kept(
        research, agreement("consumer"),
        Transfer(pid="urn:t1", role="consumer", counterparty="urn:p:other", their_pid=None, agreement=AGREEMENT,
                 state="COMPLETED", created_at=NOW),
        Transfer(pid="urn:t2", role="consumer", counterparty="urn:p:other", their_pid=None, agreement=AGREEMENT,
                 state="STARTED", created_at=NOW + timedelta(hours=1)),
        ReceivedTransfer(transfer="urn:t1", agreement=AGREEMENT, people=12, lines=300, bytes=9000, manifest=manifest,
                         verified=True, standing="complete"),
        ReceivedTransfer(transfer="urn:t2", agreement=AGREEMENT, kind="stream", people=4, lines=7, standing="broken"),
    )  # fmt: skip
    room = await research.services.research.room(research.actor("researcher"), AGREEMENT)
    running, complete = room.transfers
    assert (running.kind, running.people, running.state) == ("stream", "fewer than 10", "broken")
    assert (complete.people, complete.resources, complete.manifest_verified) == ("12", 300, True)
    numbers = [int(count) for _, count in complete.withheld if count.isdigit()]
    assert all(number >= 10 for number in numbers)
    assert ("The person said no to this study.", "fewer than 10") in complete.withheld
    assert "not shown" in dict(complete.withheld).values(), "one more reason is folded in, so nothing can be subtracted"
    assert complete.withheld_resources == [("Outside the dates that the person agreed to.", 812)]


async def test_counts_that_a_provider_folded_stay_folded_and_small_ones_it_did_not_are_hidden(research):
    manifest = {"withheld": {"refused": "fewer than 10", "expired": 4, "no-consent": 12, "made-up": "not shown"}}
    await kept(
        research, agreement("consumer"),
        Transfer(pid="urn:t1", role="consumer", counterparty="urn:p:other", their_pid=None, agreement=AGREEMENT,
                 created_at=NOW),
        ReceivedTransfer(transfer="urn:t1", agreement=AGREEMENT, manifest=manifest),
    )  # fmt: skip
    row = await research.services.research.transfer(research.actor("researcher"), "urn:t1")
    assert [count for _, count in row.withheld] == ["fewer than 10", "fewer than 10", "12", "not shown"]
    assert row.withheld[3][0] == "Made up"


async def test_the_providers_officer_reads_exact_numbers_and_its_researchers_no_room_at_all(hospital):
    await kept(
        hospital, agreement("provider"),
        Transfer(pid="urn:t1", role="provider", counterparty="urn:p:other", their_pid=None, agreement=AGREEMENT,
                 state="STARTED", created_at=NOW),
        Release(id="urn:r1", transfer="urn:t1", agreement=AGREEMENT, people=4, resources=9, withheld={"refused": 2},
                started_at=NOW),
    )  # fmt: skip
    history = await hospital.services.dpo.history(hospital.actor("dpo"), AGREEMENT)
    assert (history.room.transfers[0].people, history.room.transfers[0].withheld[0][1]) == (4, "2")
    for call in (hospital.services.research.room, hospital.services.research.manifest):
        with pytest.raises(Problem) as refused:
            await call(hospital.actor("researcher"), AGREEMENT if "room" in call.__name__ else "urn:t1")
        assert refused.value.status == 404
    with pytest.raises(Problem):
        await hospital.services.research.end_transfer(hospital.actor("researcher"), "urn:t1")


@pytest.mark.parametrize(("after", "state"), [(-1, "active"), (0, "expired"), (1, "expired")])
async def test_a_contract_reads_as_expired_from_its_last_instant_on(research, after, state):
    await kept(research, agreement("consumer", until=NOW))
    research.clock.fixed = NOW + timedelta(seconds=after)
    assert (await research.services.research.agreements(research.actor("researcher")))[0].state == state


async def decided(one, person="person-1", outcome=None):
    question, facts = story.question(), story.facts()
    decision = decide(question, facts)
    made = DecisionMade(id="urn:uuid:d1", agreement=AGREEMENT, person=person, at=question.now,
                        outcome=outcome or str(decision.outcome), first_reason=decision.because[0].code,
                        inputs=inputs_to_json(question, facts), decision=decision.to_json())  # fmt: skip
    person_row = Person(id=person, source="ehr", source_id="E-1", name="Maria Jansen")
    await kept(one, agreement("provider"), made, person_row)
    return decision


async def test_a_decision_is_read_by_code_and_replayed_to_the_byte(hospital):
    decision = await decided(hospital)
    officer, dpo = hospital.actor("dpo"), hospital.services.dpo
    assert (await dpo.history(officer, AGREEMENT)).decisions[0].person_code == NO_CODE

    def code(tx):
        return hospital.context.vault.domain(AGREEMENT, SealedInTransaction(tx)).person("person-1").code

    given = await hospital.context.store.write(code)
    history = await dpo.history(officer, AGREEMENT)
    assert (history.decisions[0].person_code, history.decisions[0].outcome) == (given, "permit")
    view = await dpo.decision(officer, "urn:uuid:d1")
    assert [reason[1] for reason in view.reasons] == [cause.code for cause in decision.because]
    assert view.residual
    assert view.would_change == "The person withdrew their consent"
    assert "person-1" not in str(history) + str(view)
    assert "Jansen" not in str(history) + str(view)
    replay = await dpo.replay(officer, "urn:uuid:d1")
    assert (replay.same, replay.outcome, replay.differences) == (True, "permit", [])


async def test_a_decision_that_was_changed_does_not_replay(hospital):
    await decided(hospital)
    officer, dpo = hospital.actor("dpo"), hospital.services.dpo

    async def changed(change):
        def command(tx):
            made = tx.get(DecisionMade, "urn:uuid:d1")
            tx.put(
                DecisionMade(
                    **(
                        {name: getattr(made, name) for name in made.__dataclass_fields__ if name != "key_width"}
                        | change(made)
                    )
                )
            )

        await hospital.context.store.write(command)
        return await dpo.replay(officer, "urn:uuid:d1")

    tampered = await changed(lambda made: {"decision": {**made.decision, "obligations": []}})
    assert (tampered.same, tampered.differences) == (False, ["The duties differ"])
    refused = await changed(lambda made: {"outcome": "deny"})
    assert not refused.same
    broken = await changed(lambda made: {"inputs": {"format": "other"}})
    assert not broken.same
    assert "cannot be replayed" in broken.differences[0]


@pytest.mark.parametrize(
    ("changes", "overdue"),
    [
        ({}, True),
        ({"deadline": NOW + timedelta(days=9)}, False),
        ({"erased_at": NOW}, False),
        ({"exception": "law"}, False),
        ({"stopped_at": NOW}, True),
        ({"kind": "stop", "stopped_at": NOW}, False),
    ],
)
async def test_a_withdrawal_is_overdue_when_its_deadline_passed_and_it_is_not_done(hospital, changes, overdue):
    hospital.clock.fixed = NOW + timedelta(days=2)
    given = {"id": "urn:n1", "consent": "urn:c", "agreement": AGREEMENT, "recipient": "urn:p:other", "kind": "erase",
             "effective_at": NOW, "deadline": NOW + timedelta(days=1)}  # fmt: skip
    await kept(hospital, Notice(**(given | changes)))
    rows = await hospital.services.dpo.withdrawals(hospital.actor("dpo"))
    home = await hospital.services.dpo.home(hospital.actor("dpo"))
    assert [row.overdue for row in rows] == [overdue]
    assert len(home.overdue) == overdue


async def test_what_we_were_told_to_delete_waits_for_the_researcher(research):
    await kept(research, agreement("consumer"), Tombstone(agreement=AGREEMENT, code="F3K9", notice="urn:n1",
                                                          received_at=NOW))  # fmt: skip
    home = await research.services.research.home(research.actor("researcher"))
    assert [row.notice for row in home.withdrawals] == ["urn:n1"]
    assert "not deleted yet" in " ".join(item.words for item in home.waiting)
    assert "F3K9" not in str(home)


async def entries(one, count):
    def command(tx):
        for number in range(count):
            one.context.log(tx, "session.opened", f"account-{number}", {"by": {"account": "a", "role": "dpo"}})

    await one.context.store.write(command)
    while await one.context.store.read(lambda tx: tx.count(LogEntry, position=None)):
        await one.context.bells.wait("checkpoint", timeout=5)


async def test_every_integrated_entry_has_a_proof_that_verifies(hospital):
    from connector.provenance.merkle import verify_inclusion

    await entries(hospital, 7)
    officer = hospital.actor("dpo")
    rows = await hospital.services.dpo.log(officer, -1, 3)
    assert [row.index for row in rows] == [0, 1, 2]
    assert [row.index for row in await hospital.services.dpo.log(officer, 2, 500)] == [3, 4, 5, 6]
    for index in range(7):
        view = await hospital.services.dpo.entry(officer, index)
        proof = [bytes.fromhex(one) for one in view.proof]
        assert verify_inclusion(bytes.fromhex(view.leaf_hash), index, view.size, proof, bytes.fromhex(view.root))
    with pytest.raises(Problem) as refused:
        await hospital.services.dpo.entry(officer, 7)
    assert refused.value.status == 404


async def test_a_changed_byte_is_found_and_named(hospital):
    await entries(hospital, 1500)
    officer = hospital.actor("dpo")
    whole = await hospital.services.dpo.verify(officer)
    assert (whole.ok, whole.entries, whole.signed) == (True, 1500, 1500)

    def tamper(tx):
        found = tx.find(LogEntry, position=1234)[0]
        tx.alter(LogEntry, {"body": found.body.replace('"dpo"', '"dpi"')}, sequence=found.sequence)

    await hospital.context.store.write(tamper)
    broken = await hospital.services.dpo.verify(officer)
    assert (broken.ok, broken.first_bad) == (False, 1234)


async def test_a_checkpoint_kept_elsewhere_finds_a_log_that_was_cut(hospital):
    await entries(hospital, 5)
    officer = hospital.actor("dpo")
    kept_note = (await hospital.services.dpo.entry(officer, 4)).checkpoint

    def cut(tx):
        from connector.records import LogCheckpoint

        tx.remove(LogCheckpoint, size__gt=0)
        tx.remove(LogEntry, position__ge=3)

    await hospital.context.store.write(cut)
    assert (await hospital.services.dpo.verify(officer, [kept_note])).ok is False


async def test_an_export_goes_into_an_empty_directory_only(hospital, tmp_path):
    await entries(hospital, 2)
    officer = hospital.actor("dpo")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    for directory in (tmp_path / "full", tmp_path / "full" / "something" / "below"):
        with pytest.raises(Problem) as refused:
            await hospital.services.dpo.export(officer, directory)
        assert refused.value.where == "directory"
