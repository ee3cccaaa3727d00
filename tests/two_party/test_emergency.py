"""An emergency in care: who may declare one, what is shown, who is told, and what is found of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import Account, DecisionMade, EmergencyAccess, LinkDispute, LogEntry, UseOfData
from connector.services.emergencies import Declaration
from policy.decide import decide
from policy.replay import inputs_from_json
from tests.two_party import sourced
from tests.two_party.space import until

REASON = "Found unconscious in the emergency department."
MEDIA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"}
TREAT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}


@pytest.fixture
async def ward(trio, tmp_path):
    """A linked person whose records the hospital has, and a doctor whom the operator lets declare emergencies."""
    made = await sourced.stage(trio, tmp_path / "first")
    await made.answer("ann")
    hospital = trio.hospital
    account = await hospital.services.accounts.open_account(
        hospital.acting("operator"), "doctor@hospital", "Dr. Bea Moss", ["steward"]
    )
    named = {"emergency_accounts": ("doctor@hospital",)}
    hospital.context.settings = hospital.context.settings.model_copy(update=named)
    doctor = replace(hospital.acting("steward", account, "Dr. Bea Moss"), assurance="high")
    return Ward(trio, made, doctor)


class Ward:
    """What tests of it share."""

    def __init__(self, trio, stage, doctor) -> None:
        self.trio, self.stage, self.doctor = trio, stage, doctor
        self.desk = trio.hospital.services.emergencies

    @property
    def person(self) -> str:
        return self.stage.people["ann"].person

    async def declare(self, actor=None, token="", **changes):
        asked = Declaration(**({"person": self.person, "reason": REASON} | changes))
        return await self.desk.declare(actor or self.doctor, asked, token)

    async def shown(self, declared) -> list[str]:
        bundle = json.loads(await self.desk.records(self.doctor, declared.id))
        return sorted(f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle.get("entry", []))

    async def timeline(self) -> list[UseOfData]:
        await self.trio.hospital.quiet()
        return await self.trio.wallet.find(UseOfData, order="at")


async def test_whoever_declares_one_sees_the_records_and_the_person_is_told_at_once(ward):
    declared = await ward.declare()
    assert (declared.told, declared.records) == (True, 2)
    assert await ward.shown(declared) == ["Observation/obs-ann", "Patient/ann"]
    [use] = await ward.timeline()
    assert (use.kind, use.recipient_name, use.resources) == ("emergency", "Hospital One", 2)
    assert REASON in use.reason
    assert (await ward.trio.hospital.get(EmergencyAccess, declared.id)).told_at is not None


async def test_it_lasts_four_hours_unless_less_was_asked_for(ward):
    declared = await ward.declare()
    assert timedelta(hours=3, minutes=59) < declared.until - datetime.now(UTC) <= timedelta(hours=4)
    short = await ward.declare(hours=0.5)
    assert short.until - datetime.now(UTC) <= timedelta(minutes=30)
    with pytest.raises(Problem) as refused:
        await ward.declare(hours=5)
    assert refused.value.where == "hours"


async def test_once_it_is_over_nothing_more_is_shown(ward):
    declared = await ward.declare()
    past = {"until": datetime.now(UTC) - timedelta(seconds=1)}
    await ward.trio.hospital.store.write(lambda tx: tx.alter(EmergencyAccess, past, id=declared.id))
    with pytest.raises(Problem) as refused:
        await ward.shown(declared)
    assert refused.value.status == 410


async def test_only_the_kinds_of_data_that_were_asked_for_are_shown(ward):
    declared = await ward.declare(categories=["laboratory"])
    assert await ward.shown(declared) == ["Patient/ann"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [({"reason": "Urgent"}, "reason"), ({"reason": "x" * 1001}, "reason"), ({"categories": []}, "categories"),
     ({"categories": ["everything"]}, "categories"), ({"hours": 0}, "hours"), ({"person": "nobody"}, None)],
)  # fmt: skip
async def test_a_declaration_that_lacks_what_it_takes_opens_nothing(ward, changes, where):
    with pytest.raises(Problem) as refused:
        await ward.declare(**changes)
    assert refused.value.where == where
    assert not await ward.trio.hospital.find(EmergencyAccess)
    assert not await ward.timeline()


async def test_somebody_whom_the_operator_did_not_name_declares_nothing(ward):
    other = await ward.trio.hospital.services.accounts.open_account(
        ward.trio.hospital.acting("operator"), "clerk@hospital", "A Clerk", ["steward"]
    )
    clerk = replace(ward.doctor, account=other)
    with pytest.raises(Problem) as refused:
        await ward.declare(clerk)
    assert refused.value.code == "not-in-emergency-group"


async def test_an_account_that_was_closed_declares_nothing(ward):
    closed = {"standing": "closed"}
    await ward.trio.hospital.store.write(lambda tx: tx.alter(Account, closed, id=ward.doctor.account))
    with pytest.raises(Problem) as refused:
        await ward.declare()
    assert refused.value.status == 403


@pytest.mark.parametrize("assurance", ["", "low", "substantial"])
async def test_without_a_second_factor_nothing_is_opened(ward, assurance):
    with pytest.raises(Problem) as refused:
        await ward.declare(replace(ward.doctor, assurance=assurance))
    assert refused.value.code == "no-factor"


@pytest.mark.parametrize(
    ("subject", "age", "accepted"),
    [("doctor@hospital", 10, True), ("doctor@hospital", 400, False), ("clerk@hospital", 10, False),
     ("doctor@hospital", None, False), ("doctor@hospital", -300, False)],
    ids=["fresh", "old", "somebody else's", "without a time", "from the future"],
)  # fmt: skip
async def test_a_sign_in_of_a_moment_ago_is_a_second_factor(ward, monkeypatch, subject, age, accepted):
    class Issuer:
        async def vouch(self, token, now):
            assert token == "a token"
            from connector.identity.people.relying_party import SignedIn

            at = None if age is None else now - timedelta(seconds=age)
            return SignedIn("i", subject, "", (), "", at)

    monkeypatch.setattr(ward.trio.hospital.services.accounts.signing_in, "issuer", Issuer())
    weak = replace(ward.doctor, assurance="")
    if accepted:
        assert (await ward.declare(weak, token="a token")).records == 2
    else:
        with pytest.raises(Problem) as refused:
            await ward.declare(weak, token="a token")
        assert refused.value.code == "no-factor"


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 20_000])
async def test_what_is_no_token_of_our_issuer_opens_nothing(ward, token):
    with pytest.raises(Problem) as refused:
        await ward.declare(replace(ward.doctor, assurance=""), token=token)
    assert refused.value.status in {400, 403, 503}


# What the person said counts, as far as it lets care go on.


async def bring(ward, tmp_path, *resources):
    report = await sourced.take_in(ward.trio, sourced.write(tmp_path, "more", *resources))
    assert not report.refused, report.refused


async def test_a_no_that_makes_no_exception_for_emergencies_stays_a_no(ward, tmp_path):
    no = sourced.consent("c1", "ann", "deny")
    no["scope"]["coding"][0]["code"] = "patient-privacy"
    await bring(ward, tmp_path, no)
    with pytest.raises(Problem) as refused:
        await ward.declare()
    assert refused.value.code == "not-opened"
    assert not await ward.trio.hospital.find(EmergencyAccess)
    assert await ward.trio.hospital.find(LogEntry, kind="emergency.refused")


async def test_a_no_with_an_exception_for_emergencies_opens_then_and_only_then(ward, tmp_path):
    exception = {"type": "permit", "purpose": [MEDIA]}
    no = sourced.consent("c1", "ann", "deny", provision={"type": "deny", "provision": [exception]})
    no["scope"]["coding"][0]["code"] = "patient-privacy"
    await bring(ward, tmp_path, no)
    assert "Patient/ann" in await ward.shown(await ward.declare())
    assert (await sourced.pulled(ward.stage))["ann"] == "directive-denies"


async def test_records_that_a_consent_withholds_even_then_are_not_shown(ward, tmp_path):
    denied = {"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]}
    allowed = sourced.consent("c1", "ann", provision={"type": "permit", "provision": [denied]})
    allowed["scope"]["coding"][0]["code"] = "patient-privacy"
    await bring(ward, tmp_path, allowed)
    assert await ward.shown(await ward.declare()) == ["Consent/c1", "Patient/ann"]


async def test_records_are_looked_through_by_the_rules_that_the_operator_chose(ward, tmp_path):
    secret = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}
    denied = {"type": "deny", "securityLabel": [secret]}
    allowed = sourced.consent("c1", "ann", provision={"type": "permit", "provision": [denied]})
    allowed["scope"]["coding"][0]["code"] = "patient-privacy"
    await bring(ward, tmp_path, allowed)
    context, asked = ward.trio.hospital.context, []
    ours = context.data.labeller
    context.data = replace(context.data, labeller=lambda: asked.append(1) or ours())
    await ward.declare()
    assert asked


async def test_a_consent_nobody_can_read_opens_nothing_in_an_emergency_either(ward, tmp_path):
    unknown = [{"url": "urn:x", "valueBoolean": True}]
    await bring(ward, tmp_path, sourced.consent("c1", "ann", modifierExtension=unknown))
    with pytest.raises(Problem) as refused:
        await ward.declare()
    assert refused.value.code == "not-opened"


async def test_while_it_is_disputed_whose_record_it_is_nothing_is_opened(ward):
    await ward.trio.hospital.add(LinkDispute(id="d", link="l", person=ward.person))
    with pytest.raises(Problem) as refused:
        await ward.declare()
    assert refused.value.code == "not-opened"


async def test_a_no_that_comes_while_it_lasts_closes_the_records(ward, tmp_path):
    declared = await ward.declare()
    no = sourced.consent("c1", "ann", "deny")
    no["scope"]["coding"][0]["code"] = "patient-privacy"
    await bring(ward, tmp_path, no)
    with pytest.raises(Problem) as refused:
        await ward.shown(declared)
    assert refused.value.code == "not-opened"


# Each look leaves its mark.


async def test_every_look_is_logged_and_told_once_only(ward):
    declared = await ward.declare()
    for _ in range(3):
        await ward.shown(declared)
    kept = await ward.trio.hospital.get(EmergencyAccess, declared.id)
    assert kept.looked == 3
    assert len(await ward.trio.hospital.find(LogEntry, kind="emergency.looked", subject=declared.id)) == 3
    assert [use.kind for use in await ward.timeline()] == ["emergency"]


async def test_the_decision_is_kept_and_can_be_made_again(ward):
    declared = await ward.declare()
    [kept] = await ward.trio.hospital.find(DecisionMade, release=declared.id)
    question, facts = inputs_from_json(kept.inputs)
    assert decide(question, facts).to_json() == kept.decision


async def test_nobody_else_sees_the_records_of_somebodys_emergency(ward):
    declared = await ward.declare()
    other = await ward.trio.hospital.services.accounts.open_account(
        ward.trio.hospital.acting("operator"), "nurse@hospital", "A Nurse", ["steward"]
    )
    names = ("doctor@hospital", "nurse@hospital")
    context = ward.trio.hospital.context
    context.settings = context.settings.model_copy(update={"emergency_accounts": names})
    with pytest.raises(Problem) as refused:
        await ward.desk.records(replace(ward.doctor, account=other), declared.id)
    assert refused.value.status == 404


# The officer's review.


async def test_the_officer_reviews_each_and_the_person_reads_what_was_found(ward):
    declared = await ward.declare()
    dpo = ward.trio.hospital.acting("dpo")
    [row] = await ward.desk.rows(dpo)
    assert (row.id, row.by, row.number, row.verdict) == (declared.id, "Dr. Bea Moss", "ann", "")
    await ward.desk.review(dpo, declared.id, "not-justified", "The doctor was reminded of the rules.")
    uses = await ward.timeline()
    assert [use.kind for use in uses] == ["emergency", "reviewed"]
    assert "not justified" in uses[1].reason
    assert "reminded" in uses[1].reason
    with pytest.raises(Problem) as refused:
        await ward.desk.review(dpo, declared.id, "justified", "")
    assert refused.value.status == 409


@pytest.mark.parametrize(("verdict", "note"), [("fine", "x"), ("not-justified", " "), ("justified", "x" * 1001)])
async def test_a_verdict_that_says_too_little_or_too_much_is_none(ward, verdict, note):
    declared = await ward.declare()
    with pytest.raises(Problem):
        await ward.desk.review(ward.trio.hospital.acting("dpo"), declared.id, verdict, note)
    assert (await ward.trio.hospital.get(EmergencyAccess, declared.id)).reviewed_at is None


async def test_nobody_reviews_their_own_emergency_and_nobody_but_the_officer_reviews(ward):
    declared = await ward.declare()
    for actor in (ward.trio.hospital.acting("steward"), replace(ward.doctor, role="dpo")):
        with pytest.raises(Problem) as refused:
            await ward.desk.review(actor, declared.id, "justified", "")
        assert refused.value.status == 403


# Through the API.


async def test_the_api_asks_for_the_token_of_the_process_and_a_second_factor(ward, space):
    hospital = ward.trio.hospital
    body = {"account": ward.doctor.account, "person": ward.person, "reason": REASON}
    url = f"{hospital.direct}/api/emergencies"
    assert (await space.client.post(url, json=body)).status_code == 401
    headers = {"Authorization": f"Bearer {hospital.app.state.running.token}"}
    answer = await space.client.post(url, json=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:concord:problem:no-factor")
    declared = await ward.declare()
    records = f"{url}/{declared.id}/records"
    assert (await space.client.get(records, headers=headers)).status_code == 403
    shown = await space.client.get(records, headers=headers | {"X-Account": ward.doctor.account})
    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/fhir+json")
    assert len(shown.json()["entry"]) == 2
    assert await until(lambda: hospital.find(EmergencyAccess, looked=1), "the look to be counted")
