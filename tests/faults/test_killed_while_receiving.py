"""A recipient is killed again and again while segments arrive: in the end the file is the release, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from connector.dataplane.lines import code_of
from connector.identity.keys import fingerprint
from connector.records import Agreement, MemberEntry, ReceivedPerson, ReceivedTransfer, Transfer
from tests.faults.pair import Side, verdict
from tests.faults.processes import Served
from tests.two_party.puppet import Key, Puppet
from tests.two_party.segmented import DATASET, THEIRS, TOKEN, Segment, SegmentedProvider, code, line
from tests.two_party.sinks import Delivery

KILLS = 5
SHARE, PAUSE = 4096, 0.06
"""How slowly the provider gives: a segment takes more than the second after which what came of it is noted."""


def urn() -> str:
    return f"urn:uuid:{uuid4()}"


@contextmanager
def slowly(provider: SegmentedProvider) -> Iterator[int]:
    """Serve it in a thread of its own, on a port that is returned."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            own = b"/data/" in head
            answer = (
                await provider.answer(Delivery(head), reader) if own else b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n"
            )
            for start in range(0, len(answer or b""), SHARE):
                writer.write((answer or b"")[start : start + SHARE])
                await writer.drain()
                await asyncio.sleep(PAUSE)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Served, SegmentedProvider, str]]:
    """A research group with a started transfer, and a provider that gives slowly."""
    research = Served.founded_in(tmp_path, "research", "research")
    key, agreement, pid = Key(), urn(), urn()
    puppet = Puppet(f"urn:concord:puppet:{fingerprint(key.public_jwk)[:8]}", key, None)  # type: ignore[arg-type]
    provider = SegmentedProvider(puppet, SimpleNamespace(id=research.founded.id), None, agreement)  # type: ignore[arg-type]
    chance = random.Random(7)
    for number in range(5):
        # Person 3 goes on into the next segment, as does every other third one.
        lines = [
            line(code(number * 2 + who), place, 1, note=chance.randbytes(300).hex())
            for who in range(3) for place in range(90)
        ]  # fmt: skip
        provider.segments.append(Segment.of(number + 1, b"".join(lines)))
    with slowly(provider) as port:
        puppet.port = port
        endpoint = f"http://127.0.0.1:{port}/data/releases/{THEIRS}"
        address = {
            "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": endpoint,
            "endpointProperties": [
                {"@type": "EndpointProperty", "name": "authorization", "value": TOKEN},
                {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
            ],
        }  # fmt: skip
        entry = puppet.entry(role="hospital")
        now = datetime.now(UTC)
        records = [
            MemberEntry(id=entry.id, origin=entry.origin, standing="active", entry=entry.model_dump(mode="json")),
            Agreement(id=agreement, role="consumer", counterparty=puppet.id, negotiation=urn(), dataset=DATASET,
                      standing="active", made_at=now),
            Transfer(pid=pid, role="consumer", counterparty=puppet.id, their_pid=THEIRS, callback=puppet.callback,
                     agreement=agreement, dataset=DATASET, format="HttpData-PULL", state="STARTED",
                     data_address=address, created_at=now, updated_at=now),
        ]  # fmt: skip
        with research.opened() as store:
            store.submit(lambda tx: [tx.add(record) for record in records]).result()
        yield research, provider, pid
        research.kill()


def here(research: Served) -> tuple[int, bool]:
    """How many segments are here, and whether all of it is."""
    uri = f"file:{research.directory}/store.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as file, contextlib.suppress(sqlite3.OperationalError):
        count = file.execute("select count(*) from received_segment where standing = 'here'").fetchone()[0]
        done = file.execute("select count(*) from received_transfer where standing = 'complete'").fetchone()[0]
        return int(count), bool(done)
    return 0, False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_however_often_it_is_killed_the_file_is_the_release(started):
    research, provider, pid = started
    chance, cut = random.Random(20261122), []
    for _ in range(KILLS):
        research.start()
        research.wait_ready()
        time.sleep(chance.uniform(0.2, 2.2))
        research.kill()
        count, done = here(research)
        cut.append(count)
        if done:
            break
    assert len(set(cut)) > 2, "it was killed at places that say nothing"
    research.start()
    research.wait_ready()
    deadline = time.monotonic() + 90
    while not here(research)[1] and time.monotonic() < deadline:
        time.sleep(0.1)
    research.stop()
    assert any(asked.range for asked in provider.asked), "it goes on within a segment"
    with research.opened() as store:
        row = store.read_now(lambda tx: tx.get(ReceivedTransfer, pid))
        people = store.read_now(lambda tx: tx.find(ReceivedPerson, transfer=pid))
    assert row.verified, row.finding
    content = Path(row.path).read_bytes()
    assert content == provider.whole()
    codes = [code_of(one) for one in content.splitlines()]
    assert {one.code: one.lines for one in people} == {one: codes.count(one) for one in codes}
    assert row.people == len(people) == 11
    assert sorted(one.name for one in Path(row.path).parent.iterdir()) == [
        Path(row.path).name, Path(row.path).with_suffix(".offsets").name,
    ]  # fmt: skip
    found = verdict(Side("research", research))
    assert found.ok, found.what
