"""Requests as IHE's Privacy Consent on FHIR tells them, who is who around them, and the residual of the answer."""

from datetime import UTC, datetime, timedelta

import pytest

from policy.directives.model import Coding
from policy.directives.pcf import residual_of
from policy.directives.request import RequestError, read_request
from policy.directives.surroundings import surroundings
from policy.purposes import ACT_REASON
from tests.unit.policy.directives.consents import (
    CONFIDENTIALITY,
    HL7,
    NURSE,
    PATIENT,
    actor,
    answer,
    label,
    purpose,
    r4,
)

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}
PERIOD = {"start": "2022-01-01", "end": "2022-12-31"}


def asked(*purposes, **more):
    """A request of the nurse."""
    codes = [{"system": f"{HL7}/v3-ActReason", "code": code} for code in purposes or ("TREAT",)]
    return {"patient": PATIENT, "purposeOfUse": codes, "actor": NURSE, "as_of": "2022-07-01", **more}


def group(member=None, **elements):
    """A group with the nurse in it."""
    members = [{"entity": {"reference": NURSE}, **(member or {})}]
    return {"resourceType": "Group", "id": "1", "actual": True, "member": members, **elements}


def in_groups(*resources, now=datetime(2022, 7, 1, tzinfo=UTC)):
    """Every name around the nurse."""
    return surroundings(resources).around(NURSE, now, "UTC")


# --- the request ------------------------------------------------------------------------------------------------------


def test_a_request_becomes_a_question_at_the_first_instant_of_its_day():
    found = read_request(asked()).asking(surroundings([group()]), zone="Europe/Berlin")
    assert found.now == datetime(2022, 6, 30, 22, tzinfo=UTC)
    assert found.purposes == (f"{ACT_REASON}TREAT",)
    assert found.requester == {NURSE, "Group/1"}
    assert found.subjects == {PATIENT}
    assert found.care
    assert found.emergency is None


def test_it_is_for_care_only_if_every_purpose_is():
    around = surroundings([])
    assert read_request(asked("TREAT", "BTG")).asking(around).care
    assert not read_request(asked("TREAT", "HRESCH")).asking(around).care


def test_a_purpose_that_is_an_emergency_declares_one_and_the_group_is_checked():
    mine = read_request(asked("BTG")).asking(surroundings([group()])).emergency
    assert (mine.group, mine.reason, mine.second_factor) == (True, True, True)
    assert mine.until - mine.declared_at == timedelta(hours=4)
    assert not read_request(asked("BTG")).asking(surroundings([])).emergency.group


def test_an_emergency_that_is_told_counts_as_it_is_told():
    told = {"reason": " ", "declaredAt": "2022-06-30T23:00:00Z", "until": "2022-07-01T01:00:00Z"}
    found = read_request(asked("TREAT", "BTG", emergency=told)).asking(surroundings([group()])).emergency
    assert (found.reason, found.second_factor) == (False, False)
    assert found.until == datetime(2022, 7, 1, 1, tzinfo=UTC)


def test_the_rest_of_a_request_is_read():
    more = {
        "action": "access",
        "roles": [{"system": "urn:r", "code": "1"}],
        "category": [{"system": "urn:c", "code": "2"}],
        "class": [{"system": "urn:k", "code": "3"}],
        "custodian": "Organization/1",
    }
    found = read_request(asked(**more))
    assert found.action == Coding(f"{HL7}/consentaction", "access")
    assert found.classes == (Coding("urn:k", "3"),)
    asking = found.asking(surroundings([]))
    assert asking.roles == {Coding("urn:r", "1")}
    assert asking.categories == {Coding("urn:c", "2")}
    assert asking.custodians == {"Organization/1"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        asked() | {"patient": None},
        asked() | {"actor": ""},
        asked() | {"purposeOfUse": []},
        asked() | {"purposeOfUse": [{"code": "TREAT"}]},
        asked() | {"as_of": "yesterday"},
        asked() | {"as_of": "2022-07-01T10:00:00"},
        asked() | {"action": "eat"},
        asked() | {"emergency": True},
        asked() | {"emergency": {"until": "soon"}},
        asked() | {"custodian": [1]},
        asked() | {"purpose": "TREAT"},
    ],
)
def test_a_request_that_cannot_be_read_ends_in_one_error(value):
    with pytest.raises(RequestError, match="/"):
        read_request(value)


