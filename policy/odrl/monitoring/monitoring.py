"""Does a log of what was done keep a policy? Every event is judged, and every rule lives its life over the log.

Policy monitoring of the ODRL Formal Semantics (after the fact, over performed actions) with what that draft leaves to
be written: obligations, remedies and consequences (Information Model 2.6.3 to 2.6.7).

- An event that no permission permits breaks the policy: nothing is permitted by silence.
- A prohibited event breaks it until every remedy was done after the event; one without remedy breaks it for good.
- A permission is exercised only where its duties were done before, or do not apply at that time.
- An obligation must be done before its deadline or, without one, before the log ends. Later it mends nothing unless
  its consequences are done as well, all of them after the deadline.
- What cannot be told never makes a log valid.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from policy.odrl.evaluating.behaviours import CONCORD, Behaviour
from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.state import State
from policy.odrl.model import Policy, PolicyError
from policy.odrl.monitoring.building import Builder
from policy.odrl.monitoring.lives import Cause
from policy.odrl.monitoring.modes import mode_of
from policy.odrl.monitoring.report import Doubt, MonitoringReport
from policy.odrl.monitoring.run import Run

_BINDING = frozenset({"Set", "Agreement", "Policy"})
_NOWHERE = State()
MAX_WORK = 20_000_000
"""How many events times rules are judged at most."""


def monitor(
    policy: Policy,
    events: Sequence[Performed],
    behaviour: Behaviour = CONCORD,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    state: State = _NOWHERE,
) -> MonitoringReport:
    """Judge a log against a policy.

    `events` stand in the order in which they happened, as :func:`~policy.odrl.monitoring.logs.read_log` gives them.
    `since` is when the policy began to bind: an obligation that must be met within a period is owed from then. `until`
    is the end of the time observed (default: the last event's instant). Both have an offset. `state` says what is
    part of what and of which kind. Raises :class:`~policy.odrl.model.PolicyError` for a policy whose atomic form is
    too large, and for more than 20 million events times rules.
    """
    end = until or _last(events)
    refused = _refused(policy, behaviour)
    if refused:
        return _unread(policy, behaviour, end, refused)
    builder = Builder(behaviour, state, since)
    rules = builder.build(policy)
    if len(events) * len(rules) > MAX_WORK:
        raise PolicyError(f"{len(events)} events against {len(rules)} rules are too many; split the log")
    if behaviour.strict and builder.compiler.notes:
        return _unread(policy, behaviour, end, _not_understood(builder.compiler.notes))
    run = Run(rules, behaviour, mode_of(behaviour), policy.conflict, state)
    judged = tuple(run.judge(event) for event in events)
    run.close(end)
    return MonitoringReport(
        policy=policy.uid,
        behaviour=behaviour.name,
        until=end,
        events=judged,
        rules=run.lives(),
        violations=run.docket.violations,
        doubts=run.docket.doubts,
        standing=run.docket.standing,
        unlisted=run.docket.unlisted,
    )


def _last(events: Iterable[Performed]) -> datetime | None:
    return max((event.at for event in events if event.at is not None and event.at.tzinfo is not None), default=None)


def _refused(policy: Policy, behaviour: Behaviour) -> list[Doubt]:
    """Why the policy is not to be evaluated at all."""
    found = []
    if not behaviour.offers and policy.kind not in _BINDING:
        found.append(Doubt(Cause.NOT_A_CONTRACT, place="/@type"))
    if policy.inherits:
        found.append(Doubt(Cause.NOT_UNDERSTOOD, place="/inheritFrom"))
    if behaviour.strict:
        found += _not_understood(policy.unknown)
    return found


def _not_understood(places: Iterable[str]) -> list[Doubt]:
    return [Doubt(Cause.NOT_UNDERSTOOD, place=place) for place in dict.fromkeys(places)]


def _unread(policy: Policy, behaviour: Behaviour, until: datetime | None, doubts: list[Doubt]) -> MonitoringReport:
    return MonitoringReport(
        policy=policy.uid,
        behaviour=behaviour.name,
        until=until,
        events=(),
        rules=(),
        violations=(),
        doubts=tuple(doubts),
        standing=0,
    )
