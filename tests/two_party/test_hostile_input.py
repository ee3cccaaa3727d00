"""Bytes nobody should send, thrown at a whole connector process: it answers, forgets them, and keeps serving."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator

import pytest

from tests.faults.processes import Served

POST = "/dsp/2025-1/negotiations/request"
MIB = 1024 * 1024
ROOM = 48 * MIB
"""How much larger the process may be after an attack; each attack sends far more."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    served = Served.founded_in(tmp_path_factory.mktemp("hostile"), "hospital", "hospital")
    served.start()
    served.wait_ready()
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def keeps_serving(hospital):
    """After every attack the same process answers, has stored nothing, and has not grown."""
    before, size, process = counts(hospital), hospital.memory(), hospital.process
    yield
    with urllib.request.urlopen(f"{hospital.url}/health/ready", timeout=10) as answer:
        assert answer.status == 200
    assert hospital.process is process
    assert process.poll() is None
    assert counts(hospital) == before
    assert hospital.memory() < size + ROOM


def counts(hospital) -> dict[str, int]:
    """The number of rows of every table but the one in which a health check leaves its time."""
    with contextlib.closing(sqlite3.connect(f"file:{hospital.directory}/store.db?mode=ro", uri=True)) as file:
        names = [name for (name,) in file.execute("select name from sqlite_master where type = 'table'")]
        return {name: file.execute(f"select count(*) from {name}").fetchone()[0] for name in names if name != "setting"}


