"""What `concord why` shows: plain frozen values. People stand in none; counts are as staff of this side may see.

`standing` is failed (it is over, and came to nothing), held-up (it goes on once something is mended), waiting (somebody
has to act or answer in time), going-on, or done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

FAILED, HELD_UP, WAITING, GOING_ON, DONE = "failed", "held-up", "waiting", "going-on", "done"
TROUBLED = (FAILED, HELD_UP)
STANDINGS = (FAILED, HELD_UP, WAITING, GOING_ON, DONE)


@dataclass(frozen=True, slots=True)
class CauseShown:
    """One cause: its code, what it means, what to do, who acts, and what a party or person said beside it."""

    code: str
    words: str
    remedy: str
    who: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class StepShown:
    """Something that happened."""

    at: datetime | None
    by: str
    what: str


@dataclass(frozen=True, slots=True)
class MessageShown:
    """The message it hangs on, never what it says. `next_try`: when it is sent again by itself."""

    id: str
    kind: str
    to: str
    standing: str
    attempts: int
    first_error: str
    last_error: str
    failing_since: datetime | None
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """What the other side answered: the HTTP status, its code, and its words as far as they were kept."""

    status: int
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Related:
    """Something else to look at, by its own id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why something stands as it does. `causes` has the weightiest first; the first one's words are the headline.

    `decision` are the reasons of a decision or what was held back, in words. `next_at` is when something happens by
    itself next, which `next_words` says.
    """

    id: str
    kind: str
    title: str
    role: str
    counterparty: str
    standing: str
    state: str
    headline: str
    causes: list[CauseShown]
    steps: list[StepShown] = field(default_factory=list)
    message: MessageShown | None = None
    answer: AnswerShown | None = None
    decision: list[str] = field(default_factory=list)
    next_at: datetime | None = None
    next_words: str = ""
    related: list[Related] = field(default_factory=list)

    @property
    def troubled(self) -> bool:
        """Whether something is wrong."""
        return self.standing in TROUBLED


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """One line of what is wrong or waits now."""

    id: str
    kind: str
    title: str
    counterparty: str
    standing: str
    code: str
    headline: str
    at: datetime | None
