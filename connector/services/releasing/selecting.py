"""What of one person's records goes into a release: read from the store, judged record by record.

The order within a person is that of their keyed ids: of the ids in the source it tells nothing, and under another
agreement it is another. A release in segments takes a stretch of it at a time, one that continues another only what
changed since.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import orjson

from connector.dataplane.naming import NAMELESS
from connector.ports import PersonCoder, Transaction
from connector.records import Person, SourceRecord
from connector.services.releasing.closely import Closely
from connector.services.releasing.contract import Contract
from connector.sources.fhir_people import NAMED, identifiers_of
from policy.decision import Decision
from policy.labelling import Labeller, packaged_labeller
from policy.residual import RELEASED, ItemFacts, Residual

NOT_SELECTED = "not-selected"
_PARCEL = 1024 * 1024
_PRACTITIONER = re.compile(rb'"Practitioner/([A-Za-z0-9.-]{1,64})')
_LEADS = re.compile(rb'"(%s)/([A-Za-z0-9.-]{1,64})"' % "|".join(sorted(NAMELESS)).encode())
_STATEMENT = 400
_REMEMBERED = 50_000
_NAMING = re.compile(rb'"resourceType"[ \t\r\n]*:[ \t\r\n]*"(?:%b)"' % "|".join(sorted(NAMED)).encode())
_LEADING = tuple(b'"%b/' % kind.encode() for kind in sorted(NAMELESS))

Order = tuple[bool, str, str]
"""The Patient first, then kind after kind, each in the order of keyed ids."""


class Held(NamedTuple):
    """What judging by kind and dates needs of a source's record; the first four are what it is judged by."""

    resource_type: str
    category: str
    start: date | None
    end: date | None
    id: str
    changed: int
    body: bytes


class Judgeable(Protocol):
    """A source's record, whole or as `Held`."""

    @property
    def resource_type(self) -> str:
        """See `SourceRecord`."""
        ...

    @property
    def category(self) -> str:
        """See `SourceRecord`."""
        ...

    @property
    def start(self) -> date | None:
        """See `SourceRecord`."""
        ...

    @property
    def end(self) -> date | None:
        """See `SourceRecord`."""
        ...

    @property
    def id(self) -> str:
        """See `SourceRecord`."""
        ...

    @property
    def changed(self) -> int:
        """See `SourceRecord`."""
        ...

    @property
    def body(self) -> bytes:
        """See `SourceRecord`."""
        ...


R = TypeVar("R", bound=Judgeable)


class Record(NamedTuple):
    """One record that may leave."""

    order: Order
    kind: str
    id: str
    body: bytes


@dataclass(slots=True)
class Chosen:
    """The records of one person that may leave, in order; counts of the others by reason.

    `subject` is the person's id inside the records, `identifiers` everything that would give them away. `known` is the
    digest of it all (`validators.inputs_of`) where another process read it, and it was not read again.
    """

    subject: str
    records: list[Record] = field(default_factory=list)
    withheld: Counter[str] = field(default_factory=Counter)
    identifiers: tuple[str, ...] = ()
    known: str = ""

    @property
    def portions(self) -> list[list[bytes]]:
        """The records, about a megabyte at a time."""
        portions: list[list[bytes]] = []
        size = _PARCEL
        for one in self.records:
            size += len(one.body)
            if size > _PARCEL:
                portions.append([])
                size = len(one.body)
            portions[-1].append(one.body)
        return portions


