"""Our canonical JSON against the `rfc8785` library, value for value."""

from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from policy.canonical import LARGEST_INTEGER, NotCanonicalError, canonical, digest

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=20,
)


@given(values)
def test_every_value_has_the_bytes_the_reference_library_gives(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(text, st.integers(0, 9), min_size=2))
def test_the_order_of_names_does_not_matter(value):
    assert digest(value) == digest(dict(reversed(value.items())))


def test_names_are_ordered_by_utf16_code_units():
    # U+1F600 starts with the surrogate D83D, which sorts before U+FB33: the example of RFC 8785, 3.2.3.
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_the_digest_is_sha256_in_hexadecimal():
    assert digest({}) == sha256(b"{}").hexdigest()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), [0.5], {"a": 1.5}, {1: "a"}, {"a": {None: 1}}, b"x", {"a": {1, 2}}, (1, 2), object()],
)
def test_what_is_not_plain_json_is_refused(value):
    with pytest.raises(NotCanonicalError):
        canonical(value)


@pytest.mark.parametrize("value", [LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1, "\ud800", {"\udfff": 1}])
def test_what_readers_cannot_hold_exactly_is_refused(value):
    with pytest.raises(NotCanonicalError):
        canonical(value)


def test_endless_nesting_is_refused_and_not_a_crash():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotCanonicalError):
        canonical(value)


def test_an_error_never_repeats_the_value():
    with pytest.raises(NotCanonicalError) as caught:
        canonical({"name": b"Erika Mustermann"})
    assert "Erika" not in str(caught.value)
