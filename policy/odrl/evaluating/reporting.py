"""The verdict with all that led to it: every premise of every rule, from the closures that decide."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from policy.odrl.evaluating import causes
from policy.odrl.evaluating.compiling import Compiled
from policy.odrl.evaluating.conditions import CompiledDuty
from policy.odrl.evaluating.finding import referred
from policy.odrl.evaluating.matching import CompiledEntity, canonical
from policy.odrl.evaluating.report import (
    ActionReport,
    Activation,
    Attempt,
    Compared,
    DutyReport,
    EntityReport,
    PolicyReport,
    Premise,
    RuleReport,
    TermReport,
)
from policy.odrl.evaluating.request import Asking, Request
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.state import Performance, State
from policy.odrl.evaluating.terms import CompiledTerm
from policy.odrl.evaluating.truth import Satisfaction, Truth, all_of, any_of
from policy.odrl.model import Constraint

_SATISFACTION = {True: Satisfaction.SATISFIED, False: Satisfaction.UNSATISFIED, None: Satisfaction.UNKNOWN}
_TRUTH: dict[Satisfaction, Truth] = {name: truth for truth, name in _SATISFACTION.items()}
_ACTIVATION = {True: Activation.ACTIVE, False: Activation.INACTIVE, None: Activation.UNKNOWN}
_PERFORMANCE = {True: Performance.PERFORMED, False: Performance.UNPERFORMED, None: Performance.UNKNOWN}
_CONSTRAINT, _REFINEMENT = Premise.CONSTRAINT, Premise.REFINEMENT
_ATTEMPTED = Attempt.ATTEMPTED


def reported(compiled: Compiled, request: Request, state: State) -> PolicyReport:
    """Return the report of one request; its outcome is what `Compiled.verdict` says."""
    asked = canonical(request.action)
    rules = compiled.rules
    prohibitions = [_rule(rule, asked, request, state) for rule in rules.prohibitions]
    permissions = [_rule(rule, asked, request, state) for rule in rules.permissions]
    duties = tuple([_duty(duty, request, state) for duty in compiled.duties]) if compiled.duties else ()
    outcome = compiled.fixed
    if outcome is None:
        outcome = compiled.joined(_any(prohibitions), _any(permissions), request, state)
    told = causes.told(compiled, outcome, prohibitions, permissions, request, state)
    return PolicyReport(
        compiled.policy.uid,
        request.uid,
        state.uid,
        compiled.behaviour.name,
        request.at or state.now,
        outcome,
        told.because,
        told.unknown,
        told.obligations,
        _valid_until(compiled, request, state),
        (*prohibitions, *permissions),
        duties,
        request.rule,
    )


def _any(reports: Sequence[RuleReport]) -> Truth:
    return any_of([_TRUTH[one.satisfaction] for one in reports]) if reports else False


def _rule(rule: CompiledRule, asked: str, ask: Request, state: State) -> RuleReport:
    """One rule: whether each premise is satisfied, and from these alone whether it is active and applies."""
    behaviour = rule.behaviour
    action = _action(rule, asked, ask, state)
    target = _entity(rule.targets, ask.target, ask, state)
    party = _entity(rule.parties, ask.party, ask, state)
    constraints = tuple([term_report(term, _CONSTRAINT, ask, state) for term in rule.terms])
    conditions = tuple([_duty(duty, ask, state) for duty in rule.duties]) if rule.duties else ()
    active: list[Truth] = [_TRUTH[one.satisfaction] for one in constraints]
    if rule.duties:
        active += [duty.allows(ask, state) for duty in rule.duties]
    matches: list[Truth] = [] if rule.whole else [None if rule.applies else False]
    if action is not None:
        matches.append(_TRUTH[action.satisfaction])
        if action.refinements:
            matches += [_TRUTH[one.satisfaction] for one in action.refinements]
    if target is not None:
        matches.append(_TRUTH[target.satisfaction])
    if party is not None and behaviour.party_decides:
        matches.append(_TRUTH[party.satisfaction])
    activation = all_of(active)
    applies = all_of((activation, *matches))
    return RuleReport(
        rule.rule,
        _ATTEMPTED,
        _ACTIVATION[applies if behaviour.whole_activation else activation],
        _SATISFACTION[applies],
        action,
        target,
        party,
        constraints,
        conditions,
        rule.whole,
    )


def _action(rule: CompiledRule, asked: str, ask: Request, state: State) -> ActionReport | None:
    if not rule.actions:
        return None
    included = _SATISFACTION[rule.acts(asked)]
    if len(rule.actions) == 1 and not rule.actions[0].refinements:
        return ActionReport(rule.rule.actions, ask.action, included)
    refinements = [term_report(term, _REFINEMENT, ask, state) for action in rule.actions for term in action.refinements]
    return ActionReport(rule.rule.actions, ask.action, included, tuple(refinements))


def _entity(compiled: Sequence[CompiledEntity], asked: str | None, ask: Request, state: State) -> EntityReport | None:
    if not compiled:
        return None
    if len(compiled) == 1 and not compiled[0].refinements:
        only = compiled[0]
        return EntityReport((only.entity,), asked, _SATISFACTION[only.test(ask, state)])
    satisfied = compiled[0].test(ask, state) if len(compiled) == 1 else any_of(one.test(ask, state) for one in compiled)
    refinements = tuple(
        [term_report(term, _REFINEMENT, one.seen(ask, state), state) for one in compiled for term in one.refinements]
    )
    return EntityReport(tuple([one.entity for one in compiled]), asked, _SATISFACTION[satisfied], refinements)


def term_report(term: CompiledTerm, premise: Premise, ask: Asking, state: State) -> TermReport:
    """One constraint or refinement with its parts."""
    parts = tuple([term_report(part, premise, ask, state) for part in term.parts]) if term.parts else ()
    return TermReport(
        premise, term.term, _SATISFACTION[term.test(ask, state)], partial(_compared, term, ask, state), parts
    )


def _compared(term: CompiledTerm, ask: Asking, state: State) -> Compared:
    right = referred(term.term, state) if isinstance(term.term, Constraint) else ()
    return Compared(term.found(ask, state), right)


def _duty(duty: CompiledDuty, ask: Asking, state: State) -> DutyReport:
    return DutyReport(
        duty.rule,
        _ACTIVATION[duty.active(ask, state)],
        duty.deontic(ask, state),
        _PERFORMANCE[duty.performed(ask, state)],
        tuple([term_report(term, _CONSTRAINT, ask, state) for term in duty.terms]),
        duty.known(state),
    )


def _valid_until(compiled: Compiled, request: Request, state: State) -> datetime | None:
    now = request.at or state.now
    if now is None:
        return None
    aware = now.tzinfo is not None
    matching = compiled.matching(request.action)
    found: datetime | None = None
    for rule in (*matching.prohibitions, *matching.permissions):
        coming = rule.next_change(now, state, aware)
        if coming is not None and (found is None or coming < found):
            found = coming
    return found
