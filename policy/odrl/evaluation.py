"""Does this contract permit this, now, for this requester: closed by default, prohibitions win, unknown is no.

An Agreement or a Set is evaluated; an Offer never is (W3C Formal Semantics), nor is any other kind. A permission counts
only if every term is met; a prohibition counts unless a term is certainly not met.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from policy.decision import Action, Outcome
from policy.gate import Answer, cannot_tell, deny
from policy.odrl import vocabulary as v
from policy.odrl.compiled import CompiledPolicy, CompiledRule
from policy.odrl.evaluating.causes import code
from policy.odrl.evaluating.terms import CompiledTerm
from policy.odrl.model import Constraint
from policy.odrl.operands import World
from policy.purposes import unstated
from policy.reasons import Reason, reason

_UNCERTAIN = frozenset({"purpose-unknown-relation", "policy-not-understood"})


class Miss(NamedTuple):
    """Why a term is not met, and the statements nobody has made that would decide it."""

    reason: Reason
    unstated: tuple[str, ...] = ()


def evaluate(contract: CompiledPolicy, action: Action, world: World, executors: frozenset[str]) -> Answer:
    """Answer whether the contract permits the action in this world; `executors` are the duties that can be done."""
    if contract.unknown:
        return cannot_tell(reason("policy-not-understood", _place(contract.unknown[0])), unknown=contract.unknown)
    if contract.policy.kind not in {"Agreement", "Set"}:
        return deny(reason("not-a-contract"))
    parties = mismatches(contract, world)
    if parties:
        return Answer(Outcome.NOT_APPLICABLE, parties)
    asked = v.ASKED[action]
    forbidden = [rule for rule in contract.prohibitions if v.prohibits(rule.rule.action, asked.entails)]
    allowed = [rule for rule in contract.permissions if v.includes(rule.rule.action, asked.permitted)]
    changes = tuple(moment for rule in (*forbidden, *allowed) for moment in rule.changes)
    firing = [rule for rule in forbidden if rule.holds(world) is not False]
    if firing:
        return _prohibited(firing, world, changes)
    if not allowed:
        return deny(reason("action-not-permitted"))
    return permission(contract, allowed, world, executors, changes)


def mismatches(contract: CompiledPolicy, world: World) -> tuple[Reason, ...]:
    """Return why the contract is about somebody or something else; an agreement without parties is about nobody."""
    stated = contract.policy
    binding = stated.kind == "Agreement"
    found = []
    if stated.target != world.dataset and (binding or stated.target is not None):
        found.append(reason("other-dataset", "/target"))
    if stated.assignee != world.requester and (binding or stated.assignee is not None):
        found.append(reason("other-recipient", "/assignee"))
    return tuple(found)


def permission(
    contract: CompiledPolicy,
    allowed: Sequence[CompiledRule],
    world: World,
    executors: frozenset[str],
    changes: tuple[datetime, ...],
) -> Answer:
    """Answer from the permissions that match the action: yes if one is met and its duties can be carried out."""
    met = [rule for rule in allowed if rule.holds(world) is True]
    if not met:
        return unmet(min((missed(rule, world) for rule in allowed), key=len), changes)
    obligations = tuple(sorted({key for rule in met for key in rule.obligations} | set(contract.obligations)))
    undone = [key for key in obligations if key not in executors]
    if undone:
        return deny(*(reason("duty-without-executor", detail=f"({key})") for key in undone))
    because = tuple(reason("contract-permits", rule.rule.pointer) for rule in met)
    return Answer(Outcome.PERMIT, because, changes=changes, obligations=obligations)


def unmet(because: Sequence[Miss], changes: tuple[datetime, ...]) -> Answer:
    """Return the no for terms that are not met; it is indeterminate where nothing but a missing statement says no."""
    unsure = [one for one in because if one.reason.code in _UNCERTAIN]
    unknown = tuple(f"{one.reason.pointer}: {said}" for one in unsure for said in one.unstated or (one.reason.text,))
    outcome = Outcome.INDETERMINATE if len(unsure) == len(because) else Outcome.DENY
    return Answer(outcome, tuple(one.reason for one in because), unknown, changes)


def missed(rule: CompiledRule, world: World) -> tuple[Miss, ...]:
    """Return why each term of a rule that is not met is not; also its target and its assignee."""
    ask, state, place = world.request, world.state, rule.rule.pointer
    found = [_miss(term, world) for term in rule.form.terms if term.test(ask, state) is not True]
    if any(one.test(ask, state) is not True for one in rule.form.targets):
        found.append(Miss(reason("other-dataset", f"{place}/target")))
    if any(one.test(ask, state) is not True for one in rule.form.parties):
        found.append(Miss(reason("recipient-not-allowed", f"{place}/assignee")))
    return tuple(found)


def _miss(term: CompiledTerm, world: World) -> Miss:
    stated = term.term
    if not isinstance(stated, Constraint):
        return Miss(reason("terms-not-met", stated.pointer))
    if stated.left != v.PURPOSE:
        return Miss(reason(code(stated), stated.pointer))
    if not world.purposes:
        return Miss(reason("purpose-missing", stated.pointer))
    if term.test(world.request, world.state) is False:
        return Miss(reason("purpose-not-offered", stated.pointer))
    offered = [literal.text for literal in stated.right]
    return Miss(reason("purpose-unknown-relation", stated.pointer), unstated(offered, world.purposes))


def _prohibited(firing: Sequence[CompiledRule], world: World, changes: tuple[datetime, ...]) -> Answer:
    because = tuple(reason("prohibited", rule.rule.pointer) for rule in firing)
    if any(rule.holds(world) is True for rule in firing):
        return deny(*because, changes=changes)
    ask, state = world.request, world.state
    unsure = [term.term.pointer for rule in firing for term in rule.form.terms if term.test(ask, state) is None]
    return cannot_tell(*because, unknown=unsure, changes=changes)


def _place(unknown: str) -> str:
    return unknown.partition(": ")[0]
