"""Names that are written in more than one way: whoever a denial may mean, it means; what cannot be compared is a no."""

from dataclasses import replace

import pytest

from policy.decision import Outcome
from policy.directives.model import Actor, Coding, DataReference, Effect
from policy.directives.planning import data_asked
from policy.directives.reading import read_directive
from policy.directives.references import is_local, may_be, plain
from policy.directives.request import read_request
from policy.directives.several import ask_directives
from policy.directives.surroundings import surroundings
from tests.unit.policy.directives.consents import (
    CLERK,
    HL7,
    NOW,
    NURSE,
    PATIENT,
    TEAM,
    actor,
    answer,
    asking,
    outcome,
    r4,
    r5,
)

S = "urn:s|9"
PERSON = {"resourceType": "Practitioner", "id": "1", "identifier": [{"system": "urn:n", "value": "7"}]}
OTHER = {"resourceType": "Practitioner", "id": "2"}
ABOVE = {"resourceType": "Organization", "id": "b", "identifier": [{"system": "urn:o", "value": "1"}]}


def asked(directive, *resources, **more):
    """The outcome for a request of Practitioner/1 among these resources."""
    value = {
        "patient": PATIENT, "purposeOfUse": [{"system": f"{HL7}/v3-ActReason", "code": "TREAT"}], "actor": NURSE,
        "as_of": "2022-07-01", **more,
    }  # fmt: skip
    return ask_directives(read_request(value).asking(surroundings(resources)), (directive,)).outcome


def group(entity, **elements):
    member = {"entity": entity if isinstance(entity, dict) else {"reference": entity}}
    return {"resourceType": "Group", "id": "1", "actual": True, "member": [member]} | elements


def against(reference):
    """A permit but for one actor."""
    return r4({"type": "permit", "provision": [{"type": "deny", "actor": [actor(reference)]}]})


# --- who belongs to whom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entity",
    [
        NURSE,
        f"{NURSE}/_history/1",
        {"identifier": {"system": "urn:n", "value": "7"}},
        {"reference": "urn:uuid:x", "identifier": {"system": "urn:n", "value": "7"}},
    ],
)
def test_a_member_is_in_a_group_by_whatever_name(entity):
    assert asked(against(TEAM), PERSON, group(entity)) is Outcome.DENY


@pytest.mark.parametrize(
    "vague",
    [
        group(f"https://h.example/fhir/{NURSE}"),
        group("urn:uuid:somebody"),
        group("#inside"),
        group({"identifier": {"system": "urn:n", "value": "unknown"}}),
        group({"display": "the nurses"}),
        group("Practitioner/unknown"),
        group(CLERK, actual=False),
        group(CLERK, active=False),
        group(CLERK, active="true"),
        {"resourceType": "Group", "id": "1", "membership": "definitional"},
        group(CLERK, membership="conceptual"),
        group(CLERK, member=[{"entity": {"reference": CLERK}, "period": {"start": "last year"}}]),
        group(CLERK, member=[{"entity": {"reference": CLERK}, "inactive": "false"}]),
        group(CLERK, member={"entity": {"reference": NURSE}}),
        group(CLERK, member=["Practitioner/1"]),
    ],
)
def test_whoever_asks_may_be_in_a_group_of_which_nobody_can_tell_who_is_in_it(vague):
    assert asked(against(TEAM), PERSON, OTHER, vague) is Outcome.INDETERMINATE
    assert asked(against(TEAM), PERSON, OTHER, group(CLERK)) is Outcome.PERMIT


def test_a_group_that_holds_such_a_group_is_one_itself():
    inner = group("urn:uuid:somebody", id="2")
    assert asked(against(TEAM), PERSON, inner, group("Group/2")) is Outcome.INDETERMINATE


def test_a_team_that_is_not_active_says_nothing_of_who_is_in_it():
    team = {"resourceType": "CareTeam", "id": "1", "participant": [{"member": {"reference": CLERK}}]}
    assert asked(against("CareTeam/1"), PERSON, OTHER, team) is Outcome.PERMIT
    assert asked(against("CareTeam/1"), PERSON, OTHER, team | {"status": "proposed"}) is Outcome.INDETERMINATE


