"""What must hold of monitoring whatever the policy and the log, and a slow, plain reading of the rules beside it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.odrl.evaluating.behaviours import BEHAVIOURS, CONCORD, OVAL
from policy.odrl.evaluating.request import Performed
from policy.odrl.model import Action, Entity, Kind, Literal, Policy, Rule
from policy.odrl.monitoring import Cause, MonitoringReport, Verdict, monitor
from policy.odrl.vocabulary import includes
from tests.unit.policy.odrl.monitoring_story import BETH, BOOK, DOCUMENT, JOHN, agreement, at, did, number, odrl, term

ACTIONS = ("print", "use", "compensate", "watermark", "inform")
PLACES = (DOCUMENT, BOOK)
FINAL = {Cause.NOT_PERMITTED, Cause.POLICY_VOID}


# --- generated policies and logs --------------------------------------------------------------------------------------

actions = st.builds(
    lambda name, limit: Action(odrl(name), () if limit is None else (term("resolution", "lteq", number(limit)),)),
    st.sampled_from(ACTIONS),
    st.one_of(st.none(), st.integers(0, 2)),
)
counting = st.one_of(st.just(()), st.builds(lambda limit: (term("count", "lteq", number(limit)),), st.integers(0, 3)))
parties = st.one_of(st.just(()), st.sampled_from([(Entity(JOHN),), (Entity(BETH),)]))
targets = st.sampled_from([(Entity(DOCUMENT),), (Entity(BOOK),)])


def rules(
    kind: Kind, *, counted: bool = False, **below: st.SearchStrategy[tuple[Rule, ...]]
) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        kind=st.just(kind),
        actions=st.tuples(actions),
        targets=st.one_of(st.just(()), targets) if kind is Kind.DUTY else targets,
        assignees=parties,
        terms=counting if counted else st.just(()),
        **below,
    )


def few(of: st.SearchStrategy[Rule], most: int = 2) -> st.SearchStrategy[tuple[Rule, ...]]:
    return st.lists(of, max_size=most).map(tuple)


duties = rules(Kind.DUTY)
permissions = rules(Kind.PERMISSION, counted=True, duties=few(rules(Kind.DUTY, consequences=few(duties)), 1))
prohibitions = rules(Kind.PROHIBITION, remedies=few(duties))
policies = st.builds(
    lambda *parts: agreement(*parts[0], *parts[1], *WIDE, obligations=parts[2]),
    few(permissions),
    few(prohibitions),
    few(duties, 1),
)
# What permits everything that is not limited otherwise, so that generated logs are valid now and then.
WIDE = tuple(
    Rule(kind=Kind.PERMISSION, actions=(Action(odrl(name)),), targets=(Entity(place),))
    for name in ("compensate", "watermark", "inform", "use")
    for place in PLACES
)
narrow = st.builds(
    lambda some, others, owed: agreement(*some, *others, *WIDE[:6], obligations=owed),
    few(permissions, 3),
    few(prohibitions),
    few(duties, 1),
)
# Rules that differ by their action alone, so that duties, remedies and consequences are done and left undone equally.
bare = st.builds(
    lambda name: Rule(kind=Kind.DUTY, actions=(Action(odrl(name)),)),
    st.sampled_from(["compensate", "watermark", "inform"]),
)
plain = st.builds(
    lambda below, remedies, owed: agreement(
        Rule(kind=Kind.PERMISSION, actions=(Action(odrl("print")),), targets=(Entity(DOCUMENT),), duties=below),
        Rule(kind=Kind.PROHIBITION, actions=(Action(odrl("read")),), targets=(Entity(DOCUMENT),), remedies=remedies),
        Rule(kind=Kind.PERMISSION, actions=(Action(odrl("read")),), targets=(Entity(DOCUMENT),)),
        *WIDE[:6],
        obligations=owed,
    ),
    few(st.builds(lambda one, after: replace(one, consequences=after), bare, few(bare))),
    few(bare),
    few(bare, 1),
)
any_policy = st.one_of(policies, narrow, plain)
plain_events = st.lists(
    st.sampled_from(["print", "compensate", "watermark", "inform", "print", "read"]), max_size=8
).map(lambda names: [did(name, day, resolution=0) for day, name in enumerate(names)])
other_events = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from([JOHN, BETH]), st.sampled_from(PLACES), st.integers(0, 3)),
    max_size=8,
).map(lambda found: [did(name, day, who, what, resolution=r) for day, (name, who, what, r) in enumerate(found)])
events = st.one_of(plain_events, other_events)
behaviours = st.sampled_from(sorted(BEHAVIOURS.values(), key=lambda one: one.name))


# --- the plain reading ------------------------------------------------------------------------------------------------


def of(rule: Rule, event: Performed) -> bool:
    (action,) = rule.actions
    return (
        includes(action.iri, event.action)
        and all(event.features[odrl("resolution")][0].text <= one.right[0].text for one in action.refinements)
        and rule.targets in ((), (Entity(event.target or ""),))
        and rule.assignees in ((), (Entity(event.party or ""),))
    )


def exercises(rule: Rule, log: list[Performed]) -> list[int]:
    found = [index for index, event in enumerate(log) if of(rule, event)]
    return found[: int(rule.terms[0].right[0].text)] if rule.terms else found


def plainly_valid(policy: Policy, log: list[Performed], *, oval: bool) -> bool:
    return (
        all(any(of(owed, event) for event in log) for owed in policy.obligations)
        and all(_kept(rule, log) for rule in policy.prohibitions)
        and all(_permitted(policy, log, index, oval=oval) for index in range(len(log)))
    )


def _kept(rule: Rule, log: list[Performed]) -> bool:
    broken = exercises(rule, log)
    if broken and not rule.remedies:
        return False
    return all(any(of(remedy, event) for event in log[index + 1 :]) for index in broken for remedy in rule.remedies)


def _permitted(policy: Policy, log: list[Performed], index: int, *, oval: bool) -> bool:
    used = [rule for rule in policy.permissions if index in exercises(rule, log)]
    fine = [all(_done(rule, duty, log, index, oval=oval) for duty in rule.duties) for rule in used]
    return bool(fine) and (all(fine) if oval else any(fine))


def _done(rule: Rule, duty: Rule, log: list[Performed], index: int, *, oval: bool) -> bool:
    before = log[: index + 1] if oval else log[:index]
    if any(of(duty, event) for event in before):
        return True
    after = log[min(exercises(rule, log)) + 1 :]
    late = (duty, *duty.consequences)
    return oval and bool(duty.consequences) and all(any(of(one, event) for event in after) for one in late)


@settings(max_examples=600)
@given(any_policy, events, st.booleans())
def test_monitoring_says_what_a_plain_reading_of_the_rules_says(
    policy: Policy, log: list[Performed], oval: bool
) -> None:
    report = monitor(policy, log, OVAL if oval else CONCORD)
    assert report.valid is plainly_valid(policy, log, oval=oval)
    assert report.verdict is not Verdict.UNDECIDED


@settings(max_examples=400)
@given(
    plain, st.permutations(["print", "print", "compensate", "watermark", "inform"]), st.integers(0, 5), st.booleans()
)
def test_duties_done_before_late_or_never_are_judged_as_by_the_plain_reading(
    policy: Policy, order: list[str], length: int, oval: bool
) -> None:
    log = [did(name, day, resolution=0) for day, name in enumerate(order[: length + 1])]
    assert monitor(policy, log, OVAL if oval else CONCORD).valid is plainly_valid(policy, log, oval=oval)


# --- what must hold ---------------------------------------------------------------------------------------------------


def standing(report: MonitoringReport) -> list[tuple[str, int | None]]:
    return sorted((one.cause.value, one.event or 0) for one in report.violations if one.mended is None)


@given(any_policy, events, behaviours, st.randoms(use_true_random=False))
def test_the_order_of_the_rules_never_matters(
    policy: Policy, log: list[Performed], behaviour: object, chance: Random
) -> None:
    def mixed(found: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(
            replace(one, duties=mixed(one.duties), remedies=mixed(one.remedies), consequences=mixed(one.consequences))
            for one in chance.sample(found, len(found))
        )

    other = replace(
        policy,
        permissions=mixed(policy.permissions),
        prohibitions=mixed(policy.prohibitions),
        obligations=mixed(policy.obligations),
    )
    first, second = monitor(policy, log, behaviour), monitor(other, log, behaviour)  # type: ignore[arg-type]
    assert first.verdict is second.verdict
    assert standing(first) == standing(second)
    assert [one.answer for one in first.events] == [one.answer for one in second.events]


@given(any_policy, events, behaviours, prohibitions, st.sampled_from([None, "perm", "prohibit", "invalid"]))
def test_a_further_prohibition_never_makes_a_log_valid(
    policy: Policy, log: list[Performed], behaviour: object, further: Rule, conflict: str | None
) -> None:
    stated = replace(policy, conflict=conflict)
    wider = replace(stated, prohibitions=(*stated.prohibitions, further))
    if monitor(wider, log, behaviour).valid:  # type: ignore[arg-type]
        assert monitor(stated, log, behaviour).valid  # type: ignore[arg-type]


@given(any_policy, events, behaviours, st.data())
def test_a_fact_that_is_taken_away_never_makes_a_log_valid(
    policy: Policy, log: list[Performed], behaviour: object, data: st.DataObject
) -> None:
    if behaviour.two_valued or not log:  # type: ignore[attr-defined]
        return  # there a fact that nobody states counts as one that does not hold
    index = data.draw(st.integers(0, len(log) - 1))
    poorer = log[index]._replace(**data.draw(st.sampled_from([{"features": {}}, {"party": None}, {"target": None}])))
    if monitor(policy, [*log[:index], poorer, *log[index + 1 :]], behaviour).valid:  # type: ignore[arg-type]
        assert monitor(policy, log, behaviour).valid  # type: ignore[arg-type]


@given(any_policy, events, behaviours, st.integers(0, 8))
def test_what_nothing_can_mend_in_a_beginning_still_stands_at_the_end(
    policy: Policy, log: list[Performed], behaviour: object, length: int
) -> None:
    beginning, whole = monitor(policy, log[:length], behaviour), monitor(policy, log, behaviour)  # type: ignore[arg-type]
    final = {one for one in standing(beginning) if one[0] in FINAL}
    assert final <= set(standing(whole))


@given(any_policy, events, behaviours)
def test_each_event_is_judged_by_what_came_before_it_alone(
    policy: Policy, log: list[Performed], behaviour: object
) -> None:
    whole = monitor(policy, log, behaviour)  # type: ignore[arg-type]
    for length in range(len(log)):
        assert monitor(policy, log[:length], behaviour).events == whole.events[:length]  # type: ignore[arg-type]


@given(st.permutations(["print", "compensate", "compensate", "inform"]), st.sampled_from([CONCORD, OVAL]))
def test_a_remedy_mends_exactly_when_it_comes_after_the_violation(order: list[str], behaviour: object) -> None:
    pay = Rule(kind=Kind.DUTY, actions=(Action(odrl("compensate")),))
    bad = Rule(kind=Kind.PROHIBITION, actions=(Action(odrl("print")),), targets=(Entity(DOCUMENT),), remedies=(pay,))
    policy = agreement(bad, *WIDE)
    report = monitor(policy, [did(name, day) for day, name in enumerate(order)], behaviour)  # type: ignore[arg-type]
    assert report.valid is ("compensate" in order[order.index("print") :])


@given(st.text(max_size=40), st.text(max_size=40))
def test_text_in_a_policy_or_a_log_stays_text(asked: str, stated: str) -> None:
    rule = Rule(
        kind=Kind.PERMISSION,
        actions=(Action(odrl("print")),),
        targets=(Entity(DOCUMENT),),
        terms=(term("media", "eq", Literal(asked)),),
    )
    report = monitor(agreement(rule), [did("print", 1, media=Literal(stated))])
    assert report.valid is (asked == stated)


def test_a_long_log_names_each_broken_event_and_a_very_long_list_is_cut_but_counted() -> None:
    limit = Action(odrl("print"), (term("resolution", "lteq", number(5)),))
    policy = agreement(
        *(Rule(kind=Kind.PERMISSION, actions=(limit,), targets=(Entity(f"urn:{n}"),)) for n in range(100))
    )
    log = [did("print", 0, target=f"urn:{n % 100}", resolution=n % 7)._replace(at=at(n)) for n in range(12_000)]
    report = monitor(policy, log)
    assert sum(one.matched for one in report.rules) == sum(1 for n in range(12_000) if n % 7 <= 5)
    assert [one.event for one in report.violations] == [n + 1 for n in range(12_000) if n % 7 == 6]
    endless = monitor(policy, [did("read", 0)] * 10_005)
    assert (endless.standing, len(endless.violations), endless.unlisted) == (10_005, 10_000, 5)
