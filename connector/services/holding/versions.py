"""Versions of a source's records: what came anew, changed, moved to another person or is no more, each under a number.

A source counts the transactions that changed its records (`Source.sequence`); every record changed in one carries its
number (`SourceRecord.changed`), so that whoever has everything up to one number can be told what came after. The same
content again is no change: what a server stamps on a record is not content (`connector.sources.fhir_canonical`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from connector.ports import Transaction
from connector.records import RecordVersion, Source, SourceRecord
from connector.services.holding.merged import others_of
from connector.sources.fhir_canonical import same_content

Key = tuple[str, str]
"""Type and id of a record within its source."""
CREATED, CHANGED, DELETED, MERGED = "created", "changed", "deleted", "merged"
LABELLED = "labelled"
"""Its content is as it was and its labels are not: a change for those only whose filter looks at labels."""
_LISTS = (1, 4, 16, 64, 256)
"""How many ids one question names, repeating the last: each length is a statement of its own that has to be made."""


class Named(Protocol):
    """Anything that names a record of a source."""

    @property
    def resource_type(self) -> str:
        """Its kind."""

    @property
    def id(self) -> str:
        """Its id there."""


def key_of(one: Named) -> Key:
    """Its key within its source."""
    return one.resource_type, one.id


class Changes:
    """What one transaction changes among the records of a source; `before` is its number until then. End by `close`."""

    def __init__(self, tx: Transaction, source: str, at: datetime) -> None:
        self.before = sequence_of(tx, source)
        self._tx = tx
        self._source = source
        self._at = at
        self._number = self.before + 1
        self.changed = 0
        self.deleted = 0
        self.labelled = 0

    def keep(self, row: SourceRecord, before: SourceRecord | None) -> None:
        """Keep a record as it came now; `before` is what was kept of it until now."""
        if before is not None and _same(before, row):
            same = replace(row, number=before.number, changed=before.changed)
            if same.labels != before.labels:
                self.labels_changed(same)
            elif same != before:  # the labeller's name, or the server's own number: nothing of its content
                self._tx.put(same)
            return
        self.changed += 1
        if before is None:
            self._write(row, CREATED, new=True)
        else:
            self._write(replace(row, number=before.number + 1), CREATED if before.deleted else _what(before, row))

    def delete(self, before: SourceRecord) -> None:
        """The source does not have it any more: the row stays, without body and labels, for who has to be told."""
        row = replace(before, deleted=True, body=b"", labels=None, version="", number=before.number + 1)
        self._write(row, DELETED)
        self.deleted += 1

    def labels_changed(self, row: SourceRecord) -> None:
        """Keep a record that has other labels now; its last change of content stays what it was."""
        row = replace(row, number=row.number + 1)
        self._tx.put(row)
        self._note(row, LABELLED)
        self.labelled += 1

    def _write(self, row: SourceRecord, what: str, *, new: bool = False) -> None:
        row = replace(row, changed=self._number)
        if new:
            self._tx.add(row)
        else:
            self._tx.put(row)
        self._note(row, what)

    def _note(self, row: SourceRecord, what: str) -> None:
        self._tx.add(
            RecordVersion(
                source=row.source, resource_type=row.resource_type, id=row.id, number=row.number, person=row.person,
                what=what, digest=sha256(row.body).hexdigest() if row.body else "", changed=self._number, at=self._at,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Count the transaction, if it changed anything."""
        if self.changed or self.deleted or self.labelled:
            self._tx.alter(Source, {"sequence": self._number}, id=self._source)


def _same(before: SourceRecord, row: SourceRecord) -> bool:
    return not before.deleted and before.person == row.person and same_content(before.body, row.body)


def _what(before: SourceRecord, row: SourceRecord) -> str:
    """Merged: a Patient that newly says so, or a record that belongs to another person now."""
    if before.person != row.person:
        return MERGED
    if row.resource_type == "Patient" and others_of(row.body) - others_of(before.body):
        return MERGED
    return CHANGED


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of some records, deleted ones too, and the number of the source's last change then."""

    rows: Mapping[Key, SourceRecord]
    sequence: int


def sequence_of(tx: Transaction, source: str) -> int:
    """How many transactions have changed records of this source."""
    found = tx.get(Source, source)
    return found.sequence if found is not None else 0


def kept(tx: Transaction, source: str, keys: Iterable[Key]) -> Kept:
    """What is kept of these records."""
    by_kind = defaultdict[str, list[str]](list)
    for kind, id in keys:
        by_kind[kind].append(id)
    found = dict[Key, SourceRecord]()
    for kind, ids in by_kind.items():
        for start in range(0, len(ids), _LISTS[-1]):
            some = _filled(ids[start : start + _LISTS[-1]])
            rows = tx.find(SourceRecord, source=source, resource_type=kind, id=some)
            found |= {key_of(row): row for row in rows}
    return Kept(found, sequence_of(tx, source))


def _filled(ids: list[str]) -> list[str]:
    size = next(size for size in _LISTS if size >= len(ids))
    return ids + ids[-1:] * (size - len(ids))
