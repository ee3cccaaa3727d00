"""Understanding FHIR: bytes in, records out, each with the person it is about, its category and its clinical dates.

`prepare` understands one piece of input, wholly or not at all: a clinical resource whose patient cannot be resolved
refuses the bundle it is in. Ids are kept; references inside a bundle become `Type/id`; what
entries delete is told beside. What a record is worth and who may have it is decided elsewhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from connector.sources.fhir_canonical import canonical
from connector.sources.fhir_changes import Gone, method_of, read_gone
from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_error import SourceError, Unreadable
from connector.sources.fhir_json import Resource, parse, write
from connector.sources.fhir_people import PersonFacts, identifiers_of, person_facts
from connector.sources.fhir_pieces import Part, SourceFile
from connector.sources.fhir_references import References
from connector.sources.fhir_subject import CONSENTS, KINDS, patient_reference, subject_kind
from policy.categories import category_of

HISTORY = "history"
BUNDLES = frozenset({"transaction", "batch", "collection", "searchset", "document", "message", HISTORY})
MOST_ENTRIES = 100_000
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_URN = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One resource as it is kept. `body` is one line of JSON in the form of `connector.sources.fhir_canonical`.

    `version` is meta.versionId, empty if there is none; `came` is, of a consent only, all of it as the source sent it.
    `subject` is the id of the Patient it is about, `subject_kind` person, professional or none. `start` and `end` are
    the first and last day it tells of: both None if it has no date, one None if that side is open.
    """

    resource_type: str
    id: str
    version: str
    subject: str | None
    subject_kind: str
    category: str
    start: date | None
    end: date | None
    body: bytes
    came: bytes = b""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one piece of input holds: records in their order, the Patients among them, and every personal identifier.

    `identifiers` are those of all people in it (patients, relatives, professionals), for the leak scan; `gone` is what
    the source deleted.
    """

    records: tuple[SourceRecord, ...]
    people: tuple[PersonFacts, ...]
    identifiers: frozenset[str]
    gone: tuple[Gone, ...] = ()


def prepare(source: SourceFile | bytes | Mapping[str, Any], known: Callable[[str], bool] = lambda _: False) -> Prepared:
    """Read one piece of input: a Bundle, a single resource, or NDJSON lines, as bytes or as parsed JSON.

    `known` says whether a Patient id is that of somebody taken in before; otherwise the Patient must be in the same
    piece. Raises `SourceError`; then nothing of the piece may be kept.
    """
    if isinstance(source, Mapping):
        # Through text, so that parsed and unparsed input meet the same checks.
        with _at("", ""):
            source = write(dict(source))
    if isinstance(source, bytes):
        source = SourceFile("", (Part(source),))
    return prepared_of(source.name, [entry for part in source.parts for entry in entries_in(source.name, part)], known)


def prepared_of(name: str, entries: Sequence[Entry], known: Callable[[str], bool], base: str = "") -> Prepared:
    """The same of entries that were read already; `base` is the address of the server that they are from.

    Raises `SourceError`.
    """
    references = References(base=base)
    for entry in entries:
        if isinstance(entry.content, Gone):
            continue
        with _at(name, entry.where):
            references.add(entry.content, entry.full_url)
    brought = [(entry.where, entry.content) for entry in entries if not isinstance(entry.content, Gone)]
    patients = {resource["id"] for _, resource in brought if resource["resourceType"] == "Patient"}
    reader = _Reader(references, lambda patient: patient in patients or known(patient))
    records = []
    people = dict[str, PersonFacts]()
    for where, resource in brought:
        with _at(name, where):
            records.append(reader.record(resource))
            if resource["resourceType"] == "Patient":
                people[resource["id"]] = person_facts(resource)
    return _prepared(name, brought, records, people, _gone(name, entries))


def _gone(name: str, entries: Sequence[Entry]) -> tuple[Gone, ...]:
    """What entries delete, each once. Raises `SourceError` if another entry brings the same resource."""
    brought = {
        (entry.content["resourceType"], entry.content["id"]) for entry in entries if not isinstance(entry.content, Gone)
    }
    found = dict[Gone, None]()
    for entry in entries:
        if isinstance(entry.content, Gone):
            if (entry.content.resource_type, entry.content.id) in brought:
                raise SourceError(name, entry.where, "another entry brings what this one deletes", "every id once")
            found[entry.content] = None
    return tuple(found)


def _prepared(
    name: str,
    brought: Sequence[tuple[str, Resource]],
    records: list[SourceRecord],
    people: dict[str, PersonFacts],
    gone: tuple[Gone, ...],
) -> Prepared:
    once: dict[tuple[str, str], SourceRecord] = {}
    every = set[str]()
    relatives = defaultdict[str, list[str]](list)
    for (where, resource), record in zip(brought, records, strict=True):
        if once.setdefault((record.resource_type, record.id), record) != record:
            raise SourceError(name, where, "another entry has the same id and other content", "every id once")
        found = list(identifiers_of(resource))
        every.update(found)
        if record.resource_type == "RelatedPerson" and record.subject:
            relatives[record.subject] += found
    facts = (
        replace(person, identifiers=tuple(dict.fromkeys([*person.identifiers, *relatives[person.id]])))
        for person in people.values()
    )
    return Prepared(tuple(once.values()), tuple(facts), frozenset(every), gone)


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a piece of input, or one that it deletes; its address if it has one, and where it stands."""

    content: Resource | Gone
    full_url: str | None
    where: str


