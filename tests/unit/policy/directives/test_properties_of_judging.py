"""Nothing that is added to hold back lets more out, nothing unknown does, and order never matters: item by item.

"Wider" is about each record: whatever a changed set of consents releases, the set before released too.
"""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decision import Outcome
from policy.directives.model import Coding, Directive, Effect, Period, Release
from policy.directives.several import ask_directives
from policy.residual import RELEASED, ItemFacts, Residual
from tests.unit.policy.directives.any_directives import (
    PATIENT,
    askings,
    directives,
    items,
    provisions,
    several,
)

fuzz = settings(max_examples=80, deadline=None)
records = st.lists(items, min_size=1, max_size=8)


def released(asking, found, asked_of):
    """Which of the records leave, by position."""
    answer = ask_directives(asking, found)
    if answer.outcome is not Outcome.PERMIT:
        return set()
    residual = Residual.of(answer.scopes, answer.rules)
    return {position for position, item in enumerate(asked_of) if residual.judge(item) == RELEASED}


def rules_of(root):
    """Every rule of a tree with the way to it."""
    yield (), root
    for number, below in enumerate(root.nested):
        yield from (((number, *way), one) for way, one in rules_of(below))


def changed(root, way, change):
    """The tree with the rule at the end of the way changed."""
    if not way:
        return change(root)
    nested = list(root.nested)
    nested[way[0]] = changed(nested[way[0]], way[1:], change)
    return replace(root, nested=tuple(nested))


def effect_at(directive, way):
    """What a rule does, absent effects flipped."""
    effect, rule = directive.bases[0][1], directive.root
    for number in way:
        rule = rule.nested[number]
        effect = rule.effect or (Effect.DENY if effect is Effect.PERMIT else Effect.PERMIT)
    return effect


def holds_no_denial(directive, way):
    """Whether nothing below a rule denies: a denial nested in a permit goes with it, and that is no narrowing."""
    _, rule = next(pair for pair in rules_of(directive.root) if pair[0] == way)
    return all(effect_at(directive, (*way, *below)) is Effect.PERMIT for below, _ in rules_of(rule) if below)


def another(root, number=9):
    """A consent of its own that denies what its root says."""
    return Directive(
        id=f"Consent/{number}#1",
        release=Release.R4,
        status="active",
        subjects=(PATIENT,),
        decided_at="2020-05-01",
        scope=(),
        categories=(),
        bases=(("/provision/type", Effect.DENY),),
        emergency_only=False,
        root=root,
    )


def permits_of(found):
    """Where permits stand that hold no denial, as (directive, way)."""
    return [
        (position, way)
        for position, one in enumerate(found)
        for way, _ in rules_of(one.root)
        if effect_at(one, way) is Effect.PERMIT and holds_no_denial(one, way)
    ]


def with_rule(found, position, way, change):
    """The consents with one rule of one of them changed."""
    one = found[position]
    fresh = replace(one, root=changed(one.root, way, change))
    return (*found[:position], fresh, *found[position + 1 :])


@fuzz
@given(several(plain=True), askings(), records, provisions(depth=0, plain=True))
def test_another_consent_that_denies_never_widens(found, asking, asked_of, root):
    before = released(asking, found, asked_of)
    assert released(asking, (*found, another(root)), asked_of) <= before


@fuzz
@given(several(), askings(), records, provisions(depth=0), st.data())
def test_a_denial_nested_anywhere_never_widens(found, asking, asked_of, denial, data):
    position = data.draw(st.integers(0, len(found) - 1))
    way = data.draw(st.sampled_from([way for way, _ in rules_of(found[position].root)]))
    denial = replace(denial, effect=Effect.DENY, nested=())
    added = with_rule(found, position, way, lambda rule: replace(rule, nested=(*rule.nested, denial)))
    assert released(asking, added, asked_of) <= released(asking, found, asked_of)


@fuzz
@given(several(plain=True), askings(), records, st.data())
def test_a_purpose_taken_from_a_permit_never_widens(found, asking, asked_of, data):
    places = [
        (position, way)
        for position, way in permits_of(found)
        if dict(rules_of(found[position].root))[way].purposes is not None
    ]
    if not places:
        return
    position, way = data.draw(st.sampled_from(places))
    fewer = with_rule(found, position, way, lambda rule: replace(rule, purposes=rule.purposes[1:]))
    assert released(asking, fewer, asked_of) <= released(asking, found, asked_of)


@fuzz
@given(several(plain=True), askings(), records, st.data())
def test_a_narrower_window_of_a_permit_never_widens(found, asking, asked_of, data):
    places = permits_of(found)
    if not places:
        return
    position, way = data.draw(st.sampled_from(places))
    dates = ["2021-02-01", "2021-06-20", "2022-02-01"]
    wide = Period(start=data.draw(st.sampled_from(["2019", "2021-01-15"])), end="2023")
    last = st.sampled_from(["2022-03-01", "2022-12-31"])
    narrow = Period(start=data.draw(st.sampled_from(dates)), end=data.draw(last))
    before, after = (
        with_rule(found, position, way, lambda rule, window=window: replace(rule, data_period=window))
        for window in (wide, narrow)
    )
    assert released(asking, after, asked_of) <= released(asking, before, asked_of)


@fuzz
@given(several(plain=True), askings(), records, st.data())
def test_a_permit_that_counts_for_less_time_never_widens(found, asking, asked_of, data):
    places = permits_of(found)
    if not places:
        return
    position, way = data.draw(st.sampled_from(places))
    if dict(rules_of(found[position].root))[way].period is not None:
        return  # another period is not less of this one
    over = Period(end="2022-06-30")
    after = with_rule(found, position, way, lambda rule: replace(rule, period=over))
    assert released(asking, after, asked_of) <= released(asking, found, asked_of)


