"""Which consents speak, and what several say together: the reference S1, S12, S16."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policy.decision import Outcome
from policy.directives.model import Coding, Emergency
from policy.directives.several import ask_directives
from policy.purposes import ACT_REASON
from tests.unit.policy.directives.consents import (
    BREAK_GLASS,
    CLERK,
    HL7,
    NOW,
    NURSE,
    RESEARCH,
    TEAM,
    TREAT,
    actor,
    answer,
    asking,
    label,
    leaves,
    outcome,
    purpose,
    r4,
    record,
)

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}
REPLACES = "http://hl7.org/fhir/StructureDefinition/replaces"


# --- S1: who speaks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive", "entered-in-error"])
def test_only_a_consent_in_force_speaks(status):
    assert outcome(r4(PERMIT, status=status)) is Outcome.NOT_APPLICABLE
    assert leaves(record(), r4(PERMIT), r4(DENY, id="2", status=status))


def test_a_status_that_nobody_knows_is_not_passed_over():
    assert outcome(r4(PERMIT), r4(PERMIT, id="2", status="sleeping")) is Outcome.INDETERMINATE


def test_a_consent_of_another_person_does_not_speak():
    other = r4(DENY, id="2", patient={"reference": "Patient/2"})
    assert outcome(r4(PERMIT), other) is Outcome.PERMIT
    assert outcome(other) is Outcome.NOT_APPLICABLE


def test_a_consent_without_a_person_stops_the_judging():
    assert outcome(r4(PERMIT), r4(PERMIT, id="2", patient={})) is Outcome.INDETERMINATE


def test_an_element_that_may_change_the_meaning_stops_the_judging_whatever_the_status():
    strange = r4(PERMIT, id="2", status="inactive", modifierExtension=[{"url": "urn:x", "valueBoolean": True}])
    said = answer(r4(PERMIT), strange)
    assert said.outcome is Outcome.INDETERMINATE
    assert said.because[0].code == "directive-unreadable"
    assert said.because[0].pointer == "Consent/2"
    assert said.unknown == ("Consent/2/modifierExtension",)


def test_a_consent_dated_in_the_future_speaks_from_then_on():
    later = r4(DENY, id="2", dateTime="2022-07-02")
    said = answer(r4(PERMIT), later)
    assert said.outcome is Outcome.PERMIT
    assert said.changes == (datetime(2022, 7, 2, tzinfo=UTC),)
    assert outcome(r4(PERMIT), later, now=said.changes[0]) is Outcome.DENY


def test_a_consent_to_treatment_itself_is_not_about_data():
    scope = {"coding": [{"system": f"{HL7}/consentscope", "code": "adr"}]}
    assert outcome(r4(PERMIT, scope=scope)) is Outcome.NOT_APPLICABLE
    assert outcome(r4(PERMIT), r4(DENY, id="2", scope=scope)) is Outcome.PERMIT


def test_categories_limit_which_consents_are_asked():
    wanted = frozenset({Coding(f"{HL7}/consentscope", "research")})
    assert outcome(r4(PERMIT), categories=wanted) is Outcome.NOT_APPLICABLE
    mine = frozenset({Coding(f"{HL7}/consentscope", "patient-privacy")})
    assert outcome(r4(PERMIT), categories=mine) is Outcome.PERMIT


def test_without_consents_nobody_said_anything():
    said = ask_directives(asking(), ())
    assert said.outcome is Outcome.NOT_APPLICABLE
    assert said.rules == ()


def test_one_that_cannot_be_read_stops_the_judging():
    assert ask_directives(asking(), [r4(PERMIT)], unreadable=1).outcome is Outcome.INDETERMINATE


# --- S12 a: versions and what replaces what ---------------------------------------------------------------------------


def version(provision, number, **elements):
    """One version of the same consent."""
    return r4(provision, meta={"versionId": str(number)}, **elements)


def test_only_the_newest_version_speaks_in_whatever_order():
    old, new = version(PERMIT, 9), version(DENY, 10)
    assert outcome(old, new) is outcome(new, old) is Outcome.DENY
    assert outcome(version(DENY, 9), version(PERMIT, 10)) is Outcome.PERMIT
    assert outcome(version(PERMIT, 1), version(PERMIT, 2, status="inactive")) is Outcome.NOT_APPLICABLE


def test_versions_of_which_nobody_knows_the_newest_stop_the_judging():
    first, second = version(PERMIT, "a"), version(DENY, "b")
    assert outcome(first, second) is Outcome.INDETERMINATE
    updated = [
        r4(PERMIT | extra, meta={"versionId": name, "lastUpdated": when})
        for extra, name, when in (({}, "a", "2022-02-01T00:00:00Z"), (DENY, "b", "2022-01-01T00:00:00Z"))
    ]
    assert outcome(*updated) is Outcome.PERMIT


def test_the_same_consent_twice_is_one():
    assert answer(r4(PERMIT), r4(PERMIT)) == answer(r4(PERMIT))


def replacing(provision, **elements):
    """A consent that the person marked as replacing the first."""
    extension = [{"url": REPLACES, "valueReference": {"reference": "Consent/1"}}]
    return r4(provision, id="2", extension=extension, **elements)


def test_a_later_consent_replaces_the_one_it_names():
    assert outcome(r4(DENY), replacing(PERMIT, dateTime="2022-02-01")) is Outcome.PERMIT
    assert outcome(r4(PERMIT), replacing(PERMIT, dateTime="2022-02-01", status="inactive")) is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    "elements", [{"dateTime": "2021-12-31"}, {"dateTime": "2022-01-01"}, {"dateTime": "2022-02-01", "status": "draft"}]
)
def test_one_that_is_no_later_or_was_never_in_force_replaces_nothing(elements):
    assert outcome(r4(DENY), replacing(PERMIT, **elements)) is Outcome.DENY


def test_one_that_is_dated_in_the_future_replaces_from_then_on():
    said = answer(r4(DENY), replacing(PERMIT, dateTime="2022-07-02"))
    assert said.outcome is Outcome.DENY
    assert datetime(2022, 7, 2, tzinfo=UTC) in said.changes


# --- S12 c: independent consents --------------------------------------------------------------------------------------


def test_a_denial_outweighs_the_permits_of_other_consents():
    assert outcome(r4(PERMIT), r4(DENY, id="2")) is Outcome.DENY
    some = r4(DENY | label("R"), id="2")
    assert leaves(record("N"), r4(PERMIT), some)
    assert not leaves(record("R"), r4(PERMIT), some)


def test_what_one_permit_leaves_out_another_may_permit():
    normal, restricted = r4(PERMIT | label("N")), r4(PERMIT | label("R"), id="2")
    assert leaves(record("R"), normal, restricted)
    assert not leaves(record("V"), normal, restricted)


def test_a_denial_of_some_records_is_no_no_to_the_rest():
    said = answer(r4(DENY | label("R")))
    assert said.outcome is Outcome.NOT_APPLICABLE
    assert [one.permits for one in said.rules] == [False]


def test_reasons_name_the_consent_its_version_and_the_rule():
    consent = version(DENY | {"provision": [PERMIT | purpose("TREAT")]}, 3)
    assert [one.pointer for one in answer(consent).because] == ["Consent/1#3/provision/provision/0"]
    assert [one.pointer for one in answer(consent, purposes=(RESEARCH,)).because] == ["Consent/1#3/provision"]


def test_a_directive_that_is_none_ends_as_a_no():
    said = ask_directives(asking(), ["a text"])  # type: ignore[list-item]
    assert said.outcome is Outcome.INDETERMINATE


# --- S16: emergencies -------------------------------------------------------------------------------------------------

WHOLE = Emergency(
    declared_at=NOW - timedelta(hours=1), until=NOW + timedelta(hours=3), group=True, reason=True, second_factor=True
)
GLASS = r4(
    PERMIT
    | purpose("TREAT")
    | label("N")
    | {"provision": [PERMIT | purpose("BTG") | label("R") | {"actor": [actor(TEAM)]}]}
)
IN_TEAM = frozenset({NURSE, TEAM})


def test_an_emergency_opens_what_a_rule_keeps_for_one():
    request = {"purposes": (TREAT, BREAK_GLASS), "requester": IN_TEAM, "care": True, "emergency": WHOLE}
    assert leaves(record("R"), GLASS, **request)
    assert answer(GLASS, **request).because[0].code == "emergency-permits"
    assert {WHOLE.declared_at, WHOLE.until} <= set(answer(GLASS, **request).changes)


@pytest.mark.parametrize(
    "changed",
    [
        {"emergency": None},
        {"emergency": replace(WHOLE, group=False)},
        {"emergency": replace(WHOLE, reason=False)},
        {"emergency": replace(WHOLE, second_factor=False)},
        {"emergency": replace(WHOLE, until=NOW)},
        {"emergency": replace(WHOLE, declared_at=NOW + timedelta(seconds=1))},
        {"care": False},
        {"requester": frozenset({CLERK})},
    ],
)
def test_without_all_it_takes_an_emergency_opens_nothing(changed):
    request = {"purposes": (TREAT, BREAK_GLASS), "requester": IN_TEAM, "care": True, "emergency": WHOLE} | changed
    assert leaves(record("N"), GLASS, **request)
    assert not leaves(record("R"), GLASS, **request)


def test_a_refused_emergency_is_named():
    said = answer(GLASS, purposes=(TREAT, BREAK_GLASS))
    assert [one.code for one in said.because] == ["directive-permits", "emergency-refused"]
    assert outcome(r4(PERMIT | purpose("TREAT")), purposes=(BREAK_GLASS,)) is Outcome.NOT_APPLICABLE


def test_an_emergency_never_opens_anything_for_research():
    request = {"purposes": (RESEARCH, BREAK_GLASS), "requester": IN_TEAM, "emergency": WHOLE}
    assert outcome(GLASS, **request) is Outcome.NOT_APPLICABLE


def test_a_rule_for_emergencies_only_denies_all_else():
    rule = {"coding": [{"system": f"{HL7}/v3-ActCode", "code": "EMRGONLY"}]}
    consent = r4(None, policyRule=rule)
    assert outcome(consent) is Outcome.DENY
    declared = {"purposes": (f"{ACT_REASON}ETREAT",), "care": True, "emergency": WHOLE}
    assert leaves(record("R"), consent, **declared)
    assert outcome(consent, **declared | {"care": False}) is Outcome.DENY


def test_an_emergency_does_not_set_another_consents_no_aside():
    request = {"purposes": (TREAT, BREAK_GLASS), "requester": IN_TEAM, "care": True, "emergency": WHOLE}
    assert outcome(GLASS, r4(DENY, id="2"), **request) is Outcome.DENY