@pytest.mark.parametrize(
    ("resource", "element"), [("Organization", "partOf"), ("HealthcareService", "providedBy"), ("Device", "owner")]
)
@pytest.mark.parametrize(
    "above", [{"reference": "Organization/b/_history/3"}, {"identifier": {"system": "urn:o", "value": "1"}}]
)
def test_what_belongs_to_an_organisation_asks_as_it_by_whatever_name(resource, element, above):
    below = {"resourceType": resource, "id": "a", element: above}
    assert asked(against("Organization/b"), below, ABOVE, actor=f"{resource}/a") is Outcome.DENY


def test_an_organisation_on_another_server_may_be_the_one_that_is_called_so_here():
    below = {"resourceType": "Organization", "id": "a", "partOf": {"reference": "https://h.example/Organization/b"}}
    assert asked(against("Organization/b"), below, ABOVE, actor="Organization/a") is Outcome.INDETERMINATE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{NURSE}/_history/2", Outcome.DENY),
        (f"https://h.example/fhir/{NURSE}", Outcome.INDETERMINATE),
        ("urn:uuid:somebody", Outcome.INDETERMINATE),
        ("#me", Outcome.INDETERMINATE),
        ("Practitioner/unknown", Outcome.PERMIT),
    ],
)
def test_whoever_asks_is_meant_however_they_are_called(name, expected):
    assert asked(against(NURSE), PERSON, actor=name) is expected


def test_the_instants_at_which_somebody_comes_or_goes_are_told():
    member = {"entity": {"reference": NURSE}, "period": {"start": "2021-01-01", "end": "2022-12-31"}}
    around = surroundings([PERSON, group("", member=[member])])
    names = around.around(NURSE, NOW, "UTC")
    assert [one.isoformat() for one in around.edges(names, NOW, "UTC")] == ["2023-01-01T00:00:00+00:00"]


# --- one actor with several names -------------------------------------------------------------------------------------


def both(reference, value="9"):
    """An actor with a reference and an identifier."""
    who = {"reference": reference, "identifier": {"system": "urn:s", "value": value}}
    return {**actor(reference), "reference": who}


def test_an_actor_keeps_every_name():
    assert r4({"type": "deny", "actor": [both(CLERK)]}).root.actors[0].names == (CLERK, S)
    [rule] = r5("permit", [{"actor": [{"reference": both(CLERK)["reference"]}]}]).root.nested
    assert rule.actors[0].names == (CLERK, S)


def test_a_denial_means_whoever_has_one_of_the_names():
    denial = r4({"type": "permit", "provision": [{"type": "deny", "actor": [both(CLERK)]}]})
    known = asking().known_actors
    assert outcome(denial, requester=frozenset({S}), known_actors=known) is Outcome.DENY
    assert outcome(denial, requester=frozenset({CLERK}), known_actors=known) is Outcome.DENY
    assert outcome(denial, requester=frozenset({NURSE}), known_actors=known) is Outcome.INDETERMINATE
    assert outcome(denial, requester=frozenset({NURSE}), known_actors=known | {S}) is Outcome.PERMIT


def test_a_permit_means_nobody_whom_one_of_the_names_is_not():
    permit = r4({"type": "deny", "provision": [{"type": "permit", "actor": [both(CLERK)]}]})
    known = asking().known_actors
    assert outcome(permit, requester=frozenset({S}), known_actors=known) is Outcome.INDETERMINATE
    assert outcome(permit, requester=frozenset({S, CLERK}), known_actors=known) is Outcome.PERMIT
    assert outcome(permit, requester=frozenset({CLERK}), known_actors=known) is Outcome.PERMIT
    assert outcome(permit, requester=frozenset({NURSE}), known_actors=known) is Outcome.DENY


@pytest.mark.parametrize("role", ["CST", "AUT"])
def test_custodians_and_authors_are_met_by_any_name_too(role):
    found = {**both(CLERK), "role": actor(CLERK, role)["role"]}
    denial = r4({"type": "permit", "provision": [{"type": "deny", "actor": [found]}]})
    if role == "CST":
        assert outcome(denial, custodians=frozenset({S})) is Outcome.DENY
    else:
        [rules] = answer(denial).rules
        assert rules.root.nested[0].authors == (CLERK, S)


