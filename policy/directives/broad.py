"""Consents by policy code: the broad consent of the Medical Informatics Initiative (reference S12, S13).

Such a consent holds a flat list of provisions, each a yes or no to one policy for some time; its root "deny" says only
that what is not listed is not agreed to. Two clocks run: the gate policies say whether data may be used now, the window
policy of which days they may be. A yes counts from a consent that carries every policy the use needs, for as long as
the policy holds (`years` in the packaged data). A no counts from any, also where it is broader than a policy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from policy.decision import Outcome
from policy.directives.asking import Asking
from policy.directives.broad_days import Behaviour, Retrospective, days_by_code
from policy.directives.broad_reading import BroadError, Statement, is_broad, statements
from policy.directives.broad_terms import Package, terms
from policy.directives.model import Directive, Effect
from policy.directives.periods import ALWAYS, today
from policy.directives.purposive import one_name
from policy.directives.windows import Window, Windows, within
from policy.gate import Answer, cannot_tell, deny
from policy.purposes import ACT_REASON, covered_by_any, touches
from policy.reasons import Reason, reason
from policy.residual import Scope
from policy.rules import DataRule, RuleSet

__all__ = ["about_research", "broad_answer", "is_broad"]


def broad_answer(
    directives: Sequence[Directive], asking: Asking, behaviour: str = Behaviour.CONCORD, package: str = "mdat"
) -> Answer:
    """Return what these broad consents (of this person, in force, none superseded) say to the request.

    Permit with a scope for each window of days; deny where a gate is refused now; not applicable where there is no
    whole yes, or the request is not for research. Days that a person refused come back as rules as well, so that they
    bind other consents too. Raises ValueError for a behaviour, KeyError for a package that does not exist.
    """
    chosen, needed = Behaviour(behaviour), terms().packages[package]
    if not about_research(asking):
        return _silent()
    read, faults = _read(directives, asking.zone, chosen)
    if faults:
        return cannot_tell(reason("directive-unreadable"), unknown=faults)
    return _Hearing(read, asking, needed, chosen).answer()


def _read(
    directives: Sequence[Directive], zone: str, behaviour: Behaviour
) -> tuple[list[tuple[Statement, ...]], list[str]]:
    """What each consent says, and what of them cannot be read."""
    read, faults = list[tuple[Statement, ...]](), list[str]()
    for one in sorted(directives, key=lambda directive: directive.id):
        try:
            read.append(statements(one, zone, capped=behaviour is Behaviour.CONCORD))
        except BroadError as fault:
            faults.append(str(fault))
    return read, faults


@dataclass(frozen=True, slots=True)
class _Hearing:
    """What several consents say to one request: `read` holds the statements of each."""

    read: Sequence[tuple[Statement, ...]]
    asking: Asking
    needed: Package
    behaviour: Behaviour

    def answer(self) -> Answer:
        """Join them: a gate that is refused now, else days within open gates, else nothing."""
        changes, rules = tuple(self._changes()), tuple(self._refused_days())
        windows = self._windows()
        noes = [one for one in self._in_force(permits=False) if one.said.code in self.needed.gates]
        if noes and (self.behaviour is Behaviour.CONCORD or not windows):
            return deny(*_named("directive-denies", noes), changes=changes)
        if not windows or not self._for_research():
            return _silent(changes, rules)
        scopes = tuple(Scope(None, None, _open(one.start), _open(one.end)) for one in windows)
        because = _named("directive-permits", [one for some in self._complete() for one in some if one.said.permits])
        return Answer(Outcome.PERMIT, because, changes=changes, scopes=scopes, rules=rules)

    def _windows(self) -> Windows:
        """The days that data may be of, if every gate is open now; else none."""
        needed = self.needed
        back = {needed.window: Retrospective(needed.retrospective, needed.lookback)} if needed.retrospective else {}
        said = [[one.said for one in some if self._counts(one)] for some in self.read]
        days = days_by_code(said, sorted(needed.required), back, self.behaviour)
        return days.get(needed.window, ()) if self._gates_open(days) else ()

    def _counts(self, one: Statement) -> bool:
        """Whether a statement counts for days: a yes to look back only while it is in force, and nobody refuses it."""
        codes = self.needed.retrospective
        if self.behaviour is Behaviour.TORCH or not one.said.permits or one.said.code not in codes:
            return True
        refused = any(other.said.code in codes for other in self._in_force(permits=False))
        return one.lasting.holds(self.asking.now) and not refused

    def _gates_open(self, days: Mapping[str, Windows]) -> bool:
        """Whether data may be used now: by the day in TORCH's way, else by the instant."""
        if self.behaviour is Behaviour.TORCH:
            now = today(self.asking.now, self.asking.zone)
            return all(within(days.get(gate, ()), Window(now, now)) for gate in self.needed.gates)
        permitted = {one.said.code for some in self._complete() for one in some if self._holds(one, permits=True)}
        return permitted.issuperset(self.needed.gates)

    def _complete(self) -> list[tuple[Statement, ...]]:
        """The consents that say yes to every policy the use needs."""
        required = self.needed.required
        return [some for some in self.read if required <= {one.said.code for one in some if one.said.permits}]

    def _in_force(self, *, permits: bool) -> list[Statement]:
        return [one for some in self.read for one in some if self._holds(one, permits=permits)]

    def _holds(self, one: Statement, *, permits: bool) -> bool:
        return one.said.permits is permits and one.lasting.holds(self.asking.now)

    def _for_research(self) -> bool:
        """Whether every purpose that is asked for, and there is one, lies within what the broad consent is about."""
        asked = self.asking.purposes
        return bool(asked) and all(covered_by_any(terms().research, one) is True for one in map(one_name, asked))

    def _refused_days(self) -> Iterator[RuleSet]:
        """A rule for each no to the window policy: it binds what other consents agree to."""
        for one in (one for some in self.read for one in some):
            if not one.said.permits and one.said.code == self.needed.window:
                days = (_open(one.said.window.start), _open(one.said.window.end))
                yield RuleSet(DataRule(effect=Effect.DENY, pointer=one.pointer, window=days), False, one.id)

    def _changes(self) -> Iterator[datetime]:
        timed = {*self.needed.gates, *self.needed.retrospective}
        for one in (one for some in self.read for one in some):
            if one.said.code in timed:
                yield from (edge for edge in one.lasting if edge not in ALWAYS)


def about_research(asking: Asking) -> bool:
    """Whether the broad consent has a say: where one purpose is research, or, outside of care, may be."""
    if any(touches(one, purpose) for one in terms().research for purpose in map(one_name, asking.purposes)):
        return True
    return not asking.care and not (asking.purposes and all(_elsewhere(one_name(one)) for one in asking.purposes))


def _elsewhere(purpose: str) -> bool:
    return purpose.startswith(ACT_REASON) and not any(touches(one, purpose) for one in terms().research)


def _named(code: str, found: Iterable[Statement]) -> tuple[Reason, ...]:
    return tuple(reason(code, name) for name in sorted({one.id for one in found}))


def _silent(changes: tuple[datetime, ...] = (), rules: tuple[RuleSet, ...] = ()) -> Answer:
    return Answer(Outcome.NOT_APPLICABLE, (reason("directive-silent"),), changes=changes, rules=rules)


def _open(edge: date) -> date | None:
    return None if edge in {date.min, date.max} else edge
