"""Consents that a source holds: taken in with it, read, and heard in every decision; emptiness is closed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from connector.problems import Problem
from connector.records import (
    Agreement,
    DecisionMade,
    HandedOver,
    LinkDispute,
    LogEntry,
    Person,
    Release,
    SourceConsent,
    SourceRecord,
)
from connector.services.releasing import standing
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import judge_people
from tests.two_party import releases, sourced, story
from tests.two_party.space import until


@pytest.fixture
async def stage(trio, tmp_path):
    """Two people who said yes to the study, with a contract about their records."""
    made = await sourced.stage(trio, tmp_path / "first")
    for one in ("ann", "ben"):
        await made.answer(one)
    return made


async def bring(trio, tmp_path, *resources, name="more"):
    report = await sourced.take_in(trio, sourced.write(tmp_path, name, *resources))
    assert not report.refused, report.refused


# Taken in.


async def test_a_consent_is_kept_beside_its_record_with_where_it_came_from(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    [row] = await trio.hospital.find(SourceConsent)
    assert (row.id, row.version, row.current, row.standing, row.fault) == ("c1", 1, True, "readable", "")
    assert row.person == await sourced.person(trio, "ann")
    assert "import by steward" in row.supplied_by
    assert row.body["provision"] == {"type": "deny"}
    assert await trio.hospital.get(SourceRecord, stage.source, "Consent", "c1")
    [logged] = await trio.hospital.find(LogEntry, kind="source.consent-taken-in")
    assert json.loads(logged.body)["digest"] == row.digest


async def test_the_same_consent_again_changes_nothing_and_a_changed_one_is_the_next_version(trio, stage, tmp_path):
    for _ in range(2):
        await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "permit"))
    rows = await trio.hospital.find(SourceConsent, order="version")
    assert [(row.version, row.current) for row in rows] == [(1, False), (2, True)]
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}


async def test_a_version_that_the_source_dates_earlier_does_not_take_the_place_of_a_later_one(trio, stage, tmp_path):
    later = sourced.consent("c1", "ann", "deny", meta={"lastUpdated": "2024-05-01T00:00:00Z"})
    earlier = sourced.consent("c1", "ann", "permit", meta={"lastUpdated": "2023-05-01T00:00:00Z"})
    await bring(trio, tmp_path, later)
    await bring(trio, tmp_path, earlier)
    assert (await sourced.pulled(stage))["ann"] == "directive-denies"


async def test_consents_and_permissions_of_fhir_r5_are_taken_in_too(trio, stage, tmp_path):
    r5 = {"resourceType": "Consent", "id": "r5", "status": "active", "subject": {"reference": "Patient/ann"},
          "decision": "deny"}  # fmt: skip
    permission = {
        "resourceType": "Permission", "id": "r5", "status": "active", "combining": "deny-overrides",
        "rule": [{"type": "deny",
                  "data": [{"resource": [{"meaning": "related", "reference": {"reference": "Patient/ben"}}]}]}],
    }  # fmt: skip
    await bring(trio, tmp_path, r5, permission)
    rows = {row.id: row for row in await trio.hospital.find(SourceConsent)}
    assert {id: row.release for id, row in rows.items()} == {"r5": "R5", "Permission/r5": "R5"}
    assert (await sourced.pulled(stage))["ann"] == "directive-denies"


async def test_a_consent_that_names_its_patient_by_identifier_is_theirs(trio, tmp_path):
    made = sourced.consent("c1", "ann", "deny")
    made["patient"] = {"identifier": {"system": "urn:mrn", "value": "mrn-ann"}}
    await bring(trio, tmp_path, sourced.patient("ann"), made)
    [row] = await trio.hospital.find(SourceConsent)
    assert row.person == await sourced.person(trio, "ann")


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": None}, {"patient": {"display": "Ann"}}, {"patient": {"reference": "Patient/nobody"}},
        {"subject": {"reference": "Patient/ben"}},
    ],
    ids=["no patient", "a name only", "a stranger", "two people"],
)  # fmt: skip
async def test_a_consent_whose_person_cannot_be_told_refuses_the_file_it_is_in(trio, stage, tmp_path, changes):
    wrong = {key: value for key, value in (sourced.consent("c1", "ann") | changes).items() if value is not None}
    report = await sourced.take_in(trio, sourced.write(tmp_path, "wrong", wrong))
    assert len(report.refused) == 1
    assert not await trio.hospital.find(SourceConsent)


# Heard.


async def test_a_no_at_the_source_counts_whatever_the_person_said_to_the_study(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    assert await sourced.pulled(stage) == {"ann": "directive-denies", "ben": "released"}


async def test_a_yes_at_the_source_is_no_answer_to_a_study_that_does_not_rest_on_it(trio, tmp_path):
    made = await sourced.stage(trio, tmp_path / "first")
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "permit"))
    assert await sourced.pulled(made) == {"ann": "not-linked", "ben": "not-linked"}


async def test_a_study_may_rest_on_it_where_the_steward_said_so_and_the_wallet_is_told(trio, tmp_path, monkeypatch):
    plain = trio.hospital.services.studies.decide

    async def resting(actor, study, approve, reason):
        await plain(actor, study, approve, reason, True)

    monkeypatch.setattr(trio.hospital.services.studies, "decide", resting)
    made = await sourced.stage(trio, tmp_path / "first")
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "permit"))
    assert await sourced.pulled(made) == {"ann": "released", "ben": "not-linked"}
    somebody = await story.patient(trio.wallet, trio.hospital)
    page = await trio.wallet.services.wallet.study(somebody.actor, made.study)
    assert page.broad_consent == ["Hospital One"]
    await made.answer("ann", "no")
    assert (await sourced.pulled(made))["ann"] == "refused"


async def test_only_what_a_consent_at_the_source_permits_leaves(trio, tmp_path, stage):
    """A denial of one kind of data cuts the person's yes to the study down."""
    nested = {"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]}
    await bring(
        trio, tmp_path, sourced.consent("c1", "ann", "permit", provision={"type": "permit", "provision": [nested]})
    )
    received = await stage.received(await stage.transfer())
    kinds = [line["resourceType"] for line in releases.lines_of(received.path)]
    assert sorted(kinds) == ["Observation", "Patient", "Patient"]


# Emptiness is closed.

UNREADABLE = {
    "of no shape": {"provision": "everything"},
    "without a decision": {"policyRule": None, "provision": None},
    "that contradicts itself": {"policyRule": sourced.OPT_OUT},
    "with an unknown modifier": {"modifierExtension": [{"url": "urn:unknown", "valueBoolean": True}]},
    "about somebody unknown": {
        "provision": {"type": "permit", "actor": [
            {"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                                  "code": "IRCP"}]}, "reference": {"reference": "Organization/nobody-knows"}}]}},
    "nested without end": {"provision": {"type": "permit", "provision": [{"provision": [{"provision": [
        {"provision": [{"provision": [{"provision": [{"provision": [{"provision": [{"provision": [{"provision": [
            {"provision": [{"provision": [{"provision": [{"provision": [{"provision": [{"provision": [
                {"provision": [{"type": "permit"}]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}},
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_consent_that_cannot_be_relied_on_stops_everything_about_that_person(trio, stage, tmp_path, name):
    changed = sourced.consent("c1", "ann") | UNREADABLE[name]
    await bring(trio, tmp_path, {key: value for key, value in changed.items() if value is not None})
    found = await sourced.pulled(stage)
    assert found["ben"] == "released"
    assert found["ann"].startswith("directive-")
    [decision] = await trio.hospital.find(DecisionMade, person=await sourced.person(trio, "ann"))
    assert decision.outcome in {"indeterminate", "deny"}
    queue = await trio.hospital.services.source_consents.unclear(trio.hospital.acting("dpo"))
    assert [one.id for one in queue] == ["c1"]


async def test_a_consent_larger_than_any_is_not_read_and_stops_the_person(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann", text={"status": "generated", "div": "x" * 1_100_000}))
    [row] = await trio.hospital.find(SourceConsent)
    assert (row.standing, row.body) == ("unreadable", None)
    assert (await sourced.pulled(stage))["ann"] == "directive-unreadable"


async def test_a_consent_whose_row_is_damaged_stops_the_person(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann"))
    damage = {"body": {"resourceType": "Consent"}, "digest": "0" * 64}
    await trio.hospital.store.write(lambda tx: tx.alter(SourceConsent, damage, id="c1"))
    assert (await sourced.pulled(stage))["ann"].startswith("directive-")


async def test_consents_that_cannot_be_reached_release_nothing_of_anybody(trio, stage, monkeypatch):
    def unreachable(*_):
        raise OSError("the disk is gone")

    pid, token = await releases.opened_by_hand(stage)
    monkeypatch.setattr(standing, "speaking", unreachable)
    async with releases.pulling(stage.holder, pid, token) as reader:
        assert not await reader.to_the_end() or reader.status >= 500
    assert not await trio.hospital.find(HandedOver)
    assert not await trio.hospital.find(Release, bytes__gt=0)


async def test_everybody_is_decided_about_in_a_few_statements_however_many_they_are(trio, stage, tmp_path):
    """A portion of people costs the same number of statements, whoever of them has consents at the source."""
    more = [one for n in range(60) for one in (sourced.patient(f"p{n}"), sourced.consent(f"c{n}", f"p{n}", "deny"))]
    await bring(trio, tmp_path, *more)
    context = trio.hospital.context
    [agreement] = await trio.hospital.find(Agreement)
    everybody = sorted(one.id for one in await trio.hospital.find(Person))

    def counted(some):
        def query(tx):
            counting = Counting(tx)
            judge_people(counting, context, contract_of(tx, agreement, "records"), some, context.clock())
            return counting.asked

        return query

    few = await trio.hospital.store.read(counted(everybody[:10]))
    many = await trio.hospital.store.read(counted(everybody))
    assert len(everybody) == 62
    assert many <= few <= 25


class Counting:
    """A transaction that counts its statements."""

    def __init__(self, tx) -> None:
        self._tx, self.asked = tx, 0

    def __getattr__(self, name):
        self.asked += name in {"find", "get", "count"}
        return getattr(self._tx, name)


async def test_an_open_dispute_about_a_link_stops_both_people(trio, stage):
    ann, ben = [await sourced.person(trio, one) for one in ("ann", "ben")]
    await trio.hospital.add(LinkDispute(id="d1", link="l1", person=ann, other=ben))
    assert await sourced.pulled(stage) == {"ann": "link-disputed", "ben": "link-disputed"}
    settled = {"settled_at": datetime.now(UTC)}
    await trio.hospital.store.write(lambda tx: tx.alter(LinkDispute, settled, id="d1"))
    assert await sourced.pulled(stage) == {"ann": "released", "ben": "released"}


# The officer's queue.


async def test_the_officer_settles_what_is_no_consent_and_says_why(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann") | UNREADABLE["with an unknown modifier"])
    desk, dpo = trio.hospital.services.source_consents, trio.hospital.acting("dpo")
    [one] = await desk.unclear(dpo)
    assert "modifierExtension" in one.fault
    with pytest.raises(Problem) as refused:
        await desk.set_aside(trio.hospital.acting("steward"), one.source, one.id, one.digest, "A form of another kind.")
    assert refused.value.status == 403
    with pytest.raises(Problem):
        await desk.set_aside(dpo, one.source, one.id, one.digest, "  ")
    await desk.set_aside(dpo, one.source, one.id, one.digest, "A form about another matter.")
    assert await desk.unclear(dpo) == []
    assert (await sourced.pulled(stage))["ann"] == "released"
    [row] = await trio.hospital.find(SourceConsent)
    assert (row.standing, row.settled_by, row.settled_why) == ("set-aside", "dpo", "A form about another matter.")
    assert await trio.hospital.find(LogEntry, kind="source.consent-set-aside")


async def test_a_consent_that_was_mended_at_the_source_and_brought_again_leaves_the_queue(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann") | UNREADABLE["of no shape"])
    assert (await sourced.pulled(stage))["ann"] != "released"
    await bring(trio, tmp_path, sourced.consent("c1", "ann"))
    assert await trio.hospital.services.source_consents.unclear(trio.hospital.acting("dpo")) == []
    assert (await sourced.pulled(stage))["ann"] == "released"


async def test_a_new_version_of_what_was_set_aside_counts_again(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann") | UNREADABLE["of no shape"])
    desk, dpo = trio.hospital.services.source_consents, trio.hospital.acting("dpo")
    [one] = await desk.unclear(dpo)
    await desk.set_aside(dpo, one.source, one.id, one.digest, "No consent at all.")
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    assert (await sourced.pulled(stage))["ann"] == "directive-denies"


async def test_what_changed_meanwhile_is_not_set_aside(trio, stage, tmp_path):
    await bring(trio, tmp_path, sourced.consent("c1", "ann") | UNREADABLE["of no shape"])
    desk, dpo = trio.hospital.services.source_consents, trio.hospital.acting("dpo")
    [one] = await desk.unclear(dpo)
    await bring(trio, tmp_path, sourced.consent("c1", "ann", "deny"))
    with pytest.raises(Problem) as refused:
        await desk.set_aside(dpo, one.source, one.id, one.digest, "No consent at all.")
    assert refused.value.status == 409


# Whom a rule means.


def naming(reference: str, effect: str = "deny"):
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    nested = {"type": effect, "actor": [{"role": role, "reference": {"reference": reference}}]}
    return {"policyRule": sourced.OPT_IN, "provision": {"type": "permit", "provision": [nested]}}


async def test_a_rule_about_an_organisation_counts_once_the_steward_says_who_that_is(trio, stage, tmp_path):
    """Until the steward said what the source calls the recipient, each of its organisations may be the recipient."""
    organisation = {"resourceType": "Organization", "id": "123", "name": "Heart Research"}
    await bring(trio, tmp_path, organisation, sourced.consent("c1", "ann", **naming("Organization/123")))
    assert (await sourced.pulled(stage))["ann"] == "directive-unreadable"
    names, steward = trio.hospital.services.source_names, trio.hospital.acting("steward")
    said = await names.say(steward, "Records", "Organization/123", trio.research.id)
    assert (said.participant_name, await names.listed(steward)) == ("Research One", [said])
    assert (await sourced.pulled(stage))["ann"] == "directive-denies"
    await names.say(steward, "Records", "Organization/77", trio.research.id)
    await names.take_back(steward, "Records", "Organization/123")
    assert (await sourced.pulled(stage))["ann"] == "released"
    await names.take_back(steward, "Records", "Organization/77")
    assert (await sourced.pulled(stage))["ann"] == "directive-unreadable"


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({}, "directive-denies"), ({"inactive": True}, "released"),
        ({"period": {"end": "2020-01-01"}}, "released"), ({"period": {"start": "2020-01-01"}}, "directive-denies"),
        ({"period": {"start": "soon"}}, "indeterminate"),
    ],
    ids=["for ever", "not any more", "until then", "since then", "nobody can tell"],
)  # fmt: skip
async def test_a_rule_about_a_group_follows_who_is_in_it_now(trio, stage, tmp_path, member, expected):
    group = {"resourceType": "Group", "id": "g1", "type": "practitioner", "actual": True,
             "member": [{"entity": {"reference": "Organization/123"}, **member}]}  # fmt: skip
    organisation = {"resourceType": "Organization", "id": "123", "name": "Heart Research"}
    await bring(trio, tmp_path, organisation, group, sourced.consent("c1", "ann", **naming("Group/g1")))
    await trio.hospital.services.source_names.say(
        trio.hospital.acting("steward"), "Records", "Organization/123", trio.research.id
    )
    found = (await sourced.pulled(stage))["ann"]
    if expected != "indeterminate":
        assert found == expected
    else:
        [decision] = await trio.hospital.find(DecisionMade, person=await sourced.person(trio, "ann"))
        assert decision.outcome == "indeterminate"


async def test_nobody_names_a_participant_that_is_not_known(trio, stage):
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.source_names.say(
            trio.hospital.acting("steward"), "Records", "Organization/1", "urn:concord:stranger:1"
        )
    assert refused.value.status == 400


# Between a decision and its bytes.


async def running(stage):
    """A slow pull under way: its reader."""
    pid, token = await releases.opened_by_hand(stage)
    return releases.pulling(stage.holder, pid, token)


@pytest.mark.parametrize("change", ["a consent at the source", "a dispute", "a name at the source"])
async def test_a_change_between_the_decision_and_the_bytes_takes_the_person_out(trio, stage, tmp_path, change):
    organisation = {"resourceType": "Organization", "id": "123", "name": "Heart Research"}
    if change == "a name at the source":
        await bring(
            trio, tmp_path, organisation, *(sourced.consent(f"c-{one}", one, **naming("Organization/123"))
                                            for one in ("ann", "ben")),
        )  # fmt: skip
        await trio.hospital.services.source_names.say(
            trio.hospital.acting("steward"), "Records", "Organization/77", trio.research.id
        )
    await releases.many_records(stage, 4000)
    first, second = await stage.order_of_release()
    async with await running(stage) as reader:
        await reader.until(lambda body: len(body) > 20_000)
        person = await sourced.person(trio, second)
        if change == "a dispute":
            await trio.hospital.add(LinkDispute(id="d1", link="l1", person=person))
        elif change == "a name at the source":
            await trio.hospital.services.source_names.say(
                trio.hospital.acting("steward"), "Records", "Organization/123", trio.research.id
            )
        else:
            await bring(trio, tmp_path, sourced.consent("c1", second, "deny"))
        body = await reader.to_the_end()
    received = [json.loads(line) for line in body.splitlines() if line.strip()]
    patients = [one["id"] for one in received if one["resourceType"] == "Patient"]
    assert len(patients) == 1
    reasons = {one.person: one.first_reason for one in await trio.hospital.find(DecisionMade, outcome__ne="permit")}
    assert reasons[person] in {"directive-denies", "link-disputed"}
    assert first != second


async def test_an_import_waits_for_the_hand_over_under_way(trio, stage, tmp_path):
    """The commit of a no and a hand-over never overlap: the gate is closed for the person in every study."""
    person = await sourced.person(trio, "ann")
    async with trio.hospital.context.gate.hand_over([(person, stage.study)]):
        task = asyncio.create_task(bring(trio, tmp_path, sourced.consent("c1", "ann", "deny")))
        await asyncio.sleep(0.2)
        assert not await trio.hospital.find(SourceConsent)
    await task
    assert await until(lambda: trio.hospital.find(SourceConsent), "the consent")
