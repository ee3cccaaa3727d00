"""What forms let staff choose from: purposes, kinds of data, profiles. Keys as stored, words as shown."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from policy.categories import CATEGORIES, OTHER
from policy.odrl.duties import Duty, period, words
from policy.purposes import DPV, EHDS, covered_by_any, label

Choice = tuple[str, str]

OFFERED_PURPOSES: tuple[Choice, ...] = (
    (f"{EHDS}HealthcareScientificResearch", "Scientific research in health and care"),
    (f"{EHDS}ImproveHealthcare", "Making care better"),
    (f"{EHDS}ProvideHealthcareOfficialStatistics", "Official health statistics"),
    (f"{EHDS}PublicInterestRelatedToHealth", "Public interest in health"),
    (f"{EHDS}TrainTestAndEvaluateHealthAlgorithms", "Training and testing computer models for health"),
    (f"{DPV}AcademicResearch", "Research by universities"),
    (f"{DPV}NonCommercialResearch", "Research that is not for profit"),
    (f"{DPV}CommercialResearch", "Research for profit"),
)

PROFILES: tuple[Choice, ...] = (
    ("research-standard", "Standard profile for health records"),
    ("research-minimal", "Minimal profile for health records: months, no words"),
    ("safe-harbor", "Safe Harbor list of the United States: years only"),
    ("device-stream", "Profile for live measurements of devices"),
)

_AFTER_CONTRACT: tuple[Choice, ...] = (
    ("P6M", "Within 6 months after the contract was made"),
    ("P1Y", "Within 1 year after the contract was made"),
    ("P2Y", "Within 2 years after the contract was made"),
    ("P3Y", "Within 3 years after the contract was made"),
)
_AFTER_ARRIVAL: tuple[Choice, ...] = (
    ("P30D", "Within 30 days after it arrived"),
    ("P90D", "Within 90 days after it arrived"),
    ("P180D", "Within 180 days after it arrived"),
    ("P1Y", "Within 1 year after it arrived"),
)
DUTIES: Mapping[str, tuple[Choice, ...]] = MappingProxyType(
    {
        "report": tuple((f"report:{length}", said) for length, said in _AFTER_CONTRACT),
        "publish": tuple((f"publish-results:{length}", said) for length, said in _AFTER_CONTRACT),
        "delete": tuple((f"delete:{length}", said) for length, said in _AFTER_ARRIVAL),
        "inform": (("inform", "We are told each time data arrives at the recipient"),),
    }
)
"""What an offer can ask of a recipient: field of the form -> (duty as `policy.odrl.duties.rule` reads it, words)."""


def purposes() -> list[Choice]:
    """Purposes an offer or a study request can name, as (IRI, words)."""
    return list(OFFERED_PURPOSES)


def purposes_within(policy: Mapping[str, Any]) -> list[Choice]:
    """The purposes an offer allows, out of those we offer to choose; all of them when the offer names none."""
    named = [iri for rule in rules(policy) for term in rule.get("constraint", []) for iri in purposes_of(term)]
    fitting = [(iri, words) for iri, words in OFFERED_PURPOSES if covered_by_any(named, iri) is True]
    return fitting if named else purposes()


def rules(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The permissions of an offer in the wire form of the Dataspace Protocol."""
    return [rule for rule in policy.get("permission", []) if isinstance(rule, Mapping)]


def purposes_of(term: object) -> list[str]:
    """The purposes a constraint names; nothing for a constraint about something else."""
    if not isinstance(term, Mapping) or term.get("leftOperand") not in ("purpose", "odrl:purpose"):
        return []
    given = term.get("rightOperand", [])
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]


def duty_words(stated: str) -> str:
    """The sentence for a duty of a form (`delete:P30D`)."""
    key, _, length = stated.partition(":")
    return words(Duty(key=key, within=period(length) if length else None))


def categories(source: str | None = None) -> list[Choice]:
    """Kinds of data as (key, words); `source` "record" or "device" narrows them."""
    return [
        (one.key, one.words)
        for one in CATEGORIES.values()
        if one.key != OTHER and (source is None or one.source == source)
    ]


def category_keys(words: list[str]) -> list[Choice]:
    """The (key, words) of kinds that are known by their words."""
    known = {one.words: one.key for one in CATEGORIES.values()}
    return [(known[label], label) for label in words if label in known]


def purpose_words(iri: str) -> str:
    """The words for a purpose: ours, or those of the vocabulary."""
    return dict(OFFERED_PURPOSES).get(iri) or label(iri)
