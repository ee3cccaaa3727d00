"""Lines become chunks of at most 256 KiB that say which bytes are whose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.framing import LARGEST_CHUNK, Framer, joined

lines = st.lists(st.integers(1, LARGEST_CHUNK).map(lambda size: b"x" * (size - 1) + b"\n"), max_size=6)
people = st.lists(st.tuples(st.sampled_from("abc"), lines), max_size=4)


def chunks_of(given_lines):
    framer = Framer()
    found = [chunk for person, some in given_lines for chunk in framer.add(person, some)]
    return [*found, *([rest] if (rest := framer.rest()) else [])]


@given(people)
def test_chunks_hold_every_line_once_in_order(given_lines):
    expected = b"".join(line for _, some in given_lines for line in some)
    assert b"".join(joined(chunk) for chunk in chunks_of(given_lines)) == expected


@given(people)
def test_no_chunk_is_empty_or_larger_than_the_limit(given_lines):
    assert all(0 < len(joined(chunk)) <= LARGEST_CHUNK for chunk in chunks_of(given_lines))


@given(people)
def test_every_part_holds_lines_of_its_person_only(given_lines):
    owned = [(person, line) for person, some in given_lines for line in some]
    parts = [part for chunk in chunks_of(given_lines) for part in chunk]
    assert [(part.person, line) for part in parts for line in part.lines] == owned


def test_a_line_that_fits_no_chunk_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        list(Framer().add("a", [b"x" * (LARGEST_CHUNK + 1)]))
