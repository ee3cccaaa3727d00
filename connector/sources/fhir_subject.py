"""Whom a resource is about: the Patient it names where FHIR R4 puts it, a professional, or nobody.

The elements follow the patient compartment (FHIR R4 CompartmentDefinition/patient), taken by the narrowest meaning: the
one person a record is about, not everybody it mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource

PERSON, PROFESSIONAL, NONE = "person", "professional", "none"

_PROFESSIONALS = frozenset({"Practitioner", "PractitionerRole"})
_NOBODY = frozenset({"Organization", "Location", "HealthcareService", "Endpoint", "Medication", "Substance"})
_TO_PATIENT = re.compile(r"(?:.*/)?Patient[/?].*|urn:.*", re.DOTALL)

_BY_SUBJECT = """
AdverseEvent CarePlan CareTeam ChargeItem ClinicalImpression Composition Condition DeviceRequest DeviceUseStatement
DiagnosticReport DocumentManifest DocumentReference Encounter Flag Goal ImagingStudy Invoice Media
MedicationAdministration MedicationDispense MedicationRequest MedicationStatement Observation Procedure
QuestionnaireResponse RequestGroup RiskAssessment ServiceRequest Specimen
"""
_BY_PATIENT = """
AllergyIntolerance BodyStructure Claim ClaimResponse CoverageEligibilityRequest CoverageEligibilityResponse
DetectedIssue EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Immunization ImmunizationEvaluation
ImmunizationRecommendation MolecularSequence NutritionOrder RelatedPerson VisionPrescription
"""
_ELEMENT = {
    **dict.fromkeys(_BY_SUBJECT.split(), "subject"),
    **dict.fromkeys(_BY_PATIENT.split(), "patient"),
    "Coverage": "beneficiary",
    "EnrollmentRequest": "candidate",
    "ResearchSubject": "individual",
}
_OTHERS = """
Account ActivityDefinition Appointment AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct Bundle
CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem Communication CommunicationRequest
CompartmentDefinition ConceptMap Contract Device DeviceDefinition DeviceMetric EffectEvidenceSynthesis Endpoint
EnrollmentResponse EventDefinition Evidence EvidenceVariable ExampleScenario GraphDefinition Group GuidanceResponse
HealthcareService ImplementationGuide InsurancePlan Library Linkage List Location Measure MeasureReport Medication
MedicationKnowledge MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition
MessageHeader NamingSystem ObservationDefinition OperationDefinition OperationOutcome Organization
OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Provenance
Questionnaire ResearchDefinition ResearchElementDefinition ResearchStudy RiskEvidenceSynthesis Schedule
SearchParameter Slot SpecimenDefinition StructureDefinition StructureMap Subscription Substance
SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet
VerificationResult
"""
CONSENTS = frozenset({"Consent", "Permission"})
"""What people allowed, as FHIR has it: read in the form of R4 and of R5, which has Permission beside Consent."""
KINDS = frozenset(_ELEMENT) | _PROFESSIONALS | frozenset(_OTHERS.split()) | CONSENTS
"""All resource types of FHIR R4 (4.0.1), and Permission of R5."""


def patient_reference(resource: Resource) -> tuple[str, str] | None:
    """The element that names the person a resource is about, and what it says; None if it is about nobody.

    A type that need not be about a patient (Device, Appointment, Provenance, ...) is about the only patient it refers
    to. Raises `Unreadable` if a person must be named and is not, or if there are several.
    """
    kind = resource["resourceType"]
    if kind == "Consent":
        return _consenting(resource)
    element = _ELEMENT.get(kind)
    if element is not None:
        reference = resource.get(element)
        text = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(text, str):
            raise Unreadable("the patient it is about is missing", "a reference to a Patient", element)
        return element, text
    if kind in _PROFESSIONALS or kind in _NOBODY:
        return None
    # An unresolved urn: may be the patient, so it is looked up, and refused, like one.
    found = {text for text in _references(resource) if _TO_PATIENT.fullmatch(text)}
    if len(found) > 1:
        raise Unreadable("it is about more than one patient", "one record for each patient")
    return ("reference", found.pop()) if found else None


def _consenting(consent: Resource) -> tuple[str, str]:
    """The patient of a Consent: R4 calls the element `patient`, R5 `subject`; by reference or by identifier alone."""
    named = [(element, consent[element]) for element in ("patient", "subject") if element in consent]
    found = {element: _named(value) for element, value in named}
    if not found or None in found.values():
        raise Unreadable("the patient it is about is missing", "a reference to a Patient", next(iter(found), "patient"))
    if len(set(found.values())) > 1:
        raise Unreadable("it is about more than one patient", "one consent for each patient", "subject")
    element, text = next(iter(found.items()))
    return element, str(text)


def _named(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("reference"), str):
        return str(value["reference"])
    identifier = value.get("identifier")
    if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
        system = identifier.get("system")
        token = f"{system}|{identifier['value']}" if isinstance(system, str) else identifier["value"]
        return f"Patient?identifier={token}"
    return None


def subject_kind(kind: str, subject: str | None) -> str:
    """`person`, `professional` or `none`."""
    if subject is not None:
        return PERSON
    return PROFESSIONAL if kind in _PROFESSIONALS else NONE


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if isinstance(text := value.get("reference"), str):
            yield text.partition("/_history/")[0]
        for part in value.values():
            if isinstance(part, list | dict):
                yield from _references(part)
