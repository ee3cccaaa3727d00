"""The filter that a decision leaves: order, JSON, and that a narrower scope never lets more through."""

import json
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from policy.decision import ALLOW_ALL, ALLOW_NOTHING, ItemFacts, Residual, Scope

days = st.dates(date(2020, 1, 1), date(2020, 1, 9)) | st.none()
datasets = st.sampled_from(["a", "b"])
categories = st.sampled_from(["laboratory", "conditions", "other"])
items = st.builds(ItemFacts, st.sampled_from(["Observation", "Patient"]), categories, days, days, datasets)
scopes = st.builds(
    Scope, datasets | st.none(), st.none() | st.lists(categories, min_size=1, unique=True).map(tuple), days, days
)


@given(items)
def test_nothing_allows_nothing_and_all_allows_all(item):
    assert ALLOW_NOTHING.reasons[ALLOW_NOTHING.judge(item)].code == "nothing-released"
    assert ALLOW_ALL.judge(item) == 0


@given(st.lists(scopes, max_size=4), items, st.randoms())
def test_the_order_and_repetition_of_scopes_do_not_matter(found, item, random):
    shuffled = [*found, *found]
    random.shuffle(shuffled)
    assert Residual.of(shuffled) == Residual.of(found)
    assert Residual.of(shuffled).judge(item) == Residual.of(found).judge(item)


@given(st.lists(scopes, max_size=4))
def test_a_residual_survives_json(found):
    residual = Residual.of(found)
    assert Residual.from_json(json.loads(json.dumps(residual.to_json()))) == residual


@given(scopes, scopes, items)
def test_a_further_scope_never_takes_away(one, other, item):
    if Residual.of([one]).judge(item) == 0:
        assert Residual.of([one, other]).judge(item) == 0


@given(scopes, items, st.dates(date(2020, 1, 1), date(2020, 1, 9)))
def test_a_narrower_window_never_lets_more_through(scope, item, start):
    later = start if scope.start is None else max(scope.start, start)
    narrower = Scope(scope.dataset, scope.categories, later, scope.end)
    if Residual.of([narrower]).judge(item) == 0:
        assert Residual.of([scope]).judge(item) == 0


@given(scopes, items)
def test_fewer_categories_never_let_more_through(scope, item):
    for kept in scope.categories or ():
        narrower = Scope(scope.dataset, (kept,), scope.start, scope.end)
        if Residual.of([narrower]).judge(item) == 0:
            assert Residual.of([scope]).judge(item) == 0


@given(scopes, items)
def test_what_leaves_lies_wholly_within_the_scope(scope, item):
    if Residual.of([scope]).judge(item) != 0 or item.resource_type == "Patient":
        return
    if scope.start is not None:
        assert item.start >= scope.start
    if scope.end is not None:
        assert item.end <= scope.end


def test_the_nearest_miss_is_named():
    near = Scope("a", None, date(2020, 1, 1), None)
    residual = Residual.of([Scope("b", None, None, None), near])
    before = date(2020, 1, 1) - timedelta(days=1)
    assert (
        residual.reasons[residual.judge(ItemFacts("Observation", "other", before, before, "a"))].code
        == "outside-window"
    )
