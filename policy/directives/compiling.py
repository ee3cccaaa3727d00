"""One directive and one request: what the request decides of the tree is decided, what is left asks about items.

Purpose, actor, action and period are the request's (reference S3); whatever does not concern it falls away. A rule of
which nobody knows whether it concerns the request stays as one that permits nothing and forbids what it might mean.
"""

from dataclasses import dataclass, field
from datetime import datetime

from policy.directives.actors import Met, actors_met
from policy.directives.asking import Asking
from policy.directives.model import Directive, Effect
from policy.directives.periods import ALWAYS
from policy.directives.planning import Plan, Rule
from policy.directives.purposive import Declared, purposes_met, touched
from policy.directives.truth import NO, UNKNOWN, YES
from policy.rules import DataRule, RuleSet


@dataclass(frozen=True, slots=True)
class Said:
    """What one directive says to one request.

    `rules` None: the directive is not about it. `faults` name why nobody can tell; then there is nothing else.
    `permits` are the pointers of the rules by which something may leave, `denies` that of the rule by which nothing
    may. `by_emergency` says that one of the former holds because of the declared emergency only. `edges` are the
    instants to come at which a rule that may be about the request begins or ends to count.
    """

    directive: Directive
    rules: RuleSet | None = None
    faults: tuple[str, ...] = ()
    permits: tuple[str, ...] = ()
    denies: str | None = None
    by_emergency: bool = False
    edges: tuple[datetime, ...] = ()


def compiled(directive: Directive, made: Plan, asking: Asking, asked: Declared) -> Said:
    """Return what a directive with this plan says."""
    if made.root is None:
        return Said(directive, faults=made.faults)
    heard = _Hearing(asking, asked)
    root = heard.root(made.root)
    edges = tuple(heard.edges)
    if heard.faults:
        return Said(directive, faults=tuple(heard.faults), edges=edges)
    if root is None:
        return Said(directive, edges=edges)
    permits = tuple(pointer for depth, pointer in heard.permits if depth > heard.denied)
    total = heard.denied >= 0 and not permits
    return Said(
        directive,
        RuleSet(root, bool(permits), directive.id) if permits or heard.forbids else None,
        permits=permits,
        denies=heard.denied_by if total else None,
        by_emergency=bool(permits) and heard.by_emergency,
        edges=edges,
    )


Truths = tuple[int | None, int | None, int | None, int | None]


def truths(rule: Rule, asking: Asking, asked: Declared) -> tuple[Truths, Met | None]:
    """Return what the request decides of one rule: period, purpose, action, actor; None where it does not ask."""
    met = None if rule.actors is None else actors_met(rule.actors, asking, rule.effect)
    came = (
        period_met(rule, asking) if rule.edged else None,
        _purpose_told(rule, asked) if rule.purposes is not None or rule.emergency else None,
        None if rule.actions is None else action_met(rule, asking),
        None if met is None else met.truth,
    )
    return came, met


def period_met(rule: Rule, asking: Asking) -> int:
    """Return whether the rule counts at this time."""
    if rule.lasting is None:
        return UNKNOWN
    return YES if rule.lasting.begins <= asking.now < rule.lasting.until else NO


def purpose_met(rule: Rule, asked: Declared) -> int | None:
    """Return whether the rule is for what was declared; None: it does not ask."""
    if rule.emergency:
        return YES if asked.emergencies else NO
    return None if rule.purposes is None else purposes_met(rule.purposes, asked, rule.effect)


def partly(rule: Rule, asked: Declared) -> bool:
    """Whether a permit is about some of what was declared, so that what it forbids within counts (reference S10)."""
    return rule.effect is Effect.PERMIT and rule.purposes is not None and touched(rule.purposes, asked)


def _purpose_told(rule: Rule, asked: Declared) -> int | None:
    found = purpose_met(rule, asked)
    return UNKNOWN if found == NO and partly(rule, asked) else found


