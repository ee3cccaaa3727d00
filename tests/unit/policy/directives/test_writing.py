"""Directives written in the other release: they decide as before, or are refused by name."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from fhir.resources.consent import Consent as ConsentOfR5
from fhir.resources.R4B.consent import Consent as ConsentOfR4
from hypothesis import HealthCheck, assume, given, settings

from policy.directives.model import Effect, Release
from policy.directives.reading import DirectiveError, read_directive
from policy.directives.reading.crossing import TYPE
from policy.directives.writing import to_r4, to_r5
from tests.unit.policy.directives.grid import meaning, provisions
from tests.unit.policy.directives.written import ACT_CODES, concept, r4_consents, r5_consents

VECTORS = Path(__file__).parents[3] / "vectors" / "consent"
OTHERS = sorted([*(VECTORS / "ihe-pcf/consents").glob("*.json"), VECTORS / "torch/VHF006_Consent.json"])
SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def written(write, directive):
    """What is written, or None if it was refused as it should be."""
    try:
        return write(directive)
    except DirectiveError as error:
        refused = error
    assert (refused.code, bool(refused.pointer)) == ("cannot-say", True)
    return None


@given(r4_consents())
@SLOW
def test_an_r4_consent_decides_the_same_in_r5_and_when_it_comes_back(resource):
    first = read_directive(resource)
    assert not first.unknown
    newer = written(to_r5, first)
    assume(newer is not None)
    ConsentOfR5.model_validate(deepcopy(newer))
    other = read_directive(json.loads(json.dumps(newer)))
    back = to_r4(other)
    ConsentOfR4.model_validate(deepcopy(back))
    assert other.release is Release.R5
    assert meaning(other, first) == meaning(first)
    assert meaning(read_directive(back), first) == meaning(first)


@given(r5_consents())
@SLOW
def test_an_r5_consent_decides_the_same_in_r4_and_when_it_comes_back(resource):
    first = read_directive(resource)
    assert not first.unknown
    older = written(to_r4, first)
    assume(older is not None)
    ConsentOfR4.model_validate(deepcopy(older))
    other = read_directive(json.loads(json.dumps(older)))
    assert other.release is Release.R4
    assert meaning(other, first) == meaning(first)
    back = to_r5(other)
    ConsentOfR5.model_validate(deepcopy(back))
    again = read_directive(back)
    assert meaning(again, first) == meaning(first)
    assert {name: back.get(name) for name in resource.keys() - {"category", "regulatoryBasis"}} == {
        name: value for name, value in resource.items() if name not in {"category", "regulatoryBasis"}
    }


def without_extensions(value):
    """The resource as somebody reads it who knows no extension."""
    if isinstance(value, dict):
        return {name: without_extensions(one) for name, one in value.items() if name != "extension"}
    return [without_extensions(one) for one in value] if isinstance(value, list) else value


@given(r4_consents())
@SLOW
def test_whoever_ignores_the_extensions_is_never_permitted_more(resource):
    first = read_directive(resource)
    newer = written(to_r5, first)
    assume(newer is not None)
    ignored = read_directive(without_extensions(newer))
    for (outcome, verdicts), (seen, judged) in zip(meaning(first), meaning(ignored, first), strict=True):
        if seen == "permit":
            assert outcome == "permit"
            assert all(one == "permitted" for one, other in zip(verdicts, judged, strict=True) if other == "permitted")


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_the_consents_of_others_decide_the_same_in_r5_and_come_back_as_they_were(path):
    first = read_directive(json.loads(path.read_text("utf-8")))
    other = read_directive(to_r5(first), id=first.id)
    again = read_directive(to_r4(other), id=first.id)
    assert meaning(other, first) == meaning(first)
    assert meaning(again, first) == meaning(first)


# --- one by one -------------------------------------------------------------------------------------------------------


def consent(root_type="deny", **provision):
    """An R4 consent with one provision below a bare root."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "patient": {"reference": "Patient/1"},
        "provision": {"type": root_type, "provision": [provision]},
    }


PLAIN_SCOPE = concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
TREAT = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]


def test_a_rule_that_turns_its_parent_round_needs_no_extension_in_r5():
    newer = to_r5(read_directive(consent("deny", type="permit", purpose=TREAT)))
    assert newer["decision"] == "deny"
    assert newer["provision"] == [{"purpose": TREAT}]


def test_a_permit_below_a_permit_says_so_in_the_official_extension():
    newer = to_r5(read_directive(consent("permit", type="permit", purpose=TREAT)))
    assert newer["provision"][0]["extension"] == [{"url": TYPE, "valueCode": "permit"}]
    assert read_directive(newer).root.nested[0].effect is Effect.PERMIT


def test_a_denial_below_a_denial_is_refused_for_r5():
    with pytest.raises(DirectiveError) as caught:
        to_r5(read_directive(consent("deny", type="deny", purpose=TREAT)))
    assert (caught.value.code, caught.value.pointer) == ("cannot-say", "/provision/provision/0/type")


def test_a_root_that_denies_under_conditions_is_refused_for_r5():
    resource = consent("deny") | {"provision": {"type": "deny", "purpose": TREAT}}
    with pytest.raises(DirectiveError, match="cannot-say at /provision"):
        to_r5(read_directive(resource))


