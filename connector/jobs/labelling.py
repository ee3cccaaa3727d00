"""Labelling anew: records that no labeller or another one has labelled, at the start, in small transactions.

A release does not wait for it: where a person's choices ask for labels, a record without current ones is labelled then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from connector.ports import Transaction
from connector.records import Source, SourceRecord
from connector.services.context import Context
from connector.services.holding.labels import Given, label_all
from connector.services.holding.versions import Changes
from connector.services.tasks import trace_of
from connector.sources.fhir_subject import KINDS
from policy.labelling import Labeller

_PORTION = 200
"""Rows labelled in one transaction: the writer is back with the others after some milliseconds."""

log = logging.getLogger("concord.labelling")


class Labelling:
    """One per process. `run` ends when everything is labelled."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Label what is there, source by source; a fault is noted and ends it until the next start."""
        try:
            labeller = await asyncio.to_thread(self._context.data.labeller)
            for source in await self._context.store.read(lambda tx: tx.find(Source, kind="fhir", order="id")):
                if source.labeller != labeller.name:
                    await self.label_anew(labeller, source.id)
        except Exception as error:
            log.error("records cannot be labelled: %s\n%s", type(error).__name__, trace_of(error))

    async def label_anew(self, labeller: Labeller, source: str) -> int:
        """Label every record of a source that this labeller has not; returns how many there were."""
        done, unreadable = 0, 0
        for kind in sorted(KINDS):
            last = ""
            while rows := await self._context.store.read(partial(_others, source, kind, last, labeller.name)):
                given = await asyncio.to_thread(label_all, labeller, [row.body for row in rows])
                done += await self._context.store.write(partial(self._keep, rows, given))
                unreadable += sum(1 for _, name in given if not name)
                last = rows[-1].id
        await self._context.store.write(partial(self._finished, source, labeller, done, unreadable))
        return done

    def _keep(self, rows: Sequence[SourceRecord], given: Sequence[Given], tx: Transaction) -> int:
        """Keep the labels; a record that was taken in anew meanwhile has its own already."""
        changes, done = Changes(tx, rows[0].source, self._context.clock()), 0
        for row, (labels, name) in zip(rows, given, strict=True):
            now = tx.get(SourceRecord, row.source, row.resource_type, row.id)
            if now is None or (now.labeller, now.version, now.number) != (row.labeller, row.version, row.number):
                continue
            labelled = replace(now, labels=labels, labeller=name)
            if labels == now.labels:
                tx.put(labelled)
            else:
                changes.labels_changed(labelled)
            done += 1
        changes.close()
        return done

    def _finished(self, source: str, labeller: Labeller, done: int, unreadable: int, tx: Transaction) -> None:
        tx.alter(Source, {"labeller": labeller.name}, id=source)
        if done:
            facts = {"records": done, "unreadable": unreadable, "labeller": labeller.name}
            self._context.log(tx, "source.labelled", source, facts)


def _others(source: str, kind: str, last: str, name: str, tx: Transaction) -> list[SourceRecord]:
    """The next records of a kind that another labeller, or none, has labelled."""
    return tx.find(
        SourceRecord, source=source, resource_type=kind, id__gt=last, labeller__ne=name, deleted=False, order="id",
        limit=_PORTION,
    )  # fmt: skip
