"""The words DUO policies are made of: ours, and those of DUODRL (https://w3id.org/duodrl), the published rendering."""

from dataclasses import replace

from policy.odrl.model import Policy
from policy.odrl.vocabulary import CONCORD, ODRL
from policy.purposes import DUODRL, OBO

RESTRICTED_TO = f"{OBO}DUO_0000010"
DISEASE_ROOT = f"{OBO}MONDO_0000001"

DISEASE, PROJECT, POPULATION = f"{DUODRL}Disease", f"{DUODRL}Project", f"{DUODRL}PopulationGroup"
AGE, GENDER = f"{DUODRL}Age", f"{DUODRL}Gender"
SPATIAL = f"{ODRL}spatial"

# Who asks and for whose profit: "non-profit" or "for-profit"; "no" where a use is promised to be non-commercial.
RECIPIENT_KIND, COMMERCIAL_USE, USER = f"{CONCORD}recipientKind", f"{CONCORD}commercialUse", f"{CONCORD}user"
NON_PROFIT, FOR_PROFIT = "non-profit", "for-profit"
NOT_COMMERCIAL, NOT_PROMISED = "no", "not-promised"

COLLABORATE = f"{DUODRL}CollaborateWithStudyPI"
PROVIDE_APPROVAL = f"{DUODRL}ProvideEthicalApproval"
RETURN_DATA = f"{DUODRL}ReturnDerivedOrEnrichedData"
PUBLISH_RESULTS = f"{CONCORD}publishResults"

GRU, HMB, DS, POA = (f"{DUODRL}{name}" for name in ("GRU", "HMB", "DS", "POA"))
CC, GS, GSG, MDS, NCU = (f"{DUODRL}{name}" for name in ("CC", "GS", "GSG", "MDS", "NCU"))

NOT_A = f"{DUODRL}isNotA"

WORDS = frozenset({NOT_A, COLLABORATE, PROVIDE_APPROVAL, RETURN_DATA})
"""The words of DUODRL that ODRL and we have no place for: they are understood where a policy is read as DUO's only."""


def read_as_duo(policy: Policy) -> Policy:
    """Return the policy with the words of DUODRL taken out of what was not understood."""
    return replace(policy, unknown=tuple(note for note in policy.unknown if note.partition(": ")[2] not in WORDS))
