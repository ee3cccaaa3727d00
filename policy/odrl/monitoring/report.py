"""What monitoring found: every event judged, the life of every rule, and every violation by its event and rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.canonical import Json
from policy.instants import in_utc, wire
from policy.odrl.monitoring.lives import Cause, Life, Role, Step


class Verdict(StrEnum):
    """Whether the log keeps the policy. Undecided: nothing is known to break it, and something cannot be told."""

    VALID = "valid"
    INVALID = "invalid"
    UNDECIDED = "undecided"


class Answer(StrEnum):
    """How one event is judged by itself. Overridden: prohibited too, but permissions win in this policy."""

    PERMITTED = "permitted"
    OVERRIDDEN = "overridden"
    NOT_PERMITTED = "not-permitted"
    PROHIBITED = "prohibited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """One event. `number` counts from 1 in the order of time, `uid` is its own name (in a log its line).

    `permitted_by`, `prohibited_by` and `owes` (duties it should have followed) are numbers of rules in the report,
    `doubts` the rules of which nobody can tell whether they apply.
    """

    number: int
    uid: str
    at: datetime | None
    answer: Answer
    permitted_by: tuple[int, ...] = ()
    prohibited_by: tuple[int, ...] = ()
    owes: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the event as a JSON object."""
        return {
            "number": self.number,
            "uid": self.uid,
            "at": shown(self.at),
            "answer": self.answer.value,
            "permitted_by": list(self.permitted_by),
            "prohibited_by": list(self.prohibited_by),
            "owes": list(self.owes),
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True, slots=True)
class RuleLife:
    """One rule over the whole log. `above` is the number of the rule it stands under.

    `matched` counts the events that were certainly of this rule, `doubted` those of which nobody can tell. `due` is
    the first instant at which it would be too late.
    """

    number: int
    role: Role
    pointer: str
    uid: str | None
    node: str
    action: str
    above: int | None
    life: Life
    steps: tuple[Step, ...]
    matched: int
    doubted: int
    due: datetime | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the rule's life as a JSON object; the blank node it had is left out."""
        return {
            "number": self.number,
            "role": self.role.value,
            "pointer": self.pointer,
            "uid": self.uid,
            "action": self.action,
            "above": self.above,
            "state": self.life.value,
            "steps": [_step(one) for one in self.steps],
            "matched": self.matched,
            "doubted": self.doubted,
            "due": shown(self.due),
        }


@dataclass(frozen=True, slots=True)
class Violation:
    """What broke the policy: `event` is a number in the report or None, `rule` likewise (None: no rule permits it).

    `mended` is the number of the event that completed its remedy, None while it stands.
    """

    cause: Cause
    event: int | None
    rule: int | None
    at: datetime | None
    mended: int | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the violation as a JSON object."""
        return {
            "cause": self.cause.value,
            "event": self.event,
            "rule": self.rule,
            "at": shown(self.at),
            "mended": self.mended,
        }


@dataclass(frozen=True, slots=True)
class Doubt:
    """What cannot be told, or is still owed: why, of which event, of which rule, and the place in the policy."""

    cause: Cause
    event: int | None = None
    rule: int | None = None
    place: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return the doubt as a JSON object."""
        return {"cause": self.cause.value, "event": self.event, "rule": self.rule, "place": self.place}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringReport:
    """Does a log keep a policy? Valid only if no violation stands and nothing is open.

    `violations` and `doubts` list at most `MAX_LISTED` each; `standing` counts the violations that nothing mended,
    `unlisted` what the lists leave out.
    """

    policy: str
    behaviour: str
    until: datetime | None
    events: tuple[Judged, ...]
    rules: tuple[RuleLife, ...]
    violations: tuple[Violation, ...]
    doubts: tuple[Doubt, ...]
    standing: int
    unlisted: int = 0

    @property
    def verdict(self) -> Verdict:
        """The answer for the whole log."""
        if self.standing:
            return Verdict.INVALID
        return Verdict.UNDECIDED if self.doubts else Verdict.VALID

    @property
    def valid(self) -> bool:
        """Whether the log certainly keeps the policy."""
        return self.verdict is Verdict.VALID

    @property
    def unknown(self) -> tuple[str, ...]:
        """What cannot be told, as a place in the policy and why."""
        return tuple(dict.fromkeys(f"{one.place or '/'}: {one.cause.value}" for one in self.doubts))

    def to_json(self) -> Mapping[str, Json]:
        """Return the report as a JSON object with a canonical form (policy.canonical)."""
        return {
            "policy": self.policy,
            "behaviour": self.behaviour,
            "until": shown(self.until),
            "verdict": self.verdict.value,
            "valid": self.valid,
            "standing": self.standing,
            "unlisted": self.unlisted,
            "events": [one.to_json() for one in self.events],
            "rules": [one.to_json() for one in self.rules],
            "violations": [one.to_json() for one in self.violations],
            "doubts": [one.to_json() for one in self.doubts],
        }


def shown(moment: datetime | None) -> str | None:
    """Return an instant as text: in UTC, or as it stands where it has no offset."""
    if moment is None:
        return None
    return wire(in_utc(moment)) if moment.tzinfo else moment.isoformat()


def _step(step: Step) -> dict[str, Json]:
    return {"state": step.life.value, "at": shown(step.at), "cause": step.cause.value, "event": step.event}
