"""Two connectors negotiate: both end the same way, with one contract between them or the reason why there is none."""

from __future__ import annotations

import asyncio

import pytest

from connector.problems import Problem
from connector.records import Agreement, LogEntry, Negotiation, OutboxMessage
from connector.services.processes.moves import Terminate
from tests.two_party import story
from tests.two_party.space import until


async def log_of(party, pid):
    return [entry.kind for entry in await party.find(LogEntry, subject=pid, order="sequence")]


async def the_end(trio, pid):
    """Both sides of a negotiation, once it is over at both."""
    ours, theirs = await story.outcome(trio.research, pid), await story.counterpart(trio.hospital, pid)
    assert ours.state == theirs.state
    return ours, theirs


async def test_a_wanted_contract_is_finalized_on_both_sides_with_one_agreement(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    ours, theirs = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert ours.state == "FINALIZED"
    assert (ours.their_pid, theirs.their_pid) == (theirs.pid, ours.pid)
    [mine], [yours] = await trio.research.find(Agreement), await trio.hospital.find(Agreement)
    assert (mine.id, mine.policy, mine.digest) == (yours.id, yours.policy, yours.digest)
    assert {mine.standing, yours.standing} == {"active"}
    assert mine.study == yours.study == study
    assert mine.until == yours.until


async def test_every_step_of_a_negotiation_stands_in_both_logs(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    ours, theirs = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    steps = [f"negotiation.{step}" for step in ("requested", "agreed", "verified", "finalized")]
    assert await log_of(trio.research, ours.pid) == ["negotiation.asked", *steps]
    assert await log_of(trio.hospital, theirs.pid) == steps
    by = [(step[0], step[2]) for step in theirs.steps["steps"]]
    assert by == [
        ("REQUESTED", "consumer"),
        ("AGREED", "provider"),
        ("VERIFIED", "consumer"),
        ("FINALIZED", "provider"),
    ]


async def test_without_the_stewards_approval_there_is_no_contract(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS))
    ours, theirs = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert (ours.state, ours.reason["code"], ours.reason) == ("TERMINATED", "study-not-approved", theirs.reason)
    assert not await trio.hospital.find(Agreement)


async def test_a_study_the_holder_never_saw_gets_no_contract(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS), send=False)
    ours, _ = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert (ours.state, ours.reason["code"]) == ("TERMINATED", "study-not-approved")


async def test_a_study_approved_for_one_dataset_gives_no_contract_about_another(trio):
    await story.offer_dataset(trio.hospital)
    other = await story.offer_dataset(trio.hospital, "urn:concord:dataset:other")
    study = await story.approved_study(trio.research, trio.hospital)
    pid = await story.ask(trio.research, trio.hospital, other, study, dataset="urn:concord:dataset:other")
    ours, _ = await the_end(trio, pid)
    assert (ours.state, ours.reason["code"]) == ("TERMINATED", "study-not-approved")


async def test_a_study_for_other_recipients_gives_the_asker_no_contract(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.publish_study(
        trio.research, (trio.hospital, story.RECORDS), recipients=["urn:concord:somebody-else:00000000"]
    )
    await trio.hospital.services.studies.decide(trio.hospital.acting("steward"), study, True, "")
    ours, _ = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert (ours.state, ours.reason["code"]) == ("TERMINATED", "study-not-approved")


async def test_a_purpose_outside_the_offer_is_refused_with_that_reason(trio):
    offer = await story.offer_dataset(trio.hospital)
    marketing = "https://w3id.org/dpv#Marketing"
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS), purposes=[marketing])
    await trio.hospital.services.studies.decide(trio.hospital.acting("steward"), study, True, "")
    ours, theirs = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study, purpose=marketing))
    assert ours.state == "TERMINATED"
    assert any("outside those on offer" in reason for reason in ours.reason["reason"])
    assert ours.reason == theirs.reason


