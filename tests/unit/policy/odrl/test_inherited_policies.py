"""A policy joined with those it inherits from (Information Model 2.9 and 2.10)."""

from time import perf_counter

import pytest

from policy.odrl import read
from policy.odrl.atomic import atomic
from policy.odrl.inheritance import MAX_ANCESTORS, inherited
from policy.odrl.model import Constraint, Entity, Literal, Policy, PolicyError
from tests.unit.policy.odrl.test_atomic_policies import said

DEFAULT = {
    "@id": "http://example.com/policy:default",
    "@type": "Set",
    "profile": "http://example.com/odrl:profile:30",
    "assigner": "http://example.com/org-01",
    "obligation": [{"target": "http://example.com/asset:terms", "action": "reviewPolicy"}],
}
CHILD = {
    "@id": "http://example.com/policy:4444",
    "@type": "Agreement",
    "profile": "http://example.com/odrl:profile:30",
    "inheritFrom": "http://example.com/policy:default",
    "assignee": "http://example.com/user:0001",
    "permission": [{"target": "http://example.com/asset:5555", "action": "display"}],
}


def known(*policies):
    """Policies by their ids."""
    return {one.uid: one for one in policies}


def heir(uid, *parents, **parts):
    """A policy that inherits from these."""
    return Policy(uid=uid, kind="Set", inherits=parents, **parts)


def test_parent_and_child_share_their_parties_as_in_example_33():
    joined = atomic(inherited(read(CHILD), known(read(DEFAULT))))
    assert (joined.uid, joined.kind) == ("http://example.com/policy:4444", "Agreement")
    assert joined.profiles == ("http://example.com/odrl:profile:30",)
    [permission], [obligation] = joined.permissions, joined.obligations
    parties = "http://example.com/org-01", "http://example.com/user:0001"
    assert said(permission)[:3] == ("http://example.com/asset:5555", *parties)
    assert said(obligation)[:3] == ("http://example.com/asset:terms", *parties)


def test_a_policy_that_inherits_from_none_comes_back_as_it_is():
    policy = read(DEFAULT)
    assert inherited(policy, {}) is policy


def test_what_is_joined_is_not_to_be_joined_again():
    joined = inherited(read(CHILD), known(read(DEFAULT)))
    assert joined.inherits == ()
    assert inherited(joined, {}) is joined


def test_a_parents_rule_says_whose_it_is_and_where_it_stands_there():
    [obligation] = inherited(read(CHILD), known(read(DEFAULT))).obligations
    assert obligation.pointer == "http://example.com/policy:default#/obligation/0"


def test_grandparents_come_after_parents_and_an_ancestor_on_two_lines_comes_once():
    targets = {name: (Entity(f"urn:t:{name}"),) for name in "abcd"}
    top = heir("urn:d", targets=targets["d"])
    left, right = heir("urn:b", "urn:d", targets=targets["b"]), heir("urn:c", "urn:d", targets=targets["c"])
    joined = inherited(heir("urn:a", "urn:b", "urn:c", targets=targets["a"]), known(left, right, top))
    assert [one.iri for one in joined.targets] == ["urn:t:a", "urn:t:b", "urn:t:d", "urn:t:c"]


def test_ancestors_that_meet_again_and_again_are_walked_once():
    layers = [
        [heir(f"urn:{level}{side}", f"urn:{level + 1}a", f"urn:{level + 1}b") for side in "ab"] for level in range(40)
    ]
    ladder = [one for layer in layers for one in layer] + [heir("urn:40a"), heir("urn:40b")]
    start = perf_counter()
    assert inherited(heir("urn:child", "urn:0a", "urn:0b"), known(*ladder)).inherits == ()
    assert perf_counter() - start < 1


def test_a_rule_that_the_child_has_already_is_not_repeated():
    child = CHILD | {"obligation": DEFAULT["obligation"]}
    joined = inherited(read(child), known(read(DEFAULT)))
    assert [rule.pointer for rule in joined.obligations] == ["/obligation/0"]


