"""The law's gate: the ground on which data may be used at all, one rule per regime.

Consent needs no further ground, but an opt-out still stands against it. A data permit is judged by Regulation (EU)
2025/327 (EHDS): in force, for a purpose of art. 53(1), for who and what it names; an opt-out of art. 71 blocks every
permit approved at its instant or later. Care needs a stated relation, one's own data a proven identity.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from policy.decision import Outcome, Reason, Regime
from policy.facts import CareRelation, Facts, Permit, Question
from policy.gate import Answer, deny
from policy.purposes import EHDS, covered_by_any
from policy.reasons import reason

# Art. 53(1): (a) to (c) are kept for public bodies, (d) to (f) are open to others as well.
PUBLIC_BODY_PURPOSES = tuple(
    EHDS + name
    for name in (
        "PublicInterestRelatedToHealth",
        "PublicHealthSurveillance",
        "ProtectAgainstCrossBorderThreatsToHealth",
        "EnsureQualitySafetyHealthcare",
        "EnsureQualitySafetyMedicalDevices",
        "EnsureQualitySafetyMedicinalProducts",
        "PublicPolicyMaking",
        "SupportAuthoritiesRegulatoryActivities",
        "ProvideHealthcareOfficialStatistics",
    )
)
OPEN_PURPOSES = tuple(
    EHDS + name
    for name in (
        "ImproveHealthcareEducation",
        "HealthcareScientificResearch",
        "DevelopPublicHealthProductsAndServices",
        "TrainTestAndEvaluateAISystemsAlgorithms",
        "TrainTestAndEvaluateHealthAlgorithms",
        "TrainTestAndEvaluateHealthAppsAlgorithms",
        "TrainTestAndEvaluateMedicalDevicesAlgorithms",
        "ImproveHealthcare",
    )
)


def ask_law(question: Question, facts: Facts) -> Answer:
    """Answer whether the law gives a ground for the question."""
    return _BY_REGIME[question.regime](question, facts)


def _consent(question: Question, facts: Facts) -> Answer:
    changes = () if facts.opted_out_at is None else (facts.opted_out_at,)
    if facts.opted_out_at is not None and facts.opted_out_at <= question.now:
        return deny(reason("opted-out"))
    return Answer(Outcome.PERMIT, (), changes=changes)


def _permit(question: Question, facts: Facts) -> Answer:
    permit = facts.permit
    if permit is None:
        return deny(reason("no-permit"))
    changes: tuple[datetime, ...] = (permit.approved_at, permit.valid_until)
    misses = tuple(_permit_misses(question, facts, permit))
    if misses:
        return deny(*misses, changes=changes)
    return Answer(Outcome.PERMIT, (reason("permit-in-force", permit.id),), changes=changes)


def _permit_misses(question: Question, facts: Facts, permit: Permit) -> Iterator[Reason]:
    if facts.opted_out_at is not None and facts.opted_out_at <= permit.approved_at:
        yield reason("opted-out")
    if not permit.approved_at <= question.now < permit.valid_until:
        yield reason("permit-not-in-force", permit.id)
    if question.requester not in permit.recipients:
        yield reason("permit-recipient", permit.id)
    if question.dataset not in permit.datasets:
        yield reason("permit-dataset", permit.id)
    if not question.purposes:
        yield reason("purpose-missing")
    if not all(covered_by_any(permit.purposes, asked) is True for asked in question.purposes):
        yield reason("permit-purpose", permit.id)
    lawful = OPEN_PURPOSES + (PUBLIC_BODY_PURPOSES if permit.public_body else ())
    if not all(covered_by_any(lawful, asked) is True for asked in question.purposes):
        yield reason("purpose-not-lawful", permit.id)


def _care(question: Question, facts: Facts) -> Answer:
    relation = facts.care
    if relation is None or relation.provider != question.requester:
        return deny(reason("no-care-relation"))
    if not relation.since <= question.now < relation.until:
        return deny(reason("no-care-relation"), changes=_edges(relation))
    return Answer(Outcome.PERMIT, (reason("care-relation"),), changes=_edges(relation))


def _edges(relation: CareRelation) -> tuple[datetime, datetime]:
    return relation.since, relation.until


def _self(_: Question, facts: Facts) -> Answer:
    if facts.link is None:
        return deny(reason("not-linked"))
    return Answer(Outcome.PERMIT, (reason("is-the-person"),)) if facts.own_data else deny(reason("not-the-person"))


_BY_REGIME: Mapping[Regime, Callable[[Question, Facts], Answer]] = MappingProxyType(
    {Regime.CONSENT: _consent, Regime.PERMIT: _permit, Regime.CARE: _care, Regime.SELF: _self}
)
