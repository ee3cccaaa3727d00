"""What an evaluation found, rule by rule and term by term, in the vocabulary of the ODRL Formal Semantics draft.

All of it are tuples, since a report is made for every decision; values are looked up when they are read.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from policy.canonical import Json
from policy.decision import Outcome
from policy.odrl.evaluating.state import Deontic, DutyState, Performance
from policy.odrl.evaluating.truth import Satisfaction
from policy.odrl.model import Action, Entity, Kind, Literal, Rule, Term
from policy.reasons import Reason


class Activation(StrEnum):
    """Whether a rule is in effect; unknown where a constraint is."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"


class Attempt(StrEnum):
    """Whether the doing was attempted: the request asks for it. A rule that is only looked at was not."""

    ATTEMPTED = "attempted"
    NOT_ATTEMPTED = "not-attempted"


class Control(StrEnum):
    """Whether a permission permits what is asked."""

    PERMIT = "permit"
    DENY = "deny"
    UNKNOWN = "unknown"


class Compared(NamedTuple):
    """The values on both sides of a comparison."""

    left: tuple[Literal, ...]
    right: tuple[Literal, ...]


class Premise(StrEnum):
    """What a term report is about."""

    CONSTRAINT = "constraint"
    REFINEMENT = "refinement"


class TermReport(NamedTuple):
    """One constraint or refinement; `parts` are those of a logical one. `values` finds what was compared."""

    premise: Premise
    term: Term
    satisfaction: Satisfaction
    values: Callable[[], Compared]
    parts: "tuple[TermReport, ...]" = ()

    @property
    def left(self) -> tuple[Literal, ...]:
        """The values that the left operand had; none where they are not known."""
        return self.values().left

    @property
    def right(self) -> tuple[Literal, ...]:
        """The values that it was compared with; none where a reference leads nowhere."""
        return self.values().right


class EntityReport(NamedTuple):
    """Whether the target or the party is one the rule names, all refinements included."""

    entities: tuple[Entity, ...]
    asked: str | None
    satisfaction: Satisfaction
    refinements: tuple[TermReport, ...] = ()


class ActionReport(NamedTuple):
    """Whether what is done is the rule's action or included in it. `refinements` are reported apart from that."""

    actions: tuple[Action, ...]
    asked: str
    satisfaction: Satisfaction
    refinements: tuple[TermReport, ...] = ()


class DutyReport(NamedTuple):
    """One duty as condition of a permission, or of the policy. `known` is an earlier report of it."""

    rule: Rule
    activation: Activation
    deontic: Deontic
    performance: Performance
    constraints: tuple[TermReport, ...] = ()
    known: DutyState | None = None


class RuleReport(NamedTuple):
    """One permission or prohibition. `satisfaction`: whether it applies to what is asked, active and matching.

    `target` and `party` are None where the rule names none; `whole` is false where the behaviour asks for one it lacks.
    """

    rule: Rule
    attempt: Attempt
    activation: Activation
    satisfaction: Satisfaction
    action: ActionReport | None
    target: EntityReport | None
    party: EntityReport | None
    constraints: tuple[TermReport, ...] = ()
    conditions: tuple[DutyReport, ...] = ()
    whole: bool = True

    @property
    def control(self) -> Control | None:
        """Whether a permission permits this; None for a prohibition."""
        if self.rule.kind is not Kind.PERMISSION:
            return None
        return _CONTROL[self.satisfaction]

    @property
    def deontic(self) -> Deontic | None:
        """Of a prohibition: doing what is asked would violate it; None for a permission."""
        if self.rule.kind is not Kind.PROHIBITION:
            return None
        return Deontic.VIOLATED if self.satisfaction is Satisfaction.SATISFIED else Deontic.NOT_SET


_CONTROL = {
    Satisfaction.SATISFIED: Control.PERMIT,
    Satisfaction.UNSATISFIED: Control.DENY,
    Satisfaction.UNKNOWN: Control.UNKNOWN,
}


class PolicyReport(NamedTuple):
    """The whole answer. `because` holds the causes of the outcome, `unknown` what was missing or not understood.

    `obligations` are the duties that go with a permit (our key for them, else the IRI of their action). `valid_until`
    is the first instant at which the answer can change by time alone, None if it cannot.
    """

    policy: str
    request: str
    state: str
    behaviour: str
    created: datetime | None
    outcome: Outcome
    because: tuple[Reason, ...]
    unknown: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    valid_until: datetime | None = None
    rules: tuple[RuleReport, ...] = ()
    duties: tuple[DutyReport, ...] = ()
    request_rule: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return the report in a canonical form, the same however the policy was written (see `canonical_form`)."""
        from policy.odrl.evaluating.canonical_form import report_json

        return report_json(self)
