"""A hospital with a dataset and a research group with a study it approved, as processes that a test may kill."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from connector.founding import VAULT
from connector.lock import running
from connector.outbound.faults import Unreachable
from connector.outbound.management import ManagementClient
from connector.provenance.entry import LogRow
from connector.provenance.note import NoteVerifier
from connector.provenance.verify import verify_log
from connector.records import Dataset, LogCheckpoint, LogEntry, LogNode, Study
from connector.settings import load
from connector.vault import FileVault, verify_signature
from connector.vault.vault import LOG_KEY
from contracts.study import StudyRequest, study_digest
from policy.offers import research_offer
from tests.faults.processes import SERVE, Served, introduce
from tests.two_party import story

DESCRIPTION = {
    "id": story.RECORDS, "title": "Records", "description": "What we know.", "keywords": ["records"],
    "categories": ["conditions"], "publisher_name": "Hospital One",
    "contact": {"name": "Records office", "email": "records@hospital.example"},
    "licence": "https://hospital.example/terms", "provenance": "Written down in the wards.", "kind": "records",
    "source": "s", "issued": "2026-01-10T09:00:00Z", "modified": "2026-01-10T09:00:00Z", "version": "1",
    "health_category": "EHRS",
}  # fmt: skip
WITHOUT_FETCHING = tuple("tests.faults.serving:create" if part == "connector.app:create" else part for part in SERVE)


_LEFT = (
    "select count(*) from negotiation where state not in ('FINALIZED', 'TERMINATED')",
    "select count(*) from outbox_message where standing = 'waiting'",
)


@dataclass
class Side:
    """One participant, spoken to by its management API."""

    name: str
    served: Served

    def start(self) -> None:
        """Serve; returns when it is ready."""
        self.served.start()
        self.served.wait_ready()

    def kill(self) -> None:
        """As a power cut would."""
        self.served.kill()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """One call: status and body; status 0 when nobody answers, or the process dies over it."""
        note = running(self.served.directory)
        if note is None:
            return 0, None
        try:
            with ManagementClient(note.url, note.token, patience=20) as client:
                answer = client.call(method, f"/api{path}", None if body is None else json.dumps(body).encode())
        except Unreachable:
            return 0, None
        return answer.status, json.loads(answer.body) if answer.body else None

    @contextlib.contextmanager
    def file(self) -> Iterator[sqlite3.Connection]:
        """Its store, read from outside while it runs or does not."""
        with contextlib.closing(sqlite3.connect(f"file:{self.served.directory}/store.db?mode=ro", uri=True)) as file:
            yield file

    def rows(self, query: str) -> list[Any]:
        """What a query says of its store, read from outside while it runs or does not, on either engine."""
        if url := load(self.served.directory).store_url:
            with psycopg.connect(url, autocommit=True) as connection:
                return connection.execute(query.encode()).fetchall()
        with self.file() as file:
            return file.execute(query).fetchall()

    def left(self) -> list[int]:
        """How many of its negotiations are not over, and how many messages wait."""
        return [self.rows(query)[0][0] for query in _LEFT]


@dataclass
class Pair:
    """Both sides, and what the research group asks for."""

    hospital: Side
    research: Side
    wanted: dict[str, str]

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.hospital, self.research

    @classmethod
    def founded_in(
        cls, directory: Path, command: tuple[str, ...] = SERVE, moved: Callable[[Path], None] = lambda _directory: None
    ) -> Pair:
        """Found both; neither runs yet. `moved` may have each keep its records elsewhere."""
        hospital = Served.founded_in(directory, "hospital", "hospital", command)
        research = Served.founded_in(directory, "research", "research", command)
        for one in (hospital, research):
            moved(one.directory)
        introduce(hospital, research)
        offer = research_offer(story.urn(), [story.RESEARCH], datetime.now(UTC) + timedelta(days=365))
        claims = story.study_claims(research.founded.id, (hospital.founded.id, story.RECORDS))
        request = StudyRequest.read(claims)
        study = {"id": request.id, "organisation": research.founded.id, "digest": study_digest(request),
                 "document": claims}  # fmt: skip
        dataset = Dataset(
            id=story.RECORDS, source="s", title="Records", offer_id=offer["@id"], offer=offer, profile="p:0a",
            description=DESCRIPTION,
        )  # fmt: skip
        with hospital.opened() as store:
            store.submit(lambda tx: (tx.add(dataset), tx.add(Study(**study, standing="approved")))).result()
        with research.opened() as store:
            store.submit(lambda tx: tx.add(Study(**study, standing="published"))).result()
        wanted = {"provider": hospital.founded.id, "dataset": story.RECORDS, "offer": str(offer["@id"]),
                  "study": request.id, "purpose": story.RESEARCH}  # fmt: skip
        return cls(Side("hospital", hospital), Side("research", research), wanted)

    def wait_until_quiet(self, seconds: float = 90.0) -> None:
        """Both run: everything begun is over, and nothing waits to be sent."""
        deadline = time.monotonic() + seconds
        while (left := [side.left() for side in self.sides]) != [[0, 0], [0, 0]] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == [[0, 0], [0, 0]]

    def close(self) -> None:
        """Leave nothing running."""
        for side in self.sides:
            side.kill()


def verdict(side: Side) -> Any:
    """What an auditor finds about the log of a participant that does not run."""
    served = side.served
    name, public = served.founded.id, FileVault(served.directory / VAULT).keys.public(LOG_KEY)
    with served.opened() as store:
        return store.read_now(lambda tx: _verified(tx, NoteVerifier(name, public, verify_signature)))


def _verified(tx: Any, verifier: NoteVerifier) -> Any:
    integrated = [one for one in tx.find(LogEntry, order="sequence") if one.position is not None]
    waiting = tx.find(LogEntry, position=None, order="sequence")
    rows = [
        LogRow(place, one.at, one.kind, one.subject, one.commitment, one.salt, one.body, one.leaf_hash)
        for place, one in enumerate([*integrated, *waiting])
    ]
    assert [one.position for one in integrated] == list(range(len(integrated)))
    nodes = {(one.level, one.position): one.hash for one in tx.find(LogNode)}
    notes = [one.note for one in tx.find(LogCheckpoint)]
    return verify_log(rows, notes, verifier, lambda level, place: nodes[level, place])
