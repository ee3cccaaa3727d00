"""Whom a source knows, and of whom nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.services.releasing.surroundings import identifiers, understood

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ORGANISATION = {"resourceType": "Organization", "id": "123", "partOf": {"reference": "Organization/1"},
                "identifier": [{"system": "urn:oid", "value": "heart"}]}  # fmt: skip
ASKS = ["Organization/asks"]
ABOVE = {"resourceType": "Organization", "id": "1"}


def group(*members, **changes):
    return {"resourceType": "Group", "id": "g", "actual": True, "member": list(members)} | changes


def member(**changes):
    return {"entity": {"reference": "Organization/123"}} | changes


def called(*resources):
    return understood([ORGANISATION, ABOVE, *resources]).called(["Organization/123"], NOW, "UTC")


def test_an_organisation_is_called_by_its_identifiers_and_what_it_is_part_of():
    assert called() == {"Organization/123", "urn:oid|heart", "Organization/1"}


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True), ({"inactive": True}, False), ({"period": {"start": "2026-11-22"}}, True),
        ({"period": {"end": "2026-11-22"}}, True), ({"period": {"end": "2026-11-21"}}, False),
        ({"period": {"start": "2026-11-23"}}, False),
    ],
)  # fmt: skip
def test_a_group_counts_while_the_membership_lasts(changes, inside):
    assert ("Group/g" in called(group(member(**changes)))) is inside


@pytest.mark.parametrize(
    "vague",
    [
        group(actual=False), group(member(period={"start": "soon"})), group(member(period="always")),
        group(active=False), group(member(period={"start": 7})), {"resourceType": "Group", "id": "g"},
        {"resourceType": "CareTeam", "id": "g", "period": {"end": "?"}},
    ],
)  # fmt: skip
def test_a_group_of_which_nobody_can_tell_who_is_in_it_is_not_known(vague):
    around = understood([ORGANISATION, vague])
    name = f"{vague['resourceType']}/g"
    assert around.known([name, "Organization/123"], ASKS) == {"Organization/123"}


def test_while_nobody_has_said_what_the_source_calls_whoever_asks_each_organisation_may_be_who_asks():
    nurse = {"resourceType": "Practitioner", "id": "9"}
    others = group({"entity": {"reference": "Practitioner/9"}}, id="others")
    around = understood([ORGANISATION, ABOVE, nurse, group(member()), others])
    named = ["Organization/123", "urn:oid|heart", "Organization/1", "Group/g", "Group/others", "Practitioner/9"]
    assert around.known(named, ()) == {"Group/others", "Practitioner/9"}
    assert around.known(named, ASKS) == set(named)


def test_a_reference_to_a_version_means_who_it_is_a_version_of():
    around = understood([ORGANISATION])
    assert around.known(["Organization/123/_history/4", "Organization/9"], ASKS) == {"Organization/123"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["member", "entity", "reference", "period", "start", "end", "actual", "identifier", "value", "partOf"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(body=st.dictionaries(st.sampled_from(["member", "participant", "period", "actual", "identifier", "partOf",
                                             "organization", "practitioner", "active"]), JSON, max_size=6),
       kind=st.sampled_from(["Group", "CareTeam", "Organization", "PractitionerRole", "Practitioner"]))  # fmt: skip
def test_whatever_a_source_holds_can_be_read(body, kind):
    resource = {"resourceType": kind, "id": "x", **body}
    around = understood([resource])
    assert around.called(["Organization/123"], NOW, "UTC") >= {"Organization/123"}
    assert all("|" in one for one in identifiers(resource))