class Line:
    """A connection to the process, byte by byte."""

    def __init__(self, hospital) -> None:
        self.socket = socket.create_connection(("127.0.0.1", hospital.port), timeout=20)
        self.sent = 0

    def say(self, data: bytes) -> bool:
        """Send; False when the other side has hung up."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.sent += len(data)
        return True

    def head(self, *fields: str, path: str = POST, method: str = "POST") -> bool:
        return self.say("\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *fields, "", ""]).encode())

    def answer(self) -> tuple[int, bytes]:
        """Status and body of what comes back; status 0 when nothing does."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self.socket.recv(65536):
                data += part
                head, found, body = data.partition(b"\r\n\r\n")
                if found and len(body) >= _length(head):
                    break
        status = int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.1 ") else 0
        return status, data.partition(b"\r\n\r\n")[2]

    def closed(self) -> bool:
        """Whether the other side hangs up."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def _length(head: bytes) -> int:
    fields = [line.lower() for line in head.split(b"\r\n")]
    return next((int(line.partition(b":")[2]) for line in fields if line.startswith(b"content-length:")), 0)


@pytest.fixture
def line(hospital) -> Iterator[Line]:
    opened = Line(hospital)
    yield opened
    opened.socket.close()


def chunk(size: int) -> bytes:
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def error_code(body: bytes) -> str:
    return str(json.loads(body).get("code"))


def test_a_body_announced_as_1_gb_is_refused_before_it_is_sent(line):
    line.head("content-length: 1073741824")
    status, body = line.answer()
    assert (status, error_code(body)) == (413, "too-large")
    assert line.closed()


def test_a_body_of_1_gb_in_chunks_is_refused_when_it_passes_the_limit(line):
    line.head("transfer-encoding: chunked")
    piece = chunk(MIB)
    while line.sent < 1024 * MIB and line.say(piece):
        pass
    assert line.sent < 32 * MIB
    status, body = line.answer()
    assert (status, error_code(body)) == (413, "too-large")


@pytest.mark.parametrize("path", ["/consent/consents", "/dsp/2025-1/transfers/request", "/dsp/2025-1/catalog/request"])
def test_every_door_has_the_limit(hospital, path):
    line = Line(hospital)
    line.head("transfer-encoding: chunked", path=path)
    while line.sent < 64 * MIB and line.say(chunk(MIB)):
        pass
    assert line.answer()[0] == 413
    line.socket.close()


def test_many_large_bodies_at_once_do_not_add_up(hospital):
    lines = [Line(hospital) for _ in range(20)]
    for line in lines:
        line.head("content-length: 1048576")
        line.say(b"[" * 900_000)
    for line in lines:
        line.socket.close()


def test_a_body_that_trickles_keeps_nobody_else_waiting(hospital):
    slow = [Line(hospital) for _ in range(50)]
    for line in slow:
        line.head("content-length: 1000")
        line.say(b"{")
    with urllib.request.urlopen(f"{hospital.url}/health/ready", timeout=5) as answer:
        assert answer.status == 200
    for line in slow:
        line.say(b"}")
        line.socket.close()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 190_000,
        b'{"a\\n":' * 140_000,
        b'"' + b'\\"' * 500_000,
        b'{"a":"' + b"\\\\" * 500_000,
        b'{"a":' + b"9" * 1_000_000 + b"}",
        b"{" + b'"k":1,' * 160_000 + b'"k":1}',
        b'{"a":[' + b"1," * 400_000 + b"1]}",
    ],
    ids=["brackets", "objects", "escaped keys", "quotes", "backslashes", "digits", "one key", "long array"],
)
def test_a_body_made_to_be_hard_to_read_is_refused_like_any_other(line, body):
    line.head(f"content-length: {len(body)}")
    line.say(body)
    assert line.answer()[0] in (400, 401)  # 401: it was readable after all, and is not signed


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{", b'{"a":"\xff"}', b"\x00" * 100, b'{"a":"\xed\xa0\x80"}', "{}".encode("utf-16")]
)
def test_bytes_that_are_not_utf8_are_refused(line, body):
    line.head(f"content-length: {len(body)}")
    line.say(body)
    status, answer = line.answer()
    assert (status, json.loads(answer)["@type"]) == (400, "ContractNegotiationError")


def test_a_compressed_body_is_not_unpacked(line):
    bomb = gzip.compress(b" " * 100 * MIB, 9)
    line.head(f"content-length: {len(bomb)}", "content-encoding: gzip")
    line.say(bomb)
    assert line.answer()[0] == 400


def test_header_fields_without_end_are_cut_off(line):
    line.say(f"POST {POST} HTTP/1.1\r\nhost: x\r\n".encode())
    for number in range(1000):
        if not line.say(f"x-{number}: ".encode() + b"y" * 65536 + b"\r\n"):
            break
    assert line.sent < 32 * MIB
    assert line.answer()[0] in (431, 0)


def test_one_header_field_without_end_is_cut_off(line):
    line.say(f"POST {POST} HTTP/1.1\r\nhost: x\r\nx: ".encode())
    while line.sent < 256 * MIB and line.say(b"y" * 262_144):
        pass
    assert line.sent < 32 * MIB


def test_an_address_without_end_is_cut_off(line):
    line.say(b"GET /")
    while line.sent < 256 * MIB and line.say(b"y" * 262_144):
        pass
    assert line.sent < 32 * MIB


def test_a_head_of_reasonable_size_is_read(line):
    line.head(*(f"x-{number}: {'y' * 200}" for number in range(100)), "content-length: 2")
    line.say(b"{}")
    assert line.answer()[0] == 401


def test_a_body_shorter_than_announced_is_dropped_when_its_sender_leaves(hospital):
    for _ in range(20):
        line = Line(hospital)
        line.head("content-length: 1000")
        line.say(b"{}")
        line.socket.close()


def test_a_body_longer_than_announced_is_cut_where_it_was_announced(line):
    line.head("content-length: 2")
    line.say(b'{}{"a":1}GARBAGE')
    assert line.answer()[0] in (400, 401)


@pytest.mark.parametrize(
    "fields",
    [
        ["content-length: -1"],
        ["content-length: 1e3"],
        ["content-length: 99999999999999999999999"],
        ["content-length: 2, 3"],
        ["content-length: 2", "content-length: 3"],
        ["content-length: 2", "transfer-encoding: chunked"],
        ["transfer-encoding: gzip, chunked, x"],
        ["transfer-encoding: xchunked"],
    ],
    ids=lambda fields: "; ".join(fields),
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(line, fields):
    line.head(*fields)
    line.say(b"{}")
    status, _ = line.answer()
    assert status in (400, 413)


@pytest.mark.parametrize("size", [b"ffffffffffffffffff", b"-1", b"xyz", b"0x10", b" 2"])
def test_a_chunk_whose_size_is_nonsense_is_refused(line, size):
    line.head("transfer-encoding: chunked")
    line.say(size + b"\r\n{}\r\n0\r\n\r\n")
    assert line.answer()[0] in (400, 401, 413)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 4096,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost : x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /%00%ff%zz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health/ready HTTP/1.1\r\nx: \r\n\x00: y\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ],
    ids=range(12),
)
def test_what_is_not_http_is_answered_or_cut_off(line, garbage):
    line.say(garbage)
    line.socket.shutdown(socket.SHUT_WR)
    status, _ = line.answer()
    assert status == 0 or 200 <= status < 500


def test_hundreds_of_connections_that_say_nothing_leave_room_for_others(hospital):
    idle = [Line(hospital) for _ in range(300)]
    with urllib.request.urlopen(f"{hospital.url}/health/ready", timeout=10) as answer:
        assert answer.status == 200
    for line in idle:
        line.socket.close()


@pytest.mark.parametrize(
    "path",
    [
        "/dsp/2025-1/negotiations/..%2f..%2fetc",
        "/dsp/2025-1/transfers/%00",
        "/dsp/2025-1/catalog/datasets/../../x",
        "/consent/",
        "/consent/studies/x",
        "/dsp/2025-1",
        "/.well-known/../store.db",
        "//consent/studies",
        "/data/releases/%2e%2e",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_addresses_and_methods_nobody_offers_get_an_error_and_no_more(hospital, path, method):
    line = Line(hospital)
    line.head("content-length: 2", "connection: close", path=path, method=method)
    line.say(b"{}")
    status, _ = line.answer()
    line.socket.close()
    assert 400 <= status < 500


async def test_a_storm_of_broken_requests_does_not_hide_a_good_one(hospital):
    async def broken(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", hospital.port)
        writer.write(f"POST {POST} HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n{{broken".encode())
        if number % 2:
            assert b" 400 " in await reader.read(100)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with asyncio.timeout(30):
        storm = [asyncio.create_task(broken(number)) for number in range(200)]
        reader, writer = await asyncio.open_connection("127.0.0.1", hospital.port)
        writer.write(b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"200 OK" in await reader.read()
        writer.close()
        await asyncio.gather(*storm)
