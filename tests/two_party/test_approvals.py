"""Requests that people decide: rules, one person or two, deadlines, and peers accepted by name."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connector.problems import Problem
from connector.records import (
    Agreement,
    Approval,
    LogEntry,
    Negotiation,
    OutboxMessage,
    PeerAcceptance,
    PersonAsked,
    Study,
)
from connector.services.contracting import NarrowingDraft
from connector.services.contracting.questions import BELL
from connector.services.processes.moves import MakeRequest
from tests.two_party import story
from tests.two_party.space import until

SOON = (datetime.now(UTC) + timedelta(days=90)).date()
ROOT = Path(__file__).parent.parent.parent


def steward(trio, account="ann"):
    return trio.hospital.acting("steward", account, account.capitalize())


async def queue(trio):
    return await trio.hospital.services.approvals.list(steward(trio))


async def requested(trio, **rule) -> tuple[str, str]:
    """A request under a rule; the pids at both sides, once the hospital has the request."""
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    if rule:
        await trio.hospital.services.rules.set(steward(trio), **rule)
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    ours = await trio.research.eventually(Negotiation, pid, where=lambda found: found.their_pid)
    return pid, str(ours.their_pid)


async def asked(trio, **rule) -> tuple[str, str]:
    """The same, once a person has been asked."""
    pids = await requested(trio, **rule)
    await until(lambda: queue(trio), "a request in the queue")
    return pids


async def the_end(trio, pid):
    ours, theirs = await story.outcome(trio.research, pid), await story.counterpart(trio.hospital, pid)
    assert ours.state == theirs.state
    return ours


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_a_request_waits_until_a_person_approves_it(trio):
    pid, theirs = await asked(trio, answer="person")
    [row] = await queue(trio)
    assert (row.pid, row.kind, row.counterparty, row.needed, row.approved) == (
        theirs,
        "request",
        trio.research.id,
        1,
        0,
    )
    assert (row.answer_by - row.asked_at, row.urgent) == (timedelta(days=14), False)
    assert not await trio.hospital.find(Agreement)
    home = await trio.hospital.services.steward.home(steward(trio))
    assert home.approvals == [row]

    await trio.hospital.services.approvals.approve(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), "Ethics vote 12/26"
    )
    assert (await the_end(trio, pid)).state == "FINALIZED"
    assert await queue(trio) == []
    [verdict] = await trio.hospital.find(Approval)
    assert (verdict.account, verdict.name, verdict.verdict, verdict.note) == (
        "ann",
        "Ann",
        "approve",
        "Ethics vote 12/26",
    )
    kinds = [entry.kind for entry in await trio.hospital.find(LogEntry, subject=theirs, order="sequence")]
    assert kinds[:3] == ["negotiation.requested", "negotiation.person-asked", "negotiation.verdict-approve"]


async def test_a_persons_refusal_ends_it_with_their_reason(trio):
    pid, theirs = await asked(trio, answer="person")
    with pytest.raises(Problem) as wordless:
        await trio.hospital.services.approvals.refuse(
            steward(trio), theirs, await story.terms(trio.hospital, theirs), " "
        )
    assert (wordless.value.status, wordless.value.where) == (400, "reason")
    await trio.hospital.services.approvals.refuse(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), "The purpose is too wide"
    )
    ours = await the_end(trio, pid)
    assert ours.reason == {"code": "refused-by-person", "reason": ["The purpose is too wide"]}


async def test_a_quorum_needs_two_different_persons(trio):
    pid, theirs = await asked(trio, answer="quorum")
    approvals = trio.hospital.services.approvals
    await approvals.approve(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs))
    with pytest.raises(Problem) as twice:
        await approvals.approve(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs))
    assert twice.value.status == 409
    [row] = await queue(trio)
    assert (row.approved, row.needed) == (1, 2)
    assert (await trio.hospital.get(Negotiation, theirs)).state == "REQUESTED"
    await approvals.approve(steward(trio, "ben"), theirs, await story.terms(trio.hospital, theirs))
    assert (await the_end(trio, pid)).state == "FINALIZED"


async def test_one_refusal_outweighs_an_approval(trio):
    pid, theirs = await asked(trio, answer="quorum")
    await trio.hospital.services.approvals.approve(
        steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs)
    )
    await trio.hospital.services.approvals.refuse(
        steward(trio, "ben"), theirs, await story.terms(trio.hospital, theirs), "Not now"
    )
    assert (await the_end(trio, pid)).reason["reason"] == ["Not now"]


async def test_an_approval_is_for_exactly_the_terms_it_was_given_for(trio):
    pid, theirs = await asked(trio, answer="quorum")
    approvals = trio.hospital.services.approvals
    await approvals.approve(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs))
    await approvals.counter(
        steward(trio, "ben"), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON)
    )
    await until(lambda: trio.research.services.offers.list(trio.research.acting("researcher")), "an offer to answer")
    await trio.research.services.offers.accept(
        trio.research.acting("researcher"), pid, await story.terms(trio.research, pid)
    )
    await trio.hospital.eventually(Negotiation, theirs, where=lambda found: found.state == "ACCEPTED")
    [row] = await until(lambda: queue(trio), "a second question")
    assert (row.state, row.approved, row.needed) == ("accepted", 1, 2)  # Ben's own offer; Ann spoke on other terms
    view = await approvals.show(steward(trio), theirs)
    assert [(one.name, one.verdict) for one in view.verdicts] == [("Ben", "offer")]
    assert view.can == ["approve", "refuse"]
    with pytest.raises(Problem) as own:
        await approvals.approve(steward(trio, "ben"), theirs, await story.terms(trio.hospital, theirs))
    assert own.value.status == 409
    await approvals.approve(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs))
    assert (await the_end(trio, pid)).state == "FINALIZED"


async def answered_by_other_terms(trio, pid: str, theirs: str) -> None:
    """Ann narrows the request; the consumer answers by hand, with terms that nobody here has read."""
    counter = NarrowingDraft(until=SOON)
    approvals = trio.hospital.services.approvals
    await approvals.counter(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs), counter)
    ours = await trio.research.eventually(Negotiation, pid, where=lambda found: found.state == "OFFERED")
    [first, *_] = ours.offers["offers"]
    wide = orjson.loads(orjson.dumps(first["policy"]))
    [end] = [one for one in wide["permission"][0]["constraint"] if one["leftOperand"] == "dateTime"]
    later = (datetime.now(UTC) + timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    end["rightOperand"] = {"@value": later, "@type": "xsd:dateTime"} if isinstance(end["rightOperand"], dict) else later
    await trio.research.services.negotiations.move(pid, MakeRequest(wide, first["selection"]))
    await trio.hospital.eventually(Negotiation, theirs, where=lambda found: len(found.offers["offers"]) == 3)
    await until(lambda: queue(trio), "the question about the new terms")


async def test_a_yes_to_terms_that_were_replaced_meanwhile_counts_for_nothing(trio):
    """Ben reads; Ann counters; the consumer answers with other terms; Ben says yes to what he read."""
    pid, theirs = await asked(trio, answer="person")
    approvals = trio.hospital.services.approvals
    read = await approvals.show(steward(trio, "ben"), theirs)
    await answered_by_other_terms(trio, pid, theirs)
    now = await approvals.show(steward(trio, "ben"), theirs)
    assert now.row.state == read.row.state == "requested"
    assert now.terms_digest != read.terms_digest
    for answer in (
        approvals.approve(steward(trio, "ben"), theirs, read.terms_digest),
        approvals.refuse(steward(trio, "ben"), theirs, read.terms_digest, "Too long"),
        approvals.counter(steward(trio, "ben"), theirs, read.terms_digest, NarrowingDraft(categories=["laboratory"])),
        approvals.approve(steward(trio, "ben"), theirs, ""),
    ):
        with pytest.raises(Problem) as stale:
            await answer
        assert (stale.value.status, stale.value.code) == (409, "terms-changed")
    assert [one.account for one in await trio.hospital.find(Approval)] == ["ann"]
    await trio.hospital.quiet()
    assert (await trio.hospital.get(Negotiation, theirs)).state == "REQUESTED"
    await approvals.refuse(steward(trio, "ben"), theirs, now.terms_digest, "Not that long")
    assert (await the_end(trio, pid)).reason["reason"] == ["Not that long"]


async def test_a_counter_offer_is_overtaken_by_the_answer_of_a_colleague_while_policy_is_asked(trio):
    """Between reading the terms and writing the answer the terms change: the writing transaction looks again."""
    pid, theirs = await asked(trio, answer="person")
    approvals = trio.hospital.services.approvals
    read, check = await story.terms(trio.hospital, theirs), approvals._check

    async def slow(process):
        await check(process)
        approvals._check = check
        await answered_by_other_terms(trio, pid, theirs)

    approvals._check = slow
    with pytest.raises(Problem) as stale:
        await approvals.counter(steward(trio, "ben"), theirs, read, NarrowingDraft(categories=["laboratory"]))
    assert stale.value.code == "terms-changed"
    assert [one.account for one in await trio.hospital.find(Approval)] == ["ann"]


async def test_the_view_says_whether_its_reader_has_spoken_whatever_others_are_called(trio):
    _, theirs = await asked(trio, answer="quorum")
    approvals = trio.hospital.services.approvals
    await approvals.approve(steward(trio, "ann"), theirs, await story.terms(trio.hospital, theirs))
    namesake = trio.hospital.acting("steward", "other", "Ann")
    assert (await approvals.show(steward(trio, "ann"), theirs)).spoken
    assert not (await approvals.show(namesake, theirs)).spoken


async def test_who_asks_never_approves(trio):
    _, theirs = await asked(trio, answer="person")
    insider = trio.hospital.acting("steward")
    guest = type(insider)("ann", "Ann", "steward", trio.research.id)
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.approvals.approve(guest, theirs, await story.terms(trio.hospital, theirs))
    assert refused.value.status == 403
    assert not await trio.hospital.find(Approval)


async def test_a_rule_can_refuse_with_its_reason(trio):
    pid, _ = await requested(trio, answer="refuse", reason="No contracts this year", counterparty=trio.research.id)
    ours = await the_end(trio, pid)
    assert ours.reason == {"code": "refused-by-rule", "reason": ["No contracts this year"]}


async def test_policys_no_comes_before_any_rule_and_nobody_is_asked(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.publish_study(trio.research, (trio.hospital, story.RECORDS))  # not approved
    await trio.hospital.services.rules.set(steward(trio), "person")
    ours = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert ours.reason["code"] == "study-not-approved"
    assert not await trio.hospital.find(PersonAsked)


async def test_policy_is_asked_again_after_a_person_approved(trio):
    """The dataset was withdrawn while the request waited: an approval cannot bring it back."""
    pid, theirs = await asked(trio, answer="person")
    study = (await trio.hospital.get(Negotiation, theirs)).study
    await trio.hospital.store.write(lambda tx: tx.alter(Study, {"standing": "refused"}, id=study))
    await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    assert (await the_end(trio, pid)).reason["code"] == "study-not-approved"


async def test_what_waits_still_waits_after_a_restart_and_is_asked_only_once(trio):
    pid, theirs = await asked(trio, answer="person")
    [before] = await trio.hospital.find(PersonAsked)
    await trio.hospital.stop()
    await trio.hospital.start()
    [row] = await queue(trio)
    assert (row.pid, row.answer_by) == (theirs, before.answer_by)
    logged = [one.kind for one in await trio.hospital.find(LogEntry, subject=theirs)]
    assert logged.count("negotiation.person-asked") == 1
    await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    assert (await the_end(trio, pid)).state == "FINALIZED"


async def test_an_approval_given_while_the_other_side_is_away_reaches_it_later(trio):
    pid, theirs = await asked(trio, answer="person")
    await trio.research.stop()
    await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    assert await queue(trio) == []
    assert await trio.hospital.find(OutboxMessage, about=theirs, standing="waiting")
    await trio.research.start()
    assert (await the_end(trio, pid)).state == "FINALIZED"


async def test_a_negotiation_ended_by_the_other_side_leaves_the_queue(trio):
    pid, theirs = await asked(trio, answer="person")
    await trio.research.services.contracts.terminate(trio.research.acting("operator"), pid, "We changed our mind")
    await the_end(trio, pid)
    assert await queue(trio) == []
    with pytest.raises(Problem) as late:
        await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    assert late.value.status == 409


# --- deadlines --------------------------------------------------------------------------------------------------------


def later(party, days: float) -> None:
    """The party's clock goes forward, and its job is woken as it would be."""
    party.context.clock = lambda: datetime.now(UTC) + timedelta(days=days)
    party.context.bells.ring(BELL)


