"""Records in FHIR R5: what R5 calls otherwise leaves under its new name, by the same rules."""

import importlib
import re

import orjson
import pytest

from connector.deidentify import Deidentifier, Rejected, load_profile
from tests.unit.connector.deidentify.coders import AS_OF, Domain

PROFILES = ("research-standard", "research-minimal", "safe-harbor")
PERSON = {"reference": "Patient/p", "display": "Anna Berg"}
CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "44054006", "display": "Diabetes"}], "text": "Anna's"}
ACT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}]}
LEADS = {"reference": "Condition/c1", "display": "Anna Berg", "identifier": {"value": "Berg"}}
MEDICINE = {"concept": CODE, "reference": {"reference": "Medication/m1", "display": "Anna's pills"}}
R5 = {
    "Encounter": {
        "status": "completed",
        "class": [ACT],
        "subject": PERSON,
        "serviceType": [{"concept": CODE}],
        "actualPeriod": {"start": "2021-05-03T08:00:00Z", "end": "2021-05-05"},
        "plannedStartDate": "2021-05-03",
        "reason": [{"use": [CODE], "value": [{"concept": CODE, "reference": LEADS}]}],
        "diagnosis": [{"condition": [{"reference": LEADS}], "use": [CODE]}],
        "admission": {"admitSource": CODE},
        "virtualService": [{"addressUrl": "https://anna.berg", "additionalInfo": ["https://anna.berg"]}],
        "participant": [{"actor": {"reference": "Practitioner/berg", "display": "Dr. Berg"}}],
    },
    "Condition": {
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "subject": PERSON,
        "code": CODE,
        "recordedDate": "2021-05-03",
        "evidence": [{"concept": CODE, "reference": LEADS}],
        "participant": [{"actor": {"reference": "Practitioner/berg", "display": "Dr. Berg"}}],
    },
    "MedicationRequest": {
        "status": "ended",
        "intent": "order",
        "subject": PERSON,
        "medication": MEDICINE,
        "authoredOn": "2021-05-03",
        "reason": [{"concept": CODE, "reference": LEADS}],
        "reported": False,
        "renderedDosageInstruction": "Anna takes two",
        "dosageInstruction": [{"text": "Anna: two", "asNeeded": True, "asNeededFor": [CODE]}],
    },
    "MedicationStatement": {
        "status": "recorded",
        "subject": PERSON,
        "medication": MEDICINE,
        "effectiveDateTime": "2021-05-03",
        "adherence": {"code": CODE},
        "renderedDosageInstruction": "Anna takes two",
    },
    "MedicationAdministration": {
        "status": "completed",
        "subject": PERSON,
        "medication": MEDICINE,
        "occurenceDateTime": "2021-05-03",
        "dosage": {"text": "Anna", "dose": {"value": 1.5, "unit": "mg"}},
    },
    "Procedure": {
        "status": "completed",
        "subject": PERSON,
        "code": CODE,
        "category": [CODE],
        "occurrenceDateTime": "2021-05-03",
        "used": [MEDICINE],
        "complication": [{"concept": CODE}],
        "reportedBoolean": True,
    },
    "Immunization": {
        "status": "completed",
        "patient": PERSON,
        "vaccineCode": CODE,
        "occurrenceDateTime": "2021-05-03",
        "informationSource": {"reference": {"reference": "Practitioner/berg", "display": "Dr. Berg"}},
        "protocolApplied": [{"doseNumber": "Anna's 2nd"}],
        "lotNumber": "BERG1",
    },
    "DocumentReference": {
        "status": "current",
        "docStatus": "final",
        "subject": PERSON,
        "date": "2021-05-03T08:00:00Z",
        "event": [{"concept": CODE}],
        "content": [
            {"attachment": {"data": "QW5uYSBCZXJn", "title": "Anna"}, "profile": [{"valueCoding": {"code": "Anna"}}]}
        ],
        "context": [{"reference": "Encounter/e1", "display": "Anna"}],
        "description": "Anna",
    },
    "ImagingStudy": {
        "status": "available",
        "subject": PERSON,
        "modality": [CODE],
        "started": "2021-05-03",
        "procedure": [{"concept": CODE}],
        "series": [
            {
                "uid": "1.2.3",
                "modality": CODE,
                "bodySite": {"concept": CODE},
                "laterality": CODE,
                "instance": [
                    {"uid": "1.2.3.4", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1"}}
                ],
            }
        ],
    },
    "Observation": {
        "status": "final",
        "subject": PERSON,
        "code": CODE,
        "effectiveDateTime": "2021-05-03",
        "triggeredBy": [{"observation": {"reference": "Observation/o2"}, "type": "reflex", "reason": "Anna asked"}],
        "valueSampledData": {
            "origin": {"value": 0},
            "interval": 10,
            "intervalUnit": "ms",
            "dimensions": 1,
            "data": "1 2 E",
        },
    },
    "DeviceUsage": {
        "status": "active",
        "patient": PERSON,
        "device": {"concept": CODE, "reference": {"reference": "Device/d1"}},
        "dateAsserted": "2021-05-03",
    },
    "Medication": {
        "code": CODE,
        "doseForm": CODE,
        "ingredient": [
            {
                "item": {"concept": CODE},
                "strengthRatio": {
                    "numerator": {"value": 1, "unit": "mg"},
                    "denominator": {"value": 1, "unit": "tablet"},
                },
            }
        ],
    },
}


def put(name: str, kind: str, release: str = "R5") -> dict:
    deidentifier = Deidentifier(load_profile(name), Domain(days=9), as_of=AS_OF, release=release)
    body = deidentifier.apply(orjson.dumps({"resourceType": kind, "id": "x1", **R5[kind]}), "p").body
    assert not re.search(rb"anna|berg|QW5u", body, re.IGNORECASE)
    return orjson.loads(body)


def listed(name: str) -> list[str]:
    return [kind for kind in R5 if kind in load_profile(name).shapes("R5")]


@pytest.mark.parametrize("name", PROFILES)
def test_an_r5_record_leaves_as_an_r5_record(name):
    """The twin is fhir.resources, whose plain modules are R5."""
    for kind in listed(name):
        model = getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)
        model.model_validate({"resourceType": kind, "id": "x1", **R5[kind]})
        model.model_validate(put(name, kind))


