"""Sources as staff see them: what is kept from each, where it is read, and how the last reading of a server went."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Person, Source, SourceRecord
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.holding.reach import NEVER, READING, STOPPED, Reach, State
from connector.services.holding.syncing import Syncing

AGAIN = "begun again by `concord sources sync`, from the end of the last whole reading; what has come stays"


@dataclass(frozen=True, slots=True)
class SourceShown:
    """One source. `standing`, `why` and what follows are of the last reading of its server; empty for files.

    `changes` counts the transactions that changed its records; `watermark` is the server's time up to which it was read
    whole; `reading` the kind of resource at which a reading stopped, or is; `deletions` how it learned of deletions: by
    history, by absence, not seen, or empty where none were looked for; `again` is how a stopped reading goes on.
    """

    id: str
    name: str
    kind: str
    release: str
    people: int
    records: int
    changes: int
    last_import: datetime | None
    server: str
    how: str
    watermark: str
    standing: str
    why: str
    reading: str
    since: str
    whole: bool
    started_at: str
    ended_at: str
    read_people: int
    read_records: int
    changed: int
    deleted: int
    refused: int
    refusals: list[str]
    deletions: str
    again: str


class SourcesDesk:
    """Looks at sources."""

    def __init__(self, context: Context, syncing: Syncing) -> None:
        self._context = context
        self._syncing = syncing

    async def one(self, actor: Actor, source: str) -> SourceShown:
        """A source by its id or name. Raises Problem 404."""
        require(actor, "steward", "operator", "dpo")
        return await self._context.store.read(lambda tx: self._shown(tx, named(tx, source)))

    async def id_of(self, actor: Actor, source: str) -> str:
        """The id of a source by its id or name. Raises Problem 404."""
        require(actor, "steward", "operator")
        return await self._context.store.read(lambda tx: named(tx, source).id)

    def _shown(self, tx: Transaction, source: Source) -> SourceShown:
        reach = Reach.of(source.reach)
        state = self._truly(source, reach.state) if reach is not None else State(standing="")
        return SourceShown(
            source.id, source.name, source.kind, source.release, tx.count(Person, source=source.id),
            tx.count(SourceRecord, source=source.id, deleted=False), source.sequence, source.imported_at,
            reach.server if reach else "", reach.how if reach else "", source.watermark, state.standing, state.why,
            state.reading, state.since, state.whole, state.started_at, state.ended_at, state.people, state.records,
            state.changed, state.deleted, state.refused, list(state.refusals), state.deletions,
            AGAIN if state.standing in (STOPPED, NEVER) else "",
        )  # fmt: skip

    def _truly(self, source: Source, state: State) -> State:
        """A reading that nobody does any more has stopped: its process ended."""
        if state.standing == READING and source.id not in self._syncing.running:
            return replace(state, standing=STOPPED, why="the process ended while it was read")
        return state


def named(tx: Transaction, source: str) -> Source:
    """A source by its id, or else by its name. Raises Problem 404."""
    found = tx.get(Source, source) or next(iter(tx.find(Source, name=source, limit=1)), None)
    if found is None:
        raise missing("There is no such source")
    return found
