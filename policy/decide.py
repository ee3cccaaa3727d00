"""The one way to yes: :func:`decide` joins the gates of the person, the law, the contract and the provider.

Every gate is asked every time; all must say yes (reference S15). The causes are listed narrowest first, so that the
first one is the most personal: the person's own no comes before the contract's, the contract's before the provider's.
A pure function of its two arguments and the packaged vocabularies: the same inputs give the same answer, byte for byte.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from policy.consent_gate import ask_about_care, ask_person
from policy.decision import ALLOW_NOTHING, Action, Decision, Outcome, Reason, Regime
from policy.facts import Facts, Question
from policy.gate import Answer, cannot_tell, deny
from policy.legal_gate import ask_law
from policy.negotiation import ask_offer
from policy.odrl import terms
from policy.odrl import vocabulary as v
from policy.odrl.evaluation import evaluate
from policy.odrl.operands import World
from policy.reasons import reason
from policy.residual import Residual, Scope
from policy.rules import RuleSet

# How a no is called when several gates say no: a certain no outweighs one that is only not known to be a yes.
_WEIGHT = (Outcome.DENY, Outcome.INDETERMINATE, Outcome.NOT_APPLICABLE)


def decide(question: Question, facts: Facts) -> Decision:
    """Return the decision for one person's data (for `negotiate`: for a contract). Never raises.

    Whatever goes wrong inside ends as indeterminate with the reason "decision-failed" and the kind of error, without
    any value.
    """
    try:
        return _joined(question, [*ask_own(question, facts), *ask_others(question, facts)])
    except Exception as error:  # an error must end as a no, whatever it is
        failed = cannot_tell(reason("decision-failed"), unknown=[f"error: {type(error).__name__}"])
        return Decision(failed.outcome, failed.because, unknown=failed.unknown)


def ask_own(question: Question, facts: Facts) -> Iterator[Answer]:
    """Yield the answer of the person's gate, where the ground for the question has one."""
    if question.action is Action.NEGOTIATE:
        return
    if question.regime is Regime.CONSENT:
        yield ask_person(question, facts)
    if question.regime is Regime.CARE:
        yield ask_about_care(question, facts)


def ask_others(question: Question, facts: Facts) -> Iterator[Answer]:
    """Yield the answers of the other gates, narrowest first.

    Under consent or a permit they look at nothing of the person but opt-outs and stops (:mod:`policy.population`).
    """
    world = world_of(question, facts)
    negotiates = question.action is Action.NEGOTIATE
    yield ask_law(question, facts)
    yield ask_offer(question, facts, world) if negotiates else _ask_contract(question, facts, world)
    yield _ask_provider(question, facts, negotiates)


def world_of(question: Question, facts: Facts) -> World:
    """Return what the terms of a contract are compared with."""
    stated = terms(facts.policy.policy) if question.action is Action.NEGOTIATE and facts.policy else None
    place = facts.recipient
    return World(
        now=question.now,
        requester=question.requester,
        dataset=question.dataset,
        purposes=question.purposes or (stated.purposes if stated else ()),
        consent=v.PER_PERSON if question.regime is Regime.CONSENT else None,
        study=question.study or (stated.study if stated else None),
        study_digest=question.study_digest or (stated.study_digest if stated else None),
        study_approval=v.APPROVED if facts.study_approved else "not-approved",
        profile=question.profile or (stated.profile if stated else None),
        selection=question.selection or (stated.selection if stated else None),
        jurisdiction=place.jurisdiction if place else None,
        hosting=place.hosting if place else (),
        transfer_grounds=place.transfer_grounds if place else (),
    )


def _ask_contract(question: Question, facts: Facts, world: World) -> Answer:
    if facts.policy is None:
        return deny(reason("no-contract"))
    return evaluate(facts.policy, question.action, world, facts.executors)


def _ask_provider(question: Question, facts: Facts, negotiates: bool) -> Answer:
    missing = question.regime is Regime.CONSENT and not negotiates and not facts.study_approved
    because: tuple[Reason, ...] = (*((reason("study-not-approved"),) if missing else ()), *facts.stops)
    return deny(*because) if because else Answer(Outcome.PERMIT, ())


def _joined(question: Question, answers: list[Answer]) -> Decision:
    outcome = _outcome(answers)
    permits = outcome is Outcome.PERMIT
    return Decision(
        outcome,
        because=tuple(dict.fromkeys(_causes(outcome, answers))),
        residual=Residual.of(*_left(question, answers)) if permits else ALLOW_NOTHING,
        obligations=tuple(sorted({key for answer in answers for key in answer.obligations})) if permits else (),
        valid_until=_next_change(question.now, answers),
        unknown=tuple(dict.fromkeys(name for answer in answers for name in answer.unknown)),
    )


def in_short(question: Question, answers: Sequence[Answer]) -> tuple[Outcome, Reason | None, Residual]:
    """Return the outcome and the first cause of the decision that these answers make.

    Its filter has no order: it serves to see what it meets (:meth:`~policy.residual.Residual.meets`), and no more.
    """
    outcome = _outcome(answers)
    cause = next(_causes(outcome, answers), None)
    if outcome is not Outcome.PERMIT:
        return outcome, cause, ALLOW_NOTHING
    scopes, rules = _left(question, answers)
    return outcome, cause, Residual(tuple(scopes), rules=tuple(rules))


def _outcome(answers: Sequence[Answer]) -> Outcome:
    found = [answer.outcome for answer in answers]
    return next((one for one in _WEIGHT if one in found), Outcome.PERMIT)


def _causes(outcome: Outcome, answers: Iterable[Answer]) -> Iterator[Reason]:
    """Yield the causes of an outcome: a no is told by the gates that do not say yes."""
    for answer in answers:
        if outcome is Outcome.PERMIT or answer.outcome is not Outcome.PERMIT:
            yield from answer.because


def _left(question: Question, answers: Sequence[Answer]) -> tuple[list[Scope], list[RuleSet]]:
    """Return the scopes and rule sets that a yes leaves; a contract that is negotiated lets nothing out."""
    if question.action is Action.NEGOTIATE:
        return [], []
    rules = [one for answer in answers for one in answer.rules]
    if question.regime is Regime.CONSENT:
        return [scope for answer in answers for scope in answer.scopes], rules
    permitted = any(one.permits for one in rules)  # then only what a consent permits, and nothing beyond
    return [] if permitted else [Scope(question.dataset, None, None, None)], rules


def _next_change(now: datetime, answers: list[Answer]) -> datetime | None:
    return min((moment for answer in answers for moment in answer.changes if moment > now), default=None)
