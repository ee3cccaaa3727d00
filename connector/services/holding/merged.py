"""Patients whom the source has made one: whose answers count for what they were merged into is for people to settle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from connector.ports import Transaction
from connector.records import Person

if TYPE_CHECKING:
    from connector.sources.fhir import Prepared

_MERGES = frozenset({"replaced-by", "replaces"})
"""How a FHIR Patient says that two of them are one person (R4 8.1.2, link.type)."""
REASON = "The source says that these two records are of one person."


def pairs_in(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """Source ids of patients of a piece of input, each with one that is the same person."""
    for record in prepared.records:
        if record.resource_type == "Patient":
            for other in sorted(others_of(record.body)):
                yield record.id, other


def others_of(patient: bytes) -> frozenset[str]:
    """The source ids of those whom this Patient, by its own record, is one person with."""
    return frozenset(_others(orjson.loads(patient))) if b'"link"' in patient else frozenset()


def _others(patient: Mapping[str, object]) -> Iterator[str]:
    links = patient.get("link")
    for link in links if isinstance(links, list) else ():
        other = link.get("other") if isinstance(link, dict) else None
        reference = other.get("reference") if isinstance(other, dict) else None
        if isinstance(reference, str) and link.get("type") in _MERGES:
            kind, _, id = reference.partition("/_history/")[0].rpartition("/")
            if id and kind.rpartition("/")[2] == "Patient":
                yield id


def people_of(tx: Transaction, source: str, prepared: Prepared) -> list[tuple[str, str]]:
    """Our people of the pairs of whom we have both."""
    found = []
    for one, other in sorted(set(pairs_in(prepared))):
        rows = [tx.find(Person, source=source, source_id=id, limit=1) for id in (one, other)]
        if one != other and all(rows):
            found.append((rows[0][0].id, rows[1][0].id))
    return found
