"""A person's file as one FHIR R4 Bundle: Consent for each version, Provenance for who signed it, AuditEvent for uses.

Pseudonymous throughout: the person appears as the opaque id of their link at a holder, as in the consents themselves.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connector.records import UseOfData, WalletConsent
from policy.consent import ConsentRecord
from policy.fhir_consent import to_fhir
from policy.fhir_consent.terms import LINK, NS, PARTICIPANT
from policy.instants import wire

Resource = dict[str, Any]
_HL7 = "http://terminology.hl7.org/CodeSystem"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_NOT_DONE = frozenset({"refused"})
_ACTIVITY = {1: "CREATE"}


def bundle(consents: Iterable[WalletConsent], uses: Iterable[UseOfData], now: datetime) -> Resource:
    """The Bundle, as a JSON object."""
    entries = [*_consents(consents), *(_entry(_audit(use)) for use in uses)]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": wire(now), "entry": entries}


def _consents(consents: Iterable[WalletConsent]) -> Iterator[Resource]:
    for one in consents:
        record = ConsentRecord.from_json(one.record)
        resource = to_fhir(record) | {"meta": {"versionId": str(record.version)}}
        yield {"fullUrl": record.id, "resource": resource}
        yield _entry(_provenance(one, record))


def _entry(resource: Resource) -> Resource:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _id(*parts: str) -> str:
    """The same id for the same thing, each time the file is made."""
    return str(uuid5(NAMESPACE_URL, "|".join((NS, *parts))))


def _identified(system: str, value: str, name: str = "") -> Resource:
    found: Resource = {"identifier": {"system": system, "value": value}}
    return found | ({"display": name} if name else {})


def _provenance(kept: WalletConsent, record: ConsentRecord) -> Resource:
    """Who signed this version, with the signature itself."""
    at = wire(record.decided_at)
    signer = _identified(f"{NS}authority", record.signer.authority) if record.signer.authority else None
    who = signer or _identified(LINK, record.link)
    return {
        "resourceType": "Provenance",
        "id": _id("provenance", record.name),
        "target": [{"reference": f"{record.id}", "identifier": {"system": f"{NS}consent", "value": record.name}}],
        "occurredDateTime": at,
        "recorded": at,
        "activity": {
            "coding": [
                {"system": f"{_HL7}/v3-DataOperation", "code": _ACTIVITY.get(record.version, "UPDATE")},
            ]
        },
        "agent": [
            {
                "type": {"coding": [{"system": f"{_HL7}/provenance-participant-type", "code": "author"}]},
                "who": who,
                "onBehalfOf": _identified(PARTICIPANT, record.wallet),
            }
        ],
        "signature": [
            {
                "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.7",
                          "display": "Consent Signature"}],
                "when": at,
                "who": who,
                "targetFormat": "application/json",
                "sigFormat": "application/jose",
                "data": base64.b64encode(kept.jws.encode()).decode(),
            }
        ],
    }  # fmt: skip


def _audit(use: UseOfData) -> Resource:
    """One line of the timeline: data left, were refused, or were looked at."""
    refused = use.kind in _NOT_DONE
    details = {"agreement": use.agreement, "study": use.study, "records": str(use.resources or 0), "kind": use.kind}
    return {
        "resourceType": "AuditEvent",
        "id": _id("use", use.id),
        "type": {"system": _DICOM, "code": "110106", "display": "Export"},
        "subtype": [{"system": f"{NS}use", "code": use.kind}],
        "action": "R",
        "recorded": wire(use.at) if use.at else None,
        "outcome": "4" if refused else "0",
        **({"outcomeDesc": use.reason} if use.reason else {}),
        "agent": [
            {"who": _identified(PARTICIPANT, use.recipient, use.recipient_name), "requestor": True},
            {"who": _identified(PARTICIPANT, use.holder), "requestor": False},
        ],
        "source": {"observer": _identified(PARTICIPANT, use.holder)},
        "entity": [
            {
                "type": {"system": f"{_HL7}/audit-entity-type", "code": "1", "display": "Person"},
                "role": {"system": f"{_HL7}/object-role", "code": "1", "display": "Patient"},
                "detail": [{"type": name, "valueString": value} for name, value in details.items() if value],
            }
        ],
    }
