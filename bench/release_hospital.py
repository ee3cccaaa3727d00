"""A hospital that holds as many megabytes as are wanted, with a contract about them, for benches that serve them.

The people are those of `bench.release_input`, each linked and agreeing; the contract, the study and one person's
consent come about as in real life, between three connectors. Then the hospital is served in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx2

from bench.release_input import Person as Somebody
from bench.release_input import repeated, shipped
from connector.records import Consent, Link, Person
from policy.canonical import digest
from tests.faults.processes import Served
from tests.two_party.releases import BUNDLES, Stage, hospital_stage, opened_by_hand
from tests.two_party.space import Space, make_empty_store

_TOGETHER = 20
"""People in one commit."""

Pull = tuple[str, str]
"""A started transfer: its pid and its token."""


@dataclass
class Hospital:
    """A hospital in its directory; it does not run between two measurements."""

    stage: Stage
    template: Consent
    people: list[Somebody]
    held: int = 0
    turn: int = 0
    added: dict[str, Somebody] = field(default_factory=dict)
    """Whoever was added, by the id they have here."""

    async def fill(self, wanted: int) -> None:
        """Add people until those who agree have so many bytes of records; the hospital runs meanwhile."""
        await self.stage.holder.start()
        try:
            group: list[object] = []
            for number, somebody in enumerate(repeated(self.people, wanted - self.held, self.turn), 1):
                group += self._records_of(somebody)
                self.held += somebody.size
                if number % len(self.people) == 0:
                    self.turn += 1
                if number % _TOGETHER == 0:
                    await self.stage.holder.add(*group)
                    group = []
                    print(f"\r  {self.held / 1e6:,.0f} MB in the store", end="", file=sys.stderr, flush=True)
            await self.stage.holder.add(*group)
            self.turn += 1
            print(file=sys.stderr)
        finally:
            await self.stage.holder.stop()

    async def pulls(self, count: int) -> list[Pull]:
        """So many started transfers."""
        await self.stage.holder.start()
        try:
            return [await opened_by_hand(self.stage) for _ in range(count)]
        finally:
            await self.stage.holder.stop()

    @property
    def directory(self) -> str:
        """Where it keeps everything."""
        return str(self.stage.holder.founded.directory)

    def served(self) -> Served:
        """Its process, not started yet."""
        return Served(self.stage.holder.founded, self.stage.holder.port)

    def _records_of(self, somebody: Somebody) -> Sequence[object]:
        """Somebody with their link and consent, in place of the one of whom the consent was copied."""
        holder = self.stage.holder
        person = Person(id=f"urn:uuid:{uuid4()}", source=self.stage.source, source_id=somebody.id, name="")
        self.added[person.id] = somebody
        link = Link(
            id=f"urn:uuid:{uuid4()}", person=person.id, wallet=self.stage.wallet.id, linked_at=datetime.now(UTC)
        )
        record = {**(self.template.record or {}), "id": f"urn:uuid:{uuid4()}", "link": link.id}
        consent = replace(
            self.template, id=record["id"], link=link.id, person=person.id, record=record, digest=digest(record),
            jws=f"copied at {holder.id}",
        )  # fmt: skip
        rows = [replace(row, source=self.stage.source, person=person.id) for row in somebody.rows]
        return [person, link, consent, *rows]


@asynccontextmanager
async def hospital(folder: Path) -> AsyncIterator[Hospital]:
    """A hospital with a contract and the shipped bundles, of whose people one agrees; everybody else is stopped."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        space = Space(folder, make_empty_store(folder), client)
        try:
            names = ("hospital", "research", "wallet")
            trio: Any = SimpleNamespace(space=space, **{name: await space.add(name, name) for name in names})
            await space.introduce()
            stage = await hospital_stage(trio, BUNDLES)
            await stage.answer((await stage.source_ids())[0])
            (given,) = await stage.holder.find(Consent, state="given")
        finally:
            await space.close()
    yield Hospital(stage, given, shipped())
