"""A contract as it would have to be, made from its JSON and read again like any other."""

from typing import Any

from policy.odrl import CompiledPolicy, PolicyError, compiled
from policy.odrl import vocabulary as v
from policy.would_permit.supposed import NOBODY, Supposed

_OF_STUDY = frozenset({v.STUDY, v.STUDY_DIGEST, v.PROFILE, v.SELECTION})


def agreed(contract: CompiledPolicy, now: Supposed) -> CompiledPolicy | None:
    """The contract as an agreement with whoever asks, about what is asked for."""
    return _read(contract.to_json() | _parties(now) | {"@type": "Agreement"})


def without(contract: CompiledPolicy, pointer: str) -> CompiledPolicy | None:
    """The contract without the rule or term at a place; None if there is none."""
    source = contract.to_json()
    *path, last = [step for step in pointer.split("/") if step]
    held: Any = source
    for step in path:
        held = _under(held, step)
    if isinstance(held, list) and last.isdigit() and int(last) < len(held):
        del held[int(last)]
        return _read(_without_empty(source))
    return None


def with_permission(contract: CompiledPolicy, now: Supposed) -> CompiledPolicy | None:
    """The contract with a permission of what is asked, under no terms."""
    if now.question.action not in v.ASKED:
        return None
    source = contract.to_json()
    further = {"action": v.ASKED[now.question.action].permitted}
    return _read(source | {"permission": [*_listed(source.get("permission")), further]})


def kept_to_offer(now: Supposed) -> CompiledPolicy | None:
    """The request with the offer's rules instead of its own, bound to the study that it names."""
    offer, request = now.facts.offer, now.facts.policy
    if offer is None or request is None:
        return None
    asked, source = request.to_json(), offer.to_json()
    rules = {key: source[key] for key in ("permission", "prohibition", "obligation", "profile") if key in source}
    bound = [
        one for rule in _listed(asked.get("permission")) for one in _listed(rule.get("constraint")) if _of_study(one)
    ]
    for rule in _listed(rules.get("permission")):
        said = [one for one in _listed(rule.get("constraint")) if not _of_study(one)]
        rule["constraint"] = said + [one for index, one in enumerate(bound) if one not in bound[:index]]
    kept = {key: one for key, one in asked.items() if key not in {"permission", "prohibition", "obligation"}}
    return _read(kept | _parties(now) | rules)


def _of_study(constraint: Any) -> bool:
    left = constraint.get("leftOperand") if isinstance(constraint, dict) else None
    return isinstance(left, str) and v.expand_odrl(left) in _OF_STUDY


def _parties(now: Supposed) -> dict[str, Any]:
    question, facts = now
    return {"target": question.dataset, "assigner": facts.holder or NOBODY, "assignee": question.requester}


def _read(source: dict[str, Any]) -> CompiledPolicy | None:
    try:
        return compiled(source)
    except PolicyError:
        return None


def _under(held: Any, step: str) -> Any:
    if isinstance(held, list):
        return held[int(step)] if step.isdigit() and int(step) < len(held) else None
    return held.get(step) if isinstance(held, dict) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _without_empty(source: dict[str, Any]) -> dict[str, Any]:
    """An empty list is none at all, here and in each rule."""
    found = {}
    for key, some in source.items():
        kept = [_filled(one) for one in some] if isinstance(some, list) else some
        if kept != []:
            found[key] = kept
    return found


def _filled(rule: Any) -> Any:
    return {name: held for name, held in rule.items() if held != []} if isinstance(rule, dict) else rule