# --- who is who -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "belongs"),
    [
        (group(), True),
        (group(active=False), False),
        (group(actual=False), False),
        (group({"inactive": True}), False),
        (group({"period": {"end": "2022-06-30"}}), False),
        (group({"period": {"start": "2022-07-01"}}), True),
        (group({"period": "always"}), False),
        (group({"period": {"start": 7}}), False),
    ],
)
def test_a_group_holds_who_is_in_it_at_that_time(resource, belongs):
    assert ("Group/1" in in_groups(resource)) is belongs


def test_a_role_brings_its_organisation_and_those_above_it():
    role = {
        "resourceType": "PractitionerRole",
        "id": "1",
        "practitioner": {"reference": NURSE},
        "organization": {"reference": "Organization/ward"},
        "period": {"end": "2022-12"},
    }
    ward = {"resourceType": "Organization", "id": "ward", "partOf": {"reference": "Organization/house"}}
    house = {"resourceType": "Organization", "id": "house", "identifier": [{"system": "urn:s", "value": "7"}]}
    assert in_groups(role, ward, house) >= {"Organization/ward", "Organization/house", "urn:s|7"}
    assert in_groups(role, ward, house, now=datetime(2023, 1, 1, tzinfo=UTC)) == {NURSE}


def test_organisations_that_are_part_of_each_other_end():
    one = {"resourceType": "Organization", "id": "1", "partOf": {"reference": "Organization/2"}}
    two = {"resourceType": "Organization", "id": "2", "partOf": {"reference": "Organization/1"}}
    found = surroundings([one, two]).around("Organization/1", datetime(2022, 7, 1, tzinfo=UTC), "UTC")
    assert found == {"Organization/1", "Organization/2"}


def test_a_team_that_is_not_active_holds_nobody():
    team = {"resourceType": "CareTeam", "id": "1", "participant": [{"member": {"reference": NURSE}}]}
    assert "CareTeam/1" in in_groups(team)
    assert "CareTeam/1" not in in_groups(team | {"status": "inactive"})
    assert "CareTeam/1" not in in_groups(team | {"period": {"end": "2021"}})


@pytest.mark.parametrize("value", [None, 7, {"resourceType": "Group"}, group() | {"member": 3, "identifier": "x"}])
def test_what_is_no_resource_ties_nobody(value):
    assert in_groups(value) == {NURSE}


# --- residuals --------------------------------------------------------------------------------------------------------


def residual(provision, base=""):
    """What is left of a consent, in the form of the guide."""
    return residual_of(answer(r4(provision)).rules, base)


def labels(*codes):
    """Labels in the form of the guide."""
    return [{"system": CONFIDENTIALITY, "code": code} for code in codes]


def test_without_conditions_nothing_is_left():
    assert residual(PERMIT | purpose("TREAT")) == []
    assert residual(DENY | {"provision": [PERMIT]}) == []


def test_nothing_but_is_to_forbid_all_and_permit_that():
    assert residual(PERMIT | label("N")) == [{"type": "forbid"}, {"type": "permit", "securityLabel": labels("N")}]
    exception = DENY | {"provision": [PERMIT | {"dataPeriod": PERIOD}]}
    assert residual(exception) == [{"type": "forbid"}, {"type": "permit", "dataPeriod": PERIOD}]


def test_an_exception_is_to_forbid_that():
    assert residual(PERMIT | {"provision": [DENY | {"dataPeriod": PERIOD}]}) == [
        {"type": "forbid", "dataPeriod": PERIOD}
    ]


def test_permits_by_labels_of_one_system_are_one_rule():
    inner = PERMIT | label("R")
    assert residual(PERMIT | label("N") | {"provision": [inner]}) == [
        {"type": "forbid"},
        {"type": "permit", "securityLabel": labels("N", "R")},
    ]


def test_references_are_of_the_server_that_is_named():
    data = {"data": [{"meaning": "related", "reference": {"reference": "Encounter/1"}}]}
    rule = residual(PERMIT | data, "http://example.org/fhir/")[1]
    assert rule["data"][0]["reference"]["reference"] == "http://example.org/fhir/Encounter/1"


def test_a_tree_too_deep_for_the_form_forbids_all():
    inner = DENY | label("R") | {"provision": [PERMIT | {"dataPeriod": PERIOD}]}
    assert residual(PERMIT | {"provision": [inner]}) == [{"type": "forbid"}]


def test_an_author_is_data_authored_by_them():
    rule = residual(PERMIT | {"provision": [DENY | {"actor": [actor(NURSE, "AUT")]}]})
    assert rule == [{"type": "forbid", "data": [{"meaning": "authoredby", "reference": {"reference": NURSE}}]}]
