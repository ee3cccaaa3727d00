"""What is owed under a policy now: each obligation and duty with its consequences, by what is evidenced of them.

The same life as in a log, seen from one instant, for those who keep evidence and no log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from policy.instants import TICK
from policy.odrl.duties import read_duty
from policy.odrl.model import Policy, Rule
from policy.odrl.monitoring.building import detached
from policy.odrl.monitoring.lives import Role
from policy.odrl.monitoring.times import beginning, ending
from policy.odrl.operands import NotUnderstoodError


class Standing(StrEnum):
    """Where a duty stands now.

    ===============  ================================================================================================
    inactive         not owed: its time has not begun, or it is the consequence of a duty that is not violated
    pending          owed, and there is time left
    due              owed now, without a last instant
    overdue          its time is over and it is not done; nothing can mend that
    consequence-due  its time is over; it is mended once it and all its consequences are done
    fulfilled        done in time
    compensated      done too late, and all its consequences after that time
    violated         done too late; nothing mends that
    ===============  ================================================================================================
    """

    INACTIVE = "inactive"
    PENDING = "pending"
    DUE = "due"
    OVERDUE = "overdue"
    CONSEQUENCE_DUE = "consequence-due"
    FULFILLED = "fulfilled"
    COMPENSATED = "compensated"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """Evidence that a duty was done. `duty` is the rule's uid, its pointer, or the IRI of its action."""

    duty: str
    at: datetime
    by: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty now. `due` is the first instant too late, `since` that from which it stands as it does.

    `evidence` is the fulfilment that counts, `above` the pointer of the duty whose consequence it is.
    """

    pointer: str
    uid: str | None
    action: str
    role: Role
    standing: Standing
    since: datetime | None = None
    due: datetime | None = None
    evidence: Fulfilment | None = None
    above: str | None = None


def owed(
    policy: Policy, evidence: Sequence[Fulfilment], now: datetime, *, since: datetime | None = None
) -> tuple[Owed, ...]:
    """Return where every obligation of a policy and every duty of its permissions stands, each before its consequences.

    `now` and all instants have an offset; evidence of a later instant does not count yet. `since` is when the policy
    began to bind: a duty to be done within a period is owed from then; without it such a duty is due now. Constraints
    that are about other things than time are taken to hold. Raises :class:`~policy.odrl.model.PolicyError` for a
    policy whose atomic form is too large.
    """
    known = sorted((one for one in evidence if one.at <= now), key=lambda one: one.at)
    plain = detached(policy)
    duties = [(rule, Role.OBLIGATION) for rule in plain.obligations]
    duties += [(rule, Role.DUTY) for permission in plain.permissions for rule in permission.duties]
    return tuple(
        one for rule, role in duties for one in _stands(rule, role, known, _Time(now, since, _due(rule, policy, since)))
    )


class _Time(NamedTuple):
    """Now, when the policy began to bind, and the first instant too late for the duty looked at."""

    now: datetime
    since: datetime | None
    due: datetime | None


def _stands(rule: Rule, role: Role, known: Sequence[Fulfilment], time: _Time) -> tuple[Owed, ...]:
    now, since, due = time
    over = due is not None and due <= now
    first = next((one for one in known if _is_of(one, rule)), None)
    broken = due if over and not _timely(first, due) else None
    consequences = tuple(_consequence(one, rule, known, broken) for one in rule.consequences)
    if first is not None and _timely(first, due):
        return _owed(rule, role, Standing.FULFILLED, first.at, due, first), *consequences
    if over:
        return _owed(rule, role, *_late(first, consequences, due), due, first), *consequences
    begins = beginning(rule.terms)
    if begins is not None and now < begins:
        return _owed(rule, role, Standing.INACTIVE, None, due), *consequences
    return _owed(rule, role, Standing.DUE if due is None else Standing.PENDING, begins or since, due), *consequences


def _timely(done: Fulfilment | None, due: datetime | None) -> bool:
    return done is not None and (due is None or done.at < due)


def _late(
    first: Fulfilment | None, consequences: Sequence[Owed], due: datetime | None
) -> tuple[Standing, datetime | None]:
    if not consequences:
        return (Standing.OVERDUE, due) if first is None else (Standing.VIOLATED, due)
    done = [one.evidence for one in consequences if one.standing is Standing.FULFILLED]
    if first is None or len(done) < len(consequences):
        return Standing.CONSEQUENCE_DUE, due
    return Standing.COMPENSATED, max(one.at for one in (first, *done) if one is not None)


def _consequence(rule: Rule, above: Rule, known: Sequence[Fulfilment], broken: datetime | None) -> Owed:
    """A consequence is owed from the instant its duty is violated at; done before that it does not count."""
    if broken is None:
        return _owed(rule, Role.CONSEQUENCE, Standing.INACTIVE, None, None, None, above.pointer)
    done = next((one for one in known if one.at >= broken and _is_of(one, rule)), None)
    if done is None:
        return _owed(rule, Role.CONSEQUENCE, Standing.DUE, broken, None, None, above.pointer)
    return _owed(rule, Role.CONSEQUENCE, Standing.FULFILLED, done.at, None, done, above.pointer)


def _is_of(one: Fulfilment, rule: Rule) -> bool:
    return one.duty in {rule.uid or rule.pointer, rule.pointer, rule.action}


def _due(rule: Rule, policy: Policy, since: datetime | None) -> datetime | None:
    """The first instant too late: what its constraints of time say, or its period from the beginning."""
    found = [end for end in (ending(rule.terms, since), _parameter(rule, policy, since)) if end is not None]
    return min(found, default=None)


def _parameter(rule: Rule, policy: Policy, since: datetime | None) -> datetime | None:
    try:
        duty = read_duty(replace(rule, consequences=()), policy)
        if duty.until is not None:
            return duty.until + TICK
        return duty.within.after(since) + TICK if duty.within is not None and since is not None else None
    except (NotUnderstoodError, OverflowError):
        return None


def _owed(
    rule: Rule,
    role: Role,
    standing: Standing,
    since: datetime | None,
    due: datetime | None,
    evidence: Fulfilment | None = None,
    above: str | None = None,
) -> Owed:
    return Owed(rule.pointer, rule.uid, rule.action, role, standing, since, due, evidence, above)
