"""A manifest names every usual reason and no small number, and says what differs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.services.releasing.manifest import PEOPLE_REASONS, differences, folded

counts = st.dictionaries(st.sampled_from([*PEOPLE_REASONS, "something-else"]), st.integers(0, 40))


@given(counts)
def test_no_number_from_one_to_nine_is_shown(given_counts):
    shown = folded(given_counts, PEOPLE_REASONS)
    assert not any(count in range(1, 10) for count in shown.values() if isinstance(count, int))


@given(counts)
def test_every_usual_reason_is_named(given_counts):
    assert set(PEOPLE_REASONS) <= set(folded(given_counts, PEOPLE_REASONS))


@pytest.mark.parametrize("name", ["people", "bytes", "sha256"])
def test_what_differs_is_named(name):
    claims = {"people": 2, "bytes": 10, "sha256": "ab"}
    assert differences(claims, claims) == []
    assert differences({**claims, name: "other"}, claims) == [name]
