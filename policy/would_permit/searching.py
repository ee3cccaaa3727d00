"""The search for the smallest set of suppositions under which `decide` says yes.

A decision joins the person, the law, the contract and the provider. Each thing that would settle its first cause is
supposed in turn, `decide` is asked again, and so on: what is returned was tried, and no part of it is enough. What
cannot be tried is still named, gate by gate.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from policy.decide import decide
from policy.decision import Decision
from policy.facts import Facts, Question
from policy.would_permit.gates import named_only, suppositions
from policy.would_permit.supposed import Supposed, Supposition

DEPTH = 7
"""How many things are supposed together at most."""
DECISIONS = 600
"""How many decisions the search may cost, without changes of the contract and once more with them."""


def what_would_permit(question: Question, facts: Facts) -> tuple[str, ...]:
    """Return clauses to be read after "it would be permitted if", all of them together; none if it is permitted.

    Never raises. Narrowest gate first; no clause holds a value about a person.
    """
    start = Supposed(question, facts)
    decision = decide(*start)
    if decision.permits:
        return ()
    for of_contract in (False, True):
        found = _Search(start, of_contract).smallest()
        if found:
            return tuple(dict.fromkeys(one.words for one in found))
    return tuple(dict.fromkeys(named_only(cause, start) for cause in decision.because))


class _Node(NamedTuple):
    now: Supposed
    decision: Decision
    made: tuple[Supposition, ...] = ()


class _Search:
    """Looks for the smallest set, by size; each set by the causes that are left, first cause first."""

    def __init__(self, start: Supposed, of_contract: bool) -> None:
        self.start, self.of_contract = start, of_contract
        self.left = DECISIONS
        self.cut = False

    def smallest(self) -> tuple[Supposition, ...]:
        root = _Node(self.start, decide(*self.start))
        for size in range(1, DEPTH + 1):
            self.cut = False
            found = self._descend(root, size)
            if found:
                return self._reduced(found)
            if not self.cut or self.left <= 0:
                break
        return ()

    def _descend(self, node: _Node, size: int) -> tuple[Supposition, ...]:
        for one in suppositions(node.decision.because[0], node.now):
            if self.left <= 0:
                return ()
            if (one.of_contract and not self.of_contract) or any(one.about == made.about for made in node.made):
                continue
            child = self._look(node, one)
            if child.decision.permits:
                return child.made
            if size == 1:
                self.cut = True
                continue
            found = self._descend(child, size - 1)
            if found:
                return found
        return ()

    def _look(self, node: _Node, one: Supposition) -> _Node:
        self.left -= 1
        made = (*node.made, one)
        now = self._after(made)
        return _Node(now, decide(*now), made)

    def _after(self, made: Iterable[Supposition]) -> Supposed:
        now = self.start
        for one in sorted(made, key=lambda one: one.rank):
            now = one.apply(now)
        return now

    def _reduced(self, found: tuple[Supposition, ...]) -> tuple[Supposition, ...]:
        """The smallest part that is enough: what was supposed first may be spared by what came after."""
        parts = (part for size in range(1, len(found)) for part in combinations(found, size))
        return next((part for part in parts if decide(*self._after(part)).permits), found)
