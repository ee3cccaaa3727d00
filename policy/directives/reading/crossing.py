"""HL7's cross-version extensions: how one release of FHIR says what only another has an element for.

Their addresses follow one pattern (HL7, "Using Data Elements from FHIR R5 in FHIR R4", and its twins).
"""


def extension_of(release: str, element: str) -> str:
    """Return the address of the extension for an element of Consent in a release (``4.0``, ``5.0``)."""
    return f"http://hl7.org/fhir/{release}/StructureDefinition/extension-Consent.{element}"


TYPE = extension_of("4.0", "provision.type")
TYPES = (TYPE, extension_of("4.3", "provision.type"))
"""The type of a provision, in R5; 4.3 is R4B."""

DATE_TIME = extension_of("4.0", "dateTime")
POLICY = extension_of("4.0", "policy")
POLICY_RULE = extension_of("4.0", "policyRule")
