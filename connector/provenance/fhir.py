"""The provenance of one release as a FHIR R4 Provenance resource, for recipients whose tools read FHIR."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from connector.provenance.facts import TERMS, Count, ReleasedFile, ReleaseFacts

_URI = "urn:ietf:rfc:3986"
_CODES = "http://terminology.hl7.org/CodeSystem/"

Resource = dict[str, object]


def fhir_provenance(facts: ReleaseFacts) -> Resource:
    """A Provenance resource of the release, recorded at its end. Files are named by logical references, no person is.

    Raises ValueError when the release has no file: R4 asks for at least one target.
    """
    if not facts.files:
        raise ValueError("a FHIR Provenance needs at least one released file")
    return {
        "resourceType": "Provenance",
        "id": _id(facts.release),
        "target": [_target(file) for file in facts.files],
        "occurredPeriod": {"start": _instant(facts.started_at), "end": _instant(facts.ended_at)},
        "recorded": _instant(facts.ended_at),
        "policy": [facts.agreement, *([facts.study] if facts.study is not None else []), facts.profile],
        "activity": _coded("v3-ActCode", "PSEUD", "pseudonymize"),
        "agent": _agents(facts),
        "entity": [{"role": "source", "what": _named(facts.dataset)}],
        "extension": [
            {"url": TERMS + "profile-sha256", "valueString": facts.profile_sha256},
            *(_withheld(what, reason, count) for what, reason, count in facts.withheld()),
        ],
    }


def _id(release: str) -> str:
    # A FHIR id is at most 64 of [A-Za-z0-9.-]; an IRI is not one.
    return sha256(release.encode()).hexdigest()[:32]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _named(iri: str, display: str | None = None) -> Resource:
    reference: Resource = {"identifier": {"system": _URI, "value": iri}}
    return reference if display is None else reference | {"display": display}


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": _CODES + system, "code": code, "display": display}]}


def _target(file: ReleasedFile) -> Resource:
    return _named(file.id) | {"extension": [{"url": TERMS + "sha256", "valueString": file.sha256}]}


def _withheld(what: str, reason: str, count: Count) -> Resource:
    value: Resource = {"valueInteger": count} if isinstance(count, int) else {"valueString": count}
    return {
        "url": TERMS + "withheld",
        "extension": [
            {"url": "of", "valueCode": what},
            {"url": "reason", "valueCode": reason},
            {"url": "count"} | value,
        ],
    }


def _agents(facts: ReleaseFacts) -> list[Resource]:
    provider = _named(facts.provider.id, facts.provider.name)
    return [
        {"type": _coded("provenance-participant-type", "custodian", "Custodian"), "who": provider},
        {
            "type": _coded("provenance-participant-type", "assembler", "Assembler"),
            "who": _named(facts.software, f"{facts.software_name} {facts.software_version}"),
            "onBehalfOf": provider,
        },
        {
            "type": _coded("v3-ParticipationType", "IRCP", "information recipient"),
            "who": _named(facts.recipient.id, facts.recipient.name),
        },
    ]
