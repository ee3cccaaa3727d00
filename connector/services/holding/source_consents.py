"""Consents that a source holds: kept version by version, and read; what nobody can read stops all about a person.

The resource itself stays an ordinary record beside it. The newest version speaks, unless the source's own date says
that an older one came late. A version that is the same as the current one changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from connector.ports import Transaction
from connector.records import Setting, SourceConsent
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.releasing.surroundings import ACTORS, not_understood, stamp_of
from policy.canonical import NotCanonicalError, digest
from policy.directives.model import Directive, Release
from policy.directives.reading import DirectiveError, read_directive
from policy.instants import instant

if TYPE_CHECKING:
    from connector.sources.fhir import Gone, Prepared, SourceRecord

KINDS = ("Consent", "Permission")
LARGEST = 1024 * 1024
"""Bytes of one consent: what is larger is kept as a record, and not read."""
READABLE, UNREADABLE, SET_ASIDE = "readable", "unreadable", "set-aside"
DELETED = "the source has deleted it"
"""The fault of a consent that is no more: what the person says now nobody knows, until somebody has looked."""
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading: the directive, or why there is none."""

    directive: Directive | None
    fault: str = ""


_read: OrderedDict[tuple[str, str, int, str], Read] = OrderedDict()


def consents_in(prepared: Prepared) -> Iterator[SourceRecord]:
    """The records of a piece of input that say what a person allows."""
    return (one for one in prepared.records if one.resource_type in KINDS and one.subject)


def take_in(
    tx: Transaction, context: Context, source: str, prepared: Prepared, people: Mapping[str, str], actor: Actor
) -> list[SourceConsent]:
    """Keep the consents of a piece of input, in its transaction; `people` is source id -> our person.

    Returns what changes what the source says of somebody: new versions that speak now, and, where a consent turned out
    to be somebody else's, the one that spoke of the person before. Also notes that organisations, professionals or
    groups have come: whom a rule means may have changed with them.
    """
    if any(one.resource_type in ACTORS for one in prepared.records):
        tx.put(Setting(name=stamp_of(source), value=str(uuid4())))
        tx.ring("consents")
    changed = list[SourceConsent]()
    for one in consents_in(prepared):
        changed += _keep(tx, context, source, one, people[one.subject or ""], actor)
    if changed:
        tx.ring("consents")
    return changed


def deleted(tx: Transaction, context: Context, source: str, gone: Iterable[Gone], actor: Actor) -> list[SourceConsent]:
    """Consents that the source deleted, as versions that nobody can read; in the transaction that notes it.

    A yes that is gone allows nothing, a no that is gone is not lifted by a clerk's slip: the data protection officer
    looks at it. Returns the new versions. One that was set aside stays so.
    """
    ids = sorted({_named(one.resource_type, one.id) for one in gone if one.resource_type in KINDS})
    made = []
    for start in range(0, len(ids), 400):
        for row in tx.find(SourceConsent, source=source, id=ids[start : start + 400], current=True):
            if row.standing == SET_ASIDE or row.fault == DELETED:
                continue
            tx.alter(SourceConsent, {"current": False}, source=source, id=row.id)
            now = replace(
                row, version=row.version + 1, body=None, digest=digest({"deleted": row.digest}), standing=UNREADABLE,
                fault=DELETED, supplied_by=_by(actor), imported_at=context.clock(),
            )  # fmt: skip
            tx.add(now)
            context.log(
                tx, "source.consent-taken-in", f"{source}/{row.id}",
                {"version": now.version, "digest": now.digest, "standing": now.standing, "late": False,
                 "deleted": True, "by": actor.entry},
            )  # fmt: skip
            made.append(now)
    if made:
        tx.ring("consents")
    return made


def _by(actor: Actor) -> str:
    return f"import by {actor.role} {actor.account}"


def spoken_of(tx: Transaction, source: str, prepared: Prepared) -> set[str]:
    """Our people of whom consents of a piece of input, or those it deletes, have spoken so far."""
    ids = sorted(
        {_id(one) for one in consents_in(prepared)}
        | {_named(one.resource_type, one.id) for one in prepared.gone if one.resource_type in KINDS}
    )
    found = set[str]()
    for start in range(0, len(ids), 400):
        rows = tx.find(SourceConsent, source=source, id=ids[start : start + 400], current=True)
        found |= {row.person for row in rows}
    return found


