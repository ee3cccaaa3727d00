"""The words of the Data Privacy Vocabulary for what a consent says, both ways (reference 1.3, 1.4)."""

from collections.abc import Mapping
from types import MappingProxyType

from policy.consent import EffectiveState, State
from policy.purposes import CONCORD, DPV

RECORD_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
RECEIPT_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
SCHEMA_VERSION = "concord-27560/1"

CONTEXT: Mapping[str, str] = MappingProxyType(
    {
        "dpv": DPV,
        "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "loc": "https://w3id.org/dpv/loc#",
        "pd": "https://w3id.org/dpv/pd#",
        "dct": "http://purl.org/dc/terms/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "schema": "https://schema.org/",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "concord": CONCORD,
    }
)

STATES: Mapping[EffectiveState, str] = MappingProxyType(
    {
        EffectiveState.DRAFT: "dpv:ConsentUnknown",
        EffectiveState.REQUESTED: "dpv:ConsentRequested",
        EffectiveState.DEFERRED: "dpv:ConsentRequestDeferred",
        EffectiveState.REFUSED: "dpv:ConsentRefused",
        EffectiveState.GIVEN: "dpv:ConsentGiven",
        EffectiveState.RENEWED: "dpv:RenewedConsentGiven",
        EffectiveState.SUSPENDED: "concord:ConsentSuspended",
        EffectiveState.WITHDRAWN: "dpv:ConsentWithdrawn",
        EffectiveState.EXPIRED: "dpv:ConsentExpired",
        EffectiveState.TERMINATED: "dpv:ConsentTerminated",
        EffectiveState.INVALIDATED: "dpv:ConsentInvalidated",
        EffectiveState.NOT_YET_DECIDED: "concord:ConsentNotYetDecided",
        EffectiveState.AUTHORITY_ENDED: "concord:ConsentAuthorityEnded",
    }
)
"""Every state a record can mean. The vocabulary has no word for a pause: that one is ours."""

RECORDED: Mapping[str, State] = MappingProxyType({STATES[EffectiveState(state.value)]: state for state in State})
"""The way back, for the states that are recorded; those that time brings about are derived anew."""

TYPES: Mapping[str, str] = MappingProxyType(
    {"explicit": "dpv:ExplicitlyExpressedConsent", "regular": "dpv:ExpressedConsent"}
)
BY: Mapping[str, str] = MappingProxyType(
    {
        "self": "dpv:DataSubject",
        "proxy": "dpv:Representative",
        "controller": "dpv:DataController",
        "authority": "dpv:Authority",
    }
)
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "controller": "dpv:DataController",
        "processor": "dpv:DataProcessor",
        "recipient": "dpv:Recipient",
        "third-party": "dpv:ThirdParty",
        "source": "dpv:DataSource",
        "representative": "dpv:Representative",
        "authority": "dpv:Authority",
    }
)
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "portal": "Answered on the wallet's pages, signed in",
        "api": "Recorded through the wallet's programming interface",
        "paper": "Signed on paper",
        "phone": "Said on the telephone",
        "desk": "Said at the desk, with staff's help",
        "import": "Taken over from another system",
    }
)
METHOD_UNKNOWN = "Signed with the person's key at their wallet"

PERSONAL_DATA: Mapping[str, str] = MappingProxyType(
    {
        "demographics": "pd:Demographic",
        "conditions": "pd:MedicalHealth",
        "medications": "pd:Prescription",
        "laboratory": "pd:HealthRecord",
        "vital-signs": "pd:HealthRecord",
        "procedures": "pd:HealthHistory",
        "immunizations": "pd:HealthHistory",
        "encounters": "pd:HealthHistory",
        "allergies": "pd:PhysicalHealth",
        "care-plans": "pd:HealthRecord",
        "reports": "pd:HealthRecord",
        "claims": "pd:Financial",
        "social-history": "pd:LifeHistory",
        "imaging": "pd:HealthRecord",
        "heart-rate": "pd:PhysicalHealth",
        "steps": "pd:PhysicalHealth",
        "sleep": "pd:PhysicalHealth",
    }
)
"""27560's "pii type" for our categories. "Everything else" has none: it is health data of no kind we know."""
ANY_HEALTH_DATA = "pd:MedicalHealth"
SPECIAL = "dpv:SpecialCategoryPersonalData"
"""GDPR art. 9: data from health records and body sensors always count as such."""

INVERSE_BY: Mapping[str, str] = MappingProxyType({term: kind for kind, term in BY.items()})
INVERSE_ROLES: Mapping[str, str] = MappingProxyType({term: role for role, term in ROLES.items()})
INVERSE_TYPES: Mapping[str, str] = MappingProxyType({term: kind for kind, term in TYPES.items()})
