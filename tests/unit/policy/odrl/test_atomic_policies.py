"""The atomic form of a policy: one action, one asset, one party of each function in a rule (Information Model 2.7)."""

import json
from dataclasses import replace
from itertools import product
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl import read
from policy.odrl.atomic import MAX_RULES, atomic
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Policy, PolicyError, Rule

COMPENSATED = "http://www.w3.org/ns/odrl/2/compensatedParty"
OUTPUT = "http://www.w3.org/ns/odrl/2/output"


def entities(*names):
    """Assets or parties with these names."""
    return tuple(map(Entity, names))


def actions(*names):
    """Actions with these names."""
    return tuple(map(Action, names))


def limit(text):
    """A constraint with this right operand."""
    return Constraint("ex:left", "eq", (Literal(text),))


def permission(**parts):
    """A permission with these parts."""
    return Rule(kind=Kind.PERMISSION, **parts)


def duty(**parts):
    """A duty with these parts."""
    return Rule(kind=Kind.DUTY, **parts)


def policy(**parts):
    """A policy with these parts."""
    return Policy(uid="urn:p", kind="Set", **parts)


def said(rule):
    """What a rule says by its names, to compare: target, assigner, assignee, action."""
    return tuple(
        values[0].iri if values else None for values in (rule.targets, rule.assigners, rule.assignees, rule.actions)
    )


def test_two_targets_and_two_actions_are_four_rules_in_the_order_of_example_27():
    whole = permission(targets=entities("1999", "rain"), assigners=entities("sony"), actions=actions("play", "stream"))
    assert [said(rule) for rule in atomic(policy(permissions=(whole,))).permissions] == [
        ("1999", "sony", None, "play"),
        ("1999", "sony", None, "stream"),
        ("rain", "sony", None, "play"),
        ("rain", "sony", None, "stream"),
    ]


def test_what_the_policy_states_for_all_is_in_each_rule_and_no_longer_at_the_policy_as_in_example_29():
    rules = tuple(permission(assignees=entities(name)) for name in ("billie", "murphy"))
    compact = policy(targets=entities("1999"), assigners=entities("sony"), actions=actions("play"), permissions=rules)
    expanded = atomic(compact)
    assert [said(rule) for rule in expanded.permissions] == [
        ("1999", "sony", "billie", "play"),
        ("1999", "sony", "murphy", "play"),
    ]
    assert (expanded.targets, expanded.assigners, expanded.actions) == ((), (), ())


def test_a_rules_own_asset_party_and_action_stand_instead_of_the_policys():
    own = permission(targets=entities("mine"), assignees=entities("beth"), actions=actions("print"))
    shared = policy(targets=entities("ours"), assignees=entities("john"), actions=actions("play"), permissions=(own,))
    assert [said(rule) for rule in atomic(shared).permissions] == [("mine", None, "beth", "print")]


def test_a_constraint_of_the_policy_is_a_further_condition_of_each_rule():
    rule = permission(actions=actions("use"), terms=(limit("own"),))
    prohibition = Rule(kind=Kind.PROHIBITION, actions=actions("sell"))
    whole = atomic(policy(terms=(limit("all"),), permissions=(rule,), prohibitions=(prohibition,)))
    assert whole.permissions[0].terms == (limit("own"), limit("all"))
    assert whole.prohibitions[0].terms == (limit("all"),)
    assert whole.terms == ()


def test_further_functions_and_relations_are_shared_and_split_like_the_others():
    rule = permission(actions=actions("use"), relations=((OUTPUT, entities("x", "y")),))
    whole = atomic(policy(functions=((COMPENSATED, entities("a", "b")),), permissions=(rule,)))
    assert [(rule.relations, rule.functions) for rule in whole.permissions] == [
        (((OUTPUT, entities(asset)),), ((COMPENSATED, entities(party)),)) for asset, party in product("xy", "ab")
    ]


