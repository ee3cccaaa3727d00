"""A segment goes out in pieces that say whose they are, however it is asked for, and is counted once."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.framing import LARGEST_CHUNK
from connector.dataplane.packing import packed
from connector.services.releasing.rendering import Copy, Rendered

people = st.sampled_from(["ann", "ben", "cara"])
lines = st.lists(st.tuples(people, st.integers(1, 90_000)), min_size=1, max_size=12).map(
    lambda found: sorted(found, key=lambda one: one[0])
)


def rendered(some: list[tuple[str, int]]) -> Rendered:
    body, ends, whose = b"", [], []
    for person, size in some:
        body += person[:1].encode() * (size - 1) + b"\n"
        ends.append(len(body))
        whose.append(person)
    counts = dict(Counter(whose))
    return Rendered(body, sha256(body).hexdigest(), "x", counts, Counter(), 0, tuple(ends), tuple(whose))


def copy_of(some: list[tuple[str, int]], coding: str) -> Copy:
    found = rendered(some)
    return Copy(found, coding, packed(found.body, coding))


@given(lines, st.sampled_from(["", "gzip", "zstd"]), st.data())
def test_any_range_is_its_bytes_in_pieces_of_at_most_a_chunk(some, coding, data):
    copy = copy_of(some, coding)
    start = data.draw(st.integers(0, len(copy.data) - 1))
    stop = data.draw(st.integers(start + 1, len(copy.data)))
    pieces = list(copy.pieces(start, stop))
    assert b"".join(piece.data for _, _, piece in pieces) == copy.data[start:stop]
    assert all(len(piece.data) == end - begin <= LARGEST_CHUNK for begin, end, piece in pieces)
    assert [begin for begin, _, _ in pieces] == [start, *(end for _, end, _ in pieces[:-1])]


@given(lines, st.data())
def test_a_piece_names_everybody_whose_byte_is_in_it_and_nobody_else(some, data):
    copy = copy_of(some, "")
    start = data.draw(st.integers(0, len(copy.data) - 1))
    for begin, end, piece in copy.pieces(start, len(copy.data)):
        ends = copy.rendered.ends
        whose = {who for who, last, first in zip(copy.rendered.whose, ends, (0, *ends), strict=False)
                 if first < end and last > begin}  # fmt: skip
        assert set(piece.records) == whose


@given(lines, st.sampled_from(["gzip", "zstd"]))
def test_a_piece_of_what_does_not_come_apart_names_everybody(some, coding):
    copy = copy_of(some, coding)
    assert all(set(piece.records) == set(copy.rendered.whose) for _, _, piece in copy.pieces(0, len(copy.data)))


@given(lines, st.lists(st.integers(0, 400_000), max_size=6))
def test_counts_grow_to_the_whole_and_count_a_record_from_its_first_byte_on(some, cuts):
    copy = copy_of(some, "")
    before: Counter[str] = Counter()
    for cut in [*sorted(cuts), len(copy.data)]:
        now = Counter(copy.counted(cut))
        # Whoever leaves out the last byte of a record has it all the same.
        assert sum(now.values()) == len(copy.data[:cut].splitlines())
        assert not before - now
        before = now
    assert before == Counter(copy.rendered.records)


@given(st.binary(max_size=5000), st.sampled_from(["gzip", "zstd"]))
def test_a_coding_gives_the_same_bytes_every_time(data, coding):
    assert packed(data, coding) == packed(data, coding)
