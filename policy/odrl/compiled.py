"""A policy made ready to ask: every term a closure, every rule at hand by what it says, the source kept for replay."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from policy.odrl.model import Logical, Policy, PolicyError, Rule, Term
from policy.odrl.operands import (
    Compiled,
    NotUnderstoodError,
    Truth,
    World,
    all_of,
    any_of,
    compile_constraint,
    one_of,
)
from policy.odrl.reading import read
from policy.odrl.terms import stated
from policy.odrl.vocabulary import DUTIES


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its terms as closures and the obligation keys of its duties."""

    rule: Rule
    terms: tuple[Compiled, ...]
    obligations: tuple[str, ...]

    def holds(self, world: World) -> Truth:
        """Whether all terms are met, three-valued."""
        return all_of([term.test(world) for term in self.terms])

    @property
    def changes(self) -> Iterator[datetime]:
        """The instants at which an answer of this rule can change."""
        return (moment for term in self.terms for moment in term.changes)


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy ready to ask. Two are equal if they were made from the same JSON.

    `unknown` names all that was not understood, in the text or in its meaning; if it is not empty the policy is
    never evaluated.
    """

    source: str
    policy: Policy = field(compare=False)
    permissions: tuple[CompiledRule, ...] = field(compare=False)
    prohibitions: tuple[CompiledRule, ...] = field(compare=False)
    obligations: tuple[str, ...] = field(compare=False)
    unknown: tuple[str, ...] = field(compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object the policy was made from."""
        value: dict[str, Any] = json.loads(self.source)
        return value


def compiled(source: Mapping[str, Any]) -> CompiledPolicy:
    """Read and compile a policy in wire form, once; the result serves any number of decisions.

    Raises :class:`~policy.odrl.model.PolicyError` if the object is not a policy (see :func:`~policy.odrl.read`).
    """
    policy = read(source)
    try:
        text = json.dumps(source, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise PolicyError("a policy is plain JSON") from None
    compiler = _Compiler(list(policy.unknown))
    compiler.shared(policy)
    permissions = tuple(compiler.rule(rule) for rule in policy.permissions)
    prohibitions = tuple(compiler.rule(rule) for rule in policy.prohibitions)
    obligations = compiler.duties(policy.obligations)
    return CompiledPolicy(text, policy, permissions, prohibitions, obligations, tuple(compiler.unknown))


# What may stand at the level of the whole policy and is not evaluated there, by the name it is written with.
_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "actions": "action",
        "terms": "constraint",
        "functions": "function",
        "relations": "relation",
        "profiles": "profile",
        "inherits": "inheritFrom",
    }
)


class _Compiler:
    def __init__(self, unknown: list[str]) -> None:
        self.unknown = unknown

    def rule(self, rule: Rule) -> CompiledRule:
        self.plain(rule)
        if len(rule.actions) > 1:
            self.unknown.append(f"{rule.pointer}/action: several actions in one rule")
        if rule.remedies or len(rule.targets) > 1 or len(rule.assignees) > 1:
            self.unknown.append(f"{rule.pointer}: a rule in a form that is not evaluated")
        terms = tuple(self.term(term) for term in stated(rule))
        return CompiledRule(rule, terms, self.duties(rule.duties))

    def shared(self, policy: Policy) -> None:
        for name in _WRITTEN:
            if getattr(policy, name):
                self.unknown.append(f"/{_WRITTEN[name]}: a term of the whole policy")

    def duties(self, duties: tuple[Rule, ...]) -> tuple[str, ...]:
        return tuple(key for duty in duties if (key := self.duty(duty)))

    def duty(self, duty: Rule) -> str | None:
        self.plain(duty)
        if duty.terms or duty.targets or duty.assignees or duty.consequences:
            self.unknown.append(f"{duty.pointer}: a duty under conditions")
        key = DUTIES.get(duty.action)
        if key is None:
            self.unknown.append(f"{duty.pointer}/action: {duty.action}"[:200])
        return key

    def plain(self, rule: Rule) -> None:
        entities = (*rule.targets, *rule.assignees, *rule.assigners)
        if any(action.refinements for action in rule.actions):
            self.unknown.append(f"{rule.pointer}/action: an action under conditions")
        refined = any(one.refinements for one in entities)
        gathered = any(one.collection for one in (*rule.targets, *rule.assignees))
        if refined or gathered:
            self.unknown.append(f"{rule.pointer}/target: a collection")
        if rule.functions or rule.relations:
            self.unknown.append(f"{rule.pointer}: a rule in a form that is not evaluated")

    def term(self, term: Term) -> Compiled:
        if isinstance(term, Logical):
            return self.logical(term)
        try:
            return compile_constraint(term)
        except NotUnderstoodError as cause:
            self.unknown.append(str(cause)[:200])
            return Compiled(lambda _: None, lambda _: "policy-not-understood", term.pointer)

    def logical(self, term: Logical) -> Compiled:
        join = _JOINS[term.operator]
        parts = [self.term(part) for part in term.parts]
        changes = tuple(moment for part in parts for moment in part.changes)
        return Compiled(
            lambda world: join([part.test(world) for part in parts]), lambda _: "terms-not-met", term.pointer, changes
        )


# A sequence asks for the same facts as `and`; its order is about when they came true, which one instant cannot show.
_JOINS: Mapping[str, Callable[[list[Truth]], Truth]] = MappingProxyType(
    {"and": all_of, "andSequence": all_of, "or": any_of, "xone": one_of}
)