@pytest.mark.parametrize(
    ("at", "path"),
    [
        ("hospital", "/negotiations/request"), ("research", "/agreement"),
        ("hospital", "/agreement/verification"), ("research", "/events"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("loss", ["lose_answer", "lose_request"])
async def test_a_lost_message_or_answer_changes_nothing_of_the_outcome(relayed_trio, at, path, loss):
    trio = relayed_trio
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    getattr(getattr(trio, at).relay, loss)(path, times=2)
    ours, theirs = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert ours.state == "FINALIZED", ours.reason
    assert len(await trio.research.find(Negotiation)) == len(await trio.hospital.find(Negotiation)) == 1
    [mine], [yours] = await trio.research.find(Agreement), await trio.hospital.find(Agreement)
    assert (mine.id, mine.standing) == (yours.id, yours.standing) == (ours.agreement, "active")
    assert [step[0] for step in theirs.steps["steps"]] == ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"]
    await trio.research.quiet()
    await trio.hospital.quiet()
    assert not await trio.research.find(OutboxMessage, standing="dead")


async def test_a_provider_that_is_down_is_asked_when_it_is_back(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.stop()
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await until(lambda: attempted(trio.research, pid), "an attempt to deliver")
    assert (await trio.research.get(Negotiation, pid)).state == ""
    await trio.hospital.start()
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED"


async def attempted(party, pid):
    return any(message.attempts for message in await party.find(OutboxMessage, about=pid))


async def test_a_consumer_that_was_down_takes_the_negotiation_up_again(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await trio.research.stop()
    await asyncio.sleep(0.3)
    await trio.research.start()
    ours, _ = await the_end(trio, pid)
    assert ours.state == "FINALIZED"
    assert len(await trio.hospital.find(Agreement)) == 1


async def test_terminations_that_cross_end_both_sides(puppet, trio):
    """The provider would send its agreement while it is told to terminate, and the consumer terminates as well."""
    hospital, research = trio.hospital, trio.research
    offer = await story.offer_dataset(hospital)
    study = await story.publish_study(research, (hospital, story.RECORDS))
    held = asyncio.Event()
    hospital.services.negotiations._course.next = lambda _process: held.wait()  # it takes its time to decide
    pid = await story.ask(research, hospital, offer, study)
    ours = await research.eventually(Negotiation, pid, where=lambda found: found.state == "REQUESTED")
    await asyncio.gather(
        research.services.negotiations.move(pid, Terminate("changed", ("We changed our mind",))),
        hospital.services.negotiations.move(ours.their_pid, Terminate("no", ("We do not want it",))),
    )
    held.set()
    mine, yours = await the_end(trio, pid)
    assert mine.state == yours.state == "TERMINATED"
    await research.quiet()
    await hospital.quiet()


async def test_a_negotiation_nobody_has_answered_yet_ends_as_soon_as_there_is_an_answer(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.hospital.stop()
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await trio.research.services.negotiations.move(pid, Terminate("changed", ("We changed our mind",)))
    await trio.hospital.start()
    ours, theirs = await the_end(trio, pid)
    assert ours.state == theirs.state == "TERMINATED"
    assert theirs.reason == {"code": "changed", "reason": ["We changed our mind"]}
    assert not await trio.research.find(Agreement, standing="active")


async def test_a_finished_negotiation_cannot_be_terminated(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    ours, _ = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    with pytest.raises(Problem) as refused:
        await trio.research.services.negotiations.move(ours.pid, Terminate("no", ("Late",)))
    assert refused.value.status == 409


async def test_a_suspended_member_gets_no_messages_and_the_negotiation_ends(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await trio.research.context.members.set_standing(trio.hospital.id, "suspended")
    with pytest.raises(Problem):
        await story.ask(trio.research, trio.hospital, offer, study)
    assert not await trio.hospital.find(Negotiation)


async def test_only_some_roles_may_ask_or_terminate(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    with pytest.raises(Problem) as refused:
        await trio.research.services.asking.start(
            trio.research.acting("patient"), trio.hospital.id, story.RECORDS, offer, study, story.RESEARCH
        )
    assert refused.value.status == 403
