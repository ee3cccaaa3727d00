"""What the counterfactual says would permit does permit, and no part of it does: for every no that can be drawn."""

from itertools import chain, combinations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policy.decision import Outcome
from policy.odrl.counterfactual import Asked, counterfactual
from policy.odrl.evaluating import BEHAVIOURS, CONCORD, compile_policy
from tests.unit.policy.odrl.any_policies import policies, requests, states

behaviours = st.sampled_from([CONCORD, CONCORD, CONCORD, *BEHAVIOURS.values()])
drawn = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def after(asked, changes, behaviour):
    for one in changes:
        asked = one.apply(asked)
    compiled = compile_policy(asked.policy, behaviour, void=asked.void)
    return compiled.verdict(asked.request, asked.state)


def proper_parts(changes):
    return chain.from_iterable(combinations(changes, size) for size in range(len(changes)))


@drawn
@given(policies, requests, states, behaviours)
def test_the_changes_permit_and_no_part_of_them_does(policy, request, state, behaviour):
    compiled = compile_policy(policy, behaviour)
    assume(compiled.verdict(request, state) is not Outcome.PERMIT)
    found = counterfactual(compiled, request, state)
    asked = Asked(policy, request, state)
    assert found.changes
    assert after(asked, found.changes, behaviour) is Outcome.PERMIT
    for part in proper_parts(found.changes):
        assert after(asked, part, behaviour) is not Outcome.PERMIT
    assert all(one.words in found.words for one in found.changes)
