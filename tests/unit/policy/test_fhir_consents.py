"""Consent records as FHIR R4 and R5 resources, and resources that are refused by name."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from fhir.resources.consent import Consent as ConsentOfR5
from fhir.resources.R4B.consent import Consent as ConsentOfR4
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.consent import ALLOWING, ConsentError, State
from policy.directives.model import Effect, Release
from policy.directives.reading import read_directive
from policy.fhir_consent import EXTENSION, from_fhir, to_fhir
from tests.unit.policy.story import DATASET, LINK, story
from tests.unit.policy.test_consent_records import records

HL7 = sorted((Path(__file__).parents[2] / "vectors" / "consent" / "hl7-examples" / "r4").glob("*.json"))


MODELS = {Release.R4: ConsentOfR4, Release.R5: ConsentOfR5}
releases = st.sampled_from(Release)


@given(records(), releases)
def test_a_record_survives_the_way_through_fhir(record, release):
    assert from_fhir(json.loads(json.dumps(to_fhir(record, release))), release) == record


@given(records(), releases)
@settings(max_examples=50)
def test_the_resource_is_valid_fhir(record, release):
    MODELS[release].model_validate(to_fhir(record, release))


@given(records(), releases)
def test_only_a_record_that_says_yes_permits_anything_and_only_while_it_is_active(record, release):
    read = read_directive(to_fhir(record, release))
    assert read.release is release
    assert not read.unknown
    assert {effect for _, effect in read.bases} == {Effect.DENY}
    permitting = [one for one in read.root.nested if one.effect is not Effect.DENY]
    assert bool(permitting) == (record.state in ALLOWING) == (read.status == "active")


STATUSES = {
    "draft": ("draft", "draft"),
    "requested": ("proposed", "draft"),
    "deferred": ("draft", "draft"),
    "refused": ("rejected", "not-done"),
    "given": ("active", "active"),
    "renewed": ("active", "active"),
    "suspended": ("inactive", "inactive"),
    "withdrawn": ("inactive", "inactive"),
    "terminated": ("inactive", "inactive"),
    "invalidated": ("entered-in-error", "entered-in-error"),
}


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_the_status_that_fhir_has_for_it(state):
    record = story.next(story.record(), state=state.value)
    found = tuple(to_fhir(record, release)["status"] for release in Release)
    assert found == STATUSES[state.value]


def test_in_r5_whatever_was_asked_of_a_person_who_said_no_is_no_rule():
    resource = to_fhir(story.record(state="refused"), Release.R5)
    assert resource["decision"] == "deny"
    assert "provision" not in resource
    assert from_fhir(resource, Release.R5).recipients == (story.group,)


def test_how_a_consent_was_taken_and_what_it_replaces_survive():
    proxy = {"kind": "proxy", "authority": "urn:g", "until": "2031-05-04T00:00:00Z"}
    taken = {"channel": "desk", "assistant": "entry-7", "assurance": "high", "interface": "2.1", "evidence": "e" * 64}
    record = story.record(signer=proxy, capture=taken, replaces=["source/1", "source/2"])
    for release in Release:
        assert from_fhir(to_fhir(record, release), release) == record


@pytest.mark.parametrize("kind", ["proxy", "controller", "authority"])
@pytest.mark.parametrize("release", list(Release))
def test_whoever_decided_for_the_person_is_shown_as_what_they_are(kind, release):
    record = story.record(signer={"kind": kind, "authority": "urn:x"})
    assert from_fhir(to_fhir(record, release), release).signer.kind == kind


def full():
    """A consent that uses every element."""
    scopes = [{"dataset": DATASET, "categories": ["laboratory", "conditions"]}, {"dataset": "d2", "categories": None}]
    return to_fhir(story.record(data=scopes, window={"start": "2022-01-01", "end": "2022-12-31"}))


def test_whoever_reads_only_the_provisions_is_denied_all_but_what_was_agreed():
    root = full()["provision"]
    assert root["type"] == "deny"
    assert [nested["type"] for nested in root["provision"]] == ["permit", "permit"]
    assert root["provision"][0]["dataPeriod"] == {"start": "2022-01-01", "end": "2022-12-31"}


def test_a_refusal_permits_nothing():
    resource = to_fhir(story.record(state="refused"))
    assert resource["status"] == "rejected"
    assert "permit" not in json.dumps(resource)


@pytest.mark.parametrize("state", ["withdrawn", "suspended"])
def test_a_stopped_consent_is_not_active(state):
    resource = to_fhir(story.next(story.record(), state=state))
    assert resource["status"] == "inactive"
    assert from_fhir(resource).state.value == state


def full_of_r5():
    """The same consent in R5."""
    return to_fhir(from_fhir(full()), Release.R5)


def test_the_person_is_named_by_their_link_only():
    assert full()["patient"] == {"identifier": {"system": "https://w3id.org/concord/ns#link", "value": LINK}}


def test_a_proxy_is_shown_as_one():
    resource = to_fhir(story.record(signer={"kind": "proxy", "authority": "urn:uuid:guardianship"}))
    assert resource["performer"] != [resource["patient"]]
    assert from_fhir(resource).signer.authority == "urn:uuid:guardianship"


def test_what_a_server_adds_is_passed_over():
    resource = full() | {"id": "4711", "meta": {"versionId": "3"}, "text": {"status": "empty"}, "language": "en"}
    resource["extension"] = [*resource["extension"], {"url": "urn:other", "valueString": "x"}]
    assert from_fhir(resource) == from_fhir(full())


def test_a_partial_date_stands_for_its_whole_period():
    resource = full()
    for nested in resource["provision"]["provision"]:
        nested["dataPeriod"] = {"start": "2022", "end": "2022-12"}
    assert from_fhir(resource) == from_fhir(full())


def changed(path, value, resource=None):
    """A consent with the element at a path set, or removed where the value is None."""
    resource = deepcopy(resource or full())
    *steps, last = path
    place = resource
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return resource


NESTED = ("provision", "provision", 0)
REFUSED = [
    (("modifierExtension",), [{"url": "urn:x", "valueBoolean": True}], "unknown-modifier"),
    ((*NESTED, "modifierExtension"), [{"url": "urn:x", "valueBoolean": True}], "unknown-modifier"),
    (("implicitRules",), "urn:x", "unknown-modifier"),
    (("resourceType",), "Contract", "not-a-consent"),
    (("extension",), None, "missing-element"),
    (("extension",), [], "missing-element"),
    (("extension", 0, "extension", 0), {"url": "new", "valueCode": "x"}, "unknown-element"),
    (("identifier",), None, "missing-element"),
    (("patient",), {"reference": "Patient/1"}, "missing-element"),
    (("patient", "display"), "Erika Mustermann", "unknown-element"),
    (("policyRule",), {"coding": [{"code": "OPTIN"}]}, "unknown-element"),
    (("status",), "inactive", "contradiction"),
    (("status",), "entered-in-error", "contradiction"),
    (("scope", "coding", 0, "code"), "treatment", "contradiction"),
    (("dateTime",), "2026-10-01", "not-a-consent"),
    (("verification", 0, "verified"), False, "not-verified"),
    (("verification",), ["yes"], "not-verified"),
    (("verification",), None, "missing-element"),
    (("provision", "type"), "permit", "contradiction"),
    (("provision", "period", "start"), "2026-01-01", "unknown-element"),
    (("provision", "securityLabel"), [{"code": "N"}], "unknown-element"),
    (("provision", "action"), [{"coding": [{"code": "access"}]}], "unknown-element"),
    (("provision", "actor", 0, "role", "coding", 0, "code"), "CST", "contradiction"),
    (("provision", "purpose", 0, "code"), "HRESCH", "not-a-consent"),
    ((*NESTED, "type"), "deny", "contradiction"),
    ((*NESTED, "code"), [{"coding": [{"code": "34133-9"}]}], "unknown-element"),
    ((*NESTED, "provision"), [{"type": "deny"}], "unknown-element"),
    ((*NESTED, "class", 0, "code"), "genome", "not-a-consent"),
    ((*NESTED, "class", 0, "system"), "http://hl7.org/fhir/resource-types", "contradiction"),
    ((*NESTED, "data", 0, "meaning"), "related", "contradiction"),
    ((*NESTED, "data"), None, "missing-element"),
    (("provision", "provision", 1, "dataPeriod", "start"), "2021-01-01", "contradiction"),
    ((*NESTED, "dataPeriod", "start"), "last year", "not-a-consent"),
    (("provision", "actor"), {}, "not-a-consent"),
]


@pytest.mark.parametrize(("path", "value", "code"), REFUSED)
def test_what_could_narrow_the_consent_is_never_skipped(path, value, code):
    with pytest.raises(ConsentError) as caught:
        from_fhir(changed(path, value))
    assert caught.value.code == code
    assert "Erika" not in str(caught.value)


RULE = ("provision", 0)
REFUSED_IN_R5 = [
    (("modifierExtension",), [{"url": "urn:x", "valueBoolean": True}], "unknown-modifier"),
    (("decision",), "permit", "contradiction"),
    (("decision",), None, "missing-element"),
    (("period",), None, "missing-element"),
    (("period", "start"), "2026-01-01", "unknown-element"),
    (("date",), "2026-10-02", "contradiction"),
    (("scope",), {"coding": []}, "unknown-element"),
    (("regulatoryBasis",), [{"text": "any"}], "unknown-element"),
    (("extension", 0, "extension", 2, "valueCode"), "refused", "unknown-element"),
    (("extension", 0, "extension", 2, "valueCode"), "withdrawn", "unknown-element"),
    ((*RULE, "actor"), None, "not-a-consent"),
    (("provision", 1, "actor"), None, "missing-element"),
    (("provision", 1, "purpose", 0, "code"), "urn:another", "contradiction"),
    ((*RULE, "resourceType"), [{"system": "urn:x", "code": "Patient"}], "unknown-element"),
    ((*RULE, "expression"), {"language": "text/fhirpath", "expression": "true"}, "unknown-element"),
    ((*RULE, "provision"), [{}], "unknown-element"),
    (("provision",), None, "not-a-consent"),
    (("controller",), None, "missing-element"),
]


@pytest.mark.parametrize(("path", "value", "code"), REFUSED_IN_R5)
def test_what_could_narrow_the_consent_is_never_skipped_in_r5_either(path, value, code):
    resource = changed(path, value, full_of_r5())
    with pytest.raises(ConsentError) as caught:
        from_fhir(resource, Release.R5)
    assert caught.value.code == code


@pytest.mark.parametrize(("written", "read"), [(Release.R4, Release.R5), (Release.R5, Release.R4)])
def test_a_resource_of_one_release_is_not_read_as_one_of_the_other(written, read):
    with pytest.raises(ConsentError):
        from_fhir(to_fhir(story.record(), written), read)


def test_endless_nesting_is_refused():
    deep: dict = {}
    for _ in range(50_000):
        deep = {"provision": deep}
    with pytest.raises(ConsentError, match="too-deep"):
        from_fhir(full() | {"text": deep})


@pytest.mark.parametrize("path", HL7, ids=lambda path: path.stem)
def test_the_examples_of_the_standard_are_refused_by_name(path):
    with pytest.raises(ConsentError) as caught:
        from_fhir(json.loads(path.read_text("utf-8")))
    # Those of others are read as directives; here only what we write ourselves is a record.
    assert (caught.value.code, caught.value.pointer) == ("unknown-element", "/policyRule")


def test_the_seven_examples_are_there():
    assert len(HL7) == 7
    assert EXTENSION.startswith("https://w3id.org/concord/ns#")
