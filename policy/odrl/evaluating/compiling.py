"""A policy compiled once: its rules as closures, found by action, asked any number of times.

Nothing is compiled before it is needed: reading what a rule says costs more than asking it once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from policy.decision import Outcome
from policy.odrl.atomic import atomic
from policy.odrl.evaluating.behaviours import CONCORD, Behaviour
from policy.odrl.evaluating.conditions import CompiledDuty, compile_duties
from policy.odrl.evaluating.conflict import contradictory
from policy.odrl.evaluating.matching import canonical
from policy.odrl.evaluating.report import PolicyReport
from policy.odrl.evaluating.request import Request
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import Policy, Rule


class Matching(NamedTuple):
    """The rules whose action includes the one that is asked for."""

    prohibitions: tuple[CompiledRule, ...]
    permissions: tuple[CompiledRule, ...]


class Compiled:
    """A policy ready to ask under one behaviour. `unknown` names each place that nobody here understands."""

    def __init__(self, policy: Policy, behaviour: Behaviour, void: str | None = None) -> None:
        self.policy = policy
        self.behaviour = behaviour
        self.void = void
        self._by_action: dict[str, Matching] = {}
        self._rules: Matching | None = None
        self._notes: list[str] = list(policy.unknown)
        self._duties: tuple[CompiledDuty, ...] = ()
        self._fixed: Outcome | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Each place not understood, in the text or in what it means here."""
        self._compile()
        return tuple(self._notes)

    @property
    def fixed(self) -> Outcome | None:
        """The outcome of a policy that is not evaluated at all; None of one that is."""
        self._compile()
        return self._fixed

    @property
    def rules(self) -> Matching:
        """All prohibitions and permissions, compiled."""
        return self._rules or self._compile()

    @property
    def duties(self) -> tuple[CompiledDuty, ...]:
        """The obligations of the policy itself."""
        self._compile()
        return self._duties

    def verdict(self, request: Request, state: State) -> Outcome:
        """Whether the policy permits what is asked, in this state. Never raises for what either holds."""
        matching = self._by_action.get(request.action) or self._find(request.action)
        if self._fixed is not None:
            return self._fixed
        forbidden = _one_holds(matching.prohibitions, request, state)
        if forbidden is True and self.prohibitions_win:
            return Outcome.DENY
        return self.joined(forbidden, _one_holds(matching.permissions, request, state), request, state)

    def joined(self, forbidden: Truth, permitted: Truth, request: Request, state: State) -> Outcome:
        """The outcome from whether a prohibition and whether a permission applies."""
        if permitted is True and forbidden is False:
            return self._with_obligations(request, state)
        if forbidden is True:
            return Outcome.PERMIT if permitted is True and not self.prohibitions_win else Outcome.DENY
        if forbidden is None and permitted is False and not self._may_forbid(request, state):
            return self._nothing(request, state)
        if forbidden is None and (permitted is not True or self.prohibitions_win):
            return Outcome.INDETERMINATE
        if permitted is True:
            return self._with_obligations(request, state)
        return Outcome.INDETERMINATE if permitted is None else self._nothing(request, state)

    @property
    def prohibitions_win(self) -> bool:
        """Whether a prohibition beats a permission of the same; under `invalid` the whole policy falls with it."""
        return self.behaviour.prohibitions_win or self.policy.conflict != "perm"

    def _may_forbid(self, request: Request, state: State) -> bool:
        """Whether a prohibition of what is asked may apply; one of a part of it only stands against a permission."""
        asked = canonical(request.action)
        rules = self.matching(request.action).prohibitions
        return any(rule.includes(asked) and rule.holds(request, state) is not False for rule in rules)

    def _with_obligations(self, request: Request, state: State) -> Outcome:
        if not self._duties or not self.behaviour.strict:
            return Outcome.PERMIT
        return Outcome.PERMIT if all(duty.allows(request, state) is True for duty in self._duties) else Outcome.DENY

    def _nothing(self, request: Request, state: State) -> Outcome:
        """No rule applies: the policy is about something or somebody else, or it does not permit this."""
        if any(rule.about(request, state) is not False for rule in (*self.rules.permissions, *self.rules.prohibitions)):
            return self.behaviour.none
        return Outcome.NOT_APPLICABLE

    def report(self, request: Request, state: State) -> PolicyReport:
        """The same verdict with all that led to it."""
        from policy.odrl.evaluating.reporting import reported

        return reported(self, request, state)

    # --- compiling ---------------------------------------------------------------------------------------------------

    def matching(self, action: str) -> Matching:
        """The rules that are about an action."""
        return self._by_action.get(action) or self._find(action)

    def _find(self, action: str) -> Matching:
        rules = self.rules
        asked = canonical(action)
        found = Matching(_about(rules.prohibitions, asked), _about(rules.permissions, asked))
        if len(self._by_action) < _MANY:
            self._by_action[action] = found
        return found

    def _compile(self) -> Matching:
        if self._rules is None:
            notes = self._notes
            plain = atomic(self.policy)
            self._duties = compile_duties(plain.obligations, self.behaviour, notes)
            self._rules = Matching(self._all(plain.prohibitions), self._all(plain.permissions))
            notes += [f"/inheritFrom: {one}" for one in plain.inherits]
            notes += [f"/profile: {one}" for one in plain.profiles if one not in self.behaviour.profiles]
            self._fixed = self._unheard(plain)
        return self._rules

    def _all(self, rules: Sequence[Rule]) -> tuple[CompiledRule, ...]:
        return tuple([CompiledRule(rule, self.behaviour, self._notes) for rule in rules]) if rules else ()

    def _unheard(self, plain: Policy) -> Outcome | None:
        """The outcome of a policy that is not evaluated at all."""
        if self.policy.kind == "Offer" and not self.behaviour.offers:
            return Outcome.DENY
        if (
            not self.behaviour.prohibitions_win
            and self.void is None
            and contradictory(plain, self.behaviour.open_rules)
        ):
            self.void = "it permits and forbids the same, and does not say which counts"
        if self.void is not None:
            return Outcome.DENY
        unread = plain.inherits or (self._notes and self.behaviour.strict)
        return Outcome.INDETERMINATE if unread else None


def _about(rules: Sequence[CompiledRule], action: str) -> tuple[CompiledRule, ...]:
    return tuple([rule for rule in rules if rule.applies and rule.acts(action) is not False]) if rules else ()


_MANY = 256  # how many actions one policy keeps its rules ready for


def _one_holds(rules: Sequence[CompiledRule], request: Request, state: State) -> Truth:
    # `any_of`, written out: every decision runs this twice, and a generator costs more than most rules.
    found: Truth = False
    for rule in rules:
        answer = rule.holds(request, state)
        if answer is True:
            return True
        if answer is None:
            found = None
    return found


def compile_policy(policy: Policy, behaviour: Behaviour = CONCORD, *, void: str | None = None) -> Compiled:
    """Return the policy ready to ask. `void` says why it is void already (what it inherits clashes), if it is."""
    return Compiled(policy, behaviour, void)