def _id(record: SourceRecord) -> str:
    return _named(record.resource_type, record.id)


def _named(kind: str, id: str) -> str:
    return id if kind == "Consent" else f"{kind}/{id}"


def _keep(
    tx: Transaction, context: Context, source: str, record: SourceRecord, person: str, actor: Actor
) -> list[SourceConsent]:
    id = _id(record)
    body, marked = _body(record.came or record.body)
    known = tx.find(SourceConsent, source=source, id=id, order="-version")
    current = next((one for one in known if one.current), None)
    if current is not None and (current.digest, current.person) == (marked, person):
        return []
    row = SourceConsent(
        source=source, id=id, version=known[0].version + 1 if known else 1, person=person, body=body, digest=marked,
        release="", supplied_by=_by(actor), imported_at=context.clock(),
    )  # fmt: skip
    row = _judged(row)
    late = current is not None and _older(row, current)
    if late and any((one.digest, one.person) == (marked, person) for one in known):
        return []
    if not late:
        tx.alter(SourceConsent, {"current": False}, source=source, id=id)
    tx.add(replace(row, current=not late))
    context.log(
        tx, "source.consent-taken-in", f"{source}/{id}",
        {"version": row.version, "digest": row.digest, "standing": row.standing, "late": late, "by": actor.entry},
    )  # fmt: skip
    if late:
        return []
    return [row, *([current] if current is not None and current.person != person else [])]


def _body(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """The resource and its digest; a body that is too large or has no canonical form is known by its bytes only."""
    if len(data) > LARGEST:
        return None, digest({"bytes": data.hex()})
    value = orjson.loads(data)
    try:
        return value, digest(value)
    except (NotCanonicalError, RecursionError):
        return value, digest({"bytes": data.hex()})


def _judged(row: SourceConsent) -> SourceConsent:
    read = read_row(row)
    if read.directive is None:
        return replace(row, standing=UNREADABLE, fault=read.fault, release="")
    unknown = list(islice(not_understood(read.directive), 5))
    fault = f"not understood: {'; '.join(unknown)}"[:400] if unknown else ""
    return replace(row, release=str(read.directive.release), fault=fault)


def read_row(row: SourceConsent) -> Read:
    """The directive of a kept version, read once as long as memory keeps it. Never raises."""
    key = (row.source, row.id, row.version, row.digest)
    known = _read.get(key)
    if known is None:
        known = _read[key] = _directive(row)
        while len(_read) > _KEPT:
            _read.popitem(last=False)
    return known


def _directive(row: SourceConsent) -> Read:
    if row.body is None:
        return Read(None, DELETED if row.fault == DELETED else f"it is larger than {LARGEST} bytes")
    try:
        release = Release(row.release) if row.release else None
        return Read(read_directive(row.body, id=f"{row.source}/{row.id}#{row.version}", release=release))
    except DirectiveError as fault:
        return Read(None, str(fault)[:400])
    except (ValueError, TypeError, KeyError, RecursionError) as fault:  # a fault of the reader's is no yes either
        return Read(None, f"it could not be read ({type(fault).__name__})")


def _older(row: SourceConsent, current: SourceConsent) -> bool:
    """Whether the source's own dates say that the one we have is newer. Not known: the last to arrive counts."""
    ours, theirs = _updated(row), _updated(current)
    return ours is not None and theirs is not None and ours < theirs


def _updated(row: SourceConsent) -> Any:
    meta = (row.body or {}).get("meta")
    said = meta.get("lastUpdated") if isinstance(meta, dict) else None
    try:
        return instant(said) if isinstance(said, str) else None
    except ValueError:
        return None


def speaking(tx: Transaction, people: Iterable[str]) -> list[SourceConsent]:
    """The versions that count now for these people (at most a portion), unreadable ones too."""
    return tx.find(SourceConsent, person=list(people), current=True, standing=[READABLE, UNREADABLE], order="id")
