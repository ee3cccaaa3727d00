"""The names by which our record and FHIR mean the same."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from policy.consent import State
from policy.directives.model import Release

Json = dict[str, Any]

NS = "https://w3id.org/concord/ns#"
EXTENSION = f"{NS}consent-record"
IRI_SYSTEM = "urn:ietf:rfc:3986"
LINK, PARTICIPANT, DATASET, CATEGORY = f"{NS}link", f"{NS}participant", f"{NS}dataset", f"{NS}category"

SIGNERS: Mapping[str, str] = MappingProxyType(
    {
        "self": LINK,
        "proxy": f"{NS}authority",
        "controller": f"{NS}controller",
        "authority": f"{NS}public-authority",
    }
)
"""In which system whoever decided is identified."""

_HL7 = "http://terminology.hl7.org/CodeSystem"
SCOPE = {"coding": [{"system": f"{_HL7}/consentscope", "code": "research"}]}
KIND = {"coding": [{"system": f"{_HL7}/consentcategorycodes", "code": "research"}]}
RECIPIENT = {"coding": [{"system": f"{_HL7}/v3-ParticipationType", "code": "IRCP"}]}

# Where one status stands for several states, the extension tells which. A record that a court or an authority made
# void, or that was proven an error, never was a consent: FHIR calls such a one entered in error.
_STATUS = {
    State.DRAFT: "draft",
    State.REQUESTED: "proposed",
    State.DEFERRED: "draft",
    State.REFUSED: "rejected",
    State.GIVEN: "active",
    State.RENEWED: "active",
    State.SUSPENDED: "inactive",
    State.WITHDRAWN: "inactive",
    State.TERMINATED: "inactive",
    State.INVALIDATED: "entered-in-error",
}

STATUS: Mapping[Release, Mapping[State, str]] = MappingProxyType(
    {Release.R4: _STATUS, Release.R5: _STATUS | {State.REQUESTED: "draft", State.REFUSED: "not-done"}}
)
"""What FHIR calls each state (reference 1.3)."""


def identified(system: str, value: str) -> Json:
    """Return a reference by identifier."""
    return {"identifier": {"system": system, "value": value}}


def present(**elements: Any) -> Json:
    """Return the elements that are not empty: FHIR has no empty lists or objects."""
    return {name: value for name, value in elements.items() if value}
