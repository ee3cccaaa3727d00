"""A hospital whose source holds consents: bundles written for a test, and what a pull gave of whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connector.records import DecisionMade, Person, Release
from tests.two_party import releases
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage

RESEARCH_CODE = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}
OPT_IN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}
OPT_OUT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]}


def patient(id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": id, "name": [{"family": id.capitalize(), "given": ["Ann"]}],
        "birthDate": "1970-02-03", "identifier": [{"system": "urn:mrn", "value": f"mrn-{id}"}],
    } | more  # fmt: skip


def observation(id: str, patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": f"Patient/{patient}"},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2021-05-06T08:00:00Z",
        "valueQuantity": {"value": 61, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    } | more  # fmt: skip


def consent(id: str, patient: str, effect: str = "permit", **more: Any) -> dict[str, Any]:
    """A FHIR R4 Consent about research."""
    return {
        "resourceType": "Consent", "id": id, "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"}, "dateTime": "2021-01-01",
        "policyRule": OPT_IN if effect == "permit" else OPT_OUT, "provision": {"type": effect},
    } | more  # fmt: skip


def write(place: Path, name: str, *resources: dict[str, Any]) -> Path:
    """A file with these resources as one bundle."""
    entries = [{"resource": one} for one in resources]
    place.mkdir(exist_ok=True)
    file = place / f"{name}.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return file


async def take_in(trio: Trio, file: Path, source: str = "Records") -> Any:
    return await trio.hospital.services.importing.import_fhir(trio.hospital.acting("steward"), file, source)


async def stage(trio: Trio, place: Path, people: tuple[str, ...] = ("ann", "ben")) -> Stage:
    """A hospital with one observation each of these people, a study, and a contract about it."""
    records = [one for id in people for one in (patient(id), observation(f"obs-{id}", id))]
    report = await take_in(trio, write(place, "first", *records))
    assert not report.refused, report.refused
    made = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    await releases.publish(made)
    await releases.agree(made)
    return made


async def person(trio: Trio, source_id: str) -> str:
    """Our own id of somebody."""
    return (await trio.hospital.find(Person, source_id=source_id))[0].id


async def pulled(stage: Stage) -> dict[str, str]:
    """One transfer, to its end: source id -> "released" or the reason why nothing left."""
    await stage.received(await stage.transfer())
    [release] = await stage.holder.find(Release, order="-started_at", limit=1)
    decisions = await stage.holder.find(DecisionMade, release=release.id, order="at")
    people = {one.id: one.source_id for one in await stage.holder.find(Person)}
    return {people[one.person]: "released" if one.outcome == "permit" else one.first_reason for one in decisions}
