"""The decision table of DUO: each code asked about the same proposals."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from policy.duo import terms as t
from policy.duo.codes import Code, Kind, codes
from policy.duo.matching import matches
from policy.duo.placeholders import Placeholders
from policy.duo.proposal import Proposal
from policy.purposes import DPV, DUODRL, EHDS, OBO

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_DISEASE, _KIND_OF_IT, _ANOTHER = f"{OBO}MONDO_0005015", f"{OBO}MONDO_0005147", f"{OBO}MONDO_0004992"

PLACEHOLDERS = Placeholders(
    dataset="urn:example:dataset",
    disease=_DISEASE,
    research=f"{DPV}AcademicResearch",
    population="urn:example:population",
    age="adult",
    gender="female",
    region="EU",
    institution="urn:example:university",
    project="urn:example:project",
    user="urn:example:user",
    until=_NOW + timedelta(days=365),
    publish_from=_NOW + timedelta(days=730),
)
"""The values with which each template is filled: the disease is diabetes mellitus, the region the European Union."""

_PLACES: Mapping[str, frozenset[str]] = MappingProxyType(
    {"DE": frozenset({"EU"}), "US": frozenset({"urn:example:america"})}
)
_DISEASES: Mapping[str, frozenset[str]] = MappingProxyType({_KIND_OF_IT: frozenset({_DISEASE})})

_FACTS = MappingProxyType(
    {
        "population": "urn:example:population",
        "age": "adult",
        "gender": "female",
        "project": "urn:example:project",
        "user": "urn:example:user",
        "institution": "urn:example:university",
        "recipient_kind": t.NON_PROFIT,
        "places": ("DE",),
        "done": frozenset({"IRB", "COL", "PUB", "RTN"}),
        "now": _NOW,
    }
)
_OTHER_FACTS = MappingProxyType(
    {
        "population": "urn:example:other-population",
        "age": "child",
        "gender": "male",
        "project": "urn:example:other-project",
        "user": "urn:example:other-user",
        "institution": "urn:example:company",
        "recipient_kind": t.FOR_PROFIT,
        "places": ("US",),
        "done": frozenset[str](),
        "now": _NOW + timedelta(days=366),
    }
)


def _proposal(*purposes: str, **facts: object) -> Proposal:
    return Proposal(purposes=purposes, within=_PLACES, broader=_DISEASES, **{**_FACTS, **facts})  # type: ignore[arg-type]


BY_PURPOSE: Mapping[str, Proposal] = MappingProxyType(
    {
        "biomedical": _proposal(t.HMB),
        "biomedical, no methods, no origins": _proposal(t.HMB, not_for=(t.MDS, t.POA)),
        "diabetes": _proposal(t.DS, diseases=(_DISEASE,)),
        "a kind of diabetes": _proposal(t.DS, diseases=(_KIND_OF_IT,)),
        "cancer": _proposal(t.DS, diseases=(_ANOTHER,)),
        "origins": _proposal(t.POA),
        "methods": _proposal(t.MDS),
        "genetics": _proposal(t.GS),
        "genotypes": _proposal(t.GSG),
        "drugs": _proposal(f"{DUODRL}DrugDevelopment"),
        "age groups": _proposal(f"{DUODRL}AgeCategoryResearch"),
        "gender": _proposal(f"{DUODRL}GenderCategoryResearch"),
        "a population": _proposal(f"{DUODRL}PopulationGroupResearch"),
        "ancestry": _proposal(f"{DUODRL}AncestoryResearch"),
        "as control": _proposal(f"{DUODRL}ResearchControl"),
        "care": _proposal(t.CC),
        "academic": _proposal(f"{DPV}AcademicResearch"),
        "non-commercial": _proposal(t.NCU),
        "commercial": _proposal(f"{DPV}CommercialResearch"),
        "EHDS research": _proposal(f"{EHDS}HealthcareScientificResearch"),
        "any research": _proposal(t.GRU),
        "research and development": _proposal(f"{DPV}ResearchAndDevelopment"),
        "biomedical and origins": _proposal(t.HMB, t.POA),
        "not said": _proposal(),
    }
)
"""Proposals that differ in what they are for; every other fact meets its limit."""

BY_FACT: Mapping[str, Proposal] = MappingProxyType(
    {
        "as the code asks": _proposal(t.NCU),
        "otherwise": _proposal(t.NCU, **_OTHER_FACTS),
        "at the last instant": _proposal(t.NCU, now=PLACEHOLDERS.until),
        "not known": Proposal(purposes=(t.NCU,)),
        "publishing early": _proposal(t.NCU, publishing=True),
        "publishing later": _proposal(t.NCU, publishing=True, now=_NOW + timedelta(days=730)),
        "publishing, nobody knows when": _proposal(t.NCU, publishing=True, now=None),
    }
)
"""Proposals of one purpose, whose every other fact is as the codes ask, is not, or is not known."""


def asked() -> Iterator[Code]:
    """Yield every code that says something."""
    return (one for one in codes().values() if one.kind is not Kind.HEADING)


def varying(proposals: Mapping[str, Proposal]) -> Iterator[Code]:
    """Yield every code that does not say the same to all of these proposals."""
    return (one for one in asked() if len({said(one, proposal) for proposal in proposals.values()}) > 1)


def said(one: Code, proposal: Proposal) -> str:
    """Return what one code says to a proposal: yes, no, ? (not known) or - (forbids nothing and permits nothing)."""
    outcome = matches([one.id], proposal, PLACEHOLDERS).findings[0].outcome
    return {"permit": "yes", "deny": "no", "indeterminate": "?", "not-applicable": "-"}[outcome.value]
