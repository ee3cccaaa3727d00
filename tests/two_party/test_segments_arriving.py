"""A release in segments as it arrives: it goes on after any break, and is checked file by file."""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import zstandard

from connector.records import ReceivedPerson, ReceivedSegment, ReceivedTransfer, Tombstone, Transfer
from connector.services.patience import retry_after
from tests.two_party import segmented, story
from tests.two_party.puppet import Key
from tests.two_party.releases import content_of
from tests.two_party.segmented import Segment, SegmentedProvider, code, line
from tests.two_party.space import Party, Space, until


@pytest.fixture
async def research(space: Space) -> Party:
    return await space.add("research", "research")


@pytest.fixture
async def hospital(space: Space, research: Party, monkeypatch) -> AsyncIterator[SegmentedProvider]:
    from connector.jobs import puller

    monkeypatch.setattr(puller, "retry_after", lambda *_: retry_after(0, 0.0) * 0)
    async with segmented.provider(space, research) as made:
        yield made


def people(*numbers: int, each: int = 5, size: int = 40) -> bytes:
    return b"".join(line(code(who), number, size) for who in numbers for number in range(each))


def three() -> list[Segment]:
    """Person 3 goes on from the first segment into the second."""
    more = b"".join(line(code(3), number) for number in range(5, 9))
    return [Segment.of(1, people(1, 2, 3)), Segment.of(2, more + people(4, 5)), Segment.of(3, people(6))]


async def test_segments_make_one_file_and_every_one_is_checked(hospital: SegmentedProvider):
    hospital.segments = three()
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()
    assert (row.people, row.lines, row.segments) == (6, 34, 3)
    kept = await hospital.research.find(ReceivedSegment, transfer=row.transfer)
    assert [one.people for one in kept] == [3, 3, 1]
    assert not Path(row.path).with_suffix(".part").exists()
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"), row.transfer)
    assert [one.what for one in chains] == ["The file is what its newest manifest says, after no rewriting"]
    assert chains[0].ok


def cut_points(size: int) -> list[int]:
    """Every byte at the ends, and some between."""
    return sorted({*range(5), *range(size - 5, size), *random.Random(size).sample(range(size), 25)})


async def test_wherever_the_connection_breaks_it_goes_on_at_that_byte(hospital: SegmentedProvider):
    hospital.segments = three()
    places = {one.id: cut_points(len(one.encoded)) for one in hospital.segments}
    hospital.cuts = {id: list(some) for id, some in places.items()}
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()
    for one in hospital.segments:
        starts = [asked.range for asked in hospital.of_segment(one)]
        assert starts == sorted(starts), "nothing that came is asked for again"
        assert set(starts) == {0, *places[one.id]}
        resumed = [asked for asked in hospital.of_segment(one) if asked.range]
        assert {asked.fields["if-range"] for asked in resumed} == {f'"{one.id}+zstd"'}
    first, *more = (people for people in await hospital.research.find(ReceivedPerson, transfer=row.transfer))
    assert sum(one.lines for one in (first, *more)) == 34


async def test_our_own_restart_goes_on_where_it_was(hospital: SegmentedProvider):
    hospital.segments = three()
    second = hospital.segments[1]
    hospital.cuts[second.id] = [100] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(
        ReceivedSegment, hospital.pid, 2, where=lambda row: (row.standing, row.stored) == ("coming", 100)
    )
    await hospital.research.stop()
    hospital.cuts.clear()
    before = len(hospital.asked)
    await hospital.research.start()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()
    fetched = [asked for asked in hospital.asked[before:] if asked.path.endswith((second.id, hospital.segments[0].id))]
    assert [(asked.path[-40:], asked.range) for asked in fetched] == [(second.id, 100)]


async def test_a_provider_that_is_down_for_a_while_is_waited_for(hospital: SegmentedProvider):
    hospital.segments = three()
    hospital.cuts[hospital.segments[1].id] = [50]
    hospital.down = True
    await hospital.asked_for()
    await until(lambda: len(hospital.sink.deliveries) > 3, "some tries")
    hospital.down = False
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()


@pytest.mark.parametrize("when", ["half of it is here", "it was listed"])
async def test_a_segment_that_is_taken_back_leaves_nothing_and_its_successor_comes(
    hospital: SegmentedProvider, when: str
):
    hospital.segments = three()
    first, second, third = hospital.segments
    successor = Segment.of(9, b"".join(line(code(3), number) for number in range(5, 9)) + people(5))

    def take_back() -> None:
        second.gone = successor.id
        hospital.segments = [first, second, successor, third]

    if when == "it was listed":
        hospital.seen = lambda asked: asked.path.endswith(first.id) and take_back()
        await hospital.asked_for()
    else:
        hospital.cuts[second.id] = [90] * 10_000
        await hospital.asked_for()
        await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 90)
        take_back()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()
    assert code(4).encode() not in content_of(row.path)
    assert not Path(row.path).with_suffix(".part").exists()
    assert code(4) not in {one.code for one in await hospital.research.find(ReceivedPerson, transfer=row.transfer)}
    gone = await hospital.research.get(ReceivedSegment, hospital.pid, 2)
    assert (gone.standing, gone.stored, gone.people) == ("gone", 0, 0)
    assert gone.successor in ("", successor.id)