def test_data_is_denied_by_any_name_and_permitted_by_the_first():
    listed = (DataReference("instance", "Observation/1", (S,)),)
    assert [one.reference for one in data_asked(listed, Effect.DENY)] == ["Observation/1", S]
    assert [one.reference for one in data_asked(listed, Effect.PERMIT)] == ["Observation/1"]
    what = {"reference": "Observation/1", "identifier": {"system": "urn:s", "value": "9"}}
    denial = r4({"type": "deny", "data": [{"meaning": "instance", "reference": what}]})
    assert denial.root.data == listed


def test_a_permission_keeps_every_name_of_an_actor():
    found = read_directive(
        {
            "resourceType": "Permission", "status": "active", "combining": "deny-overrides",
            "asserter": {"reference": PATIENT},
            "rule": [{"type": "deny", "activity": [{"actor": [both(CLERK)["reference"]]}]}],
        }
    )  # fmt: skip
    assert found.root.nested[0].actors == (Actor((), CLERK, (S,)),)


def test_a_rule_that_names_a_version_of_an_actor_means_the_actor():
    assert outcome(against(f"{NURSE}/_history/2")) is Outcome.DENY


# --- whose consent it is ----------------------------------------------------------------------------------------------


DENIAL, PERMIT = {"type": "deny"}, r4({"type": "permit"}, id="yes")


@pytest.mark.parametrize("name", [f"{PATIENT}/_history/2", f"{PATIENT}/"])
def test_a_consent_of_a_version_of_the_patient_is_the_patients(name):
    assert outcome(PERMIT, r4(DENIAL, id="no", patient={"reference": name})) is Outcome.DENY


@pytest.mark.parametrize("name", [f"https://h.example/fhir/{PATIENT}", "urn:uuid:somebody", "#p"])
def test_a_consent_of_somebody_who_may_be_the_patient_is_not_passed_over(name):
    assert outcome(PERMIT, r4(DENIAL, id="no", patient={"reference": name})) is Outcome.INDETERMINATE
    assert outcome(PERMIT, replace(r4(DENIAL, id="no", patient={"reference": name}), status="draft")) is Outcome.PERMIT


@pytest.mark.parametrize("name", ["Patient/2", "https://h.example/fhir/Patient/2", "Patient/2/_history/1"])
def test_a_consent_of_somebody_else_stays_aside(name):
    assert outcome(PERMIT, r4(DENIAL, id="no", patient={"reference": name})) is Outcome.PERMIT


def test_a_permission_that_no_patient_asserts_may_be_about_anybody():
    permission = read_directive(
        {
            "resourceType": "Permission", "id": "1", "status": "active", "combining": "permit-unless-deny",
            "asserter": {"reference": "Organization/1"}, "rule": [{"type": "deny"}],
        }
    )  # fmt: skip
    assert outcome(PERMIT, permission) is Outcome.INDETERMINATE


# --- references -------------------------------------------------------------------------------------------------------


def test_references_are_compared_without_version_and_closing_stroke():
    assert plain("Patient/1/_history/2") == plain("Patient/1/") == "Patient/1"
    assert plain("urn:s|a/_history/b") == "urn:s|a/_history/b"
    assert [is_local(one) for one in ("Patient/1", "https://h/Patient/1", "urn:s|9", "#p", "Patient/")] == [True] + [
        False
    ] * 4


def test_what_may_be_the_same_is_not_an_identifier():
    assert not may_be("urn:s|9", frozenset({"Patient/1"}))
    assert may_be("https://h/Patient/1", frozenset({"Patient/1", "urn:s|9"}))


def test_a_request_may_list_so_many_codes():
    many = [Coding(f"{HL7}/v3-ActReason", "TREAT")._asdict()] * 101
    with pytest.raises(ValueError, match="at most 100"):
        read_request({"patient": PATIENT, "purposeOfUse": many, "actor": NURSE, "as_of": "2022-07-01"})
