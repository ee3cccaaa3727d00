"""The life of each rule over a log: which states it went through, when, and because of which event."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_STEPS = 100
"""How many steps of one rule are kept: the first ninety-nine and the latest."""


class Role(StrEnum):
    """What a rule is where it stands (Information Model 2.6.3 to 2.6.7)."""

    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DUTY = "duty"
    REMEDY = "remedy"
    CONSEQUENCE = "consequence"


class Life(StrEnum):
    """Where a rule stands.

    A permission is not-set until it is exercised, then active. A prohibition is not-set until it is violated, and
    compensated once all its remedies were done after that. A duty is not-set (nobody needed it), inactive (not owed
    now), active (owed), fulfilled, violated (not done when it had to be), or compensated (done late, with all its
    consequences).
    """

    NOT_SET = "not-set"
    INACTIVE = "inactive"
    ACTIVE = "active"
    FULFILLED = "fulfilled"
    VIOLATED = "violated"
    COMPENSATED = "compensated"


class Cause(StrEnum):
    """Why a rule changed its state, or an event is judged as it is."""

    EXERCISED = "exercised"
    PERFORMED = "performed"
    DUE = "due"
    NOT_BEGUN = "not-begun"
    REMEDIED = "remedied"
    NOT_PERMITTED = "not-permitted"
    PROHIBITED = "prohibited"
    DUTY_NOT_DONE = "duty-not-done"
    DEADLINE_PASSED = "deadline-passed"
    END_OF_LOG = "end-of-log"
    POLICY_VOID = "policy-void"
    CANNOT_TELL = "cannot-tell"
    STILL_OWED = "still-owed"
    NOT_UNDERSTOOD = "not-understood"
    NOT_A_CONTRACT = "not-a-contract"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of state. `event` is the number of the event that caused it, None if time alone did."""

    life: Life
    at: datetime | None
    cause: Cause
    event: int | None = None


class Course:
    """The states of one rule as they come; at most `MAX_STEPS` of them are kept."""

    __slots__ = ("now", "steps")

    def __init__(self, first: Life) -> None:
        self.now = first
        self.steps: list[Step] = []

    def go(self, step: Step) -> None:
        """Enter a state; entering the one it is in is no step."""
        if step.life is self.now:
            return
        self.now = step.life
        if len(self.steps) == MAX_STEPS:
            self.steps[-1] = step
        else:
            self.steps.append(step)
