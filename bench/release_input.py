"""What `bench.release` releases: the bundles of the demonstration, again and again, each time with fresh ids.

Every repeat is new people of the same hospital: the ids of a person and of their records are others, those of
practitioners and organizations stay. Everything else is as an import stores it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from connector.records import SourceRecord
from connector.sources.fhir import prepare, read_bundles
from connector.vault import PersonCoder

SHIPPED = Path(__file__).parents[1] / "connector" / "demo" / "data" / "bundles"
SOURCE = "bench"
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Person:
    """One person of the source: their id there, their records, and what would give them away."""

    id: str
    rows: tuple[SourceRecord, ...]
    identifiers: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of their records."""
        return sum(len(row.body) for row in self.rows)

    def coder(self) -> PersonCoder:
        """Their pseudonym: keyed by the person only, this is a measurement."""
        return PersonCoder(sha256(self.id.encode()).digest())


def shipped(folder: Path = SHIPPED) -> list[Person]:
    """The people of the bundles, each with the records that are about them."""
    found = []
    for file in read_bundles(folder):
        piece = prepare(file)
        (person,) = (one.id for one in piece.people)
        rows = tuple(
            SourceRecord(
                source=SOURCE, resource_type=one.resource_type, id=one.id, person=person, category=one.category,
                start=one.start, end=one.end, body=one.body,
            )
            for one in piece.records if one.subject
        )  # fmt: skip
        found.append(Person(person, rows, tuple(sorted(piece.identifiers))))
    return found


def repeated(people: list[Person], wanted: int, turn: int = 0) -> Iterator[Person]:
    """The people again and again from this turn on, each time as somebody new, until so many bytes are there."""
    size = 0
    while size < wanted:
        for person in people:
            if size >= wanted:
                return
            fresh = again(person, turn)
            size += fresh.size
            yield fresh
        turn += 1


def again(person: Person, turn: int) -> Person:
    """The same person and records under fresh ids."""
    own = {row.id.encode() for row in person.rows}
    known: dict[bytes, bytes] = {}

    def fresh(match: re.Match[bytes]) -> bytes:
        id = match[0]
        if id not in own:
            return id
        if id not in known:
            known[id] = str(UUID(bytes=sha256(b"%d/%b" % (turn, id)).digest()[:16], version=4)).encode()
        return known[id]

    def told(text: str) -> str:
        return _UUID.sub(fresh, text.encode()).decode()

    rows = tuple(
        replace(row, id=told(row.id), person=told(person.id), body=_UUID.sub(fresh, row.body)) for row in person.rows
    )
    return Person(told(person.id), rows, tuple(sorted(map(told, person.identifiers))))
