"""A recipient is killed again and again while it erases somebody: it ends in one statement, and it is the right one."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.dataplane.received import ReceivedFile, ReceivedFiles
from connector.records import Agreement, Derivation, OutboxMessage, ReceivedPerson, ReceivedTransfer, Tombstone
from tests.faults.pair import Side, verdict
from tests.faults.processes import Served, introduce

LINES = 150_000
KILLS = 8
CODE, OTHER = "aaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbb"


def urn() -> str:
    return f"urn:uuid:{uuid4()}"


@pytest.fixture
def recipient(tmp_path):
    """A research group that received a stream of two people, copied it, and is told that one of them stopped."""
    hospital = Served.founded_in(tmp_path, "hospital", "hospital")
    research = Served.founded_in(tmp_path, "research", "research")
    introduce(hospital, research)
    agreement, transfer, notice = urn(), urn(), urn()
    file = ReceivedFiles(research.directory / "received").open(agreement, transfer)
    for start in range(0, LINES, 10_000):
        file.append([(line(number), number + 1) for number in range(start, start + 10_000)])
    file.close()
    copy = research.directory / "derived" / "copy.csv"
    copy.parent.mkdir()
    with copy.open("w") as rows:
        rows.write("person,value\n")
        rows.writelines(f"{whose(number)},{number}\n" for number in range(LINES))
    now = datetime.now(UTC)
    records = [
        Agreement(id=agreement, role="consumer", counterparty=hospital.founded.id, negotiation=urn(), dataset="d",
                  made_at=now),
        ReceivedTransfer(transfer=transfer, agreement=agreement, kind="stream", path=str(file.path),
                         standing="complete", started_at=now),
        # What was noted on arrival lags behind what is in the file: counts must come from the file.
        ReceivedPerson(transfer=transfer, code=CODE, agreement=agreement, lines=7, bytes=7),
        ReceivedPerson(transfer=transfer, code=OTHER, agreement=agreement, lines=LINES // 2, bytes=7),
        Derivation(id=urn(), agreement=agreement, path=str(copy.resolve()), name="copy", by_row=True,
                   parents={"transfers": [transfer], "derivations": []}, registered_at=now),
        Tombstone(agreement=agreement, code=CODE, notice=notice, cut={}, received_at=now, deadline=now),
    ]  # fmt: skip
    with research.opened() as store:
        store.submit(lambda tx: [tx.add(record) for record in records]).result()
    yield research, file.path, copy, transfer
    research.kill()


def whose(number: int) -> str:
    return CODE if number % 2 else OTHER


def line(number: int) -> bytes:
    return orjson.dumps({"header": {"user_id": whose(number)}, "n": number, "x": "y" * 60}) + b"\n"


def stated(research: Served) -> list[dict]:
    """The claims of every statement in the outbox, read from outside."""
    query = "select body from outbox_message where kind = 'exchange.statement' and body is not null order by created_at"
    uri = f"file:{research.directory}/store.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as file, contextlib.suppress(sqlite3.OperationalError):
        bodies = [json.loads(row[0])["statement"] for row in file.execute(query)]
        return [json.loads(base64.urlsafe_b64decode(jws.split(".")[1] + "==")) for jws in bodies]
    return []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_however_often_it_is_killed_the_statement_is_the_same_and_true(recipient):
    research, path, copy, transfer = recipient
    chance, in_time = random.Random(20261122), 0
    for _ in range(KILLS):
        research.start()
        research.wait_ready()
        time.sleep(chance.uniform(0, 0.2))
        research.kill()
        in_time += not any(one["answer"] == "erased" for one in stated(research))
    assert in_time > 1, "it was killed too late to find out anything"
    research.start()
    research.wait_ready()
    deadline = time.monotonic() + 60
    while not (done := [one for one in stated(research) if one["answer"] == "erased"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    research.stop()
    [last] = done
    half, size = LINES // 2, sum(len(line(number)) for number in range(1, LINES, 2))
    rows = sum(len(f"{CODE},{number}\n") for number in range(1, LINES, 2))
    assert {(one["kind"], one["lines"], one["bytes"]) for one in last["held"]} == {
        ("received", half, size), ("file", half, rows),
    }  # fmt: skip
    assert {one["id"] for one in last["held"]} >= {one["id"] for said in stated(research) for one in said["held"]}
    assert {code_of(one) for one in Path(path).read_bytes().splitlines()} == {OTHER}
    file = ReceivedFile(path)
    assert file.resume() == LINES - 1
    file.close()
    assert CODE not in copy.read_text()
    assert sorted(one.name for one in copy.parent.iterdir()) == ["copy.csv"]
    with research.opened() as store:
        row = store.read_now(lambda tx: tx.get(ReceivedTransfer, transfer))
        assert len(row.revisions["revisions"]) == 1
        assert store.read_now(lambda tx: tx.count(OutboxMessage, kind="exchange.statement")) <= 2 + KILLS
    found = verdict(Side("research", research))
    assert found.ok, found.what