async def test_a_segment_that_nothing_takes_the_place_of_is_left_out(hospital: SegmentedProvider):
    hospital.segments = three()
    hospital.seen = lambda asked: setattr(hospital.segments[2], "gone", "")
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    assert (row.people, row.segments) == (5, 2)


async def test_a_resource_that_changed_meanwhile_is_taken_from_its_start(hospital: SegmentedProvider):
    """If-Range: the sender answers with the whole when the bytes are not those that were begun."""
    hospital.segments = [Segment.of(1, people(1, 2))]
    one = hospital.segments[0]
    hospital.cuts[one.id] = [60] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 1, where=lambda row: row.stored == 60)
    hospital.cuts.clear()
    hospital.ignores_range = True
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()


@pytest.mark.parametrize("how", ["tampered", "missing", "reordered", "foreign-key", "another-chain", "no-previous"])
async def test_what_is_not_what_the_manifest_says_is_found(hospital: SegmentedProvider, how: str):
    hospital.segments = three()
    if how == "no-previous":
        await hospital.asked_for()
        await hospital.received()
        hospital.release = story.urn()
    said = hospital.segments
    if how == "tampered":
        other = Segment.of(2, said[1].body.replace(b"0", b"1"))
        said[1].sent = other.encoded
    claims = orjson.loads(base64.urlsafe_b64decode(hospital.manifest().split(".")[1] + "=="))
    files = claims["files"]
    if how == "missing":
        hospital.claims = {"files": files[:2]}
    if how == "reordered":
        hospital.claims = {"files": [files[1], files[0], files[2]]}
    if how == "foreign-key":
        hospital.signer = Key()
    if how == "another-chain":
        hospital.claims = {"continues": "a" * 64}
    await hospital.asked_for()
    row = await hospital.received()
    found = {
        "tampered": "file 2 (sha256)", "missing": "3 files, and not 2", "reordered": "the order of the files",
        "foreign-key": "does not verify", "another-chain": "continues", "no-previous": "previous",
    }  # fmt: skip
    assert row.verified is False
    assert found[how] in row.finding
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"), row.transfer)
    assert chains[0].ok is (how in ("another-chain", "no-previous")), chains[0].what


@pytest.mark.parametrize("content", [bytes(100 * 1024 * 1024), line(code(3), 5) * 800_000], ids=["zeros", "lines"])
async def test_a_segment_that_opens_to_more_than_it_may_is_refused(hospital: SegmentedProvider, content: bytes):
    bomb = zstandard.ZstdCompressor(level=3).compress(content)
    assert len(bomb) < 40_000
    hospital.segments = three()
    hospital.segments[1].sent = bomb
    await hospital.asked_for()
    row = await hospital.received("broken")
    assert (row.verified, row.lines) == (None, 15)
    assert "larger than one may be" in row.finding
    assert content_of(row.path) == hospital.segments[0].body, "no line of it is kept"
    assert not Path(row.path).with_suffix(".part").exists()
    assert len(hospital.of_segment(hospital.segments[1])) == 1, "it is not asked for again"


async def test_a_segment_that_is_not_what_its_encoding_says_is_fetched_again(hospital: SegmentedProvider):
    hospital.segments = three()
    second = hospital.segments[1]
    second.sent = second.encoded[:40] + b"?" + second.encoded[41:]
    hospital.seen = lambda asked: setattr(second, "sent", None) if len(hospital.of_segment(second)) > 1 else None
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    assert len(hospital.of_segment(second)) == 2


async def test_whoever_stopped_is_kept_out_on_arrival_and_the_file_gets_a_manifest_of_ours(hospital: SegmentedProvider):
    hospital.segments = three()
    await hospital.research.add(
        Tombstone(agreement=hospital.agreement, code=code(3), notice=story.urn(), received_at=datetime.now(UTC),
                  stopped_at=datetime.now(UTC), erased_at=datetime.now(UTC), answer="erased")
    )  # fmt: skip
    await hospital.asked_for()
    row = await hospital.received()
    assert row.verified, row.finding
    assert code(3).encode() not in content_of(row.path)
    assert len((row.revisions or {})["revisions"]) == 1
    assert row.people == 6, "what arrived is counted, whoever it was"
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"), row.transfer)
    assert chains[0].ok, chains[0].what