def test_a_duty_takes_the_parties_it_does_not_name_and_not_the_asset_or_the_action():
    pay = duty(actions=actions("compensate"), functions=((COMPENSATED, entities("wwf")),))
    whole = policy(
        targets=entities("data"),
        actions=actions("use"),
        assigners=entities("holder"),
        permissions=(permission(assignees=entities("user"), duties=(pay, duty(assignees=entities("other")))),),
    )
    first, second = atomic(whole).permissions[0].duties
    assert said(first) == (None, "holder", "user", "compensate")
    assert first.functions == ((COMPENSATED, entities("wwf")),)
    assert said(second) == (None, "holder", "other", None)


def test_a_policy_whose_duty_only_lacks_its_parties_is_not_atomic_yet():
    rule = permission(
        actions=actions("use"),
        assignees=entities("user"),
        functions=((COMPENSATED, entities("wwf")),),
        duties=(duty(actions=actions("compensate"), assignees=entities("user")),),
    )
    [one] = atomic(policy(permissions=(rule,))).permissions[0].duties
    assert one.functions == ((COMPENSATED, entities("wwf")),)
    bare = replace(rule, functions=(), duties=(duty(actions=actions("compensate")),))
    assert said(atomic(policy(permissions=(bare,))).permissions[0].duties[0]) == (None, None, "user", "compensate")


def test_each_rule_that_comes_of_a_split_binds_its_own_assignee_to_the_duty():
    track = duty(actions=actions("acceptTracking"))
    attribute = duty(actions=actions("attribute"), consequences=(track,))
    rule = permission(actions=actions("use"), assignees=entities("a", "b"), duties=(attribute,))
    for one, name in zip(atomic(policy(permissions=(rule,))).permissions, "ab", strict=True):
        assert said(one.duties[0]) == (None, None, name, "attribute")
        assert said(one.duties[0].consequences[0]) == (None, None, name, "acceptTracking")


def test_a_remedy_and_an_obligation_with_several_actions_become_several():
    remedy = duty(actions=actions("delete", "inform"))
    prohibition = Rule(kind=Kind.PROHIBITION, actions=actions("index"), assignees=entities("org"), remedies=(remedy,))
    whole = atomic(policy(prohibitions=(prohibition,), obligations=(duty(actions=actions("delete", "inform")),)))
    assert [said(one) for one in whole.prohibitions[0].remedies] == [
        (None, None, "org", "delete"),
        (None, None, "org", "inform"),
    ]
    assert [one.action for one in whole.obligations] == ["delete", "inform"]


def test_the_rules_of_a_split_keep_where_they_come_from():
    rule = permission(actions=actions("use", "play"), uid="urn:r", pointer="/permission/0", node="_:b")
    for one in atomic(policy(permissions=(rule,))).permissions:
        assert (one.uid, one.pointer, one.node) == ("urn:r", "/permission/0", "_:b")


def test_all_else_of_the_policy_stays():
    whole = Policy(
        uid="urn:p",
        kind="Offer",
        profiles=("ex:profile",),
        conflict="perm",
        inherits=("urn:q",),
        targets=entities("data"),
        permissions=(permission(actions=actions("use")),),
        unknown=("/x",),
    )
    expected = replace(whole, targets=(), permissions=(replace(whole.permissions[0], targets=entities("data")),))
    assert atomic(whole) == expected


def test_a_rule_without_an_action_stays_without_one():
    assert atomic(policy(targets=entities("data"), permissions=(permission(),))).permissions[0].actions == ()


@pytest.mark.parametrize("width", [1_000, 200])
def test_combinations_beyond_the_bound_are_refused_at_once_and_by_place(width):
    names = [f"n{index}" for index in range(width)]
    rule = permission(actions=actions(*names), targets=entities(*names), pointer="/permission/0")
    start = perf_counter()
    with pytest.raises(PolicyError, match=f"/permission/0: .* more than {MAX_RULES} rules"):
        atomic(policy(permissions=(rule,)))
    assert perf_counter() - start < 1


