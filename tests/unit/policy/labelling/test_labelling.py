"""Labels from codes: one look-up per code, a threshold, the resource's own labels kept, contained resources apart."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.directives.model import Coding
from policy.labelling import Finding, Labeller, LabelRulesError, Labels, packaged_labeller, read_rules

SCT = "http://snomed.info/sct"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SUD, RESTRICTED = Coding(ACT, "SUD"), Coding(CONFIDENTIALITY, "R")
RULES = {
    "name": "Ours", "updated_at": "2026-11-01", "settings": {"editable": False},
    "rules": [
        {
            "id": "substances", "basis": {"system": ACT, "code": "42CFRPart2"},
            "labels": [{"system": ACT, "code": "SUD"}, {"system": CONFIDENTIALITY, "code": "R"}],
            "codeSets": [{"groupID": "some", "codes": [
                {"system": SCT, "code": "1", "confidence": 1}, {"system": SCT, "code": "2", "confidence": 0.5},
                {"system": SCT, "code": "3", "confidence": 0.49},
            ]}],
        }
    ],
}  # fmt: skip
OURS = Labeller(read_rules(RULES))


def coded(*codes, **more):
    coding = [{"system": system, "code": code} for system, code in codes]
    return {"resourceType": "Condition", "code": {"coding": coding}, **more}


def test_a_code_labels_with_everything_its_rule_gives_and_says_why():
    found = OURS.label(coded((SCT, "1")))
    assert found.labels == {SUD, RESTRICTED}
    assert found.because[0] == Finding(SUD, "substances", Coding(SCT, "1"), 1.0)
    assert found.possible == ()


def test_at_the_threshold_it_labels_and_below_it_is_possible_only():
    assert OURS.label(coded((SCT, "2"))).labels == {SUD, RESTRICTED}
    below = OURS.label(coded((SCT, "3")))
    assert below.labels == frozenset()
    assert {one.confidence for one in below.possible} == {0.49}


def test_confidentiality_comes_from_rules_only_nobody_is_called_normal():
    assert OURS.label(coded((SCT, "9"))).labels == frozenset()


def test_labels_that_the_resource_has_are_kept():
    normal = {"system": CONFIDENTIALITY, "code": "N"}
    found = OURS.label(coded((SCT, "1"), meta={"security": [normal]}))
    assert found.labels == {SUD, RESTRICTED, Coding(CONFIDENTIALITY, "N")}


@pytest.mark.parametrize(
    "system",
    [f"{SCT}|http://snomed.info/sct/900000000000207008", f"{SCT}/731000124108", "urn:oid:2.16.840.1.113883.6.96"],
)
def test_a_code_system_under_another_of_its_names_is_the_same(system):
    assert OURS.label(coded((system, "1"))).labels


def test_codes_count_wherever_they_stand_but_not_those_of_meta():
    value = {
        "resourceType": "Observation",
        "component": [{"valueCodeableConcept": {"coding": [{"system": SCT, "code": "1"}]}}],
    }
    assert OURS.label(value).labels
    assert not OURS.label({"resourceType": "Observation", "meta": {"tag": [{"system": SCT, "code": "1"}]}}).labels


def test_a_contained_resource_is_labelled_for_itself():
    found = OURS.label(coded((SCT, "9"), contained=[{**coded((SCT, "1")), "id": "c"}]))
    assert found.labels == frozenset()
    assert [(name, one.labels) for name, one in found.contained] == [("c", {SUD, RESTRICTED})]


@pytest.mark.parametrize(
    "broken",
    [
        {"meta": {"security": "R"}},
        {"meta": {"security": [{"display": "secret"}]}},
        {"meta": "none"},
        {"contained": {"a": 1}},
        {"contained": ["x"]},
    ],
)
def test_what_cannot_be_read_is_an_error_and_not_unlabelled(broken):
    with pytest.raises(ValueError, match="/"):
        OURS.label({"resourceType": "Condition", **broken})


def test_nesting_without_end_is_an_error():
    deep = {}
    for _ in range(100):
        deep = {"extension": [deep]}
    with pytest.raises(ValueError, match="deep"):
        OURS.label({"resourceType": "Condition", "extension": [deep]})


def test_labels_come_back_as_they_were_written():
    found = OURS.label(coded((SCT, "1"), (SCT, "3"), contained=[coded((SCT, "2"))]))
    assert Labels.from_json(found.to_json()) == found


def test_the_name_of_the_labeller_changes_with_a_code_a_confidence_or_the_threshold():
    other = copy.deepcopy(RULES)
    other["rules"][0]["codeSets"][0]["codes"][0]["confidence"] = 0.9
    names = {OURS.name, Labeller(read_rules(other)).name, Labeller(read_rules(RULES), 0.6).name}
    assert len(names) == 3
    assert Labeller(read_rules(copy.deepcopy(RULES))).name == OURS.name


@given(st.lists(st.sampled_from(["1", "2", "3", "9"]), max_size=5), st.floats(0, 1), st.floats(0, 1))
def test_a_lower_threshold_never_labels_less(codes, one, other):
    low, high = sorted((one, other))
    value = coded(*((SCT, code) for code in codes))
    rules = read_rules(RULES)
    assert Labeller(rules, high).label(value).labels <= Labeller(rules, low).label(value).labels


def spoiled(pointer, value):
    rules = copy.deepcopy(RULES)
    *path, last = pointer
    part = rules
    for step in path:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return rules


CODE = ("rules", 0, "codeSets", 0, "codes", 0)


@pytest.mark.parametrize(
    ("at", "value", "pointer"),
    [
        (("name",), None, "/name"),
        (("updated_at",), 1, "/updated_at"),
        (("settings",), [], "/settings"),
        (("settings", "editable"), "yes", "/settings/editable"),
        (("rules",), {}, "/rules"),
        (("rules", 0, "id"), None, "/rules/0/id"),
        (("rules", 0, "basis"), None, "/rules/0/basis"),
        (("rules", 0, "labels"), None, "/rules/0/labels"),
        (("rules", 0, "codeSets", 0, "groupID"), None, "/rules/0/codeSets/0/groupID"),
        ((*CODE, "system"), "", "/rules/0/codeSets/0/codes/0/system"),
        ((*CODE, "confidence"), 1.5, "/rules/0/codeSets/0/codes/0/confidence"),
        ((*CODE, "confidence"), True, "/rules/0/codeSets/0/codes/0/confidence"),
        ((*CODE, "confidence"), float("nan"), "/rules/0/codeSets/0/codes/0/confidence"),
    ],
)
def test_a_rule_file_of_another_form_is_refused_with_the_place(at, value, pointer):
    with pytest.raises(LabelRulesError) as refused:
        read_rules(spoiled(at, value))
    assert refused.value.pointer == pointer


def test_two_rules_of_one_id_are_refused():
    with pytest.raises(LabelRulesError):
        read_rules({**RULES, "rules": RULES["rules"] * 2})


def test_the_packaged_rules_label_substances():
    found = packaged_labeller().label(coded(("http://www.nlm.nih.gov/research/umls/rxnorm", "203203")))
    assert found.labels == {SUD}
