"""What of one person's records goes into a release: read from the store, judged record by record.

The order within a person is that of their keyed ids: of the ids in the source it tells nothing, and under another
agreement it is another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from connector.dataplane.naming import NAMELESS
from connector.ports import PersonCoder, Transaction
from connector.records import Person, SourceRecord
from connector.services.releasing.closely import Closely
from connector.services.releasing.contract import Contract
from connector.sources.fhir_people import NAMED, identifiers_of
from policy.decision import Decision
from policy.labelling import Labeller, packaged_labeller
from policy.residual import RELEASED, ItemFacts

NOT_SELECTED = "not-selected"
_PARCEL = 1024 * 1024
_PRACTITIONER = re.compile(rb'"Practitioner/([A-Za-z0-9.-]{1,64})')
_LEADS = re.compile(rb'"(%s)/([A-Za-z0-9.-]{1,64})"' % "|".join(sorted(NAMELESS)).encode())
_STATEMENT = 400


@dataclass(slots=True)
class Chosen:
    """The records of one person that may leave, in portions of about a megabyte; counts of the others by reason."""

    subject: str
    portions: list[list[bytes]] = field(default_factory=list)
    withheld: Counter[str] = field(default_factory=Counter)
    identifiers: tuple[str, ...] = ()


@dataclass(slots=True)
class Selecting:
    """Reads people for one release; remembers what names the professionals of the source."""

    contract: Contract
    labeller: Callable[[], Labeller] = packaged_labeller
    _professionals: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def choose(self, tx: Transaction, person: str, decision: Decision, coder: PersonCoder) -> Chosen:
        """Judge everything of one person under their decision; the Patient comes first, then kind after kind."""
        known = tx.get(Person, person)
        rows = tx.find(SourceRecord, source=self.contract.source, person=person, deleted=False)
        chosen = Chosen(known.source_id if known else "")
        closely = self._judging(decision, chosen.withheld)
        kept = list(self._judged(rows, decision, chosen.withheld, closely))
        kept += self._judged(self._led_to(tx, kept), decision, chosen.withheld, closely)
        if closely is not None:
            kept = closely.masked(kept)
        kept.sort(key=lambda row: (row.resource_type != "Patient", row.resource_type, _keyed(row, coder)))
        chosen.portions = list(_portions(row.body for row in kept))
        chosen.identifiers = tuple(sorted(self._identifiers(tx, known, rows, kept)))
        return chosen

    def _judging(self, decision: Decision, withheld: Counter[str]) -> Closely | None:
        """What looks closely at records, where the decision asks for it; else nothing does, and nothing is read."""
        residual = decision.residual
        if not residual.asks_detail:
            return None

        def withhold(found: int) -> None:
            withheld[residual.reasons[found].code] += 1

        return Closely(residual, self.contract.dataset, self.labeller, withhold)

    def _judged(
        self, rows: Iterable[SourceRecord], decision: Decision, withheld: Counter[str], closely: Closely | None
    ) -> Iterator[SourceRecord]:
        dataset = self.contract.dataset
        for row in rows:
            item = ItemFacts(row.resource_type, row.category, row.start, row.end, dataset)
            if self.contract.belongs.judge(item) != RELEASED:
                continue
            if self.contract.selected.judge(item) != RELEASED:
                withheld[NOT_SELECTED] += 1
                continue
            found, left = closely.judge(row, item) if closely else (decision.residual.judge(item), row)
            if found != RELEASED:
                withheld[decision.residual.reasons[found].code] += 1
            else:
                yield left

    def _led_to(self, tx: Transaction, rows: Iterable[SourceRecord]) -> list[SourceRecord]:
        """Records about nobody in particular that these lead to; each counts for the dates of the record it is from."""
        leads: dict[tuple[str, str], SourceRecord] = {}
        for row in rows:
            for kind, id in _LEADS.findall(row.body):
                leads.setdefault((kind.decode(), id.decode()), row)
        found = []
        for (kind, id), row in sorted(leads.items()):
            record = tx.get(SourceRecord, self.contract.source, kind, id)
            if record is not None and record.person is None and not record.deleted:
                found.append(replace(record, start=row.start, end=row.end))
        return found

    def _identifiers(
        self, tx: Transaction, known: Person | None, rows: Iterable[SourceRecord], kept: Iterable[SourceRecord]
    ) -> set[str]:
        """Everything that would give away the person, their relatives, or the professionals their records name."""
        found = {text for text in (known.source_id, known.name) if text} if known else set()
        for row in rows:
            if row.resource_type in NAMED or b'"contained"' in row.body:
                found.update(identifiers_of(orjson.loads(row.body)))
        named = sorted({id.decode() for row in kept for id in _PRACTITIONER.findall(row.body)})
        unread = [id for id in named if id not in self._professionals]
        for start in range(0, len(unread), _STATEMENT):
            wanted = unread[start : start + _STATEMENT]
            self._professionals |= dict.fromkeys(wanted, ())
            for record in tx.find(SourceRecord, source=self.contract.source, resource_type="Practitioner", id=wanted):
                self._professionals[record.id] = tuple(identifiers_of(orjson.loads(record.body)))
        for id in named:
            found.update(self._professionals[id])
        return found


def _keyed(row: SourceRecord, coder: PersonCoder) -> str:
    return coder.id(row.resource_type, row.id)


def _portions(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    portion: list[bytes] = []
    size = 0
    for body in bodies:
        if portion and size + len(body) > _PARCEL:
            yield portion
            portion, size = [], 0
        portion.append(body)
        size += len(body)
    if portion:
        yield portion


def item_of(point: Any, dataset: str) -> ItemFacts:
    """A data point as the filters see it: one calendar day in UTC, or the days from its start to its end."""
    start, end = (moment.date() if moment else None for moment in (point.start, point.end))
    return ItemFacts("DataPoint", point.category, start, end, dataset)
