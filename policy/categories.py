"""The categories of data a person can say yes or no to: a stable key, words for people, and the rule that assigns one.

The key is stored with every record at import. An item that fits no category, or more than one, is "other": a person
who agreed to certain categories only has not agreed to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Category:
    """One category: `key` as stored, `words` as shown, `source` "record" (health record) or "device"."""

    key: str
    words: str
    source: str = "record"


CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        category.key: category
        for category in (
            Category("demographics", "General details, such as year of birth and sex"),
            Category("conditions", "Illnesses and health problems"),
            Category("medications", "Medicines"),
            Category("laboratory", "Laboratory results"),
            Category("vital-signs", "Measurements such as blood pressure, weight and height"),
            Category("procedures", "Operations and treatments"),
            Category("immunizations", "Vaccinations"),
            Category("encounters", "Visits to doctors and hospitals"),
            Category("allergies", "Allergies"),
            Category("care-plans", "Care plans and goals"),
            Category("reports", "Reports and letters"),
            Category("claims", "Bills and insurance claims"),
            Category("social-history", "Daily life, such as smoking and housing"),
            Category("imaging", "Scans and X-rays"),
            Category("heart-rate", "Heart rate from a device", "device"),
            Category("steps", "Step counts from a device", "device"),
            Category("sleep", "Sleep times from a device", "device"),
            Category(OTHER, "Everything else"),
        )
    }
)

_BY_TYPE = MappingProxyType(
    {
        "Patient": "demographics",
        "Condition": "conditions",
        "MedicationRequest": "medications",
        "MedicationStatement": "medications",
        "MedicationAdministration": "medications",
        "MedicationDispense": "medications",
        "Medication": "medications",
        "Procedure": "procedures",
        "Immunization": "immunizations",
        "ImmunizationRecommendation": "immunizations",
        "ImmunizationEvaluation": "immunizations",
        "Encounter": "encounters",
        "EpisodeOfCare": "encounters",
        "Appointment": "encounters",
        "AllergyIntolerance": "allergies",
        "CarePlan": "care-plans",
        "CareTeam": "care-plans",
        "Goal": "care-plans",
        "DocumentReference": "reports",
        "Composition": "reports",
        "Claim": "claims",
        "ClaimResponse": "claims",
        "ExplanationOfBenefit": "claims",
        "Coverage": "claims",
        "ImagingStudy": "imaging",
        "Specimen": "laboratory",
    }
)

_OBSERVATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
_OBSERVATION = MappingProxyType(
    {
        "laboratory": "laboratory",
        "vital-signs": "vital-signs",
        "social-history": "social-history",
        "imaging": "imaging",
        "procedure": "procedures",
    }
)
_REPORT_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0074"
_LABORATORY_SECTIONS = [
    "LAB",
    "BG",
    "BLB",
    "CG",
    "CH",
    "CP",
    "GE",
    "HM",
    "IMM",
    "MB",
    "MCB",
    "MYC",
    "OSL",
    "PAR",
    "SP",
    "SR",
    "TX",
    "URN",
    "VR",
]
_IMAGING_SECTIONS = ["RAD", "CT", "CUS", "IMG", "NMR", "NMS", "OUS", "RUS", "RX", "VUS", "XRC"]
_REPORT = MappingProxyType(
    dict.fromkeys(_LABORATORY_SECTIONS, "laboratory") | dict.fromkeys(_IMAGING_SECTIONS, "imaging")
)

_BY_SCHEMA = MappingProxyType(
    {
        "heart-rate": "heart-rate",
        "step-count": "steps",
        "sleep-duration": "sleep",
        "sleep-episode": "sleep",
    }
)


def words(key: str) -> str:
    """Return the words for people of a category key; a key we do not know reads as everything else."""
    return CATEGORIES.get(key, CATEGORIES[OTHER]).words


def category_of(resource: Mapping[str, Any]) -> str:
    """Return the category key of a FHIR R4 resource. Never raises: what it cannot place is "other".

    Observations go by their HL7 category, reports by their diagnostic service section; everything else by its type.
    """
    kind = resource.get("resourceType")
    if kind == "Observation":
        return _only(_keys(resource.get("category"), _OBSERVATION_SYSTEM, _OBSERVATION))
    if kind == "DiagnosticReport":
        return _report(resource.get("category"))
    return _BY_TYPE.get(kind, OTHER) if isinstance(kind, str) else OTHER


def category_of_point(schema_name: str) -> str:
    """Return the category key of an Open mHealth data point by the name in its `schema_id`."""
    return _BY_SCHEMA.get(schema_name, OTHER)


def _report(category: object) -> str:
    # A report of a section that is neither laboratory nor imaging is still a report, unless it claims several.
    found = set(_keys(category, _REPORT_SYSTEM, _REPORT))
    return "reports" if category is None or found == {OTHER} else _only(found)


def _only(keys: Iterable[str]) -> str:
    found = set(keys)
    return found.pop() if len(found) == 1 else OTHER


def _keys(category: object, system: str, table: Mapping[str, str]) -> Iterator[str]:
    """Yield one key per concept; a concept without a coding we know is "other", so that it cannot hide."""
    for concept in category if isinstance(category, list) else [category]:
        codings = concept.get("coding") if isinstance(concept, dict) else None
        codes = [_code(coding, system) for coding in codings] if isinstance(codings, list) else []
        known = {table.get(code, OTHER) for code in codes if code is not None}
        yield known.pop() if len(known) == 1 else OTHER


def _code(coding: object, system: str) -> str | None:
    if not isinstance(coding, dict) or coding.get("system") != system:
        return None
    code = coding.get("code")
    return code if isinstance(code, str) else OTHER
