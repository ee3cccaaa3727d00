"""The same consent in R4 and in R5 is judged alike: R4 -> R5 -> R4 keeps every decision, where both can say it."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policy.directives.reading import DirectiveError, read_directive
from policy.directives.several import ask_directives
from policy.directives.writing import to_r4, to_r5
from policy.residual import Residual
from tests.unit.policy.directives.any_directives import (
    CODES,
    LABELS,
    PATIENT,
    PEOPLE,
    PURPOSES,
    ROLES,
    TERMINOLOGY,
    TYPES,
    actions,
    askings,
    items,
    periods,
)

rarely = st.integers(0, 3).map(lambda found: found == 0)


def written(coding):
    """A Coding as FHIR writes it."""
    return {"system": coding.system, "code": coding.code}


def concept(*codings):
    """A CodeableConcept."""
    return {"coding": [written(one) for one in codings]}


@st.composite
def lasting(draw):
    """A period that ends after it begins, as JSON."""
    period = draw(periods().filter(lambda one: not (one.start and one.end) or one.start < one.end))
    return {end: getattr(period, end) for end in ("start", "end") if getattr(period, end)}


@st.composite
def named(draw):
    """The parts of a rule that name somebody or something, each seldom there."""
    rule = {}
    if draw(rarely):
        role = {"coding": [{"system": ROLES, "code": draw(st.sampled_from(["IRCP", "PRCP", "CST", "AUT"]))}]}
        rule["actor"] = [{"role": role, "reference": {"reference": draw(st.sampled_from(PEOPLE))}}]
    if draw(rarely):
        meaning = draw(st.sampled_from(["instance", "related", "dependents", "authoredby"]))
        rule["data"] = [{"meaning": meaning, "reference": {"reference": "Observation/1"}}]
    for name in ("period", "dataPeriod"):
        if draw(rarely):
            rule[name] = draw(lasting())
    return rule


@st.composite
def rules(draw, depth=2, typed=True):
    """A provision of R4 as JSON."""
    rule = {"type": draw(st.sampled_from(["permit", "deny"]))} if typed else {}
    few = {"min_size": 1, "max_size": 2, "unique": True}
    if draw(st.booleans()):
        rule["purpose"] = [written(one) for one in draw(st.lists(st.sampled_from(PURPOSES[:-1]), **few))]
    if draw(rarely):
        rule["securityLabel"] = [written(one) for one in draw(st.lists(st.sampled_from(LABELS), **few))]
    if draw(rarely):
        rule["code"] = [concept(one) for one in draw(st.lists(st.sampled_from(CODES), **few))]
    if draw(rarely):
        rule["class"] = [{"system": TYPES, "code": draw(st.sampled_from(["Observation", "Condition"]))}]
    if draw(rarely):
        rule["action"] = [concept(*draw(actions))]
    rule |= draw(named())
    if depth:
        nested = draw(st.lists(rules(depth - 1), max_size=2))
        if nested:
            rule["provision"] = nested
    return rule


@st.composite
def consents(draw):
    """A consent of R4 as JSON, its base at the root or in a policy rule."""
    at_root = draw(st.booleans())
    base = {"policyRule": concept_of(draw(st.sampled_from(["OPTIN", "OPTOUT"])))}
    return {
        "resourceType": "Consent",
        "id": "1",
        "status": draw(st.sampled_from(["active", "active", "active", "inactive"])),
        "scope": {"coding": [{"system": f"{TERMINOLOGY}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": PATIENT},
        "dateTime": draw(st.sampled_from(["2021", "2022-06-30", "2022-07-02"])),
        "policy": [{"uri": "http://example.org/policy"}],
        "provision": draw(rules(typed=at_root)),
    } | ({} if at_root else base)


def concept_of(code):
    """A rule of HL7's consent policies."""
    return {"coding": [{"system": f"{TERMINOLOGY}/v3-ActCode", "code": code}]}


def decided(directive, asking, records):
    """The outcome, what each record comes to, and until when."""
    answer = ask_directives(asking, [directive])
    residual = Residual.of(answer.scopes, answer.rules)
    changes = sorted({one for one in answer.changes if one > asking.now})
    return answer.outcome, [residual.judge(item) for item in records], changes


@settings(max_examples=150, deadline=None)
@given(consents(), askings(), st.lists(items, min_size=1, max_size=5))
def test_r4_to_r5_to_r4_keeps_the_decision(resource, asking, records):
    first = read_directive(resource)
    try:
        newer = read_directive(to_r5(first))
        again = read_directive(to_r4(newer))
    except DirectiveError as fault:
        assume(fault.code not in {"cannot-say", "not-understood"})
        raise
    expected = decided(first, asking, records)
    assert decided(newer, asking, records) == expected
    assert decided(again, asking, records) == expected
