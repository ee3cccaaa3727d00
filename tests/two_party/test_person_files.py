"""A holder answers a person (GDPR art. 15): everything kept about them, and opening it is a use that they see."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.problems import Problem
from connector.records import (
    Agreement,
    CaptureEvidence,
    DecisionMade,
    DevicePoint,
    EmergencyAccess,
    HandedOver,
    Link,
    LogEntry,
    Notice,
    OptOut,
    Person,
    SourceConsent,
    SourceRecord,
    UseOfData,
)
from connector.services.rights.holder_gathering import person_file
from connector.services.wallet.views import Answer
from policy.decision import Decision, Outcome
from policy.reasons import reason
from tests.two_party import story
from tests.two_party.space import until

YES = Answer("yes", {story.RECORDS: None})


def kept_about(person: str, recipient: str, study: str, mark: str) -> list[Any]:
    """One of everything a holder may keep about somebody; `mark` stands in each."""
    now = datetime.now(UTC)
    decision = Decision(Outcome.DENY, (reason("no-consent"),)).to_json()
    return [
        Agreement(id=f"urn:uuid:agreement-{mark}", role="provider", counterparty=recipient, negotiation=story.urn(),
                  dataset=story.RECORDS, study=study, purposes={"purposes": [story.RESEARCH]}),
        SourceRecord(source="records", resource_type="Condition", id=f"c-{mark}", person=person, category="conditions",
                     start=date(2021, 2, 3), body=json.dumps({"resourceType": "Condition", "id": mark}).encode()),
        SourceRecord(source="records", resource_type="Condition", id=f"gone-{mark}", person=person, deleted=True,
                     body=b"{}"),
        DevicePoint(sequence=hash(mark) % 10**6, source="watch", person=person, category="heart-rate", start=now,
                    body=json.dumps({"mark": f"point {mark}"}).encode()),
        SourceConsent(source="records", id=f"paper-{mark}", version=1, person=person, body={"id": f"body-{mark}"},
                      imported_at=now),
        OptOut(id=f"urn:uuid:out-{mark}", person=person, at=now),
        CaptureEvidence(digest=f"{mark}-scan", person=person, media_type="image/png", body=f"scan {mark}".encode(),
                        taken_at=now),
        DecisionMade(id=f"urn:uuid:decision-{mark}", agreement=f"urn:uuid:agreement-{mark}", person=person, at=now,
                     outcome="deny", first_reason="no-consent", decision=decision, inputs={"secret": "rules"}),
        HandedOver(agreement=f"urn:uuid:agreement-{mark}", person=person, study=study, recipient=recipient,
                   resources=31, first_at=now - timedelta(days=3), last_at=now),
        Notice(id=f"urn:uuid:notice-{mark}", consent=f"urn:uuid:consent-{mark}", person=person, recipient=recipient,
               code=f"CODE-{mark}", study=study, effective_at=now),
        EmergencyAccess(id=f"urn:uuid:emergency-{mark}", person=person, by="staff-account", organisation="Ward 3",
                        reason=f"Collapse of {mark}", declared_at=now),
    ]  # fmt: skip


@pytest.fixture
async def two(trio):
    """Ann, linked to the wallet, and Bob, who is not; both with one of everything at the hospital."""
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    ann = await story.linked_patient(trio.wallet, trio.hospital, "Ann Example")
    await trio.wallet.services.wallet.answer(ann.actor, study, YES)
    await trio.wallet.quiet()
    bob = Person(id="bob-id", source="records", source_id="bob-number", name="Bob Sample")
    await trio.hospital.add(bob, *kept_about(bob.id, trio.research.id, study, "bob"))
    await trio.hospital.add(*kept_about(ann.person, trio.research.id, study, "ann"))
    return trio, ann, bob


def files(trio):
    return trio.hospital.services.rights.files


def officer(trio):
    return trio.hospital.acting("dpo")


async def test_the_file_holds_everything_kept_about_the_person(two):
    trio, ann, _ = two
    opened = await files(trio).open(officer(trio), ann.person)
    text = json.dumps(opened.file)
    for said in ("Ann Example", "paper-ann", "body-ann", "out-ann", "ann-scan", "decision-ann", "notice-ann",
                 "Collapse of ann", "Research One", "Heart study"):  # fmt: skip
        assert said in text, said
    assert [(one["kind"], one["count"]) for one in opened.file["records"]] == [("Condition", 1), ("Measurement", 1)]
    assert [one["state"] for one in opened.file["consents"]] == ["given"]
    [decision] = opened.file["decisions"]
    assert (decision["outcome"], bool(decision["because"])) == ("deny", True)
    [sent] = opened.file["transfers"]
    assert (sent["recipient_name"], sent["resources"]) == ("Research One", 31)


async def test_nothing_of_anybody_else_stands_in_it(two):
    trio, ann, bob = two
    paper = await files(trio).archive(officer(trio), ann.person)
    with zipfile.ZipFile(io.BytesIO(paper.body)) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode("utf-8", "replace") + name
            if name.endswith(".jws"):  # what it says, not the signature
                text = base64.urlsafe_b64decode(text.split(".")[1] + "==").decode()
            assert not [one for one in ("Bob Sample", "bob-", "-bob", " bob", bob.id) if one in text], name


async def test_no_code_a_recipient_knows_stands_beside_the_name(two):
    trio, ann, _ = two
    opened = await files(trio).open(officer(trio), ann.person)
    text = json.dumps(opened.file)
    assert "CODE-ann" not in text
    assert "staff-account" not in text


async def test_the_archive_holds_a_copy_of_the_records(two):
    trio, ann, _ = two
    paper = await files(trio).archive(officer(trio), ann.person, "portability")
    with zipfile.ZipFile(io.BytesIO(paper.body)) as archive:
        assert json.loads(archive.read("records.ndjson")) == {"resourceType": "Condition", "id": "ann"}
        assert json.loads(archive.read("measurements.ndjson")) == {"mark": "point ann"}
        assert archive.read("evidence/ann-scan") == b"scan ann"
        assert "Ann Example" in archive.read("read-me-first.html").decode()


async def test_opening_it_is_logged_and_the_person_sees_it(two):
    trio, ann, _ = two
    opened = await files(trio).open(officer(trio), ann.person, "complaint", "2026/17")
    [entry] = await trio.hospital.find(LogEntry, kind="person.file-opened")
    body = json.loads(entry.body)
    assert (body["ground"], body["reference"], body["by"]["role"]) == ("complaint", "2026/17", "dpo")
    assert opened.told
    [use] = await until(lambda: trio.wallet.find(UseOfData, kind="file"), "the wallet to be told")
    assert (use.account, use.recipient, use.resources) == (ann.actor.account, trio.hospital.id, 2)
    assert use.reason
    [shown] = [one for one in await trio.wallet.services.wallet.uses(ann.actor) if one.kind == "file"]
    assert shown.recipient_name == "Hospital One"


async def test_somebody_without_a_wallet_is_told_by_nobody_and_the_officer_knows(two):
    trio, _, bob = two
    assert not (await files(trio).open(officer(trio), bob.id)).told
    assert await trio.hospital.find(LogEntry, kind="person.file-opened")


async def test_each_opening_is_a_use_of_its_own(two):
    trio, ann, _ = two
    for _ in range(2):
        await files(trio).open(officer(trio), ann.person)
    await until(lambda: twice(trio), "both to be told")


async def twice(trio):
    return len(await trio.wallet.find(UseOfData, kind="file")) == 2


@pytest.mark.parametrize(
    ("ground", "reference"),
    [("curiosity", ""), ("", ""), ("access", "about Mrs Example"), ("access", "x" * 41), ("access", "a\nb")],
)
async def test_without_a_known_ground_or_with_words_for_a_number_nothing_is_opened(two, ground, reference):
    trio, ann, _ = two
    with pytest.raises(Problem) as refused:
        await files(trio).open(officer(trio), ann.person, ground, reference)
    assert refused.value.status == 400
    assert not await trio.hospital.find(LogEntry, kind="person.file-opened")


@pytest.mark.parametrize("role", ["steward", "operator", "patient", "researcher"])
async def test_only_the_officer_opens_files(two, role):
    trio, ann, _ = two
    for act in (files(trio).open, files(trio).archive, files(trio).page):
        with pytest.raises(Problem, match="role"):
            await act(trio.hospital.acting(role), ann.person)


async def test_nobody_by_an_unknown_id(two):
    trio, _, _ = two
    with pytest.raises(Problem, match="about nobody"):
        await files(trio).open(officer(trio), "no-such-person")


async def test_people_are_found_by_name_or_number_with_a_ground_and_the_search_is_logged(two):
    trio, ann, bob = two
    found = await files(trio).find(officer(trio), "sample bob", "access")
    assert [one.id for one in found] == [bob.id]
    assert [one.id for one in await files(trio).find(officer(trio), "bob-number", "access")] == [bob.id]
    with pytest.raises(Problem, match="two letters"):
        await files(trio).find(officer(trio), "b", "access")
    entries = await trio.hospital.find(LogEntry, kind="person.searched")
    assert len(entries) == 2
    assert "ob" not in " ".join(entry.body.replace("found", "") for entry in entries)
    assert ann.person not in str(entries)


async def test_a_link_that_ended_is_told_nothing(two):
    trio, ann, _ = two
    await trio.hospital.store.write(lambda tx: tx.alter(Link, {"standing": "ended"}, person=ann.person))
    assert not (await files(trio).open(officer(trio), ann.person)).told


async def test_either_person_of_a_doubted_link_reads_of_it_and_neither_reads_about_the_other(two):
    trio, ann, bob = two
    doubts, steward = trio.hospital.services.disputes, trio.hospital.acting("steward")
    await doubts.open(steward, ann.person, "This is really Bob Sample's record", bob.id)

    def disputes(tx, person):
        return person_file(tx, trio.hospital.context, person)["link_disputes"]

    mine = await trio.hospital.store.read(lambda tx: disputes(tx, ann.person))
    theirs = await trio.hospital.store.read(lambda tx: disputes(tx, bob.id))
    assert [one["about"] for one in (*mine, *theirs)] == [
        "the link was yours", "the link may have been meant for you",
    ]  # fmt: skip
    assert "Bob" not in json.dumps(mine)
    assert ann.person not in json.dumps(theirs)