async def test_a_reminder_at_half_time_and_an_end_when_time_is_up(trio):
    pid, theirs = await asked(trio, answer="person", days=10)
    later(trio.hospital, 4.9)
    assert [row.urgent for row in await queue(trio)] == [False]
    later(trio.hospital, 5.1)
    await trio.hospital.eventually(Negotiation, theirs, where=lambda found: found.reminded_at is not None)
    [row] = await queue(trio)
    assert row.urgent
    later(trio.hospital, 6)
    later(trio.hospital, 10.1)
    ours = await the_end(trio, pid)
    assert ours.reason["code"] == "answer-overdue"
    assert "within the time" in ours.reason["reason"][0]
    assert not await trio.hospital.find(PersonAsked)
    kinds = [entry.kind for entry in await trio.hospital.find(LogEntry, subject=theirs)]
    assert kinds.count("negotiation.reminded") == 1


async def test_an_offer_nobody_answers_is_ended_by_the_consumer(trio):
    pid, theirs = await asked(trio, answer="person")
    await trio.hospital.services.approvals.counter(
        steward(trio), theirs, await story.terms(trio.hospital, theirs), NarrowingDraft(until=SOON)
    )
    offers, researcher = trio.research.services.offers, trio.research.acting("researcher")
    await until(lambda: offers.list(researcher), "an offer to answer")
    later(trio.research, 8)
    await trio.research.eventually(Negotiation, pid, where=lambda found: found.reminded_at is not None)
    home = await trio.research.services.research.home(researcher)
    assert [one.urgent for one in home.waiting] == [True]
    later(trio.research, 15)
    assert (await the_end(trio, pid)).reason["code"] == "answer-overdue"


