"""The parts of a policy that can be read and have no meaning here, and the changes by which they would be gone."""

from collections.abc import Iterator

from policy.odrl.atomic import atomic
from policy.odrl.counterfactual import wording
from policy.odrl.counterfactual.changes import Change
from policy.odrl.counterfactual.policies import WithoutDuty, WithoutNamed, WithoutProhibition, WithoutTerm
from policy.odrl.evaluating import Behaviour
from policy.odrl.evaluating.conditions import compile_duties
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.terms import compile_term
from policy.odrl.model import Policy, Rule, Term


def not_understood(policy: Policy, behaviour: Behaviour) -> Iterator[Change]:
    """The one change for the first part of the policy that has no meaning here."""
    plain = atomic(policy)
    for rule in plain.prohibitions:
        if _notes(rule, behaviour):
            yield WithoutProhibition(wording.not_forbidden(rule), rule)
            return
    for duty in (*plain.obligations, *(duty for rule in plain.permissions for duty in rule.duties)):
        if _duty_notes(duty, behaviour):
            yield WithoutDuty(wording.not_owed(duty), duty)
            return
    for term in (term for rule in plain.permissions for term in _terms(rule)):
        notes: list[str] = []
        compile_term(term, behaviour, notes)
        if notes:
            yield WithoutTerm(wording.not_asked(term), term)
            return
    for parent in policy.inherits:
        yield WithoutNamed(wording.not_unknown(f"the policy {parent}, which it inherits"), "inherits", parent)
        return
    for profile in policy.profiles:
        if profile not in behaviour.profiles:
            yield WithoutNamed(wording.not_unknown(f"the profile {profile}"), "profiles", profile)
            return


def _notes(rule: Rule, behaviour: Behaviour) -> list[str]:
    notes: list[str] = []
    CompiledRule(rule, behaviour, notes)
    return notes


def _duty_notes(duty: Rule, behaviour: Behaviour) -> list[str]:
    notes: list[str] = []
    compile_duties((duty,), behaviour, notes)
    return notes


def _terms(rule: Rule) -> Iterator[Term]:
    yield from rule.terms
    yield from (term for one in rule.actions for term in one.refinements)
    yield from (term for one in (*rule.targets, *rule.assignees) for term in one.refinements)
