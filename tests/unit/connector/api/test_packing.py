"""Answers are compressed for who asks, where it is worth it, and say that they depend on it."""

from __future__ import annotations

import gzip

import pytest
from fastapi import Request
from fastapi.responses import Response

from connector.api.packing import accepts_gzip, packed

LONG = b'{"dataset":"' + b"records " * 5000 + b'"}'


def asking(*fields: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept-encoding", field.encode()) for field in fields]})


@pytest.mark.parametrize(
    "fields",
    [("gzip",), ("deflate, gzip;q=0.5",), ("br", "GZIP"), ("*",), ("x-gzip",), ("identity;q=0.5, gzip ; q=1",),
     ("gzip;Q=0.1",)],
)  # fmt: skip
def test_who_names_gzip_or_anything_gets_gzip(fields):
    assert accepts_gzip(list(fields))


@pytest.mark.parametrize(
    "fields", [(), ("",), ("identity",), ("br",), ("gzip;q=0",), ("gzip;q=0, *",), ("gzip;q=x",), ("gzip;level=1",)]
)
def test_who_does_not_gets_it_as_it_is(fields):
    assert not accepts_gzip(list(fields))


@pytest.mark.parametrize("length", [2_000, len(LONG)])
async def test_a_long_answer_is_compressed_and_reads_back_the_same(length):
    body = LONG[:length]
    answer = await packed(asking("gzip"), Response(body, 200, {"link": "<x>"}, "application/json"))
    assert gzip.decompress(answer.body) == body
    assert len(answer.body) < length / 2
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["link"] == "<x>"


async def test_the_same_answer_is_the_same_bytes():
    first, second = [await packed(asking("gzip"), Response(LONG)) for _ in range(2)]
    assert first.body == second.body


@pytest.mark.parametrize(("field", "body"), [("gzip", b"{}"), ("identity", LONG)])
async def test_what_is_short_or_not_asked_for_stays_as_it_is(field, body):
    answer = await packed(asking(field), Response(body))
    assert answer.body == body
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(body))