async def test_what_fell_due_while_nobody_ran_is_ended_at_the_start(trio):
    pid, theirs = await asked(trio, answer="person")
    gone = datetime.now(UTC) - timedelta(days=1)
    await trio.hospital.store.write(
        lambda tx: tx.alter(PersonAsked, {"answer_by": gone, "due_at": gone}, negotiation=theirs)
    )
    await trio.hospital.stop()
    await trio.hospital.start()
    assert (await the_end(trio, pid)).reason["code"] == "answer-overdue"


async def test_an_answer_in_time_is_not_ended_by_the_deadline(trio):
    pid, theirs = await asked(trio, answer="person")
    await trio.hospital.services.approvals.approve(steward(trio), theirs, await story.terms(trio.hospital, theirs))
    later(trio.hospital, 20)
    assert (await the_end(trio, pid)).state == "FINALIZED"
    await until(lambda: nothing_asked(trio), "the question to be cleared away")


async def nothing_asked(trio) -> bool:
    return not await trio.hospital.find(PersonAsked)


# --- peers that cannot prove erasure ----------------------------------------------------------------------------------


async def silenced(trio) -> None:
    """At the hospital the research group is a member that does not speak the consent exchange."""
    members = trio.hospital.context.members
    await members.put(members.known(trio.research.id).model_copy(update={"consent": None}))


