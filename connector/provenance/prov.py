"""W3C PROV of one release: the same statements as PROV-JSON and, in the terms of PROV-O, as N-Triples.

The release is the activity; dataset, agreement, study request, profile and files are entities; provider, recipient
and software are agents; what was withheld is an entity per reason that the release generated. No person appears.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from connector.provenance.facts import TERMS, Party, ReleasedFile, ReleaseFacts

PROV = "http://www.w3.org/ns/prov#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
XSD = "http://www.w3.org/2001/XMLSchema#"
DCAT = "http://www.w3.org/ns/dcat#"
ODRL = "http://www.w3.org/ns/odrl/2/"
DCTERMS = "http://purl.org/dc/terms/"

PREFIXES = {"xsd": XSD, "dcat": DCAT, "odrl": ODRL, "dct": DCTERMS, "concord": TERMS}
"""Prefixes every PROV-JSON document of ours declares; `prov` is built in."""

Value = str | int | datetime


class Thing(NamedTuple):
    """An entity, activity or agent with its types (IRIs), label and attributes (IRI, value)."""

    kind: str
    iri: str
    types: tuple[str, ...]
    label: str = ""
    attributes: tuple[tuple[str, Value], ...] = ()


class Relation(NamedTuple):
    """A PROV relation between two things; `role` and `plan` (IRIs) qualify an association."""

    kind: str
    subject: str
    object: str
    role: str = ""
    plan: str = ""


# PROV-DM relation: the two argument names of PROV-JSON, and the property of PROV-O.
_RELATIONS = {
    "used": ("prov:activity", "prov:entity", PROV + "used"),
    "wasGeneratedBy": ("prov:entity", "prov:activity", PROV + "wasGeneratedBy"),
    "wasDerivedFrom": ("prov:generatedEntity", "prov:usedEntity", PROV + "wasDerivedFrom"),
    "wasAttributedTo": ("prov:entity", "prov:agent", PROV + "wasAttributedTo"),
    "wasAssociatedWith": ("prov:activity", "prov:agent", PROV + "wasAssociatedWith"),
    "actedOnBehalfOf": ("prov:delegate", "prov:responsible", PROV + "actedOnBehalfOf"),
}
# PROV-JSON and PROV-O name the two times of an activity differently.
_PROPERTY = {PROV + "startTime": PROV + "startedAtTime", PROV + "endTime": PROV + "endedAtTime"}
_CLASSES = {"entity": PROV + "Entity", "activity": PROV + "Activity", "agent": PROV + "Agent"}


def things(facts: ReleaseFacts) -> Iterator[Thing]:
    """Everything the release's provenance speaks of, each once."""
    times = ((PROV + "startTime", facts.started_at), (PROV + "endTime", facts.ended_at))
    yield Thing("activity", facts.release, (TERMS + "Release",), "", times)
    yield Thing("entity", facts.dataset, (DCAT + "Dataset",))
    yield Thing("entity", facts.agreement, (ODRL + "Agreement",))
    if facts.study is not None:
        yield Thing("entity", facts.study, (TERMS + "StudyRequest",))
    profile = ((TERMS + "sha256", facts.profile_sha256),)
    yield Thing("entity", facts.profile, (PROV + "Plan", TERMS + "DeidentificationProfile"), "", profile)
    yield from (_file(file) for file in facts.files)
    yield from _withheld(facts)
    yield from (_organisation(party) for party in (facts.provider, facts.recipient))
    version = ((DCTERMS + "hasVersion", facts.software_version),)
    yield Thing("agent", facts.software, (PROV + "SoftwareAgent",), facts.software_name, version)


def _file(file: ReleasedFile) -> Thing:
    attributes: tuple[tuple[str, Value], ...] = (
        (TERMS + "sha256", file.sha256),
        (DCAT + "mediaType", file.media_type),
        (DCAT + "byteSize", file.bytes),
        (TERMS + "resources", file.resources),
    )
    return Thing("entity", file.id, (TERMS + "ReleasedFile",), "", attributes)


def _withheld_iri(facts: ReleaseFacts, what: str, reason: str) -> str:
    return f"{facts.release}#withheld-{what}-{reason}"


def _withheld(facts: ReleaseFacts) -> Iterator[Thing]:
    for what, reason, count in facts.withheld():
        attributes: tuple[tuple[str, Value], ...] = ((TERMS + "reason", reason), (TERMS + what, count))
        yield Thing("entity", _withheld_iri(facts, what, reason), (TERMS + "Withheld",), "", attributes)


def _organisation(party: Party) -> Thing:
    return Thing("agent", party.id, (PROV + "Organization",), party.name)


