"""Received data asked in SQL: what arrived, as it stands now, under contracts that allow it, and noted each time."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest

from connector.cli.program import run
from connector.problems import Problem
from connector.records import (
    Agreement,
    Derivation,
    DutyOwed,
    LogEntry,
    ReceivedSegment,
    ReceivedTransfer,
    Tombstone,
    Transfer,
)
from connector.services.received.asking import Answered, Asked
from tests.two_party import segmented, story
from tests.two_party.releases import content_of
from tests.two_party.segmented import Segment, SegmentedProvider, code, line
from tests.two_party.space import Party, Space, until

COUNT = "SELECT count(*) FROM observations"


@pytest.fixture
async def research(space: Space) -> Party:
    return await space.add("research", "research")


@pytest.fixture
async def hospital(space: Space, research: Party) -> AsyncIterator[SegmentedProvider]:
    async with segmented.provider(space, research) as made:
        yield made


def records(person: int, *numbers: int, **more: Any) -> bytes:
    return b"".join(line(code(person), number, **more) for number in numbers)


def deleted(person: int, *numbers: int) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"Observation/{code(person)[:6]}-{one}"}} for one in numbers]
    tag = [{"system": "urn:concord:term:person", "code": code(person)}]
    return (
        orjson.dumps({"resourceType": "Bundle", "type": "transaction", "meta": {"tag": tag}, "entry": entries}) + b"\n"
    )


async def whole(hospital: SegmentedProvider) -> ReceivedTransfer:
    """Three people, four records each, in two segments."""
    hospital.segments = [
        Segment.of(1, records(1, *range(4)) + records(2, *range(4))),
        Segment.of(2, records(3, *range(4))),
    ]
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    return row


async def changes(hospital: SegmentedProvider, *segments: Segment) -> ReceivedTransfer:
    """A delta after the newest release, as the provider makes one."""
    before = (await hospital.research.get(ReceivedTransfer, hospital.pid)).manifest["jws"]
    hospital.release, hospital.previous = story.urn(), sha256(before.encode()).hexdigest()
    hospital.continues = hospital.previous
    hospital.segments = list(segments)
    await hospital.asked_for(since_last=True)
    row = await hospital.received()
    assert row.verified, row.finding
    return row


async def ask(hospital: SegmentedProvider, sql: str, **asked: str) -> list[list[Any]]:
    party = hospital.research
    answer: Answered = await party.services.questions.ask(party.acting("researcher"), Asked(**asked), sql)
    return answer.rows


async def test_what_arrived_is_asked_in_sql_and_that_is_noted_without_its_words(hospital: SegmentedProvider):
    row = await whole(hospital)
    secret = f"SELECT count(*) FROM observations WHERE person = '{code(2)}'"
    assert await ask(hospital, secret) == [[4]]
    [entry] = await hospital.research.find(LogEntry, kind="received.queried")
    assert entry.subject == hospital.agreement
    assert orjson.loads(entry.body) == {
        "agreement": hospital.agreement, "transfers": [row.transfer], "rows": 1,
        "by": {"account": "researcher", "role": "researcher"}, "sql": sha256(secret.encode()).hexdigest(),
    }  # fmt: skip
    assert code(2) not in str(entry.body)
    seen = await hospital.research.services.questions.tables(hospital.research.acting("researcher"), Asked())
    assert {one.table: one.rows for one in seen.tables} == {"observations": 12, "resources": 12}


async def test_changes_replace_lines_and_take_them_away_in_what_is_asked(hospital: SegmentedProvider):
    first = await whole(hospital)
    content = content_of(first.path)
    second = await changes(
        hospital,
        Segment.of(1, records(1, 0, note="newer") + records(4, 0)),
        Segment.of(2, deleted(3, 1, 2), deletions=True),
    )
    assert second.continues == sha256(first.manifest["jws"].encode()).hexdigest()
    assert content_of(first.path) == content, "files stay as their sender signed them"
    assert await ask(hospital, COUNT) == [[11]]
    assert await ask(hospital, "SELECT count(*) FROM resources WHERE raw LIKE '%newer%'") == [[1]]
    assert await ask(hospital, COUNT, transfer=first.transfer) == [[12]]
    third = await changes(hospital, Segment.of(1, deleted(1, 0), deletions=True))
    assert third.continues != second.continues
    assert await ask(hospital, COUNT) == [[10]]
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"))
    assert [one.ok for one in chains] == [True] * 3


async def test_changes_need_something_they_follow(hospital: SegmentedProvider):
    with pytest.raises(Problem, match="Nothing has arrived whole"):
        await hospital.asked_for(since_last=True)
    await whole(hospital)
    hospital.continues = "b" * 64
    await hospital.asked_for(since_last=True)
    row = await hospital.received("ended")
    assert "ask for a whole release" in row.finding


async def test_whoever_stops_is_in_no_answer_from_that_moment(hospital: SegmentedProvider):
    await whole(hospital)
    await changes(hospital, Segment.of(1, records(2, 9)))
    for person, kind in ((1, "pause"), (2, "erase"), (3, "stop")):
        stone = Tombstone(
            agreement=hospital.agreement,
            code=code(person),
            notice=story.urn(),
            kind=kind,
            received_at=datetime.now(UTC),
        )
        before = await ask(hospital, "SELECT DISTINCT person FROM resources")
        assert [code(person)] in before
        await hospital.research.add(stone)
        assert [code(person)] not in await ask(hospital, "SELECT DISTINCT person FROM resources")
    hospital.research.context.bells.ring("erase")
    await hospital.research.eventually(Tombstone, hospital.agreement, code(2), where=lambda one: one.answer == "erased")
    assert await ask(hospital, COUNT) == [[0]]
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"))
    assert [one.ok for one in chains] == [True] * 2, [one.what for one in chains]


@pytest.mark.parametrize("why", ["ended", "run out", "unverified", "deleted", "broken chain", "another role"])
async def test_what_may_not_be_used_answers_nothing_and_says_why(hospital: SegmentedProvider, why: str):
    row = await whole(hospital)
    store, agreement = hospital.research.store, hospital.agreement
    words = {
        "ended": "The contract is ended", "run out": "ran out since", "unverified": "Nothing has arrived",
        "deleted": "Nothing has arrived", "broken chain": "carries on from is not here", "another role": "role",
    }[why]  # fmt: skip
    changed = {
        "ended": (Agreement, {"standing": "ended"}, {"id": agreement}),
        "run out": (Agreement, {"until": datetime.now(UTC) - timedelta(days=1)}, {"id": agreement}),
        "unverified": (ReceivedTransfer, {"verified": False}, {"transfer": row.transfer}),
        "deleted": (ReceivedTransfer, {"finding": "x Deleted: its time is over."}, {"transfer": row.transfer}),
        "broken chain": (ReceivedTransfer, {"continues": "c" * 64}, {"transfer": row.transfer}),
    }.get(why)  # fmt: skip
    if changed is not None:
        kind, facts, where = changed
        await store.write(lambda tx: tx.alter(kind, facts, **where))
    party = hospital.research
    actor = party.acting("patient" if why == "another role" else "researcher")
    with pytest.raises(Problem) as told:
        await party.services.questions.ask(actor, Asked(agreement=agreement), COUNT)
    assert words in f"{told.value.title} {told.value.detail}"
    assert not await party.find(LogEntry, kind="received.queried")


async def test_data_of_two_contracts_is_never_joined(hospital: SegmentedProvider):
    first = await whole(hospital)
    other = Agreement(id=story.urn(), role="consumer", counterparty=hospital.puppet.id, negotiation=story.urn(),
                      dataset=segmented.DATASET, standing="active")  # fmt: skip
    await hospital.research.add(other)
    await hospital.research.add(ReceivedTransfer(transfer=story.urn(), agreement=other.id))
    with pytest.raises(Problem, match="never joined"):
        await ask(hospital, COUNT)
    assert await ask(hospital, COUNT, agreement=hospital.agreement) == [[12]]
    with pytest.raises(Problem, match="no such transfer"):
        await ask(hospital, COUNT, agreement=other.id, transfer=first.transfer)


async def test_an_export_is_registered_and_a_withdrawal_reaches_it(hospital: SegmentedProvider):
    row = await whole(hospital)
    party = hospital.research
    (party.context.directory / "derived").mkdir()
    place, table = (party.context.directory / "derived" / name for name in ("values.csv", "values.parquet"))
    actor = party.acting("researcher")
    made = await party.services.questions.export(
        actor, Asked(), "csv", str(place), "SELECT person, id FROM observations"
    )
    assert (made.rows, made.by_row) == (12, True)
    also = await party.services.questions.export(actor, Asked(), "parquet", str(table))
    assert (also.rows, also.by_row) == (12, False)
    one = await party.get(Derivation, made.derivation)
    assert one.parents == {"transfers": [row.transfer], "derivations": []}
    assert one.digest == sha256(place.read_bytes()).hexdigest()
    assert oct(place.stat().st_mode)[-3:] == "600"
    with pytest.raises(Problem, match="something is there already"):
        await party.services.questions.export(actor, Asked(), "csv", str(place), "SELECT person FROM observations")
    await party.add(
        Tombstone(agreement=hospital.agreement, code=code(2), notice=story.urn(), received_at=datetime.now(UTC))
    )
    party.context.bells.ring("erase")
    stone = await party.eventually(Tombstone, hospital.agreement, code(2), where=lambda one: one.answer == "waiting")
    with place.open() as file:
        assert {row["person"] for row in csv.DictReader(file)} == {code(1), code(3)}
    tasks = await party.services.derivations.tasks(actor)
    assert [task.id for task in tasks] == [also.derivation], "a Parquet file is for a person to rebuild"
    assert stone.objects == 3
    assert not list((party.context.directory / "exports").iterdir())


async def test_an_export_of_somebody_who_stops_meanwhile_is_not_made(hospital: SegmentedProvider):
    await whole(hospital)
    party = hospital.research
    runner = party.services.questions.runner

    class Late:
        async def run(self, job: dict[str, Any]) -> dict[str, Any]:
            said = await runner.run(job)
            await party.add(
                Tombstone(agreement=hospital.agreement, code=code(2), notice=story.urn(), received_at=datetime.now(UTC))
            )
            return said

    party.services.questions.runner = Late()
    place = party.context.directory / "out.ndjson"
    with pytest.raises(Problem, match="stopped"):
        await party.services.questions.export(party.acting("researcher"), Asked(), "ndjson", str(place))
    assert not place.exists()
    assert not await party.find(Derivation)
    assert not list((party.context.directory / "exports").iterdir())


async def test_the_command_line_asks_too_also_when_nobody_serves(hospital: SegmentedProvider, capsys):
    row = await whole(hospital)
    directory = str(hospital.research.founded.directory)
    place = hospital.research.context.directory / "all.ndjson"
    sql = "SELECT person, count(*) AS records FROM observations GROUP BY ALL ORDER BY person"
    told = []
    for serving in (True, False):
        if not serving:
            await hospital.research.stop()
        assert await asyncio.to_thread(run, ["data", "query", sql, "--directory", directory, "--csv"]) == 0
        told.append(capsys.readouterr().out)
        assert await asyncio.to_thread(run, ["data", "tables", "--directory", directory, "--json"]) == 0
        assert orjson.loads(capsys.readouterr().out)["transfers"] == [row.transfer]
    assert told[0] == told[1]
    assert told[0].splitlines()[0] == "person,records"
    assert [one[-2:] for one in told[0].splitlines()[1:]] == [",4"] * 3
    export = ["data", "export", str(place), "--format", "ndjson", "--directory", directory]
    assert await asyncio.to_thread(run, export) == 0
    assert "Registered" in capsys.readouterr().out
    assert sorted(content_of(place).splitlines()) == sorted(content_of(row.path).splitlines())
    assert await asyncio.to_thread(run, ["data", "query", "COPY resources TO 'x'", "--directory", directory]) == 2
    assert "one SELECT" in capsys.readouterr().err


async def test_the_command_line_shows_how_far_a_transfer_is_and_goes_on_without_being_watched(
    hospital: SegmentedProvider, capsys
):
    directory = str(hospital.research.founded.directory)
    hospital.segments = [Segment.of(number, records(number, *range(4))) for number in range(1, 5)]
    hospital.cuts[hospital.segments[2].id] = [10] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 3, where=lambda row: row.standing == "coming")
    where = ["--directory", directory]
    assert await asyncio.to_thread(run, ["transfers", "show", hospital.pid, *where, "--json"]) == 0
    shown = orjson.loads(capsys.readouterr().out)
    assert (shown["segments_here"], shown["segments"], shown["state"]) == (2, 4, "started")
    size = len(hospital.segments[2].encoded)
    assert (shown["coming"], shown["coming_of"]) == (10, size), "what has come of the next segment"
    assert "waits for the next try" in (await until(lambda: _waiting(hospital), "its next try"))
    watching = asyncio.create_task(asyncio.to_thread(run, ["transfer", hospital.agreement, *where, "--json"]))
    far = f"2 of 4 segments and 10 of {size} bytes"
    await until(lambda: far in told(capsys), "a line about how far it is")
    hospital.cuts.clear()
    assert await watching == 0
    done = orjson.loads(capsys.readouterr().out)
    assert (done["pid"], done["manifest_verified"], done["segments_here"]) == (hospital.pid, True, 4), "not asked anew"
    assert len(await hospital.research.find(Transfer)) == 1


def told(capsys) -> str:
    return str(capsys.readouterr().err)


async def _waiting(hospital: SegmentedProvider) -> str:
    desk = hospital.research.services.transfer_desk
    row = await desk.transfer(hospital.research.acting("researcher"), hospital.pid)
    return str(row.waits_for)


async def test_what_is_held_says_until_when_it_may_be_used_and_by_when_it_goes(hospital: SegmentedProvider):
    row = await whole(hospital)
    party, now = hospital.research, datetime.now(UTC).replace(microsecond=0)
    until_, due = now + timedelta(days=30), now + timedelta(days=20)
    await party.store.write(lambda tx: tx.alter(Agreement, {"until": until_}, id=hospital.agreement))
    duty = {"agreement": hospital.agreement, "duty": "delete", "by": "consumer", "role": "consumer"}
    await party.add(DutyOwed(id=story.urn(), occasion=row.transfer, due_at=due, **duty))
    await party.add(DutyOwed(id=story.urn(), occasion="another transfer", due_at=now, **duty))
    actor = party.acting("researcher")
    [held] = await party.services.looking.held(actor)
    assert (held.use_ends, held.erase_by, held.not_usable, held.verified) == (until_, due, "", True)
    shown = await party.services.transfer_desk.transfer(actor, row.transfer)
    assert (shown.use_ends, shown.erase_by) == (until_, due)
    await party.store.write(lambda tx: tx.alter(DutyOwed, {"due_at": now}, occasion=row.transfer))
    assert "had to be deleted by" in (await party.services.looking.held(actor))[0].not_usable
    with pytest.raises(Problem, match="had to be deleted by"):
        await ask(hospital, COUNT)