def action_met(rule: Rule, asking: Asking) -> int:
    """Return whether the rule is about this action."""
    if asking.action is None or rule.actions is None or not rule.actions.codes:
        return UNKNOWN
    if asking.action in rule.actions.codes:
        return YES
    return NO if rule.actions.closed else UNKNOWN


_ALL = Met(YES)


@dataclass(slots=True)
class _Hearing:
    """Going through one tree. `denied` is the depth of the deepest rule that forbids every item whatever it is."""

    asking: Asking
    asked: Declared
    faults: list[str] = field(default_factory=list)
    permits: list[tuple[int, str]] = field(default_factory=list)
    denied: int = -1
    denied_by: str = ""
    forbids: bool = False
    by_emergency: bool = False
    edges: list[datetime] = field(default_factory=list)

    def root(self, rule: Rule) -> DataRule | None:
        """Return what is left of the tree; None: it is not about the request (reference S4)."""
        truth, met, whole = self._about(rule)
        if truth == NO:
            return None
        if truth == UNKNOWN:
            self.faults.append(f"{rule.pointer or '/'}: whether it is about this request")
            return None
        return self._left(rule, met, 0, True, whole, whole)

    def _about(self, rule: Rule) -> tuple[int, Met, bool]:
        """Return whether a rule concerns the request, stopping at the first no; the time comes last (see `edges`).

        The last value is false of a permit that is about a part of what was declared only: it permits nothing.
        """
        truth, whole = YES if rule.understood else UNKNOWN, True
        if rule.purposes is not None or rule.emergency:
            purpose = purpose_met(rule, self.asked)
            if purpose == NO and partly(rule, self.asked):
                whole = False
            elif purpose is not None and purpose < truth:
                truth = purpose
        if truth and rule.actions is not None:
            truth = min(truth, action_met(rule, self.asking))
        met = _ALL
        if truth and rule.actors is not None:
            met = actors_met(rule.actors, self.asking, rule.effect)
            truth = min(truth, met.truth)
        if truth and rule.edged:
            truth = min(truth, self._in_time(rule))
        if met.unresolved and truth:
            self.faults.append(f"{rule.pointer}/actor: nobody can tell who that is")
        return truth, met, whole

    def _in_time(self, rule: Rule) -> int:
        if rule.lasting is not None:
            self.edges.extend(edge for edge in rule.lasting if edge > self.asking.now and edge is not ALWAYS.until)
        return period_met(rule, self.asking)

    def _below(self, rule: Rule, depth: int, sure: bool, live: bool) -> DataRule | None:
        truth, met, whole = self._about(rule)
        if truth == NO:
            return None
        return self._left(rule, met, depth, sure, live and whole and truth == YES, whole and truth == YES)

    def _left(self, rule: Rule, met: Met, depth: int, sure: bool, live: bool, clear: bool) -> DataRule | None:
        """Return the rule with what is left below it, or None if that is nothing.

        `sure`: those above it hold whatever the item; `live`: it can permit; `clear`: it is about the request for sure.
        """
        bare = rule.bare and met.authors is None
        self._count(rule, depth, sure and bare, live)
        below_sure = sure and (bare or depth == 0)
        nested: list[DataRule] = []
        for below in rule.nested:
            left = self._below(below, depth + 1, below_sure, live)
            if left is not None:
                nested.append(left)
        if rule.effect is Effect.PERMIT and not live and not nested:
            return None
        if clear and not nested and met.authors is None:
            return rule.data
        # A permit that cannot permit stays for what it forbids within; it must not outweigh what is forbidden above it.
        return rule.left(tuple(nested), met.authors, sure=clear and (live or rule.effect is Effect.DENY))

    def _count(self, rule: Rule, depth: int, sure: bool, live: bool) -> None:
        if rule.effect is Effect.PERMIT:
            if live:
                self.permits.append((depth, rule.pointer))
                self.by_emergency = self.by_emergency or (rule.breaks_glass and bool(self.asked.emergencies))
        else:
            self.forbids = True
            if sure and depth > self.denied:
                self.denied, self.denied_by = depth, rule.pointer