async def test_somebody_erased_while_a_segment_comes_leaves_no_byte_of_it(hospital: SegmentedProvider):
    hospital.segments = three()
    first, second, third = hospital.segments
    successor = Segment.of(9, people(4, 5))
    hospital.cuts[second.id] = [90] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 90)
    notice = story.urn()
    await hospital.research.add(
        Tombstone(agreement=hospital.agreement, code=code(3), notice=notice, received_at=datetime.now(UTC))
    )
    second.gone = successor.id
    hospital.segments = [first, second, successor, third]
    hospital.research.context.bells.ring("erase")
    row = await hospital.received()
    assert row.verified, row.finding
    stone = await hospital.research.eventually(
        Tombstone, hospital.agreement, code(3), where=lambda one: one.answer == "erased"
    )
    assert (stone.lines, code(3).encode() in content_of(row.path)) == (5, False)
    chains = await hospital.research.services.looking.verify(hospital.research.acting("researcher"), row.transfer)
    assert chains[0].ok, chains[0].what


async def test_what_had_come_of_a_segment_goes_when_somebody_is_erased(hospital: SegmentedProvider):
    """Nobody can tell whose the compressed bytes are; they are fetched again."""
    hospital.segments = three()
    second = hospital.segments[1]
    hospital.cuts[second.id] = [90] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 90)
    hospital.down = True
    part = Path((await hospital.research.get(ReceivedTransfer, hospital.pid)).path).with_suffix(".part")
    assert [one.stat().st_size for one in part.iterdir()] == [90]
    await hospital.research.add(
        Tombstone(agreement=hospital.agreement, code=code(3), notice=story.urn(), received_at=datetime.now(UTC))
    )
    hospital.research.context.bells.ring("erase")
    await hospital.research.eventually(Tombstone, hospital.agreement, code(3), where=lambda one: one.answer == "erased")
    assert not part.exists()
    hospital.cuts.clear()
    hospital.down = False
    row = await hospital.received()
    assert row.verified, row.finding
    assert code(3).encode() not in content_of(row.path)
    assert hospital.of_segment(second)[-1].range == 0


def lose_the_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def append(path: Path, lines: list[bytes], place: int) -> None:
    """Lines and where they end in the sender's count, as the connector stores them."""
    with path.open("ab") as data, path.with_suffix(".offsets").open("ab") as index:
        for one in lines:
            place += len(one)
            data.write(one)
            index.write(place.to_bytes(8, "little"))


async def test_a_file_that_lost_a_line_while_nobody_looked_is_fetched_anew(hospital: SegmentedProvider):
    hospital.segments = three()
    second = hospital.segments[1]
    hospital.cuts[second.id] = [100] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 100)
    row = await hospital.research.get(ReceivedTransfer, hospital.pid)
    await hospital.research.stop()
    lose_the_last_line(Path(row.path))
    hospital.cuts.clear()
    await hospital.research.start()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()
    assert not row.revisions
    assert len(hospital.of_segment(hospital.segments[0])) == 2


async def test_lines_that_were_not_noted_before_a_crash_are_not_there_twice(hospital: SegmentedProvider):
    """The process died after it had appended a segment's lines, and before it noted that."""
    hospital.segments = three()
    second = hospital.segments[1]
    hospital.cuts[second.id] = [100] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 100)
    row = await hospital.research.get(ReceivedTransfer, hospital.pid)
    await hospital.research.stop()
    append(Path(row.path), second.body.splitlines(keepends=True)[:4], len(hospital.segments[0].body))
    hospital.cuts.clear()
    await hospital.research.start()
    row = await hospital.received()
    assert row.verified, row.finding
    assert content_of(row.path) == hospital.whole()


async def test_an_answer_that_is_another_segment_is_not_taken(hospital: SegmentedProvider, monkeypatch):
    from connector.jobs import puller

    monkeypatch.setattr(puller, "_PATIENCE", 2)
    hospital.segments, hospital.etag = three(), f'"{"a" * 40}+zstd"'
    await hospital.asked_for()
    row = await hospital.received("ended")
    assert (row.lines, content_of(row.path)) == (0, b"")
    assert len(hospital.of_segment(hospital.segments[0])) == 3


async def test_a_paused_transfer_waits_and_goes_on(hospital: SegmentedProvider):
    hospital.segments = three()
    second = hospital.segments[1]
    hospital.cuts[second.id] = [100] * 10_000
    await hospital.asked_for()
    await hospital.research.eventually(ReceivedSegment, hospital.pid, 2, where=lambda row: row.stored == 100)
    desk, actor = hospital.research.services.transfer_desk, hospital.research.acting("researcher")
    await desk.suspend(actor, hospital.pid, "A pause.")
    await hospital.research.eventually(Transfer, hospital.pid, where=lambda found: found.state == "SUSPENDED")
    before = len(hospital.asked)
    hospital.cuts.clear()
    await desk.resume(actor, hospital.pid)
    await hospital.research.eventually(Transfer, hospital.pid, where=lambda found: found.state == "STARTED")
    row = await hospital.received()
    assert row.verified, row.finding
    assert [asked.range for asked in hospital.of_segment(second)][-1] == 100
    assert len(hospital.asked) > before
