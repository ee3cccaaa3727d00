"""Where those who say what evaluation means disagree, each choice by name; ours (`CONCORD`) fails closed.

========================  ==================  ================  ===============  ================
point                     concord             w3c               solidlab         oval
========================  ==================  ================  ===============  ================
an Offer                  never evaluated     never evaluated   evaluated        evaluated
a term not understood     nothing is decided  not satisfied     not satisfied    not satisfied
a value not known         unknown             not satisfied     not satisfied    not satisfied
rule without action or    permits nothing,    applies to        matches all      matches all
target                    may forbid all      nothing
unfulfilled duty          someone executes    blocks            blocks only      blocks only when
                          it, else it blocks                    when violated    violated
what activation means     constraints,        constraints,      also action,     constraints,
                          duties              duties            target, party    duties
another party             no                  named, not        no               no
                                              decisive
permission against        prohibition wins    as the policy     as the policy    as the policy
prohibition                                   says              says             says
no rule applies           no                  no                no               not enough known
========================  ==================  ================  ===============  ================

W3C: Formal Semantics draft (w3c/odrl f86f89b) and its examples. SolidLab: ODRL-Test-Suite 7958238. OVAL: ODRL-Engine
64feb73. The W3C examples name a requester (``party/billie1``) that is not the assignee (``party/billie``) and report
Permit, so there the party is reported and does not decide; they name a value by its unit of measure, and let the
operand ``ex:dayOfWeek`` stand for the day of the current time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from policy.decision import Outcome
from policy.odrl.vocabulary import CONCORD as CONCORD_TERMS
from policy.odrl.vocabulary import ODRL


class Duties(StrEnum):
    """When a duty keeps its permission from being active."""

    BEFORE = "before"
    """Unless it is fulfilled or inactive."""
    PROMISED = "promised"
    """Unless it is fulfilled or inactive, or somebody here carries it out with what is permitted."""
    OPEN = "open"
    """Only once it is violated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One way to evaluate.

    `offers`: an Offer is evaluated. `strict`: one term that is not understood leaves the whole policy undecided.
    `two_valued`: what is not known is not satisfied. `open_rules`: a rule without action or target matches all (else
    it permits nothing, and what it forbids is unknown where that can be said). `duties`: see :class:`Duties`.
    `whole_activation`: a rule is active only if action, target and party match too. `party_decides`: another party is
    no match. `prohibitions_win`: whatever the policy says of conflicts. `none`: the outcome where no rule applies.
    `units_name`: a value may be named by its unit of measure. `kinds_exclude`: what is not stated to be of a kind is
    not. `week_days`: left operands that stand for the day of the current time. `profiles` are those known
    here; a policy that asks for another is one that is not understood.
    """

    name: str
    offers: bool = False
    strict: bool = True
    two_valued: bool = False
    open_rules: bool = False
    duties: Duties = Duties.PROMISED
    whole_activation: bool = False
    party_decides: bool = True
    prohibitions_win: bool = True
    none: Outcome = Outcome.DENY
    units_name: bool = False
    kinds_exclude: bool = False
    week_days: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset({f"{ODRL}core", ODRL, CONCORD_TERMS})


_WEEK_DAYS = frozenset({"ex:dayOfWeek", "https://ex.org/dayOfWeek", "http://example.org/dayOfWeek"})

CONCORD = Behaviour(name="concord")
W3C = Behaviour(
    name="w3c",
    strict=False,
    two_valued=True,
    duties=Duties.BEFORE,
    party_decides=False,
    prohibitions_win=False,
    units_name=True,
    kinds_exclude=True,
    week_days=_WEEK_DAYS,
)
SOLIDLAB = Behaviour(
    name="solidlab",
    offers=True,
    strict=False,
    two_valued=True,
    open_rules=True,
    duties=Duties.OPEN,
    whole_activation=True,
    prohibitions_win=False,
    kinds_exclude=True,
)
OVAL = Behaviour(
    name="oval",
    offers=True,
    strict=False,
    two_valued=True,
    open_rules=True,
    duties=Duties.OPEN,
    prohibitions_win=False,
    none=Outcome.NOT_APPLICABLE,
    kinds_exclude=True,
)

BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType({one.name: one for one in (CONCORD, W3C, SOLIDLAB, OVAL)})
