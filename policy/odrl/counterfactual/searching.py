"""The search for the smallest set of changes that turns a no into a yes: by facts, and only if none helps by terms.

Sets are tried by size, so that none smaller than the first one found permits. A set is built change by change: each
bears on the first thing that still stands in the way, of one permission or of a prohibition (see `mending`), and every
set is judged by the evaluator itself. What is looked at is counted; when all is spent, a set that certainly permits is
taken and reduced until no part of it does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import NamedTuple

from policy.decision import Outcome
from policy.odrl.counterfactual import wording
from policy.odrl.counterfactual.budget import Budget, SpentError
from policy.odrl.counterfactual.changes import Asked, Change, Slot
from policy.odrl.counterfactual.duties import of_duty
from policy.odrl.counterfactual.mending import Mender, fresh_target
from policy.odrl.counterfactual.policies import Agreed, FurtherPermission, NotVoid, PermissionsFirst, WithoutUnknown
from policy.odrl.counterfactual.pools import Pools
from policy.odrl.counterfactual.unheard import not_understood
from policy.odrl.evaluating import Compiled, Request, State, compile_policy
from policy.odrl.evaluating.rules import CompiledRule

LOOKS = 40_000
"""How many tests of terms one tier of the search may cost; a policy of many rules counts them eight at a time."""
DEPTH = 6
"""How many changes together are looked for before the search falls back."""
SUBSETS = 8
"""Of how many changes all parts are tried; of more, each is left out in turn."""
_SOLUTIONS = 24  # of one size; the nearest is taken


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The changes that would permit what is asked; none if it is permitted, or if nothing would.

    `words` says so in one sentence. `complete`: nothing smaller was left untried.
    """

    changes: tuple[Change, ...]
    words: str
    complete: bool


def counterfactual(compiled: Compiled, request: Request, state: State) -> Counterfactual:
    """Return the smallest set of changes that would permit the request, facts before changes of the policy.

    Raises :class:`~policy.odrl.model.PolicyError` for a policy whose atomic form is too large to be evaluated.
    """
    if compiled.verdict(request, state) is Outcome.PERMIT:
        return Counterfactual((), "It is permitted.", True)
    search = _Search(compiled, Asked(compiled.policy, request, state, _void(compiled)))
    complete = True
    for of_policy in (False, True):
        found, whole = search.tier(of_policy)
        complete = complete and whole
        if found:
            return Counterfactual(found, _words(found, complete), complete)
    return Counterfactual((), "Nothing that we know of would permit it.", False)


def _void(compiled: Compiled) -> str | None:
    """Why the policy was void before it was compiled; what contradicts itself is found to be void each time again."""
    if compiled.void is None:
        return None
    again = compile_policy(compiled.policy, compiled.behaviour)
    return compiled.void if again.fixed is None or again.void is None else None


def _words(changes: Sequence[Change], complete: bool) -> str:
    said = list(dict.fromkeys(one.words for one in changes))
    joined = "; and if ".join(said)
    if complete and any(one.of_policy for one in changes):
        return f"Facts alone would not permit it. It would be permitted if {joined}."
    return f"It would be permitted if {joined}."


class _Node(NamedTuple):
    """What is asked after some changes."""

    asked: Asked
    compiled: Compiled
    changes: tuple[Change, ...] = ()
    slots: frozenset[Slot] = frozenset()

    @property
    def permits(self) -> bool:
        return self.compiled.verdict(self.asked.request, self.asked.state) is Outcome.PERMIT


