"""Can an offer and a request be kept at once: conflict, compatible or unknown, with a witness or what clashes.

Every term is a set of values of its left operand (points on an axis, or names), a rule is a box of such sets, and two
rules are compatible if their boxes share a point. Sound both ways: "compatible" comes with values that meet all terms,
"conflict" only where none can exist; everything else is "unknown" and says why.
"""

from policy.odrl.compatibility.claims import Assumptions, Claim, Side, Silence
from policy.odrl.compatibility.comparing import compare
from policy.odrl.compatibility.results import Clash, Comparison, Verdict, Witness
from policy.odrl.compatibility.sets.vocabularies import OF_PURPOSES, Vocabulary, vocabulary
from policy.odrl.compatibility.single import satisfiable, stays_within

__all__ = [
    "OF_PURPOSES",
    "Assumptions",
    "Claim",
    "Clash",
    "Comparison",
    "Side",
    "Silence",
    "Verdict",
    "Vocabulary",
    "Witness",
    "compare",
    "satisfiable",
    "stays_within",
    "vocabulary",
]
