"""Consents of others, read as they were written: who, when, which base, which tree."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from policy.directives.model import Actor, Coding, DataReference, Effect, Period, Release
from policy.directives.reading import DirectiveError, read_again, read_directive
from tests.unit.policy.directives.written import (
    ACT_CODES,
    CODES,
    REASONS,
    ROLES,
    concept,
    r4_consents,
    r5_consents,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "consent"
OTHERS = sorted(
    [
        *(VECTORS / "hl7-examples").glob("*/*.json"),
        *(VECTORS / "ihe-pcf/consents").glob("*.json"),
        *(VECTORS / "mii").glob("Example*.json"),
        VECTORS / "torch/VHF006_Consent.json",
    ]
)
TREAT = Coding(REASONS, "TREAT")
PURPOSE = [{"system": REASONS, "code": "TREAT"}]
EMERGENCY = {"system": ACT_CODES, "code": "EMRGONLY"}


def r4(**elements):
    """A small R4 consent."""
    plain = {"resourceType": "Consent", "id": "c", "status": "active", "patient": {"reference": "Patient/1"}}
    return plain | {"provision": {"type": "permit"}} | elements


def r5(**elements):
    """A small R5 consent."""
    plain = {"resourceType": "Consent", "id": "c", "status": "active", "subject": {"reference": "Patient/1"}}
    return plain | {"decision": "permit"} | elements


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_the_consents_of_others_are_read_and_read_again_alike(path):
    found = read_directive(json.loads(path.read_text("utf-8")))
    assert read_again(json.loads(json.dumps(found.to_json()))) == found


@given(r4_consents())
def test_whatever_r4_lets_a_writer_say_is_understood(resource):
    found = read_directive(resource)
    assert (found.release, found.unknown, found.root.unknown) == (Release.R4, (), ())
    assert read_again(found.to_json()) == found


@given(r5_consents())
def test_whatever_r5_lets_a_writer_say_is_understood(resource):
    found = read_directive(resource)
    assert (found.release, found.unknown, found.root.unknown) == (Release.R5, (), ())
    assert read_again(found.to_json()) == found


# --- heading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (r4(), "Consent/c"),
        (r4(meta={"versionId": "3"}), "Consent/c#3"),
        (r4(meta={"versionId": "not a version"}), "Consent/c"),
        ({name: value for name, value in r4().items() if name != "id"}, "Consent/"),
    ],
)
def test_decisions_call_a_consent_by_its_id_and_version(resource, name):
    assert read_directive(resource).id == name
    assert read_directive(resource, id="source/9").id == "source/9"


def test_the_person_is_known_by_reference_and_by_identifier():
    both = {"reference": "Patient/1", "identifier": {"system": "urn:ids", "value": "77"}, "display": "Erika"}
    assert read_directive(r4(patient=both)).subjects == ("Patient/1", "urn:ids|77")
    assert read_directive(r5(subject=both)).subjects == ("Patient/1", "urn:ids|77")


def test_kinds_policies_signers_and_dates_are_read_in_both_releases():
    old = read_directive(
        r4(
            scope=concept(f"{CODES}/consentscope", "research"),
            category=[concept("http://loinc.org", "59284-0"), {"text": "in words"}],
            dateTime="2020-05-01T08:00:00+02:00",
            policy=[{"uri": "urn:policy"}, {"authority": "urn:office"}],
            policyRule=concept("urn:rules", "hipaa"),
            performer=[{"reference": "RelatedPerson/m"}, {"display": "somebody"}],
        )
    )
    new = read_directive(
        r5(
            category=[concept(f"{CODES}/consentscope", "research"), concept("http://loinc.org", "59284-0")],
            date="2020-05-01",
            policyBasis={"url": "urn:policy", "reference": {"reference": "Contract/1"}},
            regulatoryBasis=[concept("urn:rules", "hipaa")],
            grantor=[{"reference": "RelatedPerson/m"}],
        )
    )
    for found in (old, new):
        assert not found.unknown
        assert found.scope == (Coding(f"{CODES}/consentscope", "research"),)
        assert found.categories == (Coding("http://loinc.org", "59284-0"),)
        assert found.signers == ("RelatedPerson/m",)
        assert {"urn:policy", "urn:rules|hipaa"} <= set(found.policies)
    assert (old.decided_at, new.decided_at) == ("2020-05-01T08:00:00+02:00", "2020-05-01")


@pytest.mark.parametrize("value", [{"valueCanonical": "Consent/old"}, {"valueReference": {"reference": "Consent/old"}}])
def test_what_a_consent_replaces_stands_in_the_official_extension(value):
    replaces = {"url": "http://hl7.org/fhir/StructureDefinition/replaces"} | value
    assert read_directive(r4(extension=[replaces])).replaces == ("Consent/old",)


# --- the base decision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "bases"),
    [
        (r5(), [("/decision", "permit")]),
        (r5(decision="deny"), [("/decision", "deny")]),
        (
            r5(decision="deny", regulatoryBasis=[concept(ACT_CODES, "OPTIN")]),
            [("/decision", "deny"), ("/regulatoryBasis", "permit")],
        ),
        (r4(), [("/provision/type", "permit")]),
        (r4(provision={}), []),
        (r4(provision={"purpose": PURPOSE}), []),
        (r4(policyRule=concept(ACT_CODES, "OPTOUT")), [("/provision/type", "permit"), ("/policyRule", "deny")]),
        *(
            (r4(provision={"purpose": PURPOSE}, policyRule=concept(system, code)), [("/policyRule", base)])
            for system in (ACT_CODES, "urn:oid:2.16.840.1.113883.5.4")
            for code, base in {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny"}.items()
        ),
        (r4(provision={"purpose": PURPOSE}, policyRule=concept("urn:other", "OPTIN")), []),
        (r4(policyRule={"text": "see the paper"}), [("/provision/type", "permit")]),
    ],
)  # fmt: skip
def test_the_base_decision_is_read_wherever_it_was_written(resource, bases):
    assert list(read_directive(resource).bases) == [(place, Effect(base)) for place, base in bases]


def test_emergency_only_denies_and_says_so():
    resource = r4(policyRule={"coding": [EMERGENCY]})
    del resource["provision"]
    found = read_directive(resource)
    assert (found.emergency_only, found.bases) == (True, (("/policyRule", Effect.DENY),))
    assert read_directive(r5(decision="deny", regulatoryBasis=[{"coding": [EMERGENCY]}])).emergency_only


def test_a_typed_root_of_r4_holds_the_conditions_of_the_whole():
    found = read_directive(r4(provision={"type": "permit", "purpose": PURPOSE}))
    assert (found.root.pointer, found.root.purposes, found.root.effect) == ("/provision", (TREAT,), Effect.PERMIT)


def test_an_untyped_root_of_r4_below_a_policy_rule_is_an_exception_to_it():
    found = read_directive(r4(provision={"purpose": PURPOSE}, policyRule=concept(ACT_CODES, "OPTIN")))
    assert found.root.purposes is None
    assert [(one.pointer, one.effect, one.purposes) for one in found.root.nested] == [("/provision", None, (TREAT,))]


def test_a_policy_rule_that_decides_nothing_makes_no_exception_of_the_root():
    found = read_directive(r4(provision={"purpose": PURPOSE}, policyRule=concept("urn:rules", "hipaa")))
    assert (found.root.pointer, found.bases) == ("/provision", ())


def test_an_untyped_root_of_r4_without_conditions_only_holds_the_others():
    nested = [{"type": "deny", "purpose": PURPOSE}]
    found = read_directive(r4(provision={"provision": nested}, policyRule=concept(ACT_CODES, "OPTIN")))
    assert [(one.pointer, one.effect) for one in found.root.nested] == [("/provision/provision/0", Effect.DENY)]


def test_the_root_of_r5_has_only_the_period_of_the_consent():
    found = read_directive(r5(period={"end": "2030"}, provision=[{"purpose": PURPOSE}]))
    assert (found.root.period, found.root.purposes) == (Period(end="2030"), None)
    assert [(one.pointer, one.effect) for one in found.root.nested] == [("/provision/0", None)]


# --- the tree ---------------------------------------------------------------------------------------------------------

EVERYTHING = {
    "period": {"start": "2020", "end": "2030-12-31"},
    "actor": [{"role": concept(ROLES, "IRCP"), "reference": {"reference": "Organization/a"}}],
    "action": [{"coding": [{"system": "urn:a", "code": "1"}, {"system": "urn:b", "code": "2"}]}],
    "purpose": PURPOSE,
    "code": [concept("http://loinc.org", "1-8")],
    "dataPeriod": {"start": "2021-02"},
    "data": [{"meaning": "related", "reference": {"identifier": {"system": "urn:e", "value": "9"}}}],
    "securityLabel": [{"system": "urn:l", "code": "N", "display": "normal"}],
}


def test_every_element_of_a_rule_is_read_in_both_releases():
    kinds = [{"system": "urn:k", "code": "x"}]
    old = read_directive(r4(provision={"type": "permit", "provision": [EVERYTHING | {"class": kinds}]})).root.nested[0]
    new = read_directive(r5(provision=[EVERYTHING | {"resourceType": kinds, "documentType": kinds}])).root.nested[0]
    for rule in (old, new):
        assert rule.unknown == ()
        assert rule.period == Period(start="2020", end="2030-12-31")
        assert rule.actors == (Actor((Coding(ROLES, "IRCP"),), "Organization/a"),)
        assert rule.actions == ((Coding("urn:a", "1"), Coding("urn:b", "2")),)
        assert rule.purposes == (TREAT,)
        assert rule.codes == ((Coding("http://loinc.org", "1-8"),),)
        assert rule.data_period == Period(start="2021-02")
        assert rule.data == (DataReference("related", "urn:e|9"),)
        assert rule.labels == (Coding("urn:l", "N"),)
    assert (old.classes, old.resource_types, old.document_types) == ((Coding("urn:k", "x"),), None, None)
    assert (new.classes, new.resource_types, new.document_types) == (None, old.classes, old.classes)


@pytest.mark.parametrize("version", ["4.0", "4.3"])
def test_a_rule_of_r5_may_say_its_type_by_the_official_extension(version):
    said = {"url": f"http://hl7.org/fhir/{version}/StructureDefinition/extension-Consent.provision.type"}
    found = read_directive(r5(provision=[{"extension": [said | {"valueCode": "permit"}]}, {"purpose": PURPOSE}]))
    assert [one.effect for one in found.root.nested] == [Effect.PERMIT, None]
    assert not found.root.nested[0].unknown


def test_a_rule_without_a_decision_above_it_that_says_its_type_is_the_root_of_r4():
    said = {
        "url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type",
        "valueCode": "permit",
    }
    resource = r5(provision=[{"extension": [said], "purpose": PURPOSE}])
    del resource["decision"]
    found = read_directive(resource)
    assert (found.bases, found.root.purposes) == ((("/provision/0", Effect.PERMIT),), (TREAT,))
    twice = resource | {"provision": resource["provision"] * 2}
    assert read_directive(twice).bases == ()


# --- the permission of R5 ---------------------------------------------------------------------------------------------


def permission(combining, *rules):
    """A permission about the person who asserts it."""
    plain = {"resourceType": "Permission", "status": "active", "asserter": {"reference": "Patient/1"}}
    return read_directive(plain | {"combining": combining, "rule": list(rules)})


PERMIT = {"type": "permit", "activity": [{"purpose": [{"coding": PURPOSE}]}]}
DENY = {"type": "deny", "data": [{"security": [{"system": "urn:l", "code": "R"}]}]}


@pytest.mark.parametrize(
    ("combining", "base", "levels"),
    [
        ("deny-overrides", "deny", [["permit", "deny"]]),
        ("ordered-deny-overrides", "deny", [["permit", "deny"]]),
        ("permit-unless-deny", "permit", [["permit", "deny"]]),
        ("permit-overrides", "deny", [["deny", "deny"], ["permit"]]),
        ("ordered-permit-overrides", "deny", [["deny", "deny"], ["permit"]]),
        ("deny-unless-permit", "deny", [["deny", "deny"], ["permit"]]),
    ],
)
def test_how_rules_are_combined_becomes_the_tree(combining, base, levels):
    found = permission(combining, PERMIT, DENY)
    assert (found.bases, found.unknown) == ((("/combining", Effect(base)),), ())
    level, seen = found.root.nested, []
    while level:
        seen.append([one.effect.value for one in level])
        level = [below for one in level for below in one.nested]
    assert seen == levels


def test_a_rule_of_a_permission_is_one_provision_for_each_data_and_activity():
    rule = {
        "type": "permit",
        "data": [
            {"resource": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]},
            {"period": [{"start": "2020", "end": "2021"}, {"start": "2024"}]},
        ],
        "activity": [
            {"actor": [{"reference": "Organization/a"}], "action": [concept("urn:a", "read")]},
            {"purpose": [{"coding": PURPOSE}]},
        ],
    }
    found = permission("deny-overrides", rule).root.nested
    assert len(found) == 6
    assert {one.pointer for one in found} == {"/rule/0"}
    assert found[0].actors == (Actor((), "Organization/a"),)
    assert found[1].purposes == (TREAT,)
    assert [one.data_period for one in found[2::2]] == [Period(start="2020", end="2021"), Period(start="2024")]


@pytest.mark.parametrize(
    "rule",
    [
        {"activity": []},
        {"type": "permit", "limit": [concept("urn:limits", "no-redisclosure")]},
        {"type": "permit", "data": [{"expression": {"language": "text/fhirpath", "expression": "true"}}]},
        {"type": "perhaps"},
        {"type": "permit", "modifierExtension": [{"url": "urn:x"}]},
        {"type": "permit", "activity": [{"purpose": [{"text": "any"}]}]},
    ],
)
def test_a_rule_of_a_permission_that_is_not_understood_says_so(rule):
    found = permission("deny-overrides", rule)
    assert all(one.unknown for one in found.root.nested)


def test_rules_that_multiply_beyond_measure_are_refused():
    rule = {
        "type": "permit",
        "data": [{"security": PURPOSE}] * 100,
        "activity": [{"purpose": [{"coding": PURPOSE}]}] * 100,
    }
    with pytest.raises(DirectiveError, match="too-long at /rule/0"):
        permission("deny-overrides", rule)


def test_a_permission_that_does_not_say_whose_data_it_is_about_is_not_understood():
    for asserter in ({}, {"asserter": {"reference": "Organization/h"}}):
        found = read_directive(
            {"resourceType": "Permission", "status": "active", "combining": "deny-overrides"} | asserter
        )
        assert found.unknown == ("/asserter",)


def test_there_is_no_permission_in_r4():
    with pytest.raises(DirectiveError, match="not-a-consent"):
        read_directive({"resourceType": "Permission"}, release=Release.R4)
