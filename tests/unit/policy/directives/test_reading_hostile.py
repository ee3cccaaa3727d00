"""What cannot be understood is named where it stands, or refused as a whole; it never widens, and never takes long."""

import json
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.directives.model import Release
from policy.directives.reading import DirectiveError, plain, read_directive
from policy.directives.reading import consents as consents_module
from policy.directives.reading import provisions as provisions_module
from policy.directives.reading.plain_consents import plain_root
from policy.directives.reading.plain_heads import plain_head
from policy.directives.writing import to_r4, to_r5
from tests.unit.policy.directives.grid import provisions
from tests.unit.policy.directives.test_reading import PURPOSE, TREAT, r4, r5
from tests.unit.policy.directives.written import ACT_CODES, ROLES, concept, r4_consents, r5_consents

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def faults(found):
    """Everything that was not understood, of the directive and of its rules."""
    return [*found.unknown, *(one for each in provisions(found.root) for one in each.unknown)]


def places(value, path=()):
    """Every object and list in a resource, by its path."""
    if isinstance(value, dict | list):
        yield path
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


def at(value, path):
    """What stands at a path."""
    for step in path:
        value = value[step]
    return value


@given(r4_consents() | r5_consents(), st.data())
@RELAXED
def test_a_modifier_extension_anywhere_is_named(resource, data):
    path = data.draw(st.sampled_from([one for one in places(resource) if isinstance(at(resource, one), dict)]))
    at(resource, path)["modifierExtension"] = [{"url": "urn:only-on-sundays", "valueBoolean": True}]
    assert faults(read_directive(resource))


BEARING = {"provision", "actor", "role", "action", "purpose", "code", "class", "data", "period", "securityLabel"}


@given(r4_consents() | r5_consents(), st.data(), json_values)
@RELAXED
def test_an_element_that_nobody_knows_is_named_wherever_it_could_change_the_meaning(resource, data, value):
    inside = [one for one in places(resource) if isinstance(at(resource, one), dict)]
    path = data.draw(st.sampled_from([one for one in inside if not one or one[0] in BEARING | {"subject", "patient"}]))
    at(resource, path)["unlessItRains"] = value
    assert faults(read_directive(resource))


@given(r4_consents() | r5_consents(), st.data(), json_values)
@RELAXED
def test_whatever_stands_in_an_element_is_read_or_refused_and_written_or_refused(resource, data, value):
    path = data.draw(st.sampled_from([one for one in places(resource) if one]))
    at(resource, path[:-1])[path[-1]] = value
    for write in (to_r4, to_r5):
        with suppress(DirectiveError):
            write(read_directive(resource))


@given(json_values, st.sampled_from([None, *Release]))
def test_what_is_no_consent_is_refused(value, release):
    with pytest.raises(DirectiveError, match="not-a-consent"):
        read_directive(value, release=release)


@given(st.dictionaries(st.sampled_from([*r4(), *r5(), "policyRule", "combining", "rule"]), json_values))
def test_nothing_but_the_kind_of_resource_may_be_missing_or_broken(elements):
    for kind in ("Consent", "Permission"):
        read_directive(elements | {"resourceType": kind})


