"""The answer of the house: one :class:`Decision` per person and release, with its reasons and what it leaves standing.

A decision is a value. It never travels as a bare bool, it can be written down as JSON and read back equal, and
replaying its inputs gives the same bytes (design 3.1, reference S19).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from policy.canonical import Json
from policy.instants import instant, wire
from policy.reasons import Reason
from policy.residual import ALLOW_ALL, ALLOW_NOTHING, ItemFacts, Residual, Scope

__all__ = [
    "ALLOW_ALL",
    "ALLOW_NOTHING",
    "Action",
    "Decision",
    "ItemFacts",
    "Outcome",
    "Reason",
    "Regime",
    "Residual",
    "Scope",
]


class Outcome(StrEnum):
    """What came out. Only `permit` lets anything happen; the other three differ in why not."""

    PERMIT = "permit"
    DENY = "deny"
    NOT_APPLICABLE = "not-applicable"
    INDETERMINATE = "indeterminate"


class Regime(StrEnum):
    """The ground on which data may be used: the person's consent, a data permit, their care, or it is their own."""

    CONSENT = "consent"
    PERMIT = "permit"
    CARE = "care"
    SELF = "self"


class Action(StrEnum):
    """What is asked: records leave, records flow, records are looked at, answers leave, or a contract is made."""

    RELEASE = "release"
    STREAM = "stream"
    VIEW = "view"
    ANALYSE = "analyse"
    NEGOTIATE = "negotiate"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer.

    `because` holds the causes, narrowest first. `residual` filters the person's items (it allows nothing unless the
    outcome is permit). `obligations` are keys of duties that go with a permit. `valid_until` is the first instant at
    which the answer could change by time alone (None: never); other changes come as new facts. `unknown` names every
    term that was not understood or fact that was missing.
    """

    outcome: Outcome
    because: tuple[Reason, ...]
    residual: Residual = ALLOW_NOTHING
    obligations: tuple[str, ...] = ()
    valid_until: datetime | None = None
    unknown: tuple[str, ...] = ()

    @property
    def permits(self) -> bool:
        """Whether the answer is yes."""
        return self.outcome is Outcome.PERMIT

    def to_json(self) -> dict[str, Json]:
        """Return the decision as a JSON object that has a canonical form."""
        return {
            "outcome": self.outcome.value,
            "because": [cause.to_json() for cause in self.because],
            "residual": self.residual.to_json(),
            "obligations": list(self.obligations),
            "valid_until": None if self.valid_until is None else wire(self.valid_until),
            "unknown": list(self.unknown),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        until = value["valid_until"]
        return cls(
            Outcome(value["outcome"]),
            tuple(Reason.from_json(cause) for cause in value["because"]),
            Residual.from_json(value["residual"]),
            tuple(value["obligations"]),
            None if until is None else instant(until),
            tuple(value["unknown"]),
        )