class Stretch(NamedTuple):
    """Some of one person's records: from `first` (empty: the beginning) up to before `last` (None: the end).

    Both are named as the source names them (`Observation/12`; `Observation/`: before the first of that kind): a keyed
    id kept here would outlive its secret.
    """

    person: str
    first: str = ""
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a release takes of all that may leave: records that changed after `since`, of these kinds (None: all)."""

    since: int = 0
    kinds: frozenset[str] | None = None


EVERYTHING = Limits()


@dataclass(slots=True)
class Selecting:
    """Reads people for one release; remembers what names the professionals of the source."""

    contract: Contract
    labeller: Callable[[], Labeller] = packaged_labeller
    _professionals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _agreed: dict[ItemFacts, str | None] = field(default_factory=dict)

    def choose(
        self, tx: Transaction, person: str, decision: Decision, coder: PersonCoder, limits: Limits = EVERYTHING
    ) -> Chosen:
        """Judge everything of one person under their decision; the Patient comes first, then kind after kind."""
        known = tx.get(Person, person)
        chosen = Chosen(known.source_id if known else "")
        closely = self._judging(decision, chosen.withheld)
        rows = self._rows(tx, person, whole=closely is not None)
        kept: list[Judgeable] = list(self._judged(rows, decision, chosen.withheld, closely))
        kept += self._judged(self._led_to(tx, kept), decision, chosen.withheld, closely)
        if closely is not None:
            kept = [*closely.masked(cast("list[SourceRecord]", kept))]
        if limits != EVERYTHING:
            kept = [row for row in kept if _within(row, limits)]
        chosen.records = sorted(
            Record(order_of(row.resource_type, row.id, coder), row.resource_type, row.id, row.body) for row in kept
        )
        chosen.identifiers = tuple(sorted(self._identifiers(tx, known, rows, kept)))
        return chosen

    def _rows(self, tx: Transaction, person: str, *, whole: bool) -> Sequence[Judgeable]:
        """Everything of a person: whole records where they are looked at closely, else what judging needs of them."""
        source = self.contract.source
        if whole:
            return tx.find(SourceRecord, source=source, person=person, deleted=False)
        rows = tx.rows(SourceRecord, Held._fields, source=source, person=person, deleted=False)
        return [Held(*row) for row in rows]

    def judged(self, rows: Iterable[R], decision: Decision) -> Iterator[R]:
        """Those of these records that may leave under a decision, as they may; the others are not counted."""
        withheld = Counter[str]()
        return self._judged(rows, decision, withheld, self._judging(decision, withheld))

    def _judging(self, decision: Decision, withheld: Counter[str]) -> Closely | None:
        """What looks closely at records, where the decision asks for it; else nothing does, and nothing is read."""
        residual = decision.residual
        if not residual.asks_detail:
            return None

        def withhold(found: int) -> None:
            withheld[residual.reasons[found].code] += 1

        return Closely(residual, self.contract.dataset, self.labeller, withhold)

    def _judged(
        self, rows: Iterable[R], decision: Decision, withheld: Counter[str], closely: Closely | None
    ) -> Iterator[R]:
        dataset, residual = self.contract.dataset, decision.residual
        # Many records of a person are of one kind and one day.
        known: dict[tuple[object, ...], str | None] = {}
        for row in rows:
            key = (row.resource_type, row.category, row.start, row.end)
            if key not in known:
                item = ItemFacts(*key, dataset)
                known[key] = self._agreed_on(item) if closely else self._by_kind(item, residual)
            reason = known[key]
            if reason:
                withheld[reason] += 1
            elif reason is not None:
                continue
            elif closely is None:
                yield row
            else:
                found, left = closely.judge(cast("SourceRecord", row), ItemFacts(*key, dataset))
                if found != RELEASED:
                    withheld[residual.reasons[found].code] += 1
                else:
                    yield cast("R", left)

    def _by_kind(self, item: ItemFacts, residual: Residual) -> str | None:
        """None for what may leave; else why not, empty for what is no part of the dataset."""
        agreed = self._agreed_on(item)
        if agreed is not None:
            return agreed
        found = residual.judge(item)
        return None if found == RELEASED else residual.reasons[found].code

    def _agreed_on(self, item: ItemFacts) -> str | None:
        """None for what the contract is about; else why not, empty for what is no part of the dataset."""
        if item not in self._agreed:
            if len(self._agreed) >= _REMEMBERED:
                self._agreed.clear()
            self._agreed[item] = (
                "" if self.contract.belongs.judge(item) != RELEASED
                else NOT_SELECTED if self.contract.selected.judge(item) != RELEASED
                else None
            )  # fmt: skip
        return self._agreed[item]

    def _led_to(self, tx: Transaction, rows: Iterable[Judgeable]) -> list[SourceRecord]:
        """Records about nobody in particular that these lead to; each counts for the dates of the record it is from."""
        leads: dict[tuple[str, str], tuple[Judgeable, int]] = {}
        for row in rows:
            body = row.body
            if not any(one in body for one in _LEADING):
                continue
            for kind, id in _LEADS.findall(body):
                key = (kind.decode(), id.decode())
                first, changed = leads.setdefault(key, (row, row.changed))
                leads[key] = first, max(changed, row.changed)
        found = []
        for (kind, id), (row, changed) in sorted(leads.items(), key=itemgetter(0)):
            record = tx.get(SourceRecord, self.contract.source, kind, id)
            if record is not None and record.person is None and not record.deleted:
                newest = max(record.changed, changed)
                found.append(replace(record, start=row.start, end=row.end, changed=newest))
        return found

    def _identifiers(
        self, tx: Transaction, known: Person | None, rows: Iterable[Judgeable], kept: Iterable[Judgeable]
    ) -> set[str]:
        """Everything that would give away the person, their relatives, or the professionals their records name."""
        found = {text for text in (known.source_id, known.name) if text} if known else set()
        for row in rows:
            if row.resource_type in NAMED or _may_contain_people(row.body):
                found.update(identifiers_of(orjson.loads(row.body)))
        naming = (row.body for row in kept if b'"Practitioner/' in row.body)
        named = sorted({id.decode() for body in naming for id in _PRACTITIONER.findall(body)})
        self._read_professionals(tx, [id for id in named if id not in self._professionals])
        for id in named:
            found.update(self._professionals[id])
        return found

    def _read_professionals(self, tx: Transaction, unread: Sequence[str]) -> None:
        for start in range(0, len(unread), _STATEMENT):
            wanted = unread[start : start + _STATEMENT]
            self._professionals |= dict.fromkeys(wanted, ())
            for record in tx.find(
                SourceRecord, source=self.contract.source, resource_type="Practitioner", id=wanted, deleted=False
            ):
                self._professionals[record.id] = tuple(identifiers_of(orjson.loads(record.body)))


def _may_contain_people(body: bytes) -> bool:
    """Whether a resource in this one could be a person's: one whose kind stands there, plainly or in escapes."""
    return b'"contained"' in body and (b"\\u" in body or _NAMING.search(body) is not None)


def _within(row: Judgeable, limits: Limits) -> bool:
    return row.changed > limits.since and (limits.kinds is None or row.resource_type in limits.kinds)


def order_of(kind: str, id: str, coder: PersonCoder) -> Order:
    """Where a record stands among those of its person."""
    return kind != "Patient", kind, coder.id(kind, id)


def cut(records: Sequence[Record], stretch: Stretch, coder: PersonCoder) -> list[Record]:
    """Those of a person's records that lie in a stretch."""
    begin = _place(stretch.first, coder) if stretch.first else None
    end = _place(stretch.last, coder) if stretch.last is not None else None
    return [
        one for one in records if (begin is None or one.order >= begin) and (end is None or one.order < end)
    ]  # fmt: skip


def _place(name: str, coder: PersonCoder) -> Order:
    kind, _, id = name.partition("/")
    return order_of(kind, id, coder) if id else (kind != "Patient", kind, "")


def item_of(point: Any, dataset: str) -> ItemFacts:
    """A data point as the filters see it: one calendar day in UTC, or the days from its start to its end."""
    start, end = (moment.date() if moment else None for moment in (point.start, point.end))
    return ItemFacts("DataPoint", point.category, start, end, dataset)
