"""What one gate (consent, law, contract, provider) answers, before the gates are joined into a decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policy.decision import Outcome
from policy.reasons import Reason
from policy.residual import Scope
from policy.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Answer:
    """One gate's answer. `changes` are instants at which it may change; those in the past are harmless."""

    outcome: Outcome
    because: tuple[Reason, ...]
    unknown: tuple[str, ...] = ()
    changes: tuple[datetime, ...] = ()
    obligations: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    rules: tuple[RuleSet, ...] = ()


def deny(*because: Reason, changes: Iterable[datetime] = (), unknown: Iterable[str] = ()) -> Answer:
    """Return a no with these causes; `unknown` names statements that are missing, if that is part of the cause."""
    return Answer(Outcome.DENY, because, tuple(unknown), tuple(changes))


def cannot_tell(*because: Reason, unknown: Iterable[str], changes: Iterable[datetime] = ()) -> Answer:
    """Return a no for want of understanding; `unknown` names what."""
    return Answer(Outcome.INDETERMINATE, because, tuple(unknown), tuple(changes))
