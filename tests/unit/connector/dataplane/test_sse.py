"""Events survive however the network cuts them, and what is no event of ours is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.sse import HEARTBEAT, LONGEST_EVENT, Event, NotAStream, Reader, event

events = st.lists(
    st.tuples(st.integers(0, 2**50), st.binary(min_size=1).filter(lambda data: not set(data) & set(b"\r\n")))
)


@given(events, st.lists(st.integers(1, 40), min_size=1))
def test_events_come_out_as_they_went_in_however_they_are_cut(sent, cuts):
    stream = HEARTBEAT.join(event(number, data) for number, data in sent)
    reader, found, place = Reader(), [], 0
    while place < len(stream):
        size = cuts[place % len(cuts)]
        found += reader.feed(stream[place : place + size])
        place += size
    assert found == [Event(number, data) for number, data in sent]


@pytest.mark.parametrize("stream", [b"data: x\n\n", b"id: abc\ndata: x\n\n", b"id: -1\n"])
def test_an_event_without_a_number_is_refused(stream):
    with pytest.raises(NotAStream):
        list(Reader().feed(stream))


def test_an_event_without_end_is_refused():
    with pytest.raises(NotAStream):
        list(Reader().feed(b"data: " + b"x" * LONGEST_EVENT))


def test_half_an_event_is_no_event():
    assert list(Reader().feed(event(1, b"x")[:-1])) == []
