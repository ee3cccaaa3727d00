"""A rule as it is watched: what an event must be to be of it, and what the log has shown of it so far."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.truth import Truth, all_of
from policy.odrl.model import Rule
from policy.odrl.monitoring.facts import Scene, Test
from policy.odrl.monitoring.lives import Course, Life, Role
from policy.odrl.monitoring.offences import Offence

DOINGS = frozenset({Role.OBLIGATION, Role.DUTY, Role.REMEDY, Role.CONSEQUENCE})
"""The roles in which a rule asks for something to be done."""

Identity: TypeAlias = Callable[[Performed], Truth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """A rule, ready to test on events.

    `identity`: by its party, of its action, on its asset, all of which an event says itself. `stated`: with the parties
    and assets that it names by any other function or relation. `acting`: the refinements of these. `terms`: its
    constraints. `counted`: what asks how often it was exercised. `due` is the first instant too late for a duty,
    `begins` the first at which an obligation is owed. Without `timely` the doing of a duty need not meet the duty's
    constraints.
    """

    identity: Identity
    stated: tuple[Identity, ...] = ()
    acting: tuple[Test, ...] = ()
    terms: tuple[Test, ...] = ()
    counted: tuple[Test, ...] = ()
    due: datetime | None = None
    begins: datetime | None = None
    timely: bool = True


class Match(NamedTuple):
    """Whether an event is of a rule in every respect, and whether it would be, were it not too late."""

    full: Truth
    late: Truth


class Watched:
    """One atomic rule and what the log has shown of it so far.

    `done` events were certainly of it (its count aside), of `maybe` nobody can tell; `matched` and `doubted` say the
    same with the count. Time elapses from `since`: a permission's or prohibition's first exercise, the violation that a
    remedy or consequence is owed for. `met` is the number of the event that fulfilled it. While it is `owed` it must
    still be done; `open` are the violations that its doing, or that of its children, can still mend.
    """

    __slots__ = (
        *("above", "children", "course", "done", "doubted", "matched", "maybe", "met", "number", "open", "owed"),
        *("role", "rule", "since", "tests"),
    )

    def __init__(self, number: int, role: Role, rule: Rule, above: "Watched | None", tests: Tests) -> None:
        self.number, self.role, self.rule, self.above, self.tests = number, role, rule, above, tests
        self.children: list[Watched] = []
        self.course = Course(_FIRST.get(role, Life.NOT_SET))
        self.done = self.maybe = self.matched = self.doubted = 0
        self.since: datetime | None = None
        self.met: int | None = None
        self.owed = False
        self.open: list[Offence] = []

    def match(self, event: Performed, scene: Scene, identity: Truth) -> Match:
        """Test an event whose identity is not certainly another, and count it."""
        if self.tests.stated:
            identity = all_of((identity, *[test(event) for test in self.tests.stated]))
        base = self._base(scene, identity)
        if base is False:
            return NO_MATCH
        if base:
            self.done += 1
            if self.role not in DOINGS:
                self.since = self.since or event.at
        else:
            self.maybe += 1
        found = self._timed(event, self._counted(scene, base))
        self.matched += found.full is True
        self.doubted += found.full is None
        return found

    def _base(self, scene: Scene, identity: Truth) -> Truth:
        acting = all_of((identity, *[test(scene) for test in self.tests.acting]))
        if acting is False or not self.tests.timely:
            return acting
        return all_of((acting, *[test(scene) for test in self.tests.terms]))

    def _counted(self, scene: Scene, base: Truth) -> Truth:
        if not self.tests.counted:
            return base
        scene.count(None if self.maybe else self.done, self.since)
        return all_of((base, *[test(scene) for test in self.tests.counted]))

    def _timed(self, event: Performed, full: Truth) -> Match:
        due = self.tests.due
        if due is None or full is False:
            return Match(full, False)
        if event.at is None or event.at.tzinfo is None:
            return Match(None, None)
        return Match(full, False) if event.at < due else Match(False, full)

    def active(self, scene: Scene) -> Truth:
        """Whether the constraints of a duty hold at this event, so that it is owed."""
        return all_of(test(scene) for test in self.tests.terms)


NO_MATCH = Match(False, False)
_FIRST = {Role.OBLIGATION: Life.ACTIVE, Role.REMEDY: Life.INACTIVE, Role.CONSEQUENCE: Life.INACTIVE}
