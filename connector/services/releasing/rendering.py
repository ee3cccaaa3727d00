"""A segment's bytes: rendered whole, checked for leaks, in one of the formats, and cut into pieces for handing over."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from connector.dataplane.framing import LARGEST_CHUNK
from connector.dataplane.packing import IDENTITY, packed
from connector.ports import Renderer
from connector.records import Release
from connector.services.releasing.asked import BUNDLE, PARQUET
from connector.services.releasing.bundling import bundle
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Piece
from connector.services.releasing.deltas import bodies_gone
from connector.services.releasing.looking import Made
from connector.services.releasing.manifest import NDJSON
from connector.services.releasing.preparing import Lines, prepare_all

CODINGS = ("zstd", "gzip")
"""Content codings a segment can be sent in, in the order of our preference."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A segment in its format: the bytes, how many records of whom, and what was held back.

    `ends` and `whose` say of NDJSON where each line ends and whose it is; other formats do not come apart by person.
    """

    body: bytes
    digest: str
    media_type: str
    records: dict[str, int]
    withheld: Counter[str]
    dropped: int
    ends: tuple[int, ...] = ()
    whose: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        """Records in it."""
        return sum(self.records.values())


@dataclass(frozen=True, slots=True)
class Copy:
    """A segment as it goes over the wire: in a content coding, or none."""

    rendered: Rendered
    coding: str
    data: bytes

    @property
    def apart(self) -> bool:
        """Whether its bytes can be told apart by person; else all of them are everybody's."""
        return self.coding == IDENTITY and bool(self.rendered.ends)

    def counted(self, upto: int) -> dict[str, int]:
        """Records of each person that lie within the first so many bytes, the last of them perhaps in part."""
        if not self.apart:
            return self.rendered.records if upto else {}
        return Counter(self.rendered.whose[: bisect_left(self.rendered.ends, upto) + 1]) if upto else {}

    def is_all(self, upto: int) -> bool:
        """Whether of every record something lies within the first so many bytes: who left a line end out has it all."""
        if upto == len(self.data):
            return True
        ends = self.rendered.ends
        return self.apart and upto > (ends[-2] if len(ends) > 1 else 0)

    def people_within(self, upto: int) -> frozenset[str]:
        """Of whom something lies within the first so many bytes."""
        return frozenset(self._people(0, upto)) if upto else frozenset()

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, Piece]]:
        """(start, end, piece) of a range, each at most a chunk, cut after a line where there is one."""
        while start < stop:
            end = self._end(start, stop)
            records = dict.fromkeys(self._people(start, end), 0)
            yield start, end, Piece(self.data[start:end], records, len(records))
            start = end

    def _end(self, start: int, stop: int) -> int:
        end = min(start + LARGEST_CHUNK, stop)
        if end == stop or not self.apart:
            return end
        ends = self.rendered.ends
        last = bisect_right(ends, end) - 1
        return ends[last] if last >= 0 and ends[last] > start else end

    def _people(self, start: int, end: int) -> Sequence[str]:
        """Whose bytes lie in a range, wholly or in part."""
        if not self.apart:
            return [person for person, count in self.rendered.records.items() if count]
        first, last = bisect_right(self.rendered.ends, start), bisect_left(self.rendered.ends, end)
        return self.rendered.whose[first : last + 1]


@dataclass(frozen=True, slots=True)
class Leaked:
    """Whose lines held what must not leave; nothing was rendered."""

    found: dict[str, Lines]


async def render(
    renderer: Renderer, contract: Contract, release: Release, parts: Sequence[Made], *, deletions: bool
) -> Rendered | Leaked:
    """Render the parts of a segment."""
    if release.as_of is None:
        raise ValueError("a release groups ages by a day")
    if deletions:
        prepared = [_deletions(one) for one in parts]
    else:
        people = [(one.chosen, one.subject.coder) for one in parts]
        prepared = await prepare_all(renderer, contract, people, release.as_of)
    people_of = [one.stretch.person for one in parts]
    if leaked := {who: lines for who, lines in zip(people_of, prepared, strict=True) if lines.quarantined}:
        return Leaked(leaked)
    return await asyncio.to_thread(_rendered, contract, release, people_of, prepared, deletions)


def _rendered(
    contract: Contract,
    release: Release,
    people: Sequence[str],
    prepared: Sequence[Lines],
    deletions: bool,
) -> Rendered:
    lines = [line for one in prepared for line in one.lines]
    kind = NDJSON if deletions else release.format
    ends: list[int] = []
    whose: list[str] = []
    if kind == NDJSON:
        place = 0
        for person, one in zip(people, prepared, strict=True):
            for line in one.lines:
                place += len(line)
                ends.append(place)
                whose.append(person)
    body = _formatted(kind, contract, lines)
    withheld: Counter[str] = Counter()
    for one in prepared:
        withheld.update(one.withheld)
    return Rendered(
        body, sha256(body).hexdigest(), kind, {who: len(one.lines) for who, one in zip(people, prepared, strict=True)},
        withheld, sum(one.dropped for one in prepared), tuple(ends), tuple(whose),
    )  # fmt: skip


def _formatted(kind: str, contract: Contract, lines: list[bytes]) -> bytes:
    if kind == BUNDLE:
        return bundle(contract.agreement.id, lines)
    if kind == PARQUET:
        from connector.dataplane.columns import parquet  # pyarrow takes its time, and few ask for it

        return parquet(lines) if lines else b""
    return b"".join(lines)


def _deletions(one: Made) -> Lines:
    bodies = bodies_gone(one.subject.coder.code, one.chosen.records)
    return Lines(tuple(orjson.dumps(body, option=orjson.OPT_SORT_KEYS) + b"\n" for body in bodies), Counter())


async def coded(rendered: Rendered, coding: str) -> Copy:
    """A segment in a content coding. What is compressed already, or empty, goes as it is."""
    if not rendered.body or rendered.media_type == PARQUET:
        coding = IDENTITY
    if coding == IDENTITY:
        return Copy(rendered, coding, rendered.body)
    return Copy(rendered, coding, await asyncio.to_thread(packed, rendered.body, coding))


class Shelf:
    """The segments rendered last, so that a reader who comes back for the rest of one does not wait again."""

    _ROOM = 2

    def __init__(self) -> None:
        self._copies: OrderedDict[tuple[str, str], Copy] = OrderedDict()

    def find(self, id: str, coding: str) -> Copy | None:
        """The copy with this validator in this coding."""
        return self._copies.get((id, coding))

    def keep(self, id: str, copy: Copy) -> Copy:
        """Keep a copy, and let go of the oldest."""
        self._copies[id, copy.coding] = copy
        while len(self._copies) > self._ROOM:
            self._copies.popitem(last=False)
        return copy
