"""One pass over a log: each event judged as it comes, each rule moved on, and what is left open at the end."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth
from policy.odrl.monitoring.facts import Scene
from policy.odrl.monitoring.lives import Cause, Life, Role, Step
from policy.odrl.monitoring.modes import Mode
from policy.odrl.monitoring.offences import Docket, Offence
from policy.odrl.monitoring.report import Answer, Doubt, Judged, RuleLife
from policy.odrl.monitoring.watched import DOINGS, Watched

REMEMBERED = 1_000_000
"""For how many pairs of a doing and a rule it is remembered that they may belong together."""


class _Seen(NamedTuple):
    """One event with the rules it is of, or may be of."""

    event: Performed
    number: int
    scene: Scene
    permissions: list[tuple[Watched, Truth]]
    prohibitions: list[tuple[Watched, Truth]]


class _Use(NamedTuple):
    """What one permission says of an event: the answer, the duties that bar it, and those that may be done late."""

    rule: Watched
    answer: Truth
    barring: list[Watched]
    late: list[Watched]


class Run:
    """The state of monitoring; `judge` takes the events in their order, `close` ends the log."""

    def __init__(
        self, rules: Sequence[Watched], behaviour: Behaviour, mode: Mode, conflict: str | None, state: State
    ) -> None:
        self.rules = rules
        self.mode = mode
        self.docket = Docket()
        self._permits = conflict == "perm" and not behaviour.prohibitions_win and not mode.closed
        strategy = conflict if behaviour.prohibitions_win else conflict or "invalid"
        self._void = strategy == "invalid" and not mode.closed
        self._scene = Scene(state.about)
        self._number = 0
        self._candidates: dict[tuple[str, str | None, str | None], list[tuple[Watched, Truth]]] = {}
        self._room = REMEMBERED
        deadlines = [(one.tests.due, one.number, one) for one in rules if one.role is Role.OBLIGATION and one.tests.due]
        self._deadlines = [one for _, _, one in sorted(deadlines, key=lambda found: found[:2], reverse=True)]

    def judge(self, event: Performed) -> Judged:
        """Judge the next event and move every rule on that it touches."""
        self._number += 1
        self._pass_deadlines(event.at)
        self._scene.enter(event, self.mode.looks)
        seen = _Seen(event, self._number, self._scene, [], [])
        for rule, identity in self._touched(event):
            self._match(rule, identity, seen)
        return self._judged(seen)

    # --- which rules an event is of ---

    def _touched(self, event: Performed) -> list[tuple[Watched, Truth]]:
        """The rules whose action, party and asset may be those of the event; the same for every event with these."""
        key = event.action, event.party, event.target
        known = self._candidates.get(key)
        if known is None:
            known = list(self._identified(event))
            self._room -= len(known) + 1
            if self._room >= 0:
                self._candidates[key] = known
        return known

    def _identified(self, event: Performed) -> Iterator[tuple[Watched, Truth]]:
        for rule in self.rules:
            truth = rule.tests.identity(event)
            if truth is not False:
                yield rule, truth

    def _match(self, rule: Watched, identity: Truth, seen: _Seen) -> None:
        found = rule.match(seen.event, seen.scene, identity)
        if rule.role in DOINGS:
            if found.full:
                self._done(rule, seen)
            elif found.late and rule.course.now is Life.VIOLATED:
                self._discharged(rule, seen)
        elif found.full is not False:
            (seen.permissions if rule.role is Role.PERMISSION else seen.prohibitions).append((rule, found.full))

    # --- duties of every kind ---

    def _done(self, rule: Watched, seen: _Seen) -> None:
        """A duty, remedy, consequence or obligation was done."""
        if rule.met is None and rule.role in {Role.DUTY, Role.OBLIGATION}:
            rule.met = seen.number
            if rule.course.now is not Life.VIOLATED:
                rule.course.go(_step(Life.FULFILLED, seen, Cause.PERFORMED))
        self._discharged(rule, seen)

    def _discharged(self, rule: Watched, seen: _Seen) -> None:
        """What was owed is no longer; its violation is mended once nothing of it is owed."""
        if not rule.owed:
            return
        rule.owed = False
        if rule.role in {Role.REMEDY, Role.CONSEQUENCE}:
            rule.course.go(_step(Life.FULFILLED, seen, Cause.PERFORMED))
        owner = rule.above if rule.role in {Role.REMEDY, Role.CONSEQUENCE} else rule
        if owner is not None and not owner.owed and not any(child.owed for child in owner.children):
            self.docket.mend(owner.open, seen.number)
            owner.course.go(_step(Life.COMPENSATED, seen, Cause.REMEDIED))

    def _pass_deadlines(self, at: datetime | None) -> None:
        """Every obligation whose deadline lies at or before an instant, and that was not done, is violated at it."""
        while self._deadlines and at is not None and at.tzinfo is not None:
            rule = self._deadlines[-1]
            due = rule.tests.due
            if due is None or due > at:
                return
            self._deadlines.pop()
            if rule.met is None:
                self._neglected(rule, due, Cause.DEADLINE_PASSED)

    def _neglected(self, rule: Watched, at: datetime | None, cause: Cause) -> None:
        """An obligation was not done: with consequences it can still be mended, where the log goes on."""
        if rule.doubted:
            self.docket.doubt(Doubt(Cause.CANNOT_TELL, None, rule.number, rule.rule.pointer))
            return
        offence = self.docket.offend(Offence(cause, None, rule.number, at))
        rule.course.go(Step(Life.VIOLATED, at, cause))
        if rule.children:
            rule.open.append(offence)
            self._owe(rule, Step(Life.ACTIVE, at, Cause.DUE))

    def _owe(self, rule: Watched, step: Step) -> None:
        """A violated duty is owed after all, and so are its consequences."""
        rule.owed = True
        self._owe_children(rule, step)

    def _owe_children(self, rule: Watched, step: Step) -> None:
        for child in rule.children:
            child.owed, child.since = True, step.at
            child.course.go(step)

    # --- events ---

    def _judged(self, seen: _Seen) -> Judged:
        uses = [self._use(rule, truth, seen) for rule, truth in seen.permissions]
        permitted = self._permitted(uses)
        forbidden: Truth = False
        if seen.prohibitions:
            forbidden = True if any(truth for _, truth in seen.prohibitions) else None
        overridden = self._permits and permitted is True and forbidden is not False
        self._exercise(uses, permitted, seen)
        if not overridden:
            self._violate(permitted, seen)
        return Judged(
            seen.number,
            seen.event.uid,
            seen.event.at,
            Answer.OVERRIDDEN if overridden else _answer(permitted, forbidden),
            permitted_by=tuple(use.rule.number for use in uses if use.answer),
            prohibited_by=tuple(rule.number for rule, truth in seen.prohibitions if truth),
            owes=tuple(duty.number for use in uses for duty in (*use.barring, *use.late)),
            doubts=tuple(
                [use.rule.number for use in uses if use.answer is None]
                + [rule.number for rule, truth in seen.prohibitions if truth is None]
            ),
        )

    def _use(self, rule: Watched, truth: Truth, seen: _Seen) -> _Use:
        """What a permission says of an event that it matches, after a look at its duties."""
        barring: list[Watched] = []
        late: list[Watched] = []
        answer = truth
        for duty in rule.children:
            allows = self._allows(duty, seen)
            if allows:
                continue
            if self.mode.late and duty.children:
                late.append(duty)
            elif allows is False:
                barring.append(duty)
                answer = False
            elif answer is not False:
                answer = None
        return _Use(rule, answer, barring, late)

    def _allows(self, duty: Watched, seen: _Seen) -> Truth:
        """Whether a duty lets its permission be exercised: done before, or not owed at this time."""
        # What is done by the very event that needs it was not done before it, except where only the order counts.
        if duty.met is not None and (duty.met < seen.number or self.mode.late):
            return True
        active = True if self.mode.conditions else duty.active(seen.scene)
        if active is False:
            return True
        return None if active is None or duty.doubted else False

    def _permitted(self, uses: Sequence[_Use]) -> Truth:
        answers = {use.answer for use in uses}
        if True in answers and not (self.mode.every and False in answers):
            return True
        return None if None in answers else False

    def _exercise(self, uses: Sequence[_Use], permitted: Truth, seen: _Seen) -> None:
        """Move the permissions on that an event exercises, and their duties; note what no permission covers."""
        barring = [duty for use in uses for duty in use.barring]
        if permitted is None:
            for use in uses:
                if use.answer is None:
                    self._doubted(use.rule, seen)
        elif permitted is False and barring:
            for duty in barring:
                self._missed(duty, seen)
        elif permitted is False:
            self.docket.offend(Offence(Cause.NOT_PERMITTED, seen.number, None, seen.event.at))
        for use in uses:
            if use.answer:
                use.rule.course.go(_step(Life.ACTIVE, seen, Cause.EXERCISED))
                for duty in use.late:
                    self._postponed(duty, seen)

    def _missed(self, duty: Watched, seen: _Seen) -> None:
        self.docket.offend(Offence(Cause.DUTY_NOT_DONE, seen.number, duty.number, seen.event.at))
        duty.course.go(_step(Life.VIOLATED, seen, Cause.EXERCISED))

    def _postponed(self, duty: Watched, seen: _Seen) -> None:
        duty.open.append(self.docket.offend(Offence(Cause.DUTY_NOT_DONE, seen.number, duty.number, seen.event.at)))
        if not duty.owed:
            duty.course.go(_step(Life.VIOLATED, seen, Cause.EXERCISED))
            self._owe(duty, _step(Life.ACTIVE, seen, Cause.DUE))

    def _violate(self, permitted: Truth, seen: _Seen) -> None:
        """Move the prohibitions on that an event violates."""
        for rule, truth in seen.prohibitions:
            if truth is None:
                self._doubted(rule, seen)
                continue
            void = self._void and permitted is not False
            cause = Cause.POLICY_VOID if void else Cause.PROHIBITED
            offence = self.docket.offend(Offence(cause, seen.number, rule.number, seen.event.at))
            rule.course.go(_step(Life.VIOLATED, seen, cause))
            if rule.children and not void:
                rule.open.append(offence)
                self._owe_children(rule, _step(Life.ACTIVE, seen, Cause.DUE))

    def _doubted(self, rule: Watched, seen: _Seen) -> None:
        self.docket.doubt(Doubt(Cause.CANNOT_TELL, seen.number, rule.number, rule.rule.pointer))

    # --- the end ---

    def close(self, until: datetime | None) -> None:
        """End the log at an instant: what had to be done by then and was not is violated."""
        self._pass_deadlines(until)
        for rule in self.rules:
            if rule.role is Role.OBLIGATION and rule.met is None and rule.course.now is Life.ACTIVE:
                self._unmet(rule, until)

    def _unmet(self, rule: Watched, until: datetime | None) -> None:
        due, begins = rule.tests.due, rule.tests.begins
        if not self.mode.closed and begins is not None and until is not None and until < begins:
            rule.course.go(Step(Life.INACTIVE, until, Cause.NOT_BEGUN))
        elif due is None:
            self._neglected(rule, until, Cause.END_OF_LOG)
        elif until is None or until < due:
            self.docket.doubt(Doubt(Cause.STILL_OWED, None, rule.number, rule.rule.pointer))

    def lives(self) -> tuple[RuleLife, ...]:
        """Return what every rule went through."""
        return tuple(map(_life, self.rules))


def _answer(permitted: Truth, forbidden: Truth) -> Answer:
    if forbidden:
        return Answer.PROHIBITED
    if permitted is False:
        return Answer.NOT_PERMITTED
    return Answer.UNKNOWN if permitted is None or forbidden is None else Answer.PERMITTED


def _step(life: Life, seen: _Seen, cause: Cause) -> Step:
    return Step(life, seen.event.at, cause, seen.number)


def _life(one: Watched) -> RuleLife:
    return RuleLife(
        number=one.number,
        role=one.role,
        pointer=one.rule.pointer,
        uid=one.rule.uid,
        node=one.rule.node,
        action=one.rule.action,
        above=None if one.above is None else one.above.number,
        life=one.course.now,
        steps=tuple(one.course.steps),
        matched=one.matched,
        doubted=one.doubted,
        due=one.tests.due,
    )