async def request_of_a_silent_peer(trio) -> str:
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await silenced(trio)
    return await story.ask(trio.research, trio.hospital, offer, study)


async def test_a_peer_that_cannot_be_told_of_withdrawals_gets_no_terms_that_demand_erasure(trio):
    ours = await the_end(trio, await request_of_a_silent_peer(trio))
    assert (ours.state, ours.reason["code"]) == ("TERMINATED", "erasure-not-provable")


async def test_accepted_by_name_it_does_until_that_is_revoked(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await silenced(trio)
    membership = trio.hospital.services.membership
    await membership.accept(steward(trio), trio.research.id, "Audited in May")
    ours = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert ours.state == "FINALIZED"
    [row] = await membership.acceptances(trio.hospital.acting("dpo"))
    assert (row.standing, row.by, row.why, row.contracts) == ("in-force", "Ann", "Audited in May", [ours.agreement])

    await membership.revoke(steward(trio), trio.research.id)
    again = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert again.reason["code"] == "erasure-not-provable"
    kinds = [entry.kind for entry in await trio.hospital.find(LogEntry, subject=trio.research.id)]
    assert {"member.accepted", "member.acceptance-revoked"} <= set(kinds)


async def test_an_acceptance_ends_at_its_end(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    await silenced(trio)
    membership = trio.hospital.services.membership
    await membership.accept(steward(trio), trio.research.id, "For now", datetime.now(UTC) + timedelta(days=1))
    later(trio.hospital, 2)
    ours = await the_end(trio, await story.ask(trio.research, trio.hospital, offer, study))
    assert ours.reason["code"] == "erasure-not-provable"
    assert [row.standing for row in await membership.acceptances(steward(trio))] == ["ended"]


async def test_only_who_needs_it_is_accepted_and_only_with_a_reason_by_a_steward(trio):
    membership, ours = trio.hospital.services.membership, trio.research.id
    for actor, member, why, status in (
        (steward(trio), ours, "It is fine", 409),  # speaks the exchange
        (steward(trio), "urn:concord:nobody:00000000", "Why not", 400),
        (trio.hospital.acting("researcher"), ours, "It is fine", 403),
    ):
        with pytest.raises(Problem) as refused:
            await membership.accept(actor, member, why)
        assert refused.value.status == status
    await silenced(trio)
    with pytest.raises(Problem) as wordless:
        await membership.accept(steward(trio), ours, " ")
    assert wordless.value.where == "why"
    assert not await trio.hospital.find(PeerAcceptance)


# --- the command ------------------------------------------------------------------------------------------------------


async def concord(party, *words: str) -> tuple[int, object]:
    """The command, as a process of its own beside the one that serves; returns its code and what it printed."""
    done = await run(party, *words, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


async def told(party, *words: str) -> str:
    """What the command says to people, beside its answer."""
    return (await run(party, *words)).stderr


async def run(party, *words: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", "from connector.cli import main; main()", *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    environment = kept | {"PYTHONPATH": str(ROOT), "CONCORD_DIRECTORY": str(party.founded.directory)}
    return await asyncio.to_thread(
        subprocess.run, arguments, capture_output=True, text=True, env=environment, timeout=60, check=False
    )


async def test_the_whole_of_a_negotiation_can_be_decided_by_the_command(trio):
    code, rule = await concord(trio.hospital, "rules", "set", "person", "--days", "3")
    assert code == 0, rule
    assert (rule["answer"], rule["days"]) == ("person", 3)
    pid, theirs = await asked(trio)
    code, rows = await concord(trio.hospital, "approvals", "list")
    assert (code, [row["pid"] for row in rows]) == (0, [theirs])
    code, view = await concord(trio.hospital, "approvals", "show", theirs)
    assert (code, view["row"]["counterparty_name"]) == (0, "Research One")
    code, said = await concord(trio.hospital, "approvals", "approve", theirs, "--terms", "0" * 64)
    assert (code, "terms have changed" in str(said)) == (2, True), said
    until_soon = ("--until", SOON.isoformat(), "--terms", view["terms_digest"])
    code, said = await concord(trio.hospital, "approvals", "counter", theirs, "--until", "2999-12-31")
    assert code == 2
    assert "until" in str(said)
    code, _ = await concord(trio.hospital, "approvals", "counter", theirs, *until_soon)
    assert code == 0
    await until(lambda: trio.research.services.offers.list(trio.research.acting("researcher")), "an offer to answer")
    code, rows = await concord(trio.research, "negotiations", "list", "--waiting")
    assert [row["pid"] for row in rows] == [pid]
    said, read = await told(trio.research, "negotiations", "accept", pid), await story.terms(trio.research, pid)
    assert f"Terms: {read}" in said  # what was accepted is what was printed
    code, view = await concord(trio.research, "negotiations", "show", pid)
    assert (code, view["rounds"][1]["differences"][0]["term"]) == (0, "until")
    assert (await the_end(trio, pid)).state == "FINALIZED"
    assert await concord(trio.hospital, "rules", "remove") == (0, {"dataset": "", "counterparty": ""})
    assert await concord(trio.hospital, "rules", "list") == (0, [])