def relations(facts: ReleaseFacts) -> Iterator[Relation]:
    """How the things of a release hang together."""
    release, provider = facts.release, facts.provider.id
    for used in (facts.dataset, facts.agreement, facts.study, facts.profile):
        if used is not None:
            yield Relation("used", release, used)
    yield Relation("wasAssociatedWith", release, facts.software, TERMS + "software", facts.profile)
    yield Relation("wasAssociatedWith", release, provider, TERMS + "provider")
    yield Relation("wasAssociatedWith", release, facts.recipient.id, TERMS + "recipient")
    yield Relation("actedOnBehalfOf", facts.software, provider)
    for file in facts.files:
        yield Relation("wasGeneratedBy", file.id, release)
        yield Relation("wasDerivedFrom", file.id, facts.dataset)
        yield Relation("wasAttributedTo", file.id, provider)
    for what, reason, _ in facts.withheld():
        yield Relation("wasGeneratedBy", _withheld_iri(facts, what, reason), release)


def release_prov(facts: ReleaseFacts) -> dict[str, dict[str, object]]:
    """The release as a PROV-JSON document (W3C Member Submission of 24 April 2013)."""
    names = _Names()
    document: dict[str, dict[str, object]] = {"prefix": names.prefixes, "entity": {}, "activity": {}, "agent": {}}
    for thing in things(facts):
        document[thing.kind][names.short(thing.iri)] = _attributes(thing, names)
    for number, relation in enumerate(relations(facts), 1):
        first, second, _ = _RELATIONS[relation.kind]
        record: dict[str, object] = {first: names.short(relation.subject), second: names.short(relation.object)}
        if relation.role:
            record["prov:role"] = names.value(relation.role)
        if relation.plan:
            record["prov:plan"] = names.short(relation.plan)
        document.setdefault(relation.kind, {})[f"_:r{number}"] = record
    return document


def _attributes(thing: Thing, names: _Names) -> dict[str, object]:
    record: dict[str, object] = {"prov:type": [names.value(kind) for kind in thing.types]}
    if thing.label:
        record["prov:label"] = thing.label
    for predicate, value in thing.attributes:
        record[names.short(predicate)] = _json_value(predicate, value)
    return record


def _json_value(predicate: str, value: Value) -> object:
    if isinstance(value, datetime):
        # Start and end of an activity are plain texts in PROV-JSON; any other time carries its type.
        text = _timestamp(value)
        return text if predicate.startswith(PROV) else {"$": text, "type": "xsd:dateTime"}
    return {"$": str(value), "type": "xsd:integer"} if isinstance(value, int) else value


class _Names:
    """Short names of IRIs, and the prefixes they need."""

    def __init__(self) -> None:
        self.prefixes: dict[str, object] = dict(PREFIXES)
        self._known = {PROV: "prov"} | {namespace: prefix for prefix, namespace in PREFIXES.items()}

    def short(self, iri: str) -> str:
        cut = max(iri.rfind(mark, 0, len(iri) - 1) for mark in "/#:") + 1
        namespace, local = iri[:cut], iri[cut:]
        if namespace not in self._known:
            self._known[namespace] = f"n{len(self._known)}"
            self.prefixes[self._known[namespace]] = namespace
        return f"{self._known[namespace]}:{local}"

    def value(self, iri: str) -> dict[str, str]:
        return {"$": self.short(iri), "type": "prov:QUALIFIED_NAME"}


def release_ntriples(facts: ReleaseFacts) -> str:
    """The same statements in PROV-O, as N-Triples (W3C Recommendation of 25 February 2014)."""
    return "".join(f"{line} .\n" for line in _lines(facts))


def _lines(facts: ReleaseFacts) -> Iterator[str]:
    for thing in things(facts):
        subject = f"<{thing.iri}>"
        for kind in (_CLASSES[thing.kind], *thing.types):
            yield f"{subject} <{RDF}type> <{kind}>"
        if thing.label:
            yield f"{subject} <{RDFS}label> {_literal(thing.label)}"
        for predicate, value in thing.attributes:
            yield f"{subject} <{_PROPERTY.get(predicate, predicate)}> {_literal(value)}"
    for number, relation in enumerate(relations(facts), 1):
        yield f"<{relation.subject}> <{_RELATIONS[relation.kind][2]}> <{relation.object}>"
        if relation.role:
            yield from _qualified(relation, f"_:r{number}")


def _qualified(relation: Relation, node: str) -> Iterator[str]:
    yield f"<{relation.subject}> <{PROV}qualifiedAssociation> {node}"
    yield f"{node} <{RDF}type> <{PROV}Association>"
    yield f"{node} <{PROV}agent> <{relation.object}>"
    yield f"{node} <{PROV}hadRole> <{relation.role}>"
    if relation.plan:
        yield f"{node} <{PROV}hadPlan> <{relation.plan}>"


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def _literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f'"{_timestamp(value)}"^^<{XSD}dateTime>'
    if isinstance(value, int):
        return f'"{value}"^^<{XSD}integer>'
    return f'"{value.translate(_ESCAPES)}"'


def _timestamp(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