# --- one by one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (r4(implicitRules="urn:rules"), "/implicitRules"),
        (r4(modifierExtension=[{"url": "urn:x"}]), "/modifierExtension"),
        (r4(_status={"extension": []}, status=None), "/status"),
        (r4(status="valid"), "/status"),
        (r5(status="unknown"), "/status"),
        (r4(status="not-done"), "/status"),
        (r5(status="proposed"), "/status"),
        (r4(patient={"display": "Erika Mustermann"}), "/patient"),
        (r4(patient={"identifier": {"value": "7"}}), "/patient/identifier"),
        (r4(scope={"text": "research"}), "/scope"),
        (r4(dateTime="yesterday"), "/dateTime"),
        (r4(dateTime=["2020"]), "/dateTime"),
        (r4(decision="permit"), "/decision"),
        (r5(policyRule=concept(ACT_CODES, "OPTOUT")), "/policyRule"),
        (r5(decision="maybe"), "/decision"),
        (r4(policyRule={"coding": [{"code": "OPTOUT"}]}), "/policyRule/coding/0"),
        (r4(verification=[{"verified": False}]), "/verification"),
        (r4(verification=[{}]), "/verification"),
        (r4(id="../../etc/passwd"), "/id"),
        (r5(provision=[]), "/provision"),
        (
            r4(extension=[{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.period"}]),
            "/extension/0",
        ),
        (
            r5(extension=[{"url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision"}]),
            "/extension/0",
        ),
    ],
)
def test_what_of_a_consent_is_not_understood_is_named(resource, named):
    found = read_directive(resource)
    assert named in found.unknown
    assert "Erika" not in json.dumps(found.unknown)


def test_one_confirmed_check_with_the_person_is_enough():
    assert not read_directive(r4(verification=[{"verified": False}, {"verified": True}])).unknown


ACTOR = {"role": concept(ROLES, "IRCP"), "reference": {"reference": "Organization/a"}}
RULES = [
    ({"type": "perhaps"}, "/type"),
    ({"type": None}, "/type"),
    ({"_type": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}}, "/type"),
    ({"period": {}}, "/period"),
    ({"period": {"start": "2022", "end": "2021"}}, "/period"),
    ({"period": {"start": "2022-01-02", "end": "2022-01-01"}}, "/period"),
    ({"period": {"start": "2022-01-01T00:00:00Z", "end": "2022-01-01T00:00:00+01:00"}}, "/period"),
    ({"period": {"end": "2022-02-30"}}, "/period/end"),
    ({"period": {"end": 2022}}, "/period/end"),
    ({"dataPeriod": "2022"}, "/dataPeriod"),
    ({"purpose": []}, "/purpose"),
    ({"purpose": PURPOSE[0]}, "/purpose"),
    ({"purpose": [{"code": "TREAT"}]}, "/purpose/0"),
    ({"purpose": [{"system": TREAT.system}]}, "/purpose/0"),
    ({"purpose": [*PURPOSE, "TREAT"]}, "/purpose/1"),
    ({"purpose": [*PURPOSE, {"system": "urn:x", "code": "x" * 3000}]}, "/purpose/1/code"),
    ({"code": [{"text": "anything about the heart"}]}, "/code/0"),
    ({"action": [{"coding": [{"code": "access"}]}]}, "/action/0/coding/0"),
    ({"actor": [{"role": concept(ROLES, "IRCP")}]}, "/actor/0"),
    ({"actor": [{"reference": {"reference": "Organization/a"}}]}, "/actor/0"),
    ({"actor": [{"role": {"text": "the doctor"}, "reference": {"reference": "x"}}]}, "/actor/0/role"),
    ({"actor": [ACTOR, {"role": concept(ROLES, "IRCP"), "reference": {"display": "Dr. Who"}}]}, "/actor/1/reference"),
    ({"actor": [ACTOR | {"modifierExtension": []}]}, "/actor/0/modifierExtension"),
    ({"data": [{"meaning": "nearby", "reference": {"reference": "Observation/1"}}]}, "/data/0"),
    ({"data": [{"meaning": "instance", "reference": {"display": "that one"}}]}, "/data/0/reference"),
    ({"securityLabel": "N"}, "/securityLabel"),
    ({"modifierExtension": [{"url": "urn:x"}]}, "/modifierExtension"),
    ({"expression": {"language": "text/fhirpath", "expression": "false"}}, "/expression"),
    ({"resourceType": PURPOSE}, "/resourceType"),
    ({"provision": {}}, "/provision"),
    ({"Erika Mustermann": True}, "/?"),
]


@pytest.mark.parametrize(("rule", "named"), RULES)
def test_what_of_a_rule_is_not_understood_is_named_in_that_rule_alone(rule, named):
    resource = r4(provision={"type": "permit", "provision": [{"type": "deny", "purpose": PURPOSE}, rule]})
    found = read_directive(resource)
    assert named.removeprefix("/") in [
        one.removeprefix("/provision/provision/1/") for one in found.root.nested[1].unknown
    ]
    assert found.unknown == found.root.unknown == found.root.nested[0].unknown == ()


@pytest.mark.parametrize("values", [["permit", "deny"], ["perhaps"], [None]])
def test_a_type_by_extension_that_is_not_one_is_named(values):
    url = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type"
    said = [{"url": url} | ({"valueCode": one} if one else {}) for one in values]
    rule = read_directive(r5(provision=[{"extension": said}])).root.nested[0]
    assert rule.effect is None
    assert rule.unknown


@pytest.mark.parametrize("place", [(), ("provision",), ("patient",)])
def test_a_plain_extension_is_passed_over(place):
    resource = deepcopy(r4())
    at(resource, place)["extension"] = [{"url": "urn:shoe-size", "valueInteger": 42}]
    assert not faults(read_directive(resource))


def test_a_contained_resource_speaks_for_itself_only():
    resource = r4(contained=[{"resourceType": "Patient", "modifierExtension": [{"url": "urn:x"}]}])
    assert not faults(read_directive(resource))


# --- plain values are read fast, and alike ----------------------------------------------------------------------------


