"""Policies, requests and states of every kind, drawn by Hypothesis: the one generator for tests of the evaluator.

All of ODRL is in it: every operator on values of every family, joined terms, refinements, collections, duties with
terms and consequences, prohibitions, obligations, compact forms, conflict strategies, offers, and terms that nobody
understands. The names are few, so that policies and requests often meet.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from policy.odrl import vocabulary as v
from policy.odrl.evaluating import Deontic, DutyState, Performance, Performed, Request, State
from policy.odrl.model import XSD, Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
COUNT, PAY, SPAN, PLACE = (f"{v.ODRL}{name}" for name in ("count", "payAmount", "elapsedTime", "spatial"))
LANGUAGE = f"{v.ODRL}language"
COLOUR, CONSENT, CLOCK = "urn:test:colour", "urn:test:consent", "urn:test:clock"
EURO, DOLLAR = "urn:test:euro", "urn:test:dollar"
RESEARCH, ACADEMIC, COMMERCIAL, MARKETING = (
    f"{v.DPV}{name}" for name in ("ResearchAndDevelopment", "AcademicResearch", "CommercialResearch", "Marketing")
)
READ, USE, PLAY, DISPLAY, SELL, DISTRIBUTE = (
    f"{v.ODRL}{name}" for name in ("read", "use", "play", "display", "sell", "distribute")
)
PAYS, INFORM, PSEUDONYMISE = f"{v.ODRL}compensate", f"{v.ODRL}inform", v.PSEUDONYMISE
ORDERED = ("eq", "neq", "lt", "lteq", "gt", "gteq")
LISTS = ("isAllOf", "isAnyOf", "isNoneOf")
RELATIONS = ("isA", "hasPart", "isPartOf")


def typed(datatype, *texts):
    return tuple(Literal(text, f"{XSD}{datatype}") for text in texts)


def plain(*texts):
    return tuple(Literal(text) for text in texts)


# left operand -> the values it is compared with and has, and the operators that make sense of them
VALUES = {
    v.DATE_TIME: (
        (
            *typed("dateTime", "2026-11-22T09:30:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            *typed("date", "2026-11-22"),
        ),
        ORDERED,
    ),
    v.PURPOSE: (plain(RESEARCH, ACADEMIC, COMMERCIAL, MARKETING, "urn:test:unheard-of"), ("eq", "neq", "isA", *LISTS)),
    COUNT: ((*typed("integer", "1", "2", "5"), *typed("decimal", "2.5")), (*ORDERED, *LISTS)),
    PAY: (typed("decimal", "5.00", "10", "7.5"), ORDERED),
    SPAN: (typed("duration", "P1D", "P30D", "P1M"), ORDERED),
    PLACE: (plain("urn:eu", "urn:de", "urn:us"), (*RELATIONS, "eq", "neq")),
    LANGUAGE: (plain("en", "de", "en-GB"), ("eq", "isA", "isAnyOf", "isNoneOf")),
    COLOUR: (plain("red", "green", "blue"), ("eq", "neq", *LISTS, *RELATIONS)),
    CONSENT: (typed("boolean", "true", "false"), ("eq", "neq")),
    CLOCK: (typed("time", "08:00:00", "18:00:00"), ORDERED),
}  # fmt: skip


@st.composite
def constraints(draw, lefts=tuple(VALUES)):
    left = draw(st.sampled_from(lefts))
    values, operators = VALUES[left]
    operator = draw(st.sampled_from(operators))
    many = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3 if operator in LISTS else 1, unique=True))
    unit = Literal(draw(st.sampled_from([EURO, EURO, DOLLAR]))) if left == PAY and draw(st.booleans()) else None
    if left == COLOUR and operator in ORDERED and draw(st.integers(0, 9)) == 0:
        return Constraint(left, operator, plain("urn:test:source"), by_reference=True)
    return Constraint(left, operator, tuple(many), unit=unit)


strange = st.sampled_from(
    [
        Constraint(COLOUR, "urn:test:operator", plain("red")),
        Constraint(v.DATE_TIME, "lt", plain("whenever")),
        Constraint(v.PURPOSE, "lt", plain(RESEARCH)),
    ]
)


def joined(inner):
    return st.builds(
        lambda operator, parts: Logical(operator, tuple(parts)),
        st.sampled_from(["or", "xone", "and", "andSequence"]),
        st.lists(inner, min_size=1, max_size=3),
    )


plain_terms = st.one_of(constraints(), constraints(), st.recursive(constraints(), joined, max_leaves=5))
terms = st.integers(0, 39).flatmap(lambda one: strange if one == 17 else plain_terms)


def some(strategy, most, weights=(0, 0, 1)):
    """A tuple of few."""
    many = st.lists(strategy, min_size=1, max_size=most, unique_by=repr).map(tuple)
    return st.sampled_from(weights).flatmap(lambda any_at_all: many if any_at_all else st.just(()))


refinements = some(constraints((COLOUR, COUNT, PAY)), 1, (0, 0, 0, 0, 1))
actions = st.builds(Action, st.sampled_from([READ, USE, USE, PLAY, DISPLAY, SELL, DISTRIBUTE]), refinements)
# A name is always a collection or never is one, and only a collection is refined (Information Model 2.2.3).
members = st.sampled_from(["urn:a", "urn:a", "urn:b"]).map(Entity)
gathered = st.builds(Entity, st.just("urn:all"), st.just(True), refinements)
entities = st.one_of(members, members, gathered)


def distinct(strategy, least, most):
    """Several, none of them twice: in RDF what is stated twice is stated once."""
    return st.lists(strategy, min_size=least, max_size=most, unique_by=repr).map(tuple)


duty_actions = st.builds(
    Action, st.sampled_from([PAYS, INFORM, PSEUDONYMISE]), some(constraints((PAY, COLOUR)), 1, (0, 0, 0, 1))
)
names = st.sampled_from([None, None, "urn:duty:1", "urn:duty:2"])
consequences = st.builds(Rule, kind=st.just(Kind.DUTY), actions=duty_actions.map(lambda one: (one,)), uid=names)
duties = st.builds(
    Rule,
    kind=st.just(Kind.DUTY),
    actions=duty_actions.map(lambda one: (one,)),
    targets=some(st.builds(Entity, st.just("urn:a")), 1, (0, 0, 1)),
    assignees=some(st.builds(Entity, st.sampled_from(["urn:a", "urn:p"])), 1, (0, 0, 1)),
    terms=some(constraints(), 1, (0, 0, 1)),
    consequences=some(consequences, 1, (0, 0, 0, 1)),
    uid=names,
)


def rules(kind, most_terms=2):
    return st.builds(
        Rule,
        kind=st.just(kind),
        actions=distinct(actions, 1, 2),
        targets=some(entities, 2, (1, 1, 1, 0)),
        assignees=some(entities, 1, (0, 0, 1)),
        terms=some(terms, most_terms, (0, 0, 1, 1)),
        duties=some(duties, 2, (0, 0, 1)) if kind is Kind.PERMISSION else st.just(()),
        remedies=some(consequences, 1, (0, 0, 0, 1)) if kind is Kind.PROHIBITION else st.just(()),
    )


def names_one_thing(policy):
    """Whether no name stands for two duties that differ; no RDF says such a thing."""
    found = {}
    above = (*policy.permissions, *policy.prohibitions, *policy.obligations)
    under = [one for rule in above for one in (*rule.duties, *rule.remedies, *rule.consequences)]
    every = (*policy.obligations, *under, *(one for rule in under for one in rule.consequences))
    return all(found.setdefault(one.uid, one) == one for one in every if one.uid)


permissions, prohibitions = rules(Kind.PERMISSION), rules(Kind.PROHIBITION)
policies = st.builds(
    Policy,
    uid=st.just("urn:policy"),
    kind=st.sampled_from(["Set", "Set", "Set", "Agreement", "Agreement", "Agreement", "Offer"]),
    permissions=some(permissions, 2, (1, 1, 1, 1, 0)),
    prohibitions=some(prohibitions, 2, (0, 1)),
    obligations=some(duties, 1, (0, 0, 0, 1)),
    conflict=st.sampled_from([None, "perm", "prohibit", "invalid"]),
    targets=some(entities, 1, (0, 1)),
    assignees=some(entities, 1, (0, 0, 0, 1)),
    terms=some(terms, 1, (0, 0, 0, 1)),
    profiles=st.sampled_from([()] * 19 + [("urn:test:profile",)]),
    unknown=st.sampled_from([()] * 19 + [("/permission/9/action: nobody knows",)]),
).filter(names_one_thing)

features = st.dictionaries(
    st.sampled_from([left for left in VALUES if left != v.DATE_TIME]), st.just(None), max_size=6
).flatmap(
    lambda found: st.fixed_dictionaries(
        {left: st.lists(st.sampled_from(VALUES[left][0]), min_size=1, max_size=2).map(tuple) for left in found}
    )
)
units = st.sampled_from([{}, {PAY: EURO}, {PAY: DOLLAR}])
instants = st.sampled_from([NOW, NOW, NOW - 400 * DAY, NOW + 60 * DAY, None])
parties = st.sampled_from(["urn:a", "urn:a", "urn:a", "urn:b", "urn:p", None])
requests = st.builds(
    Request,
    st.sampled_from([READ, USE, USE, PLAY, DISPLAY, SELL, DISTRIBUTE, "urn:test:unheard-of"]),
    parties,
    parties,
    features,
    units,
    st.sampled_from([None, None, None, NOW - DAY]),
)
performed = st.builds(
    Performed, st.sampled_from([PAYS, INFORM, READ]), parties, parties, st.sampled_from([NOW - DAY, NOW + DAY, None]),
    features, units,
)  # fmt: skip
related = st.sampled_from(
    [
        {}, {}, {"urn:a": frozenset({"urn:all"})}, {"urn:b": frozenset({"urn:all"}), "urn:p": frozenset({"urn:b"})},
        {"urn:de": frozenset({"urn:eu"})}, {"urn:x": frozenset({"urn:y"}), "urn:y": frozenset({"urn:x"})},
    ]
)  # fmt: skip
kinds = st.sampled_from([{}, {}, {"red": frozenset({"green"})}, {"urn:test:unheard-of": frozenset({ACADEMIC})}])
states = st.builds(
    State,
    now=instants,
    features=features,
    units=units,
    about=st.sampled_from([{}, {}, {"urn:a": {COLOUR: plain("red"), COUNT: typed("integer", "2")}}]),
    part_of=related,
    kinds=kinds,
    apart=st.sampled_from([{}, {}, {MARKETING: frozenset({RESEARCH})}]),
    performed=some(performed, 2, (0, 0, 1)),
    duties=st.sampled_from(
        [
            {},
            {},
            {"urn:duty:1": DutyState(Deontic.VIOLATED)},
            {"urn:duty:1": DutyState(Deontic.FULFILLED, Performance.PERFORMED)},
            {"urn:duty:2": DutyState(Deontic.NOT_SET, Performance.UNPERFORMED)},
        ]
    ),
    sources=st.sampled_from([{}, {"urn:test:source": plain("green")}]),
    executors=st.sampled_from([frozenset(), frozenset(), frozenset({"pseudonymise"})]),
)