def test_no_status_of_a_parent_reaches_the_child():
    count = {"leftOperand": "count", "operator": "lteq", "rightOperand": 10, "status": 5}
    constraint = {"leftOperand": "event", "operator": "lt", "rightOperand": "x", "status": "y"}
    rule = {"action": {"rdf:value": {"@id": "odrl:use"}, "refinement": [{"or": [count]}]}, "constraint": [constraint]}
    parent = read(DEFAULT | {"obligation": [], "permission": [rule | {"duty": [rule]}], "constraint": [constraint]})
    assert "status=Literal" in repr(parent)
    joined = inherited(read(CHILD), known(parent))
    assert "status=Literal" not in repr(joined)
    assert len(joined.permissions) == 2


def test_the_childs_own_status_stays():
    own = (Constraint("ex:left", "eq", (Literal("1"),), status=Literal("5")),)
    assert inherited(heir("urn:a", "urn:b", terms=own), known(heir("urn:b"))).terms == own


@pytest.mark.parametrize(
    ("child", "parents", "joined"),
    [
        (None, [None], None),
        (None, ["perm"], "perm"),
        ("perm", [None], "perm"),
        ("perm", ["perm"], "perm"),
        ("perm", ["prohibit"], "invalid"),
        (None, ["perm", "prohibit"], "invalid"),
        ("invalid", ["perm"], "invalid"),
    ],
)
def test_strategies_that_differ_leave_the_one_by_which_a_conflict_voids_the_policy(child, parents, joined):
    above = [heir(f"urn:{index}", conflict=one) for index, one in enumerate(parents)]
    policy = heir("urn:a", *(one.uid for one in above), conflict=child)
    assert inherited(policy, known(*above)).conflict == joined


def test_what_a_parent_says_and_was_not_understood_is_not_understood_in_the_child():
    parent = heir("urn:b", unknown=("/permission/0/ex:odd",))
    assert inherited(heir("urn:a", "urn:b"), known(parent)).unknown == ("urn:b#/permission/0/ex:odd",)


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ([heir("urn:a", "urn:a")], "/inheritFrom/0: .*itself: urn:a -> urn:a"),
        (
            [heir("urn:a", "urn:b"), heir("urn:b", "urn:c"), heir("urn:c", "urn:b")],
            "urn:c#/inheritFrom/0: .*itself: urn:b -> urn:c -> urn:b",
        ),
        ([heir("urn:a", "urn:b"), heir("urn:b", "urn:a")], "itself: urn:a -> urn:b -> urn:a"),
    ],
)
def test_a_circle_is_refused_with_its_members(policies, message):
    with pytest.raises(PolicyError, match=message):
        inherited(policies[0], known(*policies))


def test_a_parent_that_is_not_at_hand_is_named_with_its_place():
    with pytest.raises(PolicyError, match="/inheritFrom/1: the parent policy urn:c is not at hand"):
        inherited(heir("urn:a", "urn:b", "urn:c"), known(heir("urn:b")))


def test_a_parent_that_is_another_policy_than_it_is_called_is_refused():
    with pytest.raises(PolicyError, match="calls itself urn:other"):
        inherited(heir("urn:a", "urn:b"), {"urn:b": heir("urn:other")})


def test_a_line_as_long_as_the_bound_is_followed_and_a_longer_one_refused():
    line = [heir(f"urn:{index}", f"urn:{index + 1}", targets=(Entity(f"{index}"),)) for index in range(MAX_ANCESTORS)]
    last = heir(f"urn:{MAX_ANCESTORS}", targets=(Entity("last"),))
    assert len(inherited(line[0], known(*line, last)).targets) == MAX_ANCESTORS + 1
    with pytest.raises(PolicyError, match=f"at most {MAX_ANCESTORS}"):
        inherited(heir("urn:first", "urn:0"), known(*line, last))


def test_more_rules_than_the_bound_are_refused():
    rule = read(DEFAULT).obligations[0]
    many = tuple(type(rule)(kind=rule.kind, actions=rule.actions, uid=f"urn:rule:{index}") for index in range(10_001))
    with pytest.raises(PolicyError, match="10001 rules"):
        inherited(heir("urn:a", "urn:b"), known(heir("urn:b", obligations=many)))