def test_a_root_that_permits_under_conditions_is_left_undecided_for_whoever_knows_no_extension():
    rule = {"policyRule": concept(ACT_CODES, "OPTIN"), "provision": {"type": "permit", "purpose": TREAT}}
    newer = to_r5(read_directive(consent() | rule))
    assert not {"decision", "regulatoryBasis"} & newer.keys()
    assert read_directive(newer).bases == (("/provision/0", Effect.PERMIT), ("/extension", Effect.PERMIT))
    assert read_directive(without_extensions(newer)).bases == ()
    assert to_r4(read_directive(newer)) == consent() | rule | {"scope": PLAIN_SCOPE}


def test_an_untyped_root_under_a_policy_rule_becomes_an_exception_to_the_decision():
    resource = consent() | {"policyRule": concept(ACT_CODES, "OPTIN"), "provision": {"purpose": TREAT}}
    newer = to_r5(read_directive(resource))
    assert (newer["decision"], newer["provision"]) == ("permit", [{"purpose": TREAT}])
    assert newer["regulatoryBasis"] == [concept(ACT_CODES, "OPTIN")]


def test_classes_of_two_kinds_are_refused_for_r5_where_both_would_have_to_hold():
    classes = [
        {"system": "http://hl7.org/fhir/resource-types", "code": "Observation"},
        {"system": "urn:x", "code": "y"},
    ]
    with pytest.raises(DirectiveError, match="cannot-say at /provision/provision/0/class"):
        to_r5(read_directive(consent("deny", **{"type": "permit", "class": classes})))


def r5(**elements):
    """An R5 consent."""
    plain = {"resourceType": "Consent", "status": "active", "subject": {"reference": "Patient/1"}, "decision": "deny"}
    return plain | elements


def test_every_turn_of_an_r5_tree_is_written_out_in_r4():
    older = to_r4(read_directive(r5(provision=[{"purpose": TREAT, "provision": [{"period": {"end": "2027"}}]}])))
    rule = older["provision"]["provision"][0]
    assert (rule["type"], rule["provision"][0]["type"]) == ("permit", "deny")
    assert older["policyRule"] == concept(ACT_CODES, "OPTOUT")


def test_a_period_of_the_whole_makes_a_typed_root_in_r4():
    older = to_r4(read_directive(r5(period={"end": "2030"})))
    assert older["provision"] == {"type": "deny", "period": {"end": "2030"}}


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"actor": [{"role": concept("urn:r", "x")}]}, "actor"),
        ({"actor": [{"reference": {"reference": "Organization/a"}}]}, "actor"),
        ({"resourceType": TREAT, "documentType": TREAT}, "documentType"),
    ],
)
def test_what_r4_has_no_words_for_is_refused(rule, place):
    with pytest.raises(DirectiveError) as caught:
        to_r4(read_directive(r5(provision=[rule])))
    assert (caught.value.code, caught.value.pointer) == ("cannot-say", f"/provision/0/{place}")


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (r5(modifierExtension=[{"url": "urn:x"}]), "not-understood"),
        (r5(provision=[{"expression": {"language": "text/fhirpath"}}]), "not-understood"),
        (r5(contained=[{"resourceType": "Patient"}]), "cannot-say"),
        ({name: value for name, value in r5().items() if name != "decision"}, "cannot-say"),
        ({"resourceType": "Permission", "status": "active", "combining": "deny-overrides"}, "not-understood"),
    ],
)
def test_what_was_not_understood_or_decided_is_not_written_in_other_words(resource, code):
    with pytest.raises(DirectiveError) as caught:
        to_r4(read_directive(resource))
    assert caught.value.code == code


def test_in_its_own_release_a_directive_is_written_as_it_came_whatever_it_is():
    resource = r5(modifierExtension=[{"url": "urn:x"}], contained=[{"resourceType": "Patient"}])
    found = to_r5(read_directive(resource))
    assert found == resource
    found["status"] = "changed"
    assert resource["status"] == "active"


def test_names_in_words_and_papers_survive_the_way_there_and_back():
    resource = consent("deny", type="permit", purpose=TREAT) | {
        "text": {"status": "generated", "div": "<div/>"},
        "extension": [{"url": "urn:other", "valueString": "x"}],
        "organization": [{"display": "Klinikum"}],
        "policy": [{"authority": "urn:a", "uri": "urn:1"}, {"uri": "urn:2"}],
        "sourceAttachment": {"size": 12, "title": "scan"},
        "dateTime": "2020-05-01T08:00:00+02:00",
        "status": "proposed",
        "provision": {"type": "deny", "period": {"start": "2020"}},
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "research"),
    }
    newer = to_r5(read_directive(resource))
    ConsentOfR5.model_validate(deepcopy(newer | {"text": None}))
    assert to_r4(read_directive(newer)) == resource
    assert read_directive(newer).policies == ("urn:1", "urn:2")
    assert read_directive(newer).decided_at == resource["dateTime"]
    assert all(not one.unknown for one in provisions(read_directive(newer).root))
