"""The judging of consents from a source against a naive reading of the same reference, on any trees."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decision import Outcome
from policy.directives.several import ask_directives
from policy.residual import RELEASED, Residual
from policy.rules_judging import Verdict, judge_rules
from tests.twins import provisions
from tests.unit.policy.directives.any_directives import askings, items, several


def leaves(answer, item):
    """Whether the item may leave under an answer."""
    residual = Residual.of(answer.scopes, answer.rules)
    return answer.outcome is Outcome.PERMIT and residual.judge(item) == RELEASED


@settings(max_examples=200, deadline=None)
@given(several(), askings(), st.lists(items, min_size=1, max_size=6))
def test_the_engine_releases_what_the_naive_reading_releases(found, asking, records):
    answer = ask_directives(asking, found)
    for item in records:
        assert leaves(answer, item) == provisions.released(found, asking, item), item


@settings(max_examples=200, deadline=None)
@given(several(plain=True), askings(), st.lists(items, min_size=1, max_size=6))
def test_they_agree_where_everything_is_understood(found, asking, records):
    answer = ask_directives(asking, found)
    for item in records:
        assert leaves(answer, item) == provisions.released(found, asking, item), item


@settings(max_examples=200, deadline=None)
@given(several(), askings(), items)
def test_what_is_denied_binds_other_grounds_alike(found, asking, item):
    """Beside a yes of another kind, only the noes of these consents count, and they are the same noes."""
    answer = ask_directives(asking, found)
    said = provisions.judged(found, asking, item)
    stopped = answer.outcome in {Outcome.DENY, Outcome.INDETERMINATE}
    noes_only = [replace(one, permits=False) for one in answer.rules]
    held = stopped or judge_rules(noes_only, item) is not Verdict.SILENT
    assert held == bool(said & {"deny", "unknown"})