@dataclass(frozen=True, slots=True)
class _Reader:
    references: References
    known: Callable[[str], bool]

    def record(self, resource: Resource) -> SourceRecord:
        self.references.resolve(resource)
        kind, resource_id = resource["resourceType"], resource["id"]
        subject = resource_id if kind == "Patient" else self._subject(resource)
        start, end = clinical_range(resource) if subject is not None else (None, None)
        meta = resource.get("meta")
        version = meta.get("versionId") if isinstance(meta, dict) else None
        return SourceRecord(
            kind,
            resource_id,
            version if isinstance(version, str) else "",
            subject,
            subject_kind(kind, subject),
            category_of(resource),
            start,
            end,
            canonical(resource),
            write(resource) if kind in CONSENTS else b"",
        )

    def _subject(self, resource: Resource) -> str | None:
        named = patient_reference(resource)
        if named is None:
            return None
        element, text = named
        text = self.references.literal(text) or text
        kind, _, patient = text.partition("/_history/")[0].partition("/")
        if kind != "Patient" or not self.known(patient):
            raise Unreadable(
                "the patient it is about cannot be resolved",
                "a reference to a Patient in the same bundle or taken in before",
                element,
            )
        return patient


def entries_in(name: str, part: Part) -> Iterator[Entry]:
    """What one JSON document holds. Raises `SourceError`."""
    line = "" if part.line is None else f"line {part.line}"
    with _at(name, line):
        document = parse(part.data)
        if document.get("resourceType") != "Bundle":
            yield Entry(checked(document, None), None, line)
            return
        if part.line is not None and not _deletes_only(document):
            raise Unreadable("a Bundle inside NDJSON", "one resource on each line, or a Bundle that only deletes")
    yield from entries_of(name, document, line)


def entries_of(name: str, bundle: Resource, line: str = "") -> Iterator[Entry]:
    """The entries of a Bundle; of a history what each resource came to last. Raises `SourceError`."""
    with _at(name, line):
        listed = _listed(bundle)
    last = set[tuple[str, str]]()
    for number, entry in enumerate(listed):
        where = " ".join(part for part in (line, f"entry {number}") if part)
        with _at(name, where):
            full_url = entry.get("fullUrl") if isinstance(entry, dict) else None
            full_url = full_url if isinstance(full_url, str) else None
            content = _entered(entry, full_url)
        if bundle.get("type") == HISTORY:  # newest first
            key = _key(content)
            if key in last:
                continue
            last.add(key)
            full_url = None
        yield Entry(content, full_url, where)


def _key(content: Resource | Gone) -> tuple[str, str]:
    if isinstance(content, Gone):
        return content.resource_type, content.id
    return content["resourceType"], content["id"]


def _deletes_only(bundle: Resource) -> bool:
    listed = bundle.get("entry")
    return isinstance(listed, list) and bool(listed) and all(method_of(entry) == "DELETE" for entry in listed)


def _listed(bundle: Resource) -> list[Any]:
    kind = bundle.get("type")
    if not isinstance(kind, str) or kind not in BUNDLES:
        raise Unreadable("a Bundle of a type that is not read", ", ".join(sorted(BUNDLES)), "type")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise Unreadable("not a list of entries, or too many", f"at most {MOST_ENTRIES} entries", "entry")
    return entries


def _entered(entry: Any, full_url: str | None) -> Resource | Gone:
    method = method_of(entry)
    if method == "DELETE":
        return read_gone(entry, KINDS)
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict) or method not in (None, "POST", "PUT"):
        raise Unreadable(
            "the entry does not bring a resource", "entries with a resource, to POST or PUT, or a DELETE", "resource"
        )
    return checked(resource, full_url)


def checked(resource: Resource, full_url: str | None = None) -> Resource:
    """A resource with a type of FHIR R4 and an id; one without takes the id of its address. Raises `Unreadable`."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in KINDS or kind == "Bundle":
        raise Unreadable("not a resource of FHIR R4", "a resourceType of FHIR R4, in one flat bundle", "resourceType")
    if "id" not in resource and full_url:
        resource["id"] = full_url.removeprefix(_URN).rpartition("/")[2]
    if not isinstance(resource.get("id"), str) or not _ID.fullmatch(resource["id"]):
        raise Unreadable(
            "no id that FHIR allows", "1 to 64 letters, digits, - and ., or a urn:uuid fullUrl", f"{kind}.id"
        )
    return resource


@contextmanager
def _at(name: str, where: str) -> Iterator[None]:
    try:
        yield
    except Unreadable as problem:
        place = " ".join(part for part in (where, problem.element) if part)
        raise SourceError(name, place, problem.what, problem.accepted) from None