def test_what_r5_renamed_is_kept_under_its_new_name():
    encounter = put("research-standard", "Encounter")
    assert encounter["actualPeriod"] == {"start": "2021-05-12T08:00:00Z", "end": "2021-05-14"}
    assert encounter["class"] == [ACT]
    assert encounter["reason"][0]["value"][0]["concept"]["coding"] == CODE["coding"]
    assert encounter["diagnosis"][0]["condition"][0]["reference"]["reference"].startswith("Condition/")
    request = put("research-standard", "MedicationRequest")
    assert request["medication"]["concept"] == {"coding": CODE["coding"]}
    assert request["medication"]["reference"].keys() == {"reference"}
    assert put("research-standard", "Procedure")["occurrenceDateTime"] == "2021-05-12"
    assert put("research-standard", "DocumentReference")["content"][0].keys() == {"attachment"}
    assert put("research-standard", "Observation")["valueSampledData"]["intervalUnit"] == "ms"
    assert "modality" in put("research-standard", "ImagingStudy")["series"][0]


def test_the_other_profiles_follow_with_their_own_rules():
    assert put("research-minimal", "Procedure")["occurrenceDateTime"] == "2021-05"
    assert put("safe-harbor", "Encounter")["actualPeriod"] == {"start": "2021", "end": "2021"}
    assert put("research-minimal", "MedicationAdministration")["occurenceDateTime"] == "2021-05"
    assert put("research-minimal", "Immunization")["vaccineCode"]["coding"][0].keys() == {"system", "code"}


def test_read_as_another_release_a_record_does_not_pass_unnoticed():
    with pytest.raises(Rejected) as refusal:
        put("research-standard", "Encounter", "R4")
    assert refusal.value.code in {"shape", "code"}
    with pytest.raises(Rejected, match="unknown-type"):
        put("research-standard", "DeviceUsage", "R4")


@pytest.mark.parametrize("name", PROFILES)
def test_r4b_records_follow_the_rules_of_r4(name):
    profile = load_profile(name)
    assert profile.shapes("R4B") == profile.shapes("R4")