class _Search:
    def __init__(self, compiled: Compiled, asked: Asked) -> None:
        self.root = _Node(asked, compiled)
        self.weight = 1 + (len(compiled.rules.permissions) + len(compiled.rules.prohibitions)) // 8
        self._compiled: dict[frozenset[Change], Compiled] = {}
        self._cut = False

    def tier(self, of_policy: bool) -> tuple[tuple[Change, ...], bool]:
        """The smallest set of one tier, and whether nothing smaller was left untried."""
        budget = Budget(LOOKS)
        mender = Mender(Pools(self.root.compiled, self.root.asked, budget), of_policy)
        walk = _Walk(self, mender, budget)
        try:
            found = walk.smallest()
            if found or not walk.cut:
                return found, True
        except SpentError:
            pass
        return self._fallen_back(of_policy), False

    def _fallen_back(self, of_policy: bool) -> tuple[Change, ...]:
        """Any set that permits, found without looking back, and reduced until no part of it permits."""
        budget = Budget(LOOKS)
        mender = Mender(Pools(self.root.compiled, self.root.asked, budget), of_policy)
        walk = _Walk(self, mender, budget)
        for goal in (None,) if of_policy else tuple(range(len(self.root.compiled.rules.permissions))):
            try:
                found = walk.straight(goal)
            except SpentError:
                return ()
            if found:
                return self.reduced(found)
        return ()

    def reduced(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        """A part of the changes that permits, and of which no part does; up to eight, all parts are tried."""
        kept = list(changes)
        while len(kept) > SUBSETS:
            spare = next((one for one in kept if self.permitted([other for other in kept if other is not one])), None)
            if spare is None:
                return tuple(kept)
            kept = [one for one in kept if one is not spare]
        parts = chain.from_iterable(combinations(kept, size) for size in range(1, len(kept)))
        return next((part for part in parts if self.permitted(part)), tuple(kept))

    def permitted(self, changes: Iterable[Change]) -> bool:
        """Whether the changes alone, in this order, permit what is asked."""
        node = self.root
        for one in changes:
            node = self.after(node, one)
        return node.permits

    def after(self, node: _Node, change: Change) -> _Node:
        """What is asked after one more change."""
        asked = change.apply(node.asked)
        changes = (*node.changes, change)
        compiled = node.compiled
        if change.of_policy:
            compiled = self._compile(frozenset(one for one in changes if one.of_policy), asked)
        return _Node(asked, compiled, changes, node.slots | {change.slot})

    def _compile(self, changes: frozenset[Change], asked: Asked) -> Compiled:
        if changes not in self._compiled:
            behaviour = self.root.compiled.behaviour
            self._compiled[changes] = compile_policy(asked.policy, behaviour, void=asked.void)
        return self._compiled[changes]


class _Walk:
    """One walk through sets of changes; a goal is a permission by its place, None for one that is added."""

    def __init__(self, search: _Search, mender: Mender, budget: Budget) -> None:
        self.search, self.mender, self.budget = search, mender, budget
        self.cut = False
        self._seen: set[tuple[int | None, frozenset[Change]]] = set()
        self._found: list[tuple[Change, ...]] = []

    def smallest(self) -> tuple[Change, ...]:
        """The nearest of the smallest sets that permit."""
        goals: list[int | None] = list(range(len(self.search.root.compiled.rules.permissions)))
        goals += [None] if self.mender.of_policy else []
        for size in range(1, DEPTH + 1):
            self.cut = False
            self._seen.clear()
            self._try(goals, size)
            if self._found:
                best = min(self._found, key=lambda changes: sum(one.cost for one in changes))
                return self.search.reduced(best)
            if not self.cut:
                return ()
        return ()

    def _try(self, goals: Sequence[int | None], size: int) -> None:
        try:
            for goal in goals:
                self._descend(self.search.root, goal, size)
        except SpentError:
            if not self._found:
                raise

    def _descend(self, node: _Node, goal: int | None, left: int) -> None:
        if len(self._found) >= _SOLUTIONS:
            return
        for change in self._next(node, goal):
            if change.slot in node.slots:
                continue
            key = goal, frozenset((*node.changes, change))
            if key in self._seen:
                continue
            self._seen.add(key)
            child = self._look(node, change)
            if child.permits:
                self._found.append(child.changes)
            elif left > 1:
                self._descend(child, goal, left - 1)
            else:
                self.cut = True

    def _look(self, node: _Node, change: Change) -> _Node:
        self.budget.spend((50 if change.of_policy else 1) * self.search.weight)
        return self.search.after(node, change)

    def straight(self, goal: int | None) -> tuple[Change, ...]:
        """The changes that are nearest at each step, until what is asked is permitted; none if a step has none."""
        node = self.search.root
        while not node.permits:
            steps = (one for one in self._next(node, goal) if one.slot not in node.slots)
            change = next((one for one in steps if one.of_policy or not self.mender.of_policy or goal_fact(one)), None)
            if change is None:
                return ()
            node = self._look(node, change)
        return node.changes

    def _next(self, node: _Node, goal: int | None) -> Iterator[Change]:
        """The changes that bear on the first thing that still stands in the way of one permission."""
        compiled, asked = node.compiled, node.asked
        if compiled.fixed is not None:
            yield from self._unheard(node)
            return
        rule = self._rule(node, goal)
        if rule is None:
            target = fresh_target(asked, self.mender.pools)
            said = wording.further(asked.request.action, target)
            yield FurtherPermission(said, asked.request.action, target)
            return
        if not rule.applies:
            return
        wanted = self.mender.to_hold(rule, asked)
        if wanted is not None:
            yield from wanted
            return
        yield from self._in_the_way(node)

    def _rule(self, node: _Node, goal: int | None) -> CompiledRule | None:
        permissions = node.compiled.rules.permissions
        if goal is None:
            added = any(isinstance(one, FurtherPermission) for one in node.changes)
            return permissions[-1] if added else None
        return permissions[goal]

    def _in_the_way(self, node: _Node) -> Iterator[Change]:
        """The changes by which the first prohibition that may apply does not, or the first open obligation is met."""
        request, state = node.asked.request, node.asked.state
        for rule in node.compiled.matching(request.action).prohibitions:
            if rule.holds(request, state) is not False:
                yield from self.mender.to_escape(rule, node.asked)
                return
        for duty in node.compiled.duties:
            if duty.allows(request, state) is not True:
                facts, policy = of_duty(duty, self.mender)
                yield from facts(node.asked, True)
                yield from policy() if self.mender.of_policy else ()
                return

    def _unheard(self, node: _Node) -> Iterator[Change]:
        """The changes by which a policy that is not evaluated at all would be."""
        if not self.mender.of_policy:
            return
        policy = node.asked.policy
        if policy.kind == "Offer" and not node.compiled.behaviour.offers:
            yield Agreed(wording.agreed(policy.kind))
        elif node.asked.void is not None:
            yield NotVoid(wording.not_void(node.asked.void))
        elif node.compiled.void is not None:
            yield PermissionsFirst(wording.permissions_first())
        elif policy.unknown:
            yield WithoutUnknown(wording.not_unknown(policy.unknown[0]), policy.unknown[0])
        else:
            yield from not_understood(policy, node.compiled.behaviour)


def goal_fact(change: Change) -> bool:
    """Whether a fact is needed even beside a permission that is added: what is asked for has to be named."""
    return change.slot == ("target",)