def test_combinations_nested_in_combinations_are_counted_together():
    names = [f"n{index}" for index in range(200)]
    rule = permission(actions=actions(*names), duties=(duty(actions=actions(*names)),))
    with pytest.raises(PolicyError, match="more than"):
        atomic(policy(permissions=(rule,)))


def test_a_policy_at_the_bound_is_accepted():
    names = [f"n{index}" for index in range(100)]
    rule = permission(actions=actions(*names), targets=entities(*names))
    assert len(atomic(policy(permissions=(rule,))).permissions) == MAX_RULES


def test_it_costs_a_small_policy_a_few_times_as_much_as_parsing_its_text():
    source = {
        "@id": "urn:p",
        "@type": "Agreement",
        "assigner": "urn:a",
        "assignee": "urn:b",
        "target": "urn:t",
        "permission": [
            {"action": "use", "constraint": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": "dpv:X"}]}
        ],
    }
    text, compact = json.dumps(source), read(source)

    def fastest(run):
        times = []
        for _ in range(5):
            start = perf_counter()
            for _ in range(200):
                run()
            times.append(perf_counter() - start)
        return min(times)

    assert fastest(lambda: atomic(compact)) < 10 * fastest(lambda: json.loads(text))


# --- properties -------------------------------------------------------------------------------------------------------

names = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
some = names.map(lambda found: entities(*found))
several = st.one_of(st.just(()), some.filter(bool).map(lambda found: ((COMPENSATED, found),)))
parts = {
    "actions": names.map(lambda found: actions(*found)),
    "targets": some,
    "assigners": some,
    "assignees": some,
    "functions": several,
}
few = {name: parts[name] for name in ("actions", "assignees")}  # so that no product of products is out of bounds
leaves = st.builds(duty, **few)
duties = st.builds(duty, **few, consequences=st.lists(leaves, max_size=1).map(tuple))
permissions = st.builds(permission, **parts, duties=st.lists(duties, max_size=2).map(tuple))
policies = st.builds(
    policy,
    **parts,
    permissions=st.lists(permissions, max_size=2).map(tuple),
    obligations=st.lists(duties, max_size=1).map(tuple),
)


def rules_of(whole):
    """All rules of a policy, those under rules included."""
    waiting = [*whole.permissions, *whole.prohibitions, *whole.obligations]
    for rule in waiting:
        waiting += (*rule.duties, *rule.remedies, *rule.consequences)
    return waiting


@given(policies)
def test_the_atomic_form_is_atomic_and_its_own_atomic_form(whole):
    once = atomic(whole)
    assert atomic(once) is once
    for rule in rules_of(once):
        lists = (rule.actions, rule.targets, rule.assigners, rule.assignees, *(found for _, found in rule.functions))
        assert all(len(found) < 2 for found in lists)


@given(policies)
def test_each_combination_of_what_a_rule_says_or_else_the_policy_is_there_once(whole):
    def expected(rule):
        lists = [
            [one.iri for one in getattr(rule, name) or getattr(whole, name)] or [None]
            for name in ("targets", "assigners", "assignees", "actions")
        ]
        functions = dict(whole.functions) | dict(rule.functions)
        further = [one.iri for one in functions.get(COMPENSATED, ())] or [None]
        return sorted(map(str, product(*lists, further)))

    def found(rule):
        functions = dict(rule.functions).get(COMPENSATED, ())
        return str((*said(rule), functions[0].iri if functions else None))

    wanted = sorted(one for rule in whole.permissions for one in expected(rule))
    assert sorted(map(found, atomic(whole).permissions)) == wanted


def test_terms_shared_by_many_rules_are_counted_for_each_before_any_is_made():
    shared = tuple(limit(f"urn:{number}") for number in range(50))
    targets = tuple(Entity(f"urn:t:{number}") for number in range(100))
    rules = tuple(permission() for _ in range(99))
    with pytest.raises(PolicyError, match="20000 terms"):
        atomic(Policy(uid="urn:p", kind="Set", permissions=rules, targets=targets, terms=shared))
