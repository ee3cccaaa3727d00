"""The compiled evaluator against a naive one: the same verdict for any policy, request and state, report included."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.odrl.evaluating import (
    CONCORD,
    OVAL,
    SOLIDLAB,
    W3C,
    Deontic,
    DutyState,
    Performance,
    Performed,
    Request,
    State,
    compile_policy,
)
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule
from policy.odrl.vocabulary import ODRL
from tests.twins.policies import Naive

XSD = "http://www.w3.org/2001/XMLSchema#"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DPV = "https://w3id.org/dpv#"
ACTIONS = [f"{ODRL}{name}" for name in ("use", "read", "print", "play", "display", "transfer", "sell")]
TARGETS, PARTIES, WHOLES = ["urn:t1", "urn:t2"], ["urn:p1", "urn:p2"], ["urn:c1", "urn:c2"]
PURPOSES = [f"{DPV}{name}" for name in ("ResearchAndDevelopment", "AcademicResearch", "Marketing", "DirectMarketing")]
PURPOSES += ["urn:purpose:own"]
FEATURES = {
    f"{ODRL}count": [Literal(text, f"{XSD}decimal") for text in ("1", "2.0", "2", "3")] + [Literal("2")],
    f"{ODRL}purpose": [Literal(text) for text in PURPOSES],
    f"{ODRL}recipient": [Literal(text) for text in (*PARTIES, *WHOLES)],
    "urn:own:operand": [Literal("a"), Literal("b", f"{XSD}string"), Literal("1", f"{XSD}integer")],
}
MOMENTS = [Literal(f"2026-11-2{day}T00:00:00Z", f"{XSD}dateTime") for day in (1, 2, 3)]
OPERATORS = ["eq", "neq", "lt", "lteq", "gt", "gteq", "isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"]
SETS = {"isAllOf", "isAnyOf", "isNoneOf"}
UNIT = Literal("urn:unit")


ORDERED = ["lt", "lteq", "gt", "gteq"]
RELATED = ["eq", "neq", "isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"]
MEANT = {
    f"{ODRL}count": ["eq", "neq", *ORDERED, *ORDERED, "isAnyOf", "isAllOf"],
    f"{ODRL}dateTime": ["eq", "neq", *ORDERED, *ORDERED],
    f"{ODRL}purpose": ["eq", "neq", "isA", "isA", "isAllOf", "isAnyOf", "isNoneOf"],
    f"{ODRL}recipient": RELATED,
    "urn:own:operand": RELATED,
}


@st.composite
def constraints(draw):
    """Mostly constraints that have a meaning: any operator, values by reference, and an unknown one now and then."""
    left = draw(st.sampled_from(list(MEANT)))
    odd = draw(st.integers(0, 40))
    operator = draw(st.sampled_from(MEANT[left] if odd else [*OPERATORS, "urn:unknown:operator"]))
    values = MOMENTS if left == f"{ODRL}dateTime" else FEATURES[left]
    right = tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=3 if operator in SETS else 1)))
    if odd == 1:
        names = (Literal(draw(st.sampled_from(["urn:source", "urn:lost"]))),)
        return Constraint(left, operator, names, by_reference=True)
    unit = UNIT if left == f"{ODRL}count" and odd < 10 else None
    return Constraint(left, operator, right, unit=unit)


terms = st.recursive(
    constraints(),
    lambda inner: st.builds(
        lambda operator, parts: Logical(operator, tuple(parts)),
        st.sampled_from(["or", "xone", "and", "andSequence"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def some(strategy, most=2):
    return st.lists(strategy, max_size=most).map(tuple)


actions = st.builds(
    Action, st.sampled_from([*ACTIONS[:1] * 4, *ACTIONS]), st.one_of(st.just(()), st.just(()), some(constraints(), 1))
)


def entities(names):
    single = st.builds(Entity, st.sampled_from([names[0], *names]))
    whole = st.builds(
        lambda iri, refinements: Entity(iri, True, refinements), st.sampled_from(WHOLES), some(constraints(), 1)
    )
    return st.one_of(single, single, single, single, whole)


duties = st.builds(
    lambda action, conditions, uid: Rule(kind=Kind.DUTY, actions=(action,), terms=conditions, uid=uid),
    st.builds(Action, st.sampled_from([f"{ODRL}compensate", f"{ODRL}inform", f"{ODRL}delete"]), some(constraints(), 1)),
    some(terms, 1),
    st.sampled_from([None, "urn:duty:1", "urn:duty:2"]),
)


def rules(kind):
    """Rules, some of them without action or target, as the SolidLab suite has them."""
    bare = st.builds(
        lambda acts, targets: Rule(kind=kind, actions=acts, targets=targets), some(actions, 1), st.just(())
    )
    return st.one_of(_full(kind), _full(kind), _full(kind), bare)


def _full(kind):
    return st.builds(
        lambda acts, targets, parties, conditions, owed: Rule(
            kind=kind, actions=acts, targets=targets, assignees=parties, terms=conditions, duties=owed
        ),
        st.lists(actions, min_size=1, max_size=2).map(tuple),
        st.lists(entities(TARGETS), min_size=1, max_size=2).map(tuple),
        some(entities(PARTIES), 1),
        some(terms),
        some(duties, 1) if kind is Kind.PERMISSION else st.just(()),
    )


policies = st.builds(
    lambda kind, permissions, prohibitions, obligations, conflict, targets, parties, conditions, acts: Policy(
        uid="urn:policy",
        kind=kind,
        permissions=permissions,
        prohibitions=prohibitions,
        obligations=obligations,
        conflict=conflict,
        targets=targets,
        assignees=parties,
        terms=conditions,
        actions=acts,
    ),
    st.sampled_from(["Set", "Set", "Agreement", "Offer"]),
    some(rules(Kind.PERMISSION), 3),
    st.one_of(st.just(()), some(rules(Kind.PROHIBITION), 2)),
    st.one_of(st.just(()), some(duties, 1)),
    st.sampled_from([None, "perm", "prohibit", "invalid"]),
    some(entities(TARGETS), 1),
    st.one_of(st.just(()), some(entities(PARTIES), 1)),
    st.one_of(st.just(()), some(terms, 1)),
    some(actions, 1),
)


@st.composite
def features(draw):
    return {
        left: tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=2)))
        for left, values in FEATURES.items()
        if draw(st.booleans())
    }


units = st.sampled_from([{}, {f"{ODRL}count": "urn:unit"}, {f"{ODRL}count": "urn:other"}])
requests = st.builds(
    Request,
    st.sampled_from([ACTIONS[1], *ACTIONS]),
    st.sampled_from([*TARGETS[:1] * 4, *TARGETS, *WHOLES, None]),
    st.sampled_from([*PARTIES[:1] * 4, *PARTIES, *WHOLES, None]),
    features(),
    units,
    st.sampled_from([None, None, NOW - timedelta(days=1)]),
)
events = st.builds(
    lambda action, target, at, known, duty: Performed(action, target=target, at=at, features=known, duty=duty),
    st.sampled_from([f"{ODRL}compensate", f"{ODRL}inform", f"{ODRL}delete", f"{ODRL}read"]),
    st.sampled_from([None, *TARGETS]),
    st.sampled_from([None, NOW - timedelta(days=2), NOW + timedelta(days=2)]),
    features(),
    st.sampled_from(["", "urn:duty:1"]),
)


def relations(names):
    return st.dictionaries(
        st.sampled_from(names), st.sets(st.sampled_from(names), max_size=2).map(frozenset), max_size=3
    )


states = st.builds(
    lambda now, known, unit, about, parts, kinds, apart, done, owed, sources, executors: State(
        now=now,
        features=known,
        units=unit,
        about=about,
        part_of=parts,
        kinds=kinds,
        apart=apart,
        performed=done,
        duties=owed,
        sources=sources,
        executors=executors,
    ),
    st.sampled_from([NOW, NOW, None]),
    features(),
    units,
    st.dictionaries(st.sampled_from([*TARGETS, *PARTIES]), features(), max_size=1),
    relations([*TARGETS, *PARTIES, *WHOLES]),
    relations(PURPOSES),
    relations(PURPOSES),
    some(events),
    st.dictionaries(
        st.sampled_from(["urn:duty:1", "urn:duty:2"]),
        st.builds(DutyState, st.sampled_from(Deontic), st.sampled_from(Performance)),
        max_size=1,
    ),
    st.dictionaries(
        st.just("urn:source"), st.sampled_from([(MOMENTS[1],), (Literal("2", f"{XSD}decimal"),)]), max_size=1
    ),
    st.sets(st.sampled_from(["delete", "inform", f"{ODRL}compensate"])).map(frozenset),
)
behaviours = st.sampled_from([CONCORD, CONCORD, CONCORD, W3C, SOLIDLAB, OVAL])


@settings(max_examples=400)
@given(policies, requests, states, behaviours)
def test_the_compiled_form_says_what_the_model_says(policy, request, state, behaviour):
    # Units of measure as names are a reading of one set of examples; its vectors test them.
    behaviour = behaviour if behaviour is not W3C else _without_unit_names()
    compiled = compile_policy(policy, behaviour)
    expected = Naive(policy, behaviour).verdict(request, state)
    assert compiled.verdict(request, state) is expected
    assert compiled.report(request, state).outcome is expected


@settings(max_examples=200)
@given(policies, requests, states, behaviours)
def test_a_report_can_be_written_down_whatever_was_asked(policy, request, state, behaviour):
    report = compile_policy(policy, behaviour).report(request, state)
    assert report.to_json()["outcome"] == report.outcome.value
    assert report.because


def _without_unit_names():
    from dataclasses import replace

    return replace(W3C, units_name=False)
