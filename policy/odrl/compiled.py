"""A contract made ready to ask: its compiled form, what of it is not understood here, and its source for replay."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from policy.odrl.duties import read_duty
from policy.odrl.evaluating import CONCORD, Duties, State, compile_policy
from policy.odrl.evaluating.rules import CompiledRule as Form
from policy.odrl.evaluating.terms import CompiledTerm
from policy.odrl.model import Logical, Policy, PolicyError, Rule, Term
from policy.odrl.operands import NotUnderstoodError, Truth, World, understand
from policy.odrl.reading import read

# A contract of the Dataspace Protocol names its dataset and parties for all its rules, an offer often nobody at all;
# and whether a duty can be carried out is asked of the executors once a permission is met.
GATE = replace(CONCORD, open_rules=True, duties=Duties.OPEN)

_NOTHING = State()


@dataclass(frozen=True, slots=True)
class AskedTerm:
    """One term of a rule, to be asked of a world."""

    form: CompiledTerm

    def test(self, world: World) -> Truth:
        """Whether it is met."""
        return self.form.test(world.request, world.state)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule of a contract: its compiled form and the obligation keys of its duties."""

    form: Form
    obligations: tuple[str, ...]

    @property
    def rule(self) -> Rule:
        """What the rule says."""
        return self.form.rule

    @property
    def terms(self) -> tuple[AskedTerm, ...]:
        """Its terms one by one."""
        return tuple(map(AskedTerm, self.form.terms))

    def holds(self, world: World) -> Truth:
        """Whether all it asks for is met, three-valued; its action is taken to be the one that is asked for."""
        return self.form.holds(world.request, world.state)

    @property
    def changes(self) -> Iterator[datetime]:
        """The instants at which an answer of this rule can change."""
        return (moment for term in self.form.timed if term.changes for moment in term.changes(_NOTHING, True))


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
    gate = _Gate(policy)
    rules = compile_policy(policy, GATE).rules
    permissions = tuple(CompiledRule(one, gate.duties(one.rule.duties)) for one in rules.permissions)
    prohibitions = tuple(CompiledRule(one, ()) for one in rules.prohibitions)
    obligations = gate.duties(policy.obligations)
    return CompiledPolicy(text, policy, permissions, prohibitions, obligations, tuple(gate.unknown))


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


class _Gate:
    """Collects what of a policy is not understood as a contract, though its evaluation might be."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.unknown = list(policy.unknown)
        self.shared(policy)
        for rule in (*policy.permissions, *policy.prohibitions):
            self.rule(rule)

    def shared(self, policy: Policy) -> None:
        for name in _WRITTEN:
            if getattr(policy, name):
                self.unknown.append(f"/{_WRITTEN[name]}: a term of the whole policy")

    def rule(self, rule: Rule) -> None:
        self.plain(rule)
        if len(rule.actions) > 1:
            self.unknown.append(f"{rule.pointer}/action: several actions in one rule")
        if rule.remedies or len(rule.targets) > 1 or len(rule.assignees) > 1:
            self.unknown.append(f"{rule.pointer}: a rule in a form that is not evaluated")
        for term in rule.terms:
            self.term(term)

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

    def term(self, term: Term) -> None:
        if isinstance(term, Logical):
            for part in term.parts:
                self.term(part)
            return
        try:
            understand(term)
        except NotUnderstoodError as cause:
            self.unknown.append(str(cause)[:200])

    def duties(self, duties: tuple[Rule, ...]) -> tuple[str, ...]:
        return tuple(key for duty in duties if (key := self.duty(duty)))

    def duty(self, duty: Rule) -> str | None:
        try:
            return read_duty(duty, self.policy).key
        except NotUnderstoodError as cause:
            self.unknown.append(str(cause)[:200])
            return None
