"""What a request body may be: at most so long, at most so deep, one meaning for every reader, and there in time."""

from __future__ import annotations

import asyncio
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from connector.api.bodies import MAX_DEPTH, read_bytes, read_object
from connector.problems import Problem


def request(parts, headers=()):
    """A request whose body arrives in parts; an Exception among them is raised, an Event is waited for."""
    waiting = list(parts)

    async def receive():
        part = waiting.pop(0) if waiting else b""
        if isinstance(part, asyncio.Event):
            await part.wait()
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    asked = {"type": "http", "method": "POST", "headers": [(name.encode(), value.encode()) for name, value in headers]}
    return Request(asked, receive), waiting


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        read_object(data)
    assert refused.value.status == 400
    return refused.value


async def test_a_body_in_parts_is_put_together():
    asked, _ = request([b"ab", b"", b"cd"])
    assert await read_bytes(asked, 4) == b"abcd"


async def test_an_announced_length_over_the_limit_is_refused_before_anything_is_read():
    asked, waiting = request([b"x" * 10], [("content-length", "11")])
    with pytest.raises(Problem) as refused:
        await read_bytes(asked, 10)
    assert refused.value.status == 413
    assert len(waiting) == 1


async def test_a_body_without_length_is_refused_as_soon_as_it_is_too_long():
    asked, waiting = request([b"x" * 6] * 100)
    with pytest.raises(Problem) as refused:
        await read_bytes(asked, 10)
    assert refused.value.status == 413
    assert len(waiting) == 98


@pytest.mark.parametrize("announced", ["-1", "abc", "", "1e9", "²"])
async def test_a_length_that_is_no_number_is_not_believed(announced):
    asked, _ = request([b"x" * 11], [("content-length", announced)])
    with pytest.raises(Problem) as refused:
        await read_bytes(asked, 10)
    assert refused.value.status == 413


async def test_a_body_that_does_not_arrive_in_time_is_given_up():
    asked, _ = request([b"x", asyncio.Event()])
    with pytest.raises(Problem) as refused:
        await read_bytes(asked, 10, seconds=0.01)
    assert refused.value.status == 408


async def test_a_sender_that_goes_away_ends_the_reading():
    asked, _ = request([b"x", None])
    with pytest.raises(ClientDisconnect):
        await read_bytes(asked, 10)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_any_object_is_read_as_it_was_written(value):
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2)):
        assert read_object(written.encode("utf-8", "surrogatepass")) == orjson.loads(written)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('{}[]",:\\n ab1')))
def test_text_full_of_brackets_quotes_and_escapes_counts_as_text(text):
    assert read_object(orjson.dumps({"a": text, text: ["b"]})) == {"a": text, text: ["b"]}


def nested(levels: int, prefix: str = "") -> bytes:
    return ('{"p":' + json.dumps(prefix) + ',"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}").encode()


@pytest.mark.parametrize("prefix", ["", '"', "\\", '\\"', "\n", '\n"[', "[[[", "x\\n"])
def test_exactly_the_allowed_depth_is_read_and_one_more_is_not(prefix):
    assert read_object(nested(MAX_DEPTH, prefix))
    assert "levels" in str(refusal(nested(MAX_DEPTH + 1, prefix)))


@pytest.mark.parametrize(
    "data", [b"[" * 1_000_000, b'{"a":' * 200_000, b'{"a\\n":' * 100_000, nested(1000, "\n"), nested(1010)]
)
def test_however_deep_it_is_one_clear_refusal(data):
    assert "levels" in str(refusal(data))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 500_000,
        b'"\\\\' * 300_000,
        b'["' * 30 + b"\\" * 900_000,
        b'"' * 1_000_001,
        b'{"a":"' + b"\\\\" * 400_000,
    ],
)
def test_quotes_and_backslashes_without_end_cost_no_more_than_their_length(data):
    refusal(data)  # going back at every quote would take hours


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"x":[{"a":1,"b":2,"a":3}]}', b'{"a":1,"\\u0061":2}',
        b'{"@type":"x","@\\u0074ype":"y"}',
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_is_refused_even_when_spelled_differently(data):
    assert "twice" in str(refusal(data))


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"{}{}", b"{} x", b"{'a':1}", b'{"a":01}', b'{"a":NaN}',
        b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":1,}', b"{a:1}", b"// c\n{}", b'{"a":"\x01"}',
        b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b"\x1f\x8b\x08\x00", b'{"a":"\\x"}', b"\x00{}",
    ],
    ids=lambda data: repr(data)[:24],
)  # fmt: skip
def test_what_is_not_one_json_object_in_utf8_is_refused(data):
    refusal(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda noise: b'{"a":"' + noise + b'"}'))
def test_any_bytes_are_an_object_or_one_refusal(data):
    try:
        outcome: object = read_object(data)
    except Problem as refused:
        outcome = refused
    assert isinstance(outcome, dict) or (outcome.status == 400 and "\n" not in str(outcome))


def test_a_refusal_repeats_nothing_of_the_body():
    assert "secret" not in str(refusal(b'{"name": "secret", }'))
    assert "secret" not in str(refusal(b'{"secret":1,"secret":2}'))
    assert "777" not in str(refusal(b'{"a":' + b"7" * 6000 + b"}"))
