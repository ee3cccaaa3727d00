"""The hook: what a request says; obligations that let through no more than the rules they stand for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.directives.hook import Consented, HookError, Obligation, card, checked, read_hook
from policy.directives.model import Coding, Effect
from policy.directives.obligations import narrowed, obligations_of
from policy.residual import RELEASED, ItemFacts, Residual
from policy.rules import DataRule, ItemDetail, RuleSet

TYPES = "http://hl7.org/fhir/resource-types"
A, B, C = (Coding("urn:label", name) for name in "ABC")
OBSERVATION, CONDITION = Coding(TYPES, "Observation"), Coding(TYPES, "Condition")


def request(**context):
    return {
        "hook": "patient-consent-consult", "hookInstance": "1",
        "context": {"patientId": [{"value": "Patient/1"}], "actor": [{"value": "Organization/1"}], **context},
    }  # fmt: skip


def test_a_request_is_read_into_references_identifiers_and_purposes():
    read = read_hook(
        request(
            patientId=[{"value": "7"}, {"system": "urn:s", "value": "8"}],
            purposeOfUse=["TREAT", "urn:p|X", "https://w3id.org/dpv#Marketing"],
            category=[{"system": "urn:c", "code": "k"}],
        )
    )
    assert read.patients == {"7", "Patient/7", "urn:s|8"}
    assert read.purposes == (
        "http://terminology.hl7.org/CodeSystem/v3-ActReason#TREAT", "urn:p#X", "https://w3id.org/dpv#Marketing",
    )  # fmt: skip
    assert read.categories == {Coding("urn:c", "k")}
    assert read.bundle is None
    assert read.consents is None


def test_one_purpose_may_be_a_text():
    assert read_hook(request(purposeOfUse="HRESCH")).purposes == (
        "http://terminology.hl7.org/CodeSystem/v3-ActReason#HRESCH",
    )


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ([], ""),
        ({}, ""),
        (request(patientId=[]), "/context/patientId"),
        (request(patientId=[{"value": ""}]), "/context/patientId/0/value"),
        (request(actor=[{}]), "/context/actor/0"),
        (request(actor=[{"value": "x"}] * 101), "/context/actor"),
        (request(purposeOfUse=[""]), "/context/purposeOfUse/0"),
        (request(purposeOfUse=["|X"]), "/context/purposeOfUse/0"),
        (request(purposeOfUse=["Jan Peeters, born 1950"]), "/context/purposeOfUse/0"),
        (request(purposeOfUse=["x" * 401]), "/context/purposeOfUse/0"),
        (request(purposeOfUse=["TREAT"] * 101), "/context/purposeOfUse"),
        (request(patientId=[{"value": "Patient/1"}, {"value": "2"}]), "/context/patientId"),
        (request(content={"resourceType": "Bundle"}), "/context/content"),
        (request(content={"resourceType": "Bundle", "entry": [{}]}), "/context/content/entry/0"),
        (request(content={"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "A"}}] * 5001}),
         "/context/content/entry"),
        ({**request(), "hook": "not-patient-consent-consult"}, "/hook"),
    ],
)  # fmt: skip
def test_a_request_of_another_form_is_refused_with_the_place(value, pointer):
    with pytest.raises(HookError) as refused:
        read_hook(value)
    assert refused.value.pointer == pointer


def test_a_card_is_of_the_form_and_what_is_not_is_refused():
    one = card(Consented.PERMIT, "words", ("us", "https://us.example"), [Obligation(codes=(A,)), Obligation(but=(B,))])
    assert checked({"cards": [one]})
    assert one["extension"]["obligations"][0]["parameters"] == {"codes": [{"system": "urn:label", "code": "A"}]}
    with pytest.raises(HookError):
        checked({"cards": [{**one, "summary": "YES"}]})


def rule(effect, labels=None, types=None, nested=()):
    return DataRule(effect=Effect(effect), pointer="", labels=labels, resource_types=types, nested=tuple(nested))


PERMIT = RuleSet(rule("permit"), permits=True)


def test_a_label_that_is_forbidden_is_to_be_taken_out():
    assert obligations_of([RuleSet(rule("permit", nested=[rule("deny", (A, B))]), True)]) == (Obligation(codes=(A, B)),)


@pytest.mark.parametrize(
    "root", [rule("permit", (A,)), rule("deny", nested=[rule("permit", (A,))])], ids=["conditioned", "excepted"]
)
def test_nothing_but_a_label_leaves_that_only(root):
    assert obligations_of([RuleSet(root, True)]) == (Obligation(but=(A,)),)


@pytest.mark.parametrize(
    "sets",
    [
        [],
        [RuleSet(rule("permit"), False)],
        [RuleSet(rule("permit", types=(OBSERVATION,)), True)],
        [RuleSet(rule("permit", nested=[rule("deny", types=(OBSERVATION,))]), True)],
        [PERMIT, RuleSet(rule("deny"), False)],
        [RuleSet(rule("permit", (A,)), True), RuleSet(rule("permit", (B,)), True)],
    ],
)
def test_what_labels_cannot_say_has_no_obligation(sets):
    assert obligations_of(sets) is None


def test_for_certain_kinds_of_data_the_rules_about_other_kinds_do_not_matter():
    tree = RuleSet(rule("permit", nested=[rule("deny", types=(CONDITION,)), rule("deny", (A,), (OBSERVATION,))]), True)
    assert obligations_of([tree]) is None
    assert obligations_of(narrowed([tree], [OBSERVATION])) == (Obligation(codes=(A,)),)
    assert obligations_of(narrowed([tree], [CONDITION])) is None


@pytest.mark.parametrize(
    "listed",
    [
        OBSERVATION,
        Coding("http://loinc.org", "11488-4"),
        Coding(TYPES, "Resource"),
        Coding(TYPES, "observation"),
        Coding("urn:profile", "http://x.example/profile"),
    ],
)
@pytest.mark.parametrize(
    "wanted",
    [
        [Coding("urn:x", "y")],
        [OBSERVATION, Coding("urn:x", "y")],
        [Coding("http://hl7.org/fhir/fhir-types", "Observation")],
    ],
)
def test_only_known_kinds_set_each_other_apart(listed, wanted):
    denial = DataRule(effect=Effect.DENY, pointer="", classes=(listed,))
    tree = RuleSet(rule("permit", nested=[denial]), True)
    assert obligations_of(narrowed([tree], wanted)) is None


def test_a_kind_among_other_classes_does_not_set_a_rule_apart():
    other = Coding("http://loinc.org", "11488-4")
    for listed, wanted in (((CONDITION,), [OBSERVATION, Coding("urn:x", "y")]), ((CONDITION, other), [OBSERVATION])):
        denial = DataRule(effect=Effect.DENY, pointer="", classes=listed)
        assert obligations_of(narrowed([RuleSet(rule("permit", nested=[denial]), True)], wanted)) is None


def test_a_kind_is_the_same_in_both_systems_that_list_kinds():
    other = Coding("http://hl7.org/fhir/fhir-types", "Condition")
    tree = RuleSet(rule("permit", nested=[rule("deny", types=(CONDITION,))]), True)
    assert obligations_of(narrowed([tree], [OBSERVATION])) == ()
    assert obligations_of(narrowed([tree], [other])) is None


def test_an_exception_about_some_of_the_kinds_that_are_asked_for_stays_as_it_is():
    both = [OBSERVATION, CONDITION]
    wider = RuleSet(rule("deny", nested=[rule("permit", (A,), (OBSERVATION,))]), True)
    assert obligations_of(narrowed([wider], both)) is None
    assert obligations_of(narrowed([wider], [OBSERVATION])) == (Obligation(but=(A,)),)
    against = RuleSet(rule("permit", nested=[rule("deny", (A,), (OBSERVATION,))]), True)
    assert obligations_of(narrowed([against], both)) == (Obligation(codes=(A,)),)


label_sets = st.none() | st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=2).map(tuple)
kinds = st.none() | st.just((OBSERVATION,))
leaves = st.builds(
    lambda effect, labels, types: rule(effect, labels, types), st.sampled_from(Effect), label_sets, kinds
)
trees = st.recursive(
    leaves,
    lambda below: st.builds(
        lambda effect, labels, types, nested: rule(effect, labels, types, nested),
        st.sampled_from(Effect), label_sets, kinds, st.lists(below, max_size=2),
    ),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(st.builds(RuleSet, trees, st.booleans()), min_size=1, max_size=3),
    st.frozensets(st.sampled_from([A, B, C])),
    st.sampled_from([(), (OBSERVATION,), (OBSERVATION, CONDITION)]),
    st.sampled_from(["Observation", "Condition"]),
)
def test_obligations_never_let_through_what_the_rules_withhold(sets, labels, classes, kind):
    obligations = obligations_of(narrowed(sets, classes))
    asked_for = not classes or Coding(TYPES, kind) in classes
    if obligations is None or not asked_for:
        return
    through = all(
        labels.isdisjoint(one.codes) and (not one.but or not labels.isdisjoint(one.but)) for one in obligations
    )
    item = ItemFacts(kind, "other", None, None, "d", ItemDetail(labels=labels))
    assert not through or Residual.of((), sets).judge(item) == RELEASED