@given(r4_consents() | r5_consents(), st.data(), json_values)
@RELAXED
def test_what_is_read_fast_is_read_as_it_is_read_with_care(resource, data, value):
    path = data.draw(st.sampled_from([one for one in places(resource) if one]))
    if data.draw(st.booleans()):
        at(resource, path[:-1])[path[-1]] = value
    fast = outcome(resource)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("coding", "codings", "concept", "concepts", "reference", "period", "actors", "data"):
            patch.setattr(plain, name, lambda _: None)
        patch.setattr(provisions_module, "_plainly", lambda *_: None)
        patch.setattr(consents_module, "plain_head", lambda *_: None)
        assert outcome(resource) == fast


def outcome(resource):
    """The directive, or why there is none."""
    try:
        return read_directive(resource)
    except DirectiveError as error:
        return str(error)


WORDS = {"display": "x" * 251}
LONG = {"system": "urn:" + "x" * 300, "code": "1"}


@pytest.mark.parametrize(
    "rule",
    [
        {"purpose": PURPOSE * 1_500},
        {"code": [concept(ACT_CODES, "A")] * 1_500},
        {"code": [{"coding": PURPOSE * 17}]},
        {"code": [{"coding": PURPOSE, "text": "x" * 251}]},
        {"purpose": [PURPOSE[0] | WORDS]},
        {"purpose": [LONG]},
        {"provision": [{"type": "permit"}] * 1_500},
    ],
    ids=lambda rule: next(iter(rule)),
)
def test_what_may_be_too_much_is_left_to_those_who_count_and_read_all_the_same(rule):
    assert plain_root(rule) is None
    read = read_directive(r4(provision={"type": "deny"} | rule))
    assert not faults(read)
    assert any(getattr(read.root, name) for name in ("purposes", "codes", "nested"))


def test_rules_that_stand_in_several_places_are_not_followed_without_end():
    rule = {"type": "permit"}
    for _ in range(60):
        rule = {"type": "permit", "provision": [rule, rule]}
    assert plain_root(rule) is None
    with pytest.raises(DirectiveError, match="too-large"):
        read_directive(r4(provision=rule))


@pytest.mark.parametrize(
    "aside", [{"text": {"div": "x" * 1_001}}, {"meta": {"tag": [{"code": "a"}] * 600}}, {"language": "x" * 1_001}]
)
def test_what_stands_beside_the_rules_is_counted_too(aside):
    statuses = frozenset({"active"})
    assert plain_head(r4(), statuses, frozenset({"resourceType", "id", *aside})) is not None
    assert plain_head(r4(**aside), statuses, frozenset({"resourceType", "id", *aside})) is None
    assert not faults(read_directive(r4(**aside)))


@pytest.mark.parametrize("kind", [[], {}, None, ["Consent"]])
def test_a_kind_that_is_no_word_is_no_consent(kind):
    with pytest.raises(DirectiveError, match="not-a-consent"):
        read_directive(r4() | {"resourceType": kind})


# --- size -------------------------------------------------------------------------------------------------------------


def deep(levels):
    """An R5 consent with rules in rules."""
    rule = {"purpose": PURPOSE}
    for _ in range(levels - 1):
        rule = {"provision": [rule]}
    return r5(provision=[rule])


def test_rules_may_stand_in_each_other_as_deep_as_anybody_needs():
    found = read_directive(deep(64))
    assert sum(1 for _ in provisions(found.root)) == 65
    assert not faults(found)


@pytest.mark.parametrize("levels", [65, 200, 20_000])
def test_deeper_rules_are_refused(levels):
    with pytest.raises(DirectiveError, match="too-deep"):
        read_directive(deep(levels))


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (r4(provision={"type": "permit", "purpose": PURPOSE * 2001}), "too-long"),
        (r4(provision={"type": "permit", "provision": [{"purpose": PURPOSE * 2000}] * 30}), "too-large"),
        (r4(text={"div": "x" * 16_000_001}), "too-large"),
        (r4(extra={"x": {1: 2}}), "not-json"),
    ],
)
def test_more_than_a_consent_can_hold_is_refused(resource, code):
    with pytest.raises(DirectiveError) as caught:
        read_directive(resource)
    assert caught.value.code == code


def test_depth_is_bounded_where_nobody_looks_too():
    inner = {}
    for _ in range(10_000):
        inner = {"x": inner}
    with pytest.raises(DirectiveError, match="too-deep"):
        read_directive(r4(text=inner))


def test_a_thing_that_holds_itself_is_refused():
    endless = r4()
    endless["extension"] = [endless]
    with pytest.raises(DirectiveError, match="too-"):
        read_directive(endless)