@fuzz
@given(several(plain=True), askings(), records, st.data())
def test_a_part_that_nobody_understands_never_widens(found, asking, asked_of, data):
    position = data.draw(st.integers(0, len(found) - 1))
    way, rule = data.draw(st.sampled_from(list(rules_of(found[position].root))))
    name = data.draw(st.sampled_from(["/modifierExtension/0", "/expression", "/purpose/0", "/data/1", "/newElement"]))
    unknown = with_rule(found, position, way, lambda one: replace(one, unknown=(f"{rule.pointer}{name}",)))
    assert released(asking, unknown, asked_of) <= released(asking, found, asked_of)


@fuzz
@given(several(plain=True), askings(), records, st.data())
def test_a_code_that_nobody_knows_never_widens(found, asking, asked_of, data):
    """A reader leaves such a code out and names the place: the rest of the list may then mean more than it says."""
    places = [
        (position, way, rule)
        for position, one in enumerate(found)
        for way, rule in rules_of(one.root)
        if way and rule.labels is not None
    ]
    if not places:
        return
    position, way, _ = data.draw(st.sampled_from(places))
    left = with_rule(
        found,
        position,
        way,
        lambda one: replace(one, labels=one.labels[1:], unknown=(f"{one.pointer}/securityLabel/0",)),
    )
    assert released(asking, left, asked_of) <= released(asking, found, asked_of)


@fuzz
@given(several(), askings(), records)
def test_a_consent_or_request_nobody_understands_releases_nothing(found, asking, asked_of):
    assert ask_directives(asking, found, unreadable=1).outcome is Outcome.INDETERMINATE
    strange = replace(another(found[0].root), unknown=("/modifierExtension",))
    assert ask_directives(asking, (*found, strange)).outcome is Outcome.INDETERMINATE
    assert released(replace(asking, subjects=frozenset()), found, asked_of) == set()


@fuzz
@given(several(), askings(), records)
def test_what_is_not_known_of_a_request_never_widens(found, asking, asked_of):
    before = released(asking, found, asked_of)
    assert released(replace(asking, action=None), found, asked_of) <= before
    assert released(replace(asking, known_actors=frozenset()), found, asked_of) <= before
    if asking.emergency is not None:
        assert released(replace(asking, emergency=replace(asking.emergency, reason=False)), found, asked_of) <= before


@fuzz
@given(several(), askings(), st.lists(items.filter(lambda item: item.detail is not None), min_size=1, max_size=8))
def test_what_is_not_known_of_an_item_never_widens(found, asking, asked_of):
    before = released(asking, found, asked_of)
    unlabelled = [item._replace(detail=item.detail._replace(labels=None)) for item in asked_of]
    assert released(asking, found, unlabelled) <= before
    assert released(asking, found, [item._replace(detail=None) for item in asked_of]) <= before


@fuzz
@given(several(), askings(), st.integers(0, 10**6))
def test_order_never_matters(found, asking, seed):
    shuffle = random.Random(seed)
    other = [replace(one, root=shuffled(one.root, shuffle)) for one in found]
    shuffle.shuffle(other)
    first, second = ask_directives(asking, found), ask_directives(asking, other)
    assert first.outcome is second.outcome
    assert sorted(one.pointer for one in first.because) == sorted(one.pointer for one in second.because) or [
        one.code for one in first.because
    ] == [one.code for one in second.because]
    assert set(first.changes) == set(second.changes)
    for item in SAMPLE:
        assert Residual.of((), first.rules).judge(item) == Residual.of((), second.rules).judge(item)


def shuffled(rule, shuffle):
    """The same rule with every list in another order."""

    def mixed(values):
        return values if values is None else tuple(shuffle.sample(values, len(values)))

    return replace(
        rule,
        nested=tuple(shuffled(one, shuffle) for one in mixed(rule.nested)),
        **{name: mixed(getattr(rule, name)) for name in ("actors", "purposes", "labels", "codes", "actions", "data")},
    )


SAMPLE = [ItemFacts("Observation", "", None, None, "urn:d"), ItemFacts("Patient", "", None, None, "urn:d")]


@fuzz
@given(several(), askings(), records)
def test_the_same_question_has_the_same_answer_to_the_byte(found, asking, asked_of):
    fresh = tuple(replace(one) for one in found)
    first, second = ask_directives(asking, found), ask_directives(asking, fresh)
    assert first == second
    residuals = [Residual.of(one.scopes, one.rules) for one in (first, second)]
    assert residuals[0].to_json() == residuals[1].to_json()
    assert Residual.from_json(residuals[0].to_json()) == residuals[0]


@fuzz
@given(several(), askings(), records)
def test_the_answer_holds_until_the_next_change(found, asking, asked_of):
    answer = ask_directives(asking, found)
    later = [moment for moment in answer.changes if moment > asking.now]
    if not later:
        return
    halfway = asking.now + (min(later) - asking.now) / 2
    assert released(replace(asking, now=halfway), found, asked_of) == released(asking, found, asked_of)


@fuzz
@given(directives(plain=True), askings())
def test_whatever_a_directive_holds_nothing_is_raised(found, asking):
    broken = replace(found, root=replace(found.root, period=Period(start="\ud800"), labels=(Coding("", ""),)))
    assert ask_directives(asking, [broken]).outcome is not Outcome.PERMIT or broken.subjects != (PATIENT,)
    assert ask_directives(asking, [object()]).outcome is Outcome.INDETERMINATE  # type: ignore[list-item]
