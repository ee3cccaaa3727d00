"""One code system under all its names: as HL7 publishes it today, as an OID, as older releases of FHIR wrote it.

A version after "|", a slash at the end, "https" and letters of another case make no other system. What is not among
the names here is only itself. Source of the OIDs: HL7's register of code systems (terminology.hl7.org).
"""

import re
from functools import lru_cache
from types import MappingProxyType

from policy.directives.model import Coding

HL7 = "http://terminology.hl7.org/CodeSystem/"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
CONFIDENTIALITY, ACT_CODE = f"{HL7}v3-Confidentiality", f"{HL7}v3-ActCode"

_V3 = MappingProxyType(
    {
        "ActCode": "2.16.840.1.113883.5.4",
        "ActReason": "2.16.840.1.113883.5.8",
        "Confidentiality": "2.16.840.1.113883.5.25",
        "ObservationValue": "2.16.840.1.113883.5.1063",
        "ActUSPrivacyLaw": "2.16.840.1.113883.5.1138",
        "ParticipationType": "2.16.840.1.113883.5.90",
        "ParticipationFunction": "2.16.840.1.113883.5.88",
        "RoleClass": "2.16.840.1.113883.5.110",
        "RoleCode": "2.16.840.1.113883.5.111",
        "NullFlavor": "2.16.840.1.113883.5.1008",
    }
)
_OTHERS = MappingProxyType(
    {
        SNOMED: ("2.16.840.1.113883.6.96",),
        LOINC: ("2.16.840.1.113883.6.1", "http://www.loinc.org"),
        "http://www.nlm.nih.gov/research/umls/rxnorm": ("2.16.840.1.113883.6.88",),
        "http://hl7.org/fhir/sid/icd-10": ("2.16.840.1.113883.6.3",),
        "http://hl7.org/fhir/sid/icd-10-cm": ("2.16.840.1.113883.6.90",),
        "http://hl7.org/fhir/sid/icd-9-cm": ("2.16.840.1.113883.6.103",),
        "http://hl7.org/fhir/sid/icd-11": (),
        "http://id.who.int/icd/release/11/mms": (),
        "http://hl7.org/fhir/sid/icpc-2": ("2.16.840.1.113883.6.139",),
        "http://hl7.org/fhir/sid/icf": ("2.16.840.1.113883.6.254",),
        "http://hl7.org/fhir/sid/cvx": ("2.16.840.1.113883.12.292",),
        "http://hl7.org/fhir/sid/ndc": ("2.16.840.1.113883.6.69",),
        "http://www.ama-assn.org/go/cpt": ("2.16.840.1.113883.6.12",),
        "http://www.orpha.net": (),
        "http://www.genenames.org": ("http://www.genenames.org/geneId",),
        "http://human-phenotype-ontology.org": (),
        "http://unitsofmeasure.org": ("2.16.840.1.113883.6.8",),
        "http://www.whocc.no/atc": ("2.16.840.1.113883.6.73",),
        "http://fhir.de/CodeSystem/bfarm/icd-10-gm": ("http://fhir.de/CodeSystem/dimdi/icd-10-gm",),
        "http://fhir.de/CodeSystem/bfarm/ops": ("http://fhir.de/CodeSystem/dimdi/ops",),
        "http://hl7.org/fhir/resource-types": ("http://hl7.org/fhir/ValueSet/resource-types",),
        "http://hl7.org/fhir/fhir-types": (),
        f"{HL7}consentaction": ("http://hl7.org/fhir/consentaction",),
        f"{HL7}consentscope": ("http://hl7.org/fhir/consentscope",),
        f"{HL7}consentcategorycodes": ("http://hl7.org/fhir/consentcategorycodes",),
        f"{HL7}consentpolicycodes": ("http://hl7.org/fhir/consentpolicycodes",),
        f"{HL7}extra-security-role-type": ("http://hl7.org/fhir/extra-security-role-type",),
        f"{HL7}contractsignertypecodes": ("http://hl7.org/fhir/contractsignertypecodes",),
    }
)
_NOT_CLINICAL = (HL7, "http://hl7.org/fhir/", "http://unitsofmeasure.org", "urn:ietf:", "urn:iso:")
_OID = re.compile(r"[0-2](?:\.\d+){3,}", re.ASCII)
_OLDER_V3 = re.compile(r"http://(?:www\.)?hl7\.org/fhir/v3[/-]([A-Za-z]+)(?:/cs\.html)?", re.ASCII | re.IGNORECASE)


def _table() -> dict[str, str]:
    names = {f"{HL7}v3-{name}": (oid,) for name, oid in _V3.items()} | dict(_OTHERS)
    found = {}
    for name, others in names.items():
        for one in (name, *others):
            found[_key(one)] = name
    return found


def _key(name: str) -> str:
    low = name.lower()
    if low.startswith("https://"):
        low = f"http://{low[len('https://') :]}"
    older = _OLDER_V3.fullmatch(low)
    if older is not None:
        low = f"{HL7.lower()}v3-{older[1]}"
    return f"urn:oid:{low}" if _OID.fullmatch(low) else low


_NAMES = MappingProxyType(_table())


@lru_cache(maxsize=4096)
def system_of(name: str) -> str:
    """Return the one name of a code system: without a version, of SNOMED CT without its edition."""
    plain = name.partition("|")[0].strip().rstrip("/#")
    key = _key(plain)
    if key.startswith(f"{SNOMED}/"):
        return SNOMED
    return _NAMES.get(key, plain)


@lru_cache(maxsize=16384)
def coding_of(one: Coding) -> Coding:
    """Return a code under the one name of its system."""
    system = system_of(one.system)
    return one if system == one.system else Coding(system, one.code)


@lru_cache(maxsize=4096)
def codings_of(some: frozenset[Coding]) -> frozenset[Coding]:
    """Return codes under the one name of the system of each."""
    return frozenset(map(coding_of, some))


def is_known(system: str) -> bool:
    """Whether a system, by its one name, is one that we can tell from every other."""
    return system.startswith(HL7) or _key(system) in _NAMES


def is_clinical(system: str) -> bool:
    """Whether codes of a system can say what a record is about, and not only its status, its category or its unit."""
    return "/sid/" in system or (bool(system) and not system.startswith(_NOT_CLINICAL))
