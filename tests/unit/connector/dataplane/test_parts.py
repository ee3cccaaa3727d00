"""What has come of a segment, and opening it: durable, droppable, and never larger than it may be."""

from __future__ import annotations

import contextlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.parts import Parts
from connector.dataplane.tally import Dropped
from connector.dataplane.unpacking import NotOpened, TooLarge, opened

ID, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def parts(tmp_path):
    made = Parts(tmp_path / "agreement" / "transfer.part")
    yield made
    made.close()


def content(parts: Parts) -> bytes:
    return b"".join(parts.chunks())


def test_it_goes_on_after_what_is_to_be_kept(parts, tmp_path):
    parts.begin(1, ID, "zstd")
    parts.append(b"abcdef")
    assert parts.sync() == 6
    parts.close()
    again = Parts(tmp_path / "agreement" / "transfer.part")
    assert again.size(1, ID, "zstd") == 6
    again.begin(1, ID, "zstd", keep=4)
    again.append(b"EF")
    assert content(again) == b"abcdEF"
    again.close()


def test_more_than_is_there_cannot_be_kept(parts):
    parts.begin(1, ID, "zstd")
    parts.append(b"abc")
    with pytest.raises(Dropped):
        parts.begin(1, ID, "zstd", keep=4)


def test_the_next_segment_drops_what_was_there_of_another(parts):
    parts.begin(1, ID, "zstd")
    parts.append(b"abc")
    parts.begin(2, OTHER, "identity")
    assert (parts.size(1, ID, "zstd"), content(parts)) == (0, b"")


def test_whoever_takes_one_in_notices_that_it_was_dropped(parts, tmp_path):
    parts.begin(1, ID, "zstd")
    parts.append(b"abc")
    reading = parts.chunks()
    assert next(reading) == b"abc"
    parts.drop()
    for use in (lambda: parts.append(b"d"), parts.sync, lambda: next(reading)):
        with pytest.raises(Dropped):
            use()
    assert not (tmp_path / "agreement" / "transfer.part").exists()
    parts.drop()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_what_was_packed_is_opened_however_it_was_cut(data, size):
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    assert b"".join(opened(cut(packed, size), "zstd")) == data
    assert b"".join(opened(cut(data, size), "identity")) == data


@given(st.binary(min_size=200, max_size=2000), st.data())
def test_a_byte_that_changed_is_noticed(data, chosen):
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(data))
    place = chosen.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= chosen.draw(st.integers(1, 255))
    with contextlib.suppress(NotOpened):
        assert b"".join(opened([bytes(packed)], "zstd")) in (data, b"")


def test_what_opens_to_more_than_it_may_is_refused_before_it_is_here():
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    taken: list[int] = []
    with pytest.raises(TooLarge):
        taken.extend(map(len, opened([bomb], "zstd", most=1_000_000)))
    assert sum(taken) <= 1_000_000


def test_a_window_that_takes_too_much_memory_is_refused():
    wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = packer.compress(bytes(range(256)) * 100_000) + packer.flush()
    with pytest.raises(NotOpened):
        list(opened([packed], "zstd"))


def test_an_encoding_that_is_not_known_is_refused():
    with pytest.raises(NotOpened):
        list(opened([b"x"], "br"))
